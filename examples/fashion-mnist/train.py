#!/usr/bin/python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Train the Fashion-MNIST demo classifier and export it with torch.onnx.export.

A 784-256-128-10 multilayer perceptron with ReLU. The first two layers are BitLinear (BitNet b1.58, W1.58A8): ternary
weights with one absmean scale per tensor, int8 activations with one absmax scale per token, straight-through gradients
written as `x + (quantized - x).detach()`. The last layer (`head`) is an ordinary float layer.

The model takes the raw uint8 images [batch, 28, 28] and normalises them itself, so that what is compiled from it reads
the data set's file as it is. Beside the .onnx file, model.json records what PyTorch itself measures for it.

Needs Debian's python3-torch, python3-onnx and dataset-fashion-mnist. About three minutes on one core.
"""
import argparse
import gzip
import hashlib
import json
import pathlib

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

MEAN, STD = 0.2860, 0.3530  # Of the training images' pixels, scaled to [0, 1].
WARMUP_STEPS = 200
LEARNING_RATE = 2e-3
BATCH = 128


def read_idx(path):
    """The uint8 array in a gzipped IDX file: two zero bytes, type 8, rank, big-endian extents, then the bytes."""
    data = gzip.open(path, "rb").read()
    if data[:3] != b"\0\0\x08":
        raise SystemExit(f"error: {path}: not an IDX file of unsigned bytes")
    rank = data[3]
    shape = np.frombuffer(data, ">u4", count=rank, offset=4)
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape).copy())


def quantize_weight(w):
    """absmean: codes in {-1, 0, 1} times one scale. Multiplies by the reciprocal: dividing flips a few codes."""
    scale = w.abs().mean().clamp(min=1e-5)
    codes = (w * (1.0 / scale)).round().clamp(-1, 1)
    return codes * scale


def quantize_activation(x):
    """absmax over each token (row): int8 codes times one scale per row."""
    absmax = x.abs().amax(dim=-1, keepdim=True).clamp(min=1e-5)
    codes = (x * (127.0 / absmax)).round().clamp(-128, 127)
    return codes * (absmax / 127.0)


class BitLinear(nn.Linear):
    """nn.Linear that computes with quantized values and passes gradients straight through."""

    def forward(self, x):
        x = x + (quantize_activation(x) - x).detach()
        w = self.weight + (quantize_weight(self.weight) - self.weight).detach()
        return F.linear(x, w, self.bias)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = BitLinear(784, 256)
        self.fc2 = BitLinear(256, 128)
        self.head = nn.Linear(128, 10)

    def forward(self, image):
        x = (image.float() * (1 / 255) - MEAN) / STD
        x = x.flatten(1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.head(x)


def learning_rate(step, steps):
    return LEARNING_RATE * min((step + 1) / WARMUP_STEPS, 1 - step / steps)


def train(model, images, labels, epochs, log):
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    steps = epochs * (len(images) // BATCH)
    step = 0
    for epoch in range(epochs):
        total = 0.0
        order = torch.randperm(len(images))
        for batch in order[: len(images) // BATCH * BATCH].split(BATCH):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps)
            loss = F.cross_entropy(model(images[batch]), labels[batch].long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            step += 1
        log(f"epoch {epoch + 1}: training loss {total / (len(images) // BATCH):.4f}")


@torch.no_grad()
def count_correct(model, images, labels):
    return sum(int((model(x).argmax(-1) == y).sum()) for x, y in zip(images.split(250), labels.split(250)))


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--out", type=pathlib.Path, default=here, help="folder for fashion-mnist.onnx and model.json")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.set_num_threads(1)  # One order of float sums, so that a seed gives one model on a given machine.
    torch.manual_seed(args.seed)
    train_set = [read_idx(args.data / f"train-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")]
    test_set = [read_idx(args.data / f"t10k-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")]

    model = Classifier()
    train(model, *train_set, args.epochs, print)
    model.eval()
    correct = count_correct(model, *test_set)
    accuracy = 100 * correct / len(test_set[0])
    print(f"test accuracy: {accuracy:.2f} %")

    path = args.out / "fashion-mnist.onnx"
    torch.onnx.export(
        model, test_set[0][:2], str(path), opset_version=17, input_names=["image"], output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}})
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)

    record = {
        "model": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "ternary_parameters": sum(m.weight.numel() for m in model.modules() if isinstance(m, BitLinear)),
        "pytorch_test_accuracy_percent": round(accuracy, 2),
        "pytorch_test_correct": correct,
        "test_images": len(test_set[0]),
        "torch": torch.__version__,
        "opset": 17,
        "seed": args.seed,
        "epochs": args.epochs,
    }
    (args.out / "model.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
