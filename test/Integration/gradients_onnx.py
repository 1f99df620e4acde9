# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients of what the importer makes of ONNX operators, against PyTorch in float64.

    gradients_onnx.py FAMILY FOLDER [--seed N] [--filter TEXT]

All operators of a family are in one model, each with inputs and an output of its
own, so a family is one compilation. Batches are dynamic.
"""
import argparse
import pathlib
import re
import sys

import numpy as np
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import gradients  # noqa: E402
import randomness  # noqa: E402

FLOAT = TensorProto.FLOAT


class Case:
    """One node; `operands` are (kind, shape), "n" in a shape is the batch. `extra`: types of further outputs of the
    model. Of `results` the others are not used."""

    def __init__(self, op, operands, function, attributes=None, extra=(), results=1):
        self.op, self.operands, self.function, self.extra = op, operands, function, extra
        self.attributes, self.results = attributes or {}, max(results, 1 + len(extra))


def unary(op, function, kind="x", **attributes):
    return Case(op, [(kind, ("n", 17))], function, attributes)


ELEMENTWISE = [
    unary("Abs", torch.abs), unary("Neg", torch.neg), unary("Exp", torch.exp), unary("Log", torch.log, "p"),
    unary("Sqrt", torch.sqrt, "p"), unary("Reciprocal", torch.reciprocal, "p"), unary("Erf", torch.erf),
    unary("Sin", torch.sin), unary("Cos", torch.cos), unary("Tan", torch.tan, "u"), unary("Asin", torch.asin, "u"),
    unary("Acos", torch.acos, "u"), unary("Atan", torch.atan), unary("Sinh", torch.sinh), unary("Cosh", torch.cosh),
    unary("Tanh", torch.tanh), unary("Asinh", torch.asinh), unary("Atanh", torch.atanh, "u"),
    unary("Acosh", torch.acosh, "q"), unary("Sign", torch.sign), unary("Relu", torch.relu),
    unary("Sigmoid", torch.sigmoid, "wide"), unary("Softplus", F.softplus), unary("Softsign", F.softsign),
    unary("Mish", F.mish), unary("HardSwish", F.hardswish, "off3"), unary("LeakyRelu", lambda x: F.leaky_relu(x, 0.3), alpha=0.3),
    unary("Elu", lambda x: F.elu(x, 2.0), "wide", alpha=2.0), unary("Celu", lambda x: F.celu(x, 2.0), "wide", alpha=2.0),
    unary("Selu", F.selu, "wide"),
    unary("HardSigmoid", F.hardsigmoid, "x3", alpha=1 / 6, beta=0.5),
    unary("ThresholdedRelu", lambda x: F.threshold(x, 0.5, 0.0), alpha=0.5),
    unary("Shrink", lambda x: F.hardshrink(x, 0.5), lambd=0.5, bias=0.0),
    unary("Gelu", F.gelu), unary("Gelu", lambda x: F.gelu(x, approximate="tanh"), approximate="tanh"),
    Case("Add", [("x", ("n", 17)), ("x", (17,))], torch.add),
    Case("Sub", [("x", ("n", 1)), ("x", ("n", 17))], torch.sub),
    Case("Mul", [("x", ("n", 3, 5)), ("x", (3, 1))], torch.mul),
    Case("Mul", [("x", ("n", 3)), ("x", ())], torch.mul),
    Case("Div", [("x", ("n", 17)), ("p", (1, 17))], torch.div),
    Case("Pow", [("p", ("n", 17)), ("x", (17,))], torch.pow),
    Case("Pow", [("x", ("n", 17)), ("const", 3.0)], lambda x: torch.pow(x, 3.0)),
    Case("Pow", [("x", ("n", 17)), ("const", 2.0)], lambda x: torch.pow(x, 2.0)),
    Case("PRelu", [("x", ("n", 3, 5)), ("x", (3, 1))], lambda x, s: torch.where(x > 0, x, s * x)),
    Case("Max", [("tie", ("n", 17)), ("tie", ("n", 17))], torch.maximum),
    Case("Min", [("tie", ("n", 17)), ("tie", ("n", 17))], torch.minimum),
    Case("Clip", [("tie", ("n", 17)), ("const", -0.5), ("const", 0.5)], lambda x: torch.clamp(x, -0.5, 0.5)),
    Case("Clip", [("tie", ("n", 17)), ("const", 0.0)], lambda x: torch.clamp(x, min=0.0)),
    Case("Sum", [("x", ("n", 17)), ("x", (17,)), ("x", ("n", 1))], lambda a, b, c: a + b + c),
    Case("Mean", [("x", ("n", 17)), ("x", (17,))], lambda a, b: (a + b) / 2),
    Case("Where", [("bool", ("n", 17)), ("x", ("n", 17)), ("x", (17,))], torch.where),
]

MATRIX = [
    Case("MatMul", [("x", ("n", 33)), ("x", (33, 17))], torch.matmul),
    Case("MatMul", [("x", ("n", 3, 33)), ("x", (33, 5))], torch.matmul),
    Case("MatMul", [("x", ("n", 3, 7)), ("x", ("n", 7, 5))], torch.matmul),
    Case("MatMul", [("x", ("n", 2, 3, 7)), ("x", (2, 7, 5))], torch.matmul),
    Case("MatMul", [("x", (33,)), ("x", (33, 17))], torch.matmul),
    Case("MatMul", [("x", ("n", 33)), ("x", (33,))], torch.matmul),
    Case("Gemm", [("x", ("n", 257)), ("x", (3, 257)), ("x", (3,))],
         lambda x, w, b: 0.5 * x @ w.T + 2 * b, dict(transB=1, alpha=0.5, beta=2.0)),
    Case("Gemm", [("x", (17, "n")), ("x", (17, 5)), ("x", ("n", 1))],
         lambda x, w, b: x.T @ w + b, dict(transA=1)),
    Case("Transpose", [("x", ("n", 3, 5))], lambda x: x.permute(2, 0, 1), dict(perm=[2, 0, 1])),
    Case("Reshape", [("x", ("n", 4, 6)), ("shape", [0, -1, 3])], lambda x: x.reshape(x.shape[0], -1, 3)),
    Case("Flatten", [("x", ("n", 4, 6))], lambda x: x.flatten(1)),
    Case("Unsqueeze", [("x", ("n", 4)), ("shape", [1])], lambda x: x.unsqueeze(1)),
    Case("Squeeze", [("x", ("n", 1, 4)), ("shape", [1])], lambda x: x.squeeze(1)),
    Case("Expand", [("x", (3, 1)), ("shape", [2, 3, 5])], lambda x: x.expand(2, 3, 5)),
    Case("Concat", [("x", ("n", 3)), ("x", ("n", 5)), ("x", ("n", 1))],
         lambda *xs: torch.cat(xs, 1), dict(axis=1)),
    Case("Concat", [("x", ("n", 3)), ("x", (5, 3)), ("x", ("n", 3))],
         lambda *xs: torch.cat(xs, 0), dict(axis=0)),
    Case("Slice", [("x", ("n", 17)), ("shape", [2]), ("shape", [15]), ("shape", [1]), ("shape", [3])],
         lambda x: x[:, 2:15:3]),
    Case("Slice", [("x", ("n", 17, 3)), ("shape", [1, 0]), ("shape", [9, 2]), ("shape", [1, 2])],
         lambda x: x[:, 1:9, :2]),
]

REDUCE = [
    Case("ReduceSum", [("x", ("n", 3, 17)), ("shape", [1])], lambda x: x.sum(1, keepdim=True)),
    # One sum of everything: of both signs it may cancel, and has few right digits then.
    Case("ReduceSum", [("p", ("n", 17))], lambda x: x.sum().reshape(1, 1)),
    Case("ReduceMean", [("x", ("n", 3, 17))], lambda x: x.mean((0, 2)), dict(axes=[0, 2], keepdims=0)),
    Case("ReduceMean", [("x", ("n", 257))], lambda x: x.mean(1), dict(axes=[1], keepdims=0)),
    Case("ReduceL1", [("x", ("n", 17))], lambda x: x.abs().sum(1), dict(axes=[1], keepdims=0)),
    Case("ReduceL2", [("p", ("n", 17))], lambda x: x.norm(dim=1), dict(axes=[1], keepdims=0)),
    Case("ReduceL2", [("blank", ("n", 3, 5))], lambda x: torch.linalg.vector_norm(x, dim=(1, 2)), dict(axes=[1, 2], keepdims=0)),
    Case("ReduceLogSum", [("p", ("n", 17))], lambda x: x.sum(1).log(), dict(axes=[1], keepdims=0)),
    Case("ReduceSumSquare", [("x", ("n", 17))], lambda x: (x * x).sum(1), dict(axes=[1], keepdims=0)),
    Case("LayerNormalization", [("x", ("n", 3, 33)), ("x", (33,)), ("x", (33,))],
         lambda x, w, b: F.layer_norm(x, (33,), w, b), dict(axis=-1)),
    Case("BatchNormalization", [("x", ("n", 3, 5)), ("x", (3,)), ("x", (3,)), ("x", (3,)), ("p", (3,))],
         lambda x, w, b, m, v: (x - m[:, None]) / (v + 1e-5).sqrt()[:, None] * w[:, None] + b[:, None]),
]

EXTREMA = [
    Case("ReduceMax", [("tie", ("n", 3, 17))], lambda x: x.amax(1), dict(axes=[1], keepdims=0)),
    Case("ReduceMin", [("tie", ("n", 3, 17))], lambda x: x.amin((0, 2)), dict(axes=[0, 2], keepdims=0)),
    Case("ReduceProd", [("x", ("n", 3, 5))], lambda x: x.prod(2), dict(axes=[2], keepdims=0)),
    Case("ReduceProd", [("zeros", ("n", 5))], lambda x: x.prod(1), dict(axes=[1], keepdims=0)),
    Case("Softmax", [("x", ("n", 3, 17))], lambda x: x.softmax(-1)),
    Case("Softmax", [("wide", ("n", 3, 17))], lambda x: x.softmax(1), dict(axis=1)),
    Case("LogSoftmax", [("wide", ("n", 17))], lambda x: x.log_softmax(-1)),
    Case("ReduceLogSumExp", [("wide", ("n", 17))], lambda x: x.logsumexp(1), dict(axes=[1], keepdims=0)),
    Case("MaxPool", [("tie", ("n", 3, 9, 8))], lambda x: F.max_pool2d(x, 3, 2, 1),
         dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
    Case("MaxPool", [("x", ("n", 2, 17))], lambda x: F.max_pool1d(x, 3, 1, 0, 2),
         dict(kernel_shape=[3], dilations=[2])),
    Case("MaxPool", [("tie", ("n", 3, 9, 8))], lambda x: F.max_pool2d(x, 3, 2, 1),
         dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), extra=[TensorProto.INT64]),
    Case("AveragePool", [("x", ("n", 3, 9, 8))], lambda x: F.avg_pool2d(x, (2, 3), (2, 1)),
         dict(kernel_shape=[2, 3], strides=[2, 1])),
    Case("AveragePool", [("x", ("n", 3, 9, 8))],
         lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
         dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
    Case("GlobalMaxPool", [("tie", ("n", 3, 5, 4))], lambda x: x.amax((2, 3), keepdim=True)),
    Case("GlobalAveragePool", [("x", ("n", 3, 5, 4))], lambda x: x.mean((2, 3), keepdim=True)),
]

CONVOLUTION = [
    Case("Conv", [("x", ("n", 3, 9, 8)), ("x", (5, 3, 3, 3)), ("x", (5,))],
         lambda x, w, b: F.conv2d(x, w, b, 2, 1), dict(strides=[2, 2], pads=[1, 1, 1, 1])),
    Case("Conv", [("x", ("n", 4, 9, 8)), ("x", (6, 2, 3, 2))], lambda x, w: F.conv2d(x, w, groups=2), dict(group=2)),
    Case("Conv", [("x", ("n", 3, 9)), ("x", (5, 3, 3)), ("x", (5,))],
         lambda x, w, b: F.conv1d(x, w, b, 1, 0, 2), dict(dilations=[2])),
    Case("Conv", [("x", ("n", 7, 4, 4)), ("x", (5, 7, 1, 1))], F.conv2d),
    Case("ConvTranspose", [("x", ("n", 3, 5, 4)), ("x", (3, 2, 3, 3))],
         lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1), dict(strides=[2, 2], pads=[1, 1, 1, 1])),
]

GATHER = [
    Case("Gather", [("x", (17, 5)), ("index17", ("n", 3))], lambda w, i: w[i]),
    Case("Gather", [("x", ("n", 17, 3)), ("index17", (4,))], lambda x, i: x[:, i], dict(axis=1)),
    Case("Slice", [("x", ("n", 17)), ("shape", [15]), ("shape", [2]), ("shape", [1]), ("shape", [-3])],
         lambda x: x.flip(1)[:, 1:14:3]),
    Case("Pad", [("x", ("n", 7)), ("shape", [0, 2, 0, 3])], lambda x: F.pad(x, (2, 3))),
    Case("Pad", [("x", ("n", 3, 7)), ("shape", [0, 0, 2, 0, 0, 3])], lambda x: F.pad(x, (2, 3), "reflect"),
         dict(mode="reflect")),
]

def sequence(step, hidden, gates, reverse=False):
    """Y and Y_h of a recurrent layer of ONNX, [T, 1, N, H] and [1, N, H]; `step` makes of x W^T, h R^T and both biases,
    by gates, and the state the next state, of which h is the first."""
    def function(x, w, r, b):
        state = (torch.zeros(x.shape[1], hidden, dtype=x.dtype),) * 2
        wb, rb = b[0].chunk(2)
        outputs = [None] * len(x)
        for t in reversed(range(len(x))) if reverse else range(len(x)):
            state = step((x[t] @ w[0].T + wb).chunk(gates, 1), lambda h: (h @ r[0].T + rb).chunk(gates, 1), state,
                         r[0].chunk(gates), rb.chunk(gates))
            outputs[t] = state[0]
        return torch.stack(outputs)[:, None]
    return function


def rnn(x, recur, state, r, rb):
    return (torch.tanh(x[0] + recur(state[0])[0]),)


def lstm(x, recur, state, r, rb):
    i, o, f, c = (a + b for a, b in zip(x, recur(state[0])))
    cell = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(c)
    return torch.sigmoid(o) * torch.tanh(cell), cell


def gru(x, recur, state, r, rb):
    h = recur(state[0])
    z, reset = torch.sigmoid(x[0] + h[0]), torch.sigmoid(x[1] + h[1])
    new = torch.tanh(x[2] + (reset * state[0]) @ r[2].T + rb[2])
    return ((1 - z) * new + z * state[0],)


def recurrent(op, step, gates, **attributes):
    hidden = 5
    operands = [("x", (4, "n", 3)), ("x", (1, gates * hidden, 3)), ("x", (1, gates * hidden, hidden)), ("x", (1, 2 * gates * hidden))]
    return Case(op, operands, sequence(step, hidden, gates, attributes.get("direction") == "reverse"),
                dict(hidden_size=hidden, **attributes))


def normalized(x, dims, eps=1e-5):
    return (x - x.mean(dims, keepdim=True)) / (x.var(dims, unbiased=False, keepdim=True) + eps).sqrt()


def blocks_to_depth(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def depth_to_blocks(x):
    n, c, h, w = x.shape
    return x.reshape(n, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * h, 2 * w)


RECURRENT = [
    recurrent("RNN", rnn, 1), recurrent("LSTM", lstm, 4), recurrent("GRU", gru, 3),
    recurrent("LSTM", lstm, 4, direction="reverse"),
]

NORMALIZATION = [
    Case("InstanceNormalization", [("x", ("n", 3, 5, 4)), ("x", (3,)), ("x", (3,))],
         lambda x, s, b: normalized(x, (2, 3)) * s[:, None, None] + b[:, None, None]),
    Case("GroupNormalization", [("x", ("n", 6, 5)), ("x", (6,)), ("x", (6,))],
         lambda x, s, b: F.group_norm(x, 2, s, b), dict(num_groups=2)),
    Case("RMSNormalization", [("x", ("n", 3, 33)), ("x", (33,))],
         lambda x, s: x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * s),
    Case("MeanVarianceNormalization", [("x", (5, "n", 4, 3))],
         lambda x: (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True).sqrt() + 1e-9)),
    Case("LRN", [("x", ("n", 7, 3, 2))], lambda x: F.local_response_norm(x, 3, 0.1, 0.75, 2.0),
         dict(size=3, alpha=0.1, beta=0.75, bias=2.0)),
    Case("LpPool", [("p", ("n", 3, 9, 8))], lambda x: F.avg_pool2d(x**2, (2, 3), (2, 1)).mul(6).sqrt(),
         dict(kernel_shape=[2, 3], strides=[2, 1])),
    Case("GlobalLpPool", [("p", ("n", 3, 5, 4))], lambda x: x.pow(2).sum((2, 3), keepdim=True).sqrt()),
    Case("SoftmaxCrossEntropyLoss", [("x", ("n", 7)), ("label7", ("n",))], F.cross_entropy),
    Case("SoftmaxCrossEntropyLoss", [("x", ("n", 7, 3)), ("label7", ("n", 3)), ("const", [0.5, 1, 2, 1, 0.25, 3, 1])],
         lambda x, y: F.cross_entropy(x, y, torch.tensor([0.5, 1, 2, 1, 0.25, 3, 1]).to(x), reduction="none"),
         dict(reduction="none")),
    Case("NegativeLogLikelihoodLoss", [("x", ("n", 7)), ("label7", ("n",))], F.nll_loss),
    Case("Dropout", [("x", ("n", 7))], lambda x: x * 1),
]

REARRANGE = [
    Case("CumSum", [("x", ("n", 7)), ("shape", 1)], lambda x: x.cumsum(1)),
    Case("CumSum", [("x", (7, "n")), ("shape", 0)], lambda x: x.flip(0).cumsum(0).flip(0) - x, dict(exclusive=1, reverse=1)),
    Case("DepthToSpace", [("x", ("n", 8, 3, 2))], depth_to_blocks, dict(blocksize=2)),
    Case("DepthToSpace", [("x", ("n", 8, 3, 2))], lambda x: F.pixel_shuffle(x, 2), dict(blocksize=2, mode="CRD")),
    Case("SpaceToDepth", [("x", ("n", 3, 4, 6))], blocks_to_depth, dict(blocksize=2)),
    Case("Einsum", [("x", ("n", 3, 7)), ("x", ("n", 7, 5))], lambda a, b: a @ b, dict(equation="bij,bjk->bik")),
    Case("Einsum", [("x", ("n", 7)), ("x", ("n", 7)), ("x", (7,))], lambda a, b, c: (a * b * c).sum(1), dict(equation="bi,bi,i->b")),
    Case("GatherElements", [("x", (17, 5)), ("index17", ("n", 5))], lambda x, i: x.gather(0, i % 17)),
    Case("GatherND", [("x", (17, 5)), ("index17", ("n", 1))], lambda x, i: x[i[:, 0]]),
    Case("ScatterElements", [("x", (17, 5)), ("index17", ("n", 5)), ("x", ("n", 5))],
         lambda x, i, u: x.scatter_add(0, i % 17, u), dict(reduction="add")),
    Case("ScatterND", [("x", (17, 5)), ("index17", ("n", 1)), ("x", ("n", 5))],
         lambda x, i, u: x.index_add(0, i[:, 0] % 17, u), dict(reduction="add")),
    Case("Split", [("x", ("n", 7)), ("shape", [3, 4])], lambda x: x[:, :3], dict(axis=1), results=2),
    Case("TopK", [("u", ("n", 17)), ("shape", [5])], lambda x: x.topk(5).values, results=2),
    Case("Tile", [("x", ("n", 3)), ("shape", [2, 3])], lambda x: x.repeat(2, 3)),
    Case("Trilu", [("x", ("n", 5, 7))], lambda x: x.tril(), dict(upper=0)),
    Case("Mod", [("x", ("n", 7)), ("p", (7,))], torch.fmod, dict(fmod=1)),
    Case("Resize", [("x", ("n", 2, 5, 4)), ("none", ()), ("const", [1.0, 1.0, 2.0, 2.0])],
         lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), dict(mode="linear")),
    Case("Resize", [("x", ("n", 2, 5, 4)), ("none", ()), ("const", [1.0, 1.0, 2.0, 3.0])],
         lambda x: F.interpolate(x, scale_factor=(2, 3)), dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")),
    Case("Resize", [("x", ("n", 2, 5, 4)), ("none", ()), ("const", [1.0, 1.0, 2.0, 2.0])],
         lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), dict(mode="cubic")),
]

FAMILIES = {"recurrent": RECURRENT, "normalization": NORMALIZATION, "rearrange": REARRANGE,
            "extrema": EXTREMA, "convolution": CONVOLUTION, "gather": GATHER, "elementwise": ELEMENTWISE, "matrix": MATRIX, "reduce": REDUCE}


def sample(rng, kind, shape):
    """Values of a kind, with the points where derivatives jump among them."""
    x = rng.standard_normal(shape)
    if kind == "p":
        x = 0.25 + np.abs(x)
    elif kind == "q":
        x = 1.25 + np.abs(x)
    elif kind == "u":
        x = np.tanh(x) * 0.9
    elif kind == "wide":  # Where exp overflows, on either side.
        x = np.where(rng.random(shape) < 0.2, x * 100, x)
        x = np.where(rng.random(shape) < 0.1, 0, x)
    elif kind in ("x3", "off3"):
        x = x * 3
        if kind == "x3":
            x = np.where(rng.random(shape) < 0.1, 3, np.where(rng.random(shape) < 0.1, -3, x))
    elif kind == "tie":
        x = rng.integers(-2, 3, shape) * 0.5
    elif kind == "zeros":  # None, one or several in a row.
        x = np.where(rng.random(shape) < 0.2, 0, x)
    elif kind == "blank":  # Whole rows of zeros.
        x[::2] = 0
    elif kind.startswith("index"):
        return rng.integers(-int(kind[5:]), int(kind[5:]), shape)
    elif kind.startswith("label"):
        return rng.integers(0, int(kind[5:]), shape)
    elif kind == "bool":
        return rng.random(shape) < 0.5
    elif len(shape) and x.size > 4:
        x = np.where(rng.random(shape) < 0.1, 0, x)
    return x.astype(np.float32)


def build(cases):
    nodes, inputs, outputs, initializers = [], [], [], []
    for i, case in enumerate(cases):
        names = []
        for j, (kind, shape) in enumerate(case.operands):
            name = f"c{i}.{j}" if kind != "none" else ""
            names.append(name)
            if kind == "none":
                continue
            if kind == "const":
                initializers.append(numpy_helper.from_array(np.array(shape, np.float32), name))
            elif kind == "shape":
                initializers.append(numpy_helper.from_array(np.array(shape, np.int64), name))
            else:
                dtype = TensorProto.BOOL if kind == "bool" else TensorProto.INT64 if re.match("index|label", kind) else FLOAT
                inputs.append(helper.make_tensor_value_info(name, dtype, list(shape)))
        others = [f"y{i}.{j}" for j in range(case.results - 1)]
        nodes.append(helper.make_node(case.op, names, [f"y{i}", *others], name=f"{case.op}{i}", **case.attributes))
        outputs.append(helper.make_tensor_value_info(f"y{i}", FLOAT, None))
        outputs += [helper.make_tensor_value_info(name, dtype, None) for name, dtype in zip(others, case.extra)]
    graph = helper.make_graph(nodes, "gradients", inputs, outputs, initializers)
    version = max([17, *({"Gelu": 20, "GroupNormalization": 21, "RMSNormalization": 23}.get(case.op, 0) for case in cases)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
    model.ir_version = 9 if version <= 20 else 11
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--filter")
    args, rng = randomness.parse(parser)
    torch.manual_seed(args.seed)
    cases = [case for case in FAMILIES[args.family] if not args.filter or args.filter in case.op]
    artifact = gradients.compile_model_gradient(build(cases), args.folder, args.family)
    failures = gradients.Failures()
    for n in (1, 3, 33):
        data, expected, constants = {}, [], {}
        for i, case in enumerate(cases):
            inputs, names = [], []
            for j, (kind, shape) in enumerate(case.operands):
                if kind in ("const", "shape", "none"):
                    constants[f"c{i}.{j}"] = np.array(shape, np.float32)
                    continue
                inputs.append(sample(rng, kind, tuple(n if e == "n" else e for e in shape)))
                names.append(f"c{i}.{j}")
                data[names[-1]] = inputs[-1]
            results = case.function(*[torch.tensor(x) for x in inputs])
            cotangent = rng.standard_normal(tuple(results.shape)).astype(np.float32)
            data[f"y{i}/cotangent"] = cotangent
            want, grads = gradients.reference(case.function, inputs, [cotangent])
            expected.append((f"y{i}", case, want[0]))
            floats = [name for name, x in zip(names, inputs) if x.dtype.kind == "f"]
            expected += [(f"{name}/gradient", case, grad) for name, grad in zip(floats, grads)]
        got = artifact(data, constants)
        for name, case, want in expected:
            failures.check(f"{case.op} {name} at n = {n}", got[name], want)
    failures.finish("results and gradients")


if __name__ == "__main__":
    main()
