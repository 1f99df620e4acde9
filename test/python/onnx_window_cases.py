# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Convolution, pooling and padding against PyTorch in float64 and NumPy, for onnx_ops.py."""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch.nn import functional as F

from onnx_case import Case, f32, wide


def t64(array):
    return torch.from_numpy(wide(array))


def padded(x, pads, value=0.0):
    """ONNX's pads (all low ends, then all high ends) around the spatial axes."""
    rank = len(pads) // 2
    order = [p for i in reversed(range(rank)) for p in (pads[i], pads[rank + i])]
    return F.pad(x, order, value=value)


def same(extent, kernel, stride, dilation, upper):
    total = max((-(-extent // stride) - 1) * stride + (kernel - 1) * dilation + 1 - extent, 0)
    return (total // 2, total - total // 2) if upper else (total - total // 2, total // 2)


def convolution(rng, fixed, m, n):
    case = Case()
    conv = (F.conv1d, F.conv2d, F.conv3d)
    turned = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
    spatial = {1: (n + 4,), 2: (5, n + 4), 3: (3, 4, 5)}
    # Rank, channels in and out, kernel, strides, dilations, pads, groups, bias.
    forms = [
        (1, 3, 4, (3,), (2,), (1,), (1, 0), 1, True), (1, 4, 4, (2,), (1,), (3,), (0, 2), 4, False),
        (2, 3, 5, (3, 3), (1, 1), (1, 1), (1, 1, 1, 1), 1, True), (2, 3, 2, (3, 2), (2, 3), (2, 1), (2, 0, 1, 1), 1, False),
        (2, 3, 4, (1, 1), (1, 1), (1, 1), (0, 0, 0, 0), 1, True), (2, 4, 6, (3, 3), (1, 2), (1, 1), (1, 0, 0, 1), 2, True),
        (2, 3, 6, (2, 3), (1, 1), (1, 1), (0, 1, 1, 1), 3, False), (3, 2, 3, (2, 2, 3), (1, 2, 1), (1, 1, 2), (1, 0, 1, 0, 1, 1), 1, True),
    ]
    for rank in spatial:
        for channels in {form[1] for form in forms if form[0] == rank}:
            x = f32(rng.standard_normal((m, channels, *spatial[rank])))
            case.input(f"x{rank}_{channels}", x, ["batch", *x.shape[1:]])
    for number, (rank, channels, out, kernel, strides, dilations, pads, groups, has_bias) in enumerate(forms):
        source = f"x{rank}_{channels}"
        x = t64(case.inputs[source])
        w = f32(fixed.standard_normal((out, channels // groups, *kernel)))
        wt = f32(fixed.standard_normal((channels, out // groups, *kernel)))
        bias = f32(fixed.standard_normal(out))
        names = [case.parameter(f"w{number}", w)] + ([case.parameter(f"b{number}", bias)] if has_bias else [])
        b = t64(bias) if has_bias else None
        attributes = dict(kernel_shape=kernel, strides=strides, dilations=dilations, group=groups)
        want = conv[rank - 1](padded(x, pads), t64(w), b, strides, 0, dilations, groups)
        case.add("Conv", [source, *names], want.numpy(), pads=pads, **attributes)
        case.parameter(f"t{number}", wt)
        extra = tuple(min(1, s - 1) for s in strides)
        want = turned[rank - 1](x, t64(wt), b, strides, 0, extra, groups, dilations).numpy()
        ends = [slice(p, size - q) for p, q, size in zip(pads[:rank], pads[rank:], want.shape[2:])]
        case.add("ConvTranspose", [source, f"t{number}", *names[1:]], want[(..., *ends)], pads=pads, output_padding=extra, **attributes)
        for upper in (True, False):
            around = [same(*axis, upper) for axis in zip(x.shape[2:], kernel, strides, dilations)]
            around = [low for low, _ in around] + [high for _, high in around]
            want = conv[rank - 1](padded(x, around), t64(w), b, strides, 0, dilations, groups)
            case.add("Conv", [source, *names], want.numpy(), auto_pad="SAME_UPPER" if upper else "SAME_LOWER", **attributes)
    # Ternary weights, which become packed ones.
    x = t64(case.inputs["x2_3"])
    ternary = f32(0.5 * fixed.integers(-1, 2, (5, 3, 3, 3)))
    rows = f32(fixed.uniform(0.5, 1.5, (5, 1, 1, 1)) * fixed.integers(-1, 2, (5, 3, 3, 3)))
    for name, weight in (("ternary", ternary), ("rows", rows)):
        case.parameter(name, weight)
        case.add("Conv", ["x2_3", name, "b2"], F.conv2d(x, t64(weight), t64(case.parameters["b2"]), 1, 1).numpy(), pads=(1, 1, 1, 1))
    return case


def pooling(rng, fixed, m, n):
    case = Case()
    x1, x2 = f32(rng.standard_normal((m, 2, n + 3))), f32(rng.standard_normal((m, 3, 6, n + 3)))
    case.input("x1", x1, ["batch", *x1.shape[1:]])
    case.input("x2", x2, ["batch", *x2.shape[1:]])
    y1, y2 = t64(x1), t64(x2)
    for kernel, stride, pad, dilation, ceil in ((2, 2, 0, 1, 0), (3, 2, 1, 1, 1), (2, 1, 1, 2, 0)):
        attributes = dict(kernel_shape=(kernel, kernel), strides=(stride, stride), pads=(pad,) * 4, ceil_mode=ceil)
        want, where = F.max_pool2d(y2, kernel, stride, pad, dilation, bool(ceil), True)
        case.add("MaxPool", ["x2"], want.numpy(), dilations=(dilation, dilation), **attributes)
        for include in (0, 1):
            if dilation == 1:
                want = F.avg_pool2d(y2, kernel, stride, pad, bool(ceil), bool(include)).numpy()
                case.add("AveragePool", ["x2"], want, count_include_pad=include, **attributes)
    case.add("MaxPool", ["x1"], F.max_pool1d(y1, 3, 2, 1).numpy(), kernel_shape=(3,), strides=(2,), pads=(1, 1))
    ones = torch.ones(1, 1, 2, 3, dtype=torch.float64)
    windows = padded(y2, (1, 0, 0, 2)).abs().flatten(0, 1)[:, None]
    for p in (1, 2, 3):
        want = F.conv2d(windows**p, ones, None, (2, 1)).reshape(*x2.shape[:2], 3, -1) ** (1 / p)
        case.add("LpPool", ["x2"], want.numpy(), kernel_shape=(2, 3), strides=(2, 1), pads=(1, 0, 0, 2), p=p)
        case.add("GlobalLpPool", ["x2"], (y2.abs() ** p).sum((2, 3), keepdim=True).numpy() ** (1 / p), p=p)
    case.add("GlobalAveragePool", ["x2"], y2.mean((2, 3), keepdim=True).numpy())
    case.add("GlobalMaxPool", ["x2"], y2.amax((2, 3), keepdim=True).numpy())
    return case


def padding(rng, fixed, m, n):
    case = Case()
    x = f32(rng.standard_normal((m, 4, n)))
    case.input("x", x, ["batch", 4, n])
    case.parameter("one", f32(1.5))
    for mode in ("constant", "reflect", "edge", "wrap"):
        for number, (low, high) in enumerate((((0, 1, 2), (0, 2, 1)), ((0, -1, 2), (0, 1, -2)))):
            pads = case.parameter(f"{mode}{number}", np.array(low + high))
            cut = x[:, max(0, -low[1]):, : n + min(0, high[2])]
            if mode == "reflect" and cut.shape[2] < 2 or cut.shape[2] < 1:
                continue
            widths = [(max(0, a), max(0, b)) for a, b in zip(low, high)]
            options = {"constant_values": 1.5} if mode == "constant" else {}
            want = np.pad(cut, widths, mode, **options)
            case.add("Pad", ["x", pads, "one"] if mode == "constant" else ["x", pads], want, mode=mode)
    axes = case.parameter("axes", np.array([2, 1]))
    case.add("Pad", ["x", case.parameter("some", np.array([1, 0, 2, 0])), "", axes], np.pad(x, [(0, 0), (0, 0), (1, 2)]))
    return case


GROUPS = [convolution, pooling, padding]
