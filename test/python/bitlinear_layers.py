# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""BitLinear layers in PyTorch, as people write them: quantizers, residues, norms, and networks of a few layers."""
import dataclasses
import typing

import torch
from torch import nn
from torch.nn import functional as F

N, K, GROUP = 12, 128, 64  # Outputs, inputs, and the inputs that share one scale.
ABSMEAN = "statistic = absmean"


# How a weight is quantized: each takes w [N, K] (and the layer, for what else it has learned), gives s * codes.


def absmean(w, _):
    scale = w.abs().mean().clamp(min=1e-5)
    return (w * (1.0 / scale)).round().clamp(-1, 1) * scale


def absmean_div(w, _):
    scale = w.abs().mean().clamp(min=1e-5)
    return (w / scale).round().clamp(-1, 1) * scale


def absmean_faq(w, _):
    """As Microsoft's training-tips FAQ has it: `scale` is the reciprocal, and codes are divided by it."""
    scale = 1.0 / w.abs().mean().clamp(min=1e-5)
    return (w * scale).round().clamp(-1, 1) / scale


def absmean_eps(w, _):
    scale = w.abs().mean() + 1e-5
    return (w / scale).round().clamp(-1, 1) * scale


def absmean_row(w, _):
    scale = w.abs().mean(dim=1, keepdim=True).clamp(min=1e-5)
    return (w * (1.0 / scale)).round().clamp(-1, 1) * scale


def absmean_column(w, _):
    """By output, for a weight kept as [K, N]."""
    scale = w.abs().mean(dim=0, keepdim=True).clamp(min=1e-5)
    return (w * (1.0 / scale)).round().clamp(-1, 1) * scale


def absmean_group(w, _):
    groups = w.view(w.shape[0], -1, GROUP)
    scale = groups.abs().mean(dim=-1, keepdim=True).clamp(min=1e-5)
    return ((groups * (1.0 / scale)).round().clamp(-1, 1) * scale).view(w.shape)


def absmean_row_threshold(w, _):
    scale = w.abs().mean(dim=-1, keepdim=True).clamp(min=1e-8)
    return torch.sign(w) * (w.abs() >= 0.1 * scale) * scale


def absmean_row_where(w, _):
    scale = w.abs().mean(dim=1, keepdim=True).clamp(min=1e-8)
    return torch.where(w.abs() >= 0.1 * scale, torch.sign(w), torch.zeros_like(w)) * scale


def absmedian(w, _):
    """The lower median through sort: the exporter has no form for torch.median."""
    scale = w.abs().flatten().sort()[0][(w.numel() - 1) // 2].clamp(min=1e-5)
    return (w * (1.0 / scale)).round().clamp(-1, 1) * scale


def learned(w, layer):
    return layer.alpha * ((w > 0.1).float() - (w < -0.1).float())


def int4(w, _):
    scale = w.abs().max() / 7
    return (w / scale).round().clamp(-8, 7) * scale


# How activations are quantized, per token unless the name says otherwise.


def absmax(x):
    peak = x.abs().amax(dim=-1, keepdim=True).clamp(min=1e-5)
    return (x * (127.0 / peak)).round().clamp(-128, 127) * (peak / 127.0)


def absmax_faq(x):
    scale = 127.0 / x.abs().max(dim=-1, keepdim=True).values.clamp(min=1e-5)
    return (x * scale).round().clamp(-128, 127) / scale


def absmax_div(x):
    scale = x.abs().amax(dim=-1, keepdim=True).clamp(min=1e-5) / 127.0
    return (x / scale).round().clamp(-128, 127) * scale


def absmax_clamp_scale(x):
    """torchao's: the scale is clamped, not the maximum."""
    scale = (x.abs().amax(dim=-1, keepdim=True) / 127.0).clamp(min=1e-5)
    return (x * (1.0 / scale)).round().clamp(-128, 127) * scale


def absmax_tensor(x):
    peak = x.abs().max().clamp(min=1e-5)
    return (x * (127.0 / peak)).round().clamp(-128, 127) * (peak / 127.0)


@dataclasses.dataclass(frozen=True)
class Form:
    """One way to write the layer and to export it."""

    about: str
    expect: typing.Optional[str] = ABSMEAN  # Non-default fields of #tern.weight_quantizer; None: nothing to raise.
    weight: typing.Optional[typing.Callable] = absmean
    activation: typing.Optional[typing.Callable] = absmax
    weight_residue: bool = True  # w + (wq - w).detach()
    activation_residue: bool = True
    bias: bool = True
    rank: int = 2  # Of the input: [batch, K] or [batch, seq, K].
    norm: typing.Optional[str] = None  # "rms" or "layer", before the quantization.
    style: str = "linear"  # Or "latent_kn", "scale_after", "shared", "mlp": see Layer and Network.
    opset: int = 17
    exporter_folding: bool = True
    fold: bool = False  # Fold everything constant after the export.


class Layer(nn.Module):
    def __init__(self, form, outputs=N, inputs=K):
        super().__init__()
        self.form = form
        shape = (inputs, outputs) if form.style == "latent_kn" else (outputs, inputs)
        self.weight = nn.Parameter(torch.randn(shape) * 0.2)
        self.bias = nn.Parameter(torch.randn(outputs) * 0.1) if form.bias else None
        if form.weight is learned:
            self.alpha = nn.Parameter(torch.tensor(0.17))
        if form.norm:
            self.gamma = nn.Parameter(1 + torch.randn(inputs) * 0.1)

    def quantized_activation(self, x):
        if not self.form.activation:
            return x
        xq = self.form.activation(x)
        return x + (xq - x).detach() if self.form.activation_residue else xq

    def quantized_weight(self):
        w = self.weight
        wq = self.form.weight(w, self)
        return w + (wq - w).detach() if self.form.weight_residue else wq

    def forward(self, x):
        if self.form.norm == "rms":
            x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.gamma
        elif self.form.norm == "layer":
            x = F.layer_norm(x, self.gamma.shape, self.gamma)
        if self.form.style == "scale_after":
            return self.integers_then_scale(x)
        x = x if self.form.style == "shared" else self.quantized_activation(x)
        if self.form.style == "latent_kn":
            return x @ self.quantized_weight() + self.bias
        return F.linear(x, self.quantized_weight(), self.bias)

    def integers_then_scale(self, x):
        """As deployed layers compute: codes times codes, the scales afterwards."""
        weight_scale = 1.0 / self.weight.abs().mean().clamp(min=1e-5)
        codes = (self.weight * weight_scale).round().clamp(-1, 1)
        scale = 127.0 / x.abs().amax(dim=-1, keepdim=True).clamp(min=1e-5)
        y = F.linear((x * scale).round().clamp(-128, 127), codes)
        return y / (scale * weight_scale) + self.bias


class Network(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form
        self.fc1 = Layer(form)
        if form.style == "shared":
            self.fc2 = Layer(form)
        elif form.style == "mlp":
            self.fc2 = Layer(form, 8, N)
            self.head = nn.Linear(8, 3)

    def forward(self, x):
        if self.form.style == "shared":  # As query and key projections do: one quantization, two readers.
            x = self.fc1.quantized_activation(x)
            return self.fc1(x) + self.fc2(x)
        if self.form.style == "mlp":
            return self.head(F.relu(self.fc2(F.relu(self.fc1(x)))))
        return self.fc1(x)
