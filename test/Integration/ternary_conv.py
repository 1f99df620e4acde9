# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ternary convolutions: exported fake quantization is recognised, conversion does what the formulas say.

    ternary_conv.py OUT_DIR [--seed N]

Each network is exported by PyTorch with a dynamic batch, compiled, run at several batches, and compared with PyTorch;
converted ones with the formulas written out.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import randomness  # noqa: E402

LAYER = re.compile(r"= tern\.bitlinear .* weights <(.*?)> (activations <.*?> )?\{tern\.origin = \"(\w+)\"\}")


def absmean(w):
    scale = w.abs().mean().clamp(min=1e-5)
    return (w * (1.0 / scale)).round().clamp(-1, 1) * scale


def absmean_channel(w):
    scale = w.abs().mean(dim=tuple(range(1, w.dim())), keepdim=True).clamp(min=1e-5)
    return (w * (1.0 / scale)).round().clamp(-1, 1) * scale


def per_sample(x):
    peak = x.abs().amax(dim=tuple(range(1, x.dim())), keepdim=True).clamp(min=1e-5)
    return (x * (127.0 / peak)).round().clamp(-128, 127) * (peak / 127.0)


def plain(x):
    return x


class Conv(nn.Conv2d):
    weight_quantizer, activation_quantizer = staticmethod(plain), staticmethod(plain)

    def forward(self, x):
        wq, xq = self.weight_quantizer(self.weight), self.activation_quantizer(x)
        if wq is not self.weight:
            wq = self.weight + (wq - self.weight).detach()
        return F.conv2d(xq, wq, self.bias, self.stride, self.padding, self.dilation)


class Network(nn.Module):
    """Every kind of window: padded, strided, dilated, of one element; on images of odd extents."""

    def __init__(self, weight, activation):
        super().__init__()
        self.layers = nn.ModuleList([Conv(3, 5, 3, 2, 1), Conv(5, 4, (2, 3), bias=False), Conv(4, 7, 1), Conv(7, 3, 3, 1, 2, 2)])
        for layer in self.layers:
            layer.weight_quantizer, layer.activation_quantizer = weight, activation

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def check(folder, name, weight, activation, options, expect, reference=None):
    """`reference` is (weight, activation) of the network that is compared with, if it is another than the exported."""
    torch.manual_seed(torch.initial_seed())
    network = Network(weight, activation).eval()
    path, library = folder / f"{name}.onnx", folder / f"{name}.so"
    axes = {0: "batch"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, torch.randn(2, 3, 17, 13), str(path), opset_version=17, input_names=["x"],
                          output_names=["y"], dynamic_axes={"x": axes, "y": axes})
    text = run("ternc", path, *options, "--emit=ternary", "-o", "-")
    layers = [(weights, bool(int8), origin) for weights, int8, origin in LAYER.findall(text)]
    if layers != [expect] * 4:
        sys.exit(f"error: {name}: expected four layers {expect}, found {layers}")
    run("ternc", path, *options, "-o", library)
    if reference:
        for layer in network.layers:
            layer.weight_quantizer, layer.activation_quantizer = reference
    for batch in (1, 3, 17):
        x = torch.randn(batch, 3, 17, 13) * 10 ** torch.linspace(-2, 2, batch)[:, None, None, None]
        x[batch // 2, :, :, 3:] = 0
        np.save(folder / "x.npy", x.numpy())
        run("tern-run", library, "--input", f"x=@{folder}/x.npy", "--output", f"y=@{folder}/y.npy")
        with torch.no_grad():
            want = network(x).numpy()
        got = np.load(folder / "y.npy")
        norm = np.sqrt((want**2).sum((1, 2, 3), keepdims=True))
        # Activations that are quantized in between may round to the neighbouring code.
        bound = (2e-2 if activation is per_sample or reference and reference[1] is per_sample else 1e-4) * norm
        if got.shape != want.shape or not (np.abs(got - want) <= bound).all():
            sys.exit(f"error: {name}, batch {batch}: {np.abs(got - want).max()} apart, norms {norm.ravel()[:4]}")
        print(f"{name}, batch {batch}: {np.abs((got - want) / norm).max():.2e} of the norm")


def main():
    parser = argparse.ArgumentParser()
    arguments, _ = randomness.parse(parser)
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(1)
    tensor, row = "statistic = absmean", "statistic = absmean, granularity = row"
    check(arguments.folder, "tensor", absmean, plain, [], (tensor, False, "raised"))
    check(arguments.folder, "channel", absmean_channel, plain, [], (row, False, "raised"))
    # One scale for each sample is not one for each window: activations stay as they are in the model.
    check(arguments.folder, "sample", absmean, per_sample, [], (tensor, False, "raised"))
    check(arguments.folder, "converted", plain, plain, ["--ternarize=all"], (tensor, False, "converted"), (absmean, plain))
    check(arguments.folder, "converted-int8", plain, plain, ["--ternarize=all", "--activations=int8"],
          (tensor, False, "converted"), (absmean, per_sample))
    print("5 networks agree")


if __name__ == "__main__":
    main()
