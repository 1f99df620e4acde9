#!/usr/bin/python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Untrained models to train with Tern, exported by torch.onnx.export.

    models.py NAME OUT.onnx [--seed N]

mlp        Fashion-MNIST images [batch, 28, 28] u8: 784-256-128-10
conv       Fashion-MNIST images [batch, 28, 28] u8: three convolutions of stride 2, two linear layers
char-mlp   16 characters [batch, 16] of a text to the logits of the next one
nanogpt    64 characters [batch, 64] to the logits of the next at each position: nanoGPT's CPU configuration

The models are plain float ones: `ternc --ternarize=all` makes their layers ternary, all but embeddings and the head.

Needs Debian's python3-torch and python3-onnx.
"""
import argparse
import math

import torch
from torch import nn
from torch.nn import functional as F

MEAN, STD = 0.2860, 0.3530  # Of Fashion-MNIST's training pixels, scaled to [0, 1].
VOCABULARY = 65  # Tiny Shakespeare's characters.


class MLP(nn.Module):
    """784-256-128-10 with ReLU, as examples/fashion-mnist, in floats."""

    inputs = {"image": ("batch", 28, 28)}

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 256)
        self.fc2 = nn.Linear(256, 128)
        self.head = nn.Linear(128, 10)

    def forward(self, image):
        x = ((image.float() * (1 / 255) - MEAN) / STD).flatten(1)
        return self.head(F.relu(self.fc2(F.relu(self.fc1(x)))))

    @staticmethod
    def example():
        return torch.zeros(2, 28, 28, dtype=torch.uint8)


class Conv(nn.Module):
    """16, 32 and 64 channels, each 3x3 with stride 2, then 128 units."""

    inputs = {"image": ("batch", 28, 28)}

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.fc = nn.Linear(64 * 4 * 4, 128)
        self.head = nn.Linear(128, 10)

    def forward(self, image):
        x = ((image.float() * (1 / 255) - MEAN) / STD).unsqueeze(1)
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.relu(conv(x))
        return self.head(F.relu(self.fc(x.flatten(1))))

    @staticmethod
    def example():
        return torch.zeros(2, 28, 28, dtype=torch.uint8)


def rms_norm(x):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)


class CharMLP(nn.Module):
    """Embeddings of 32, then 512-256-256: RMSNorm without a gain, a layer, squared ReLU, twice; and a head."""

    inputs = {"text": ("batch", 16)}

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, 32)
        widths = (512, 256, 256)
        self.layers = nn.ModuleList(nn.Linear(i, o, bias=False) for i, o in zip(widths, widths[1:]))
        self.lm_head = nn.Linear(256, VOCABULARY)
        for weight in (self.embed.weight, *(layer.weight for layer in (*self.layers, self.lm_head))):
            bound = 1 / math.sqrt(weight.shape[1])
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, text):
        x = self.embed(text).flatten(1)
        for layer in self.layers:
            x = F.relu(layer(rms_norm(x))) ** 2
        return self.lm_head(x)

    @staticmethod
    def example():
        return torch.zeros(2, 16, dtype=torch.int64)


class Block(nn.Module):
    def __init__(self, width, heads, context):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.q, self.k, self.v, self.proj = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.register_buffer("mask", torch.ones(context, context).triu(1).bool(), persistent=False)

    def forward(self, x):
        batch, time, width = x.shape
        split = lambda y: y.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
        h = self.norm1(x)
        q, k, v = split(self.q(h)), split(self.k(h)), split(self.v(h))
        scores = (q @ k.transpose(-2, -1)) * (1 / math.sqrt(width // self.heads))
        weights = F.softmax(scores.masked_fill(self.mask, float("-inf")), -1)
        x = x + self.proj((weights @ v).transpose(1, 2).reshape(batch, time, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class NanoGPT(nn.Module):
    """4 layers, 4 heads, width 128, context 64; the head is the embedding."""

    inputs = {"text": ("batch", 64)}

    def __init__(self, layers=4, heads=4, width=128, context=64):
        super().__init__()
        self.wte = nn.Embedding(VOCABULARY, width)
        self.wpe = nn.Parameter(torch.empty(context, width))
        self.blocks = nn.ModuleList(Block(width, heads, context) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                residual = name.endswith(("proj.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * layers) if residual else 1))

    def forward(self, text):
        x = self.wte(text) + self.wpe
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.wte.weight.t()

    @staticmethod
    def example():
        return torch.zeros(2, 64, dtype=torch.int64)


MODELS = {"mlp": MLP, "conv": Conv, "char-mlp": CharMLP, "nanogpt": NanoGPT}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = MODELS[args.name]()
    (name, _), = model.inputs.items()
    torch.onnx.export(model, model.example(), args.out, input_names=[name], output_names=["logits"], opset_version=17,
                      dynamic_axes={name: {0: "batch"}, "logits": {0: "batch"}},
                      training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False)


if __name__ == "__main__":
    main()
