# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Architectures that everyone exports, with random weights.

Layer for layer those of torchvision (ResNet-18, MobileNetV2, EfficientNet-B0),
of timm (ViT) and of transformers (BERT); images and transformers are small.
"""
import torch
from torch import nn
from torch.nn import functional as F


def conv_bn(inputs, outputs, kernel, stride=1, groups=1, activation=None):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = conv_bn(inputs, outputs, 3, stride, activation=nn.ReLU)
        self.conv2 = conv_bn(outputs, outputs, 3)
        self.downsample = conv_bn(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else nn.Identity()

    def forward(self, x):
        return F.relu(self.conv2(self.conv1(x)) + self.downsample(x))


class ResNet18(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 64, 7, 2, activation=nn.ReLU), nn.MaxPool2d(3, 2, 1))
        width, blocks = 64, []
        for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [BasicBlock(width, outputs, stride), BasicBlock(outputs, outputs, 1)]
            width = outputs
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1)
        return self.fc(torch.flatten(x, 1))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expand):
        super().__init__()
        hidden = inputs * expand
        layers = [conv_bn(inputs, hidden, 1, activation=nn.ReLU6)] if expand != 1 else []
        self.conv = nn.Sequential(*layers, conv_bn(hidden, hidden, 3, stride, hidden, nn.ReLU6), conv_bn(hidden, outputs, 1))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        width, layers = 32, [conv_bn(3, 32, 3, 2, activation=nn.ReLU6)]
        for expand, outputs, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                               (6, 160, 3, 2), (6, 320, 1, 1)):
            for i in range(count):
                layers.append(InvertedResidual(width, outputs, stride if i == 0 else 1, expand))
                width = outputs
        self.features = nn.Sequential(*layers, conv_bn(width, 1280, 1, activation=nn.ReLU6))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(torch.flatten(x, 1))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        scale = self.fc1(F.adaptive_avg_pool2d(x, 1))
        return torch.sigmoid(self.fc2(F.silu(scale))) * x


class MBConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, expand):
        super().__init__()
        hidden = inputs * expand
        layers = [conv_bn(inputs, hidden, 1, activation=nn.SiLU)] if expand != 1 else []
        self.block = nn.Sequential(*layers, conv_bn(hidden, hidden, kernel, stride, hidden, nn.SiLU),
                                   SqueezeExcitation(hidden, max(1, inputs // 4)), conv_bn(hidden, outputs, 1))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.block(x) if self.residual else self.block(x)


class EfficientNetB0(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        width, layers = 32, [conv_bn(3, 32, 3, 2, activation=nn.SiLU)]
        for expand, kernel, stride, outputs, count in ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
                                                       (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)):
            for i in range(count):
                layers.append(MBConv(width, outputs, kernel, stride if i == 0 else 1, expand))
                width = outputs
        self.features = nn.Sequential(*layers, conv_bn(width, 1280, 1, activation=nn.SiLU))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.features(x), 1)
        return self.classifier(torch.flatten(x, 1))


class ViT(nn.Module):
    """ViT-Ti/16: pre-norm, a class token, one product for Q, K and V."""

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
            self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def attend(self, x):
            batch, tokens, width = x.shape
            q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
            weights = (q @ k.transpose(-2, -1) * (width // self.heads) ** -0.5).softmax(-1)
            return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, width))

        def forward(self, x):
            x = x + self.attend(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    def __init__(self, image, patch=16, width=192, heads=3, layers=12, classes=1000):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, (image // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.Sequential(*(ViT.Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class BERT(nn.Module):
    """Post-norm, token types, a padding mask, a pooler and a classifier."""

    class Layer(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
            self.output, self.norm1 = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.norm2 = nn.LayerNorm(width, eps=1e-12)

        def split(self, x):
            return x.view(x.shape[:-1] + (self.heads, x.shape[-1] // self.heads)).permute(0, 2, 1, 3)

        def forward(self, x, bias):
            q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
            weights = (q @ k.transpose(-1, -2) / (q.shape[-1] ** 0.5) + bias).softmax(-1)
            context = (weights @ v).permute(0, 2, 1, 3).contiguous()
            x = self.norm1(self.output(context.view(context.shape[:-2] + (x.shape[-1],))) + x)
            return self.norm2(self.down(F.gelu(self.up(x))) + x)

    def __init__(self, vocabulary=1000, length=128, width=256, heads=4, layers=4, classes=17):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width, padding_idx=0), nn.Embedding(length, width)
        self.types, self.norm = nn.Embedding(2, width), nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BERT.Layer(width, heads) for _ in range(layers))
        self.pooler, self.classifier = nn.Linear(width, width), nn.Linear(width, classes)
        self.register_buffer("position_ids", torch.arange(length).unsqueeze(0))

    def forward(self, input_ids, attention_mask, token_type_ids):
        places = self.places(self.position_ids[:, :input_ids.shape[1]])
        x = self.norm(self.words(input_ids) + self.types(token_type_ids) + places)
        bias = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        for layer in self.layers:
            x = layer(x, bias)
        return x, self.classifier(torch.tanh(self.pooler(x[:, 0])))


@torch.no_grad()
def randomize(model):
    """Weights that keep the size of what flows through, and statistics of
    normalizations that are not the identity."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in")
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.3)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return model.eval()
