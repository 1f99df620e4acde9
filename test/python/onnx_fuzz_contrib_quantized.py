# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of ONNX Runtime's own operators (domain com.microsoft) on quantized tensors."""
import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx_fuzz_draw import generator
from onnx_fuzz_layers import ACTIVATIONS, WITH_ALPHA, WITH_BETA

DOMAIN = "com.microsoft"
RANGES = {"u1": (0, 255), "i1": (-128, 127)}
ZEROS = {"u1": (100, 156), "i1": (-20, 20)}


def scale(d, low, high):
    return d.constant(d.array([], "f4", low, high, constant=True))


def zero(d, dtype, optional=True):
    """A zero point; None, that is 0, at times."""
    return None if optional and d.flip(0.2) else d.constant(d.array([], dtype, *ZEROS[dtype], constant=True))


def quantized(d, shape, dtype, low=0.01, high=0.1, optional=True):
    """A tensor, its scale and its zero point."""
    return [d.operand(shape, dtype, *RANGES[dtype]), scale(d, low, high), zero(d, dtype, optional)]


@generator("Contrib-QuantizeLinear", "Contrib-DequantizeLinear")
def linear(d, op):
    dtype, shape, axis = d.choice(("u1", "i1", "u2", "i2")), d.shape(2), d.choice((None, 1, -1))
    channels = d.fixed(17)
    each = [channels] if axis is not None else []
    wide = {**RANGES, "u2": (0, 65535), "i2": (-32768, 32767)}[dtype]
    operands = [d.operand([shape[0], channels], *(["f4", -9, 9] if op == "Contrib-QuantizeLinear" else [dtype, *wide])),
                d.constant(d.array(each, "f4", 0.001, 0.1, constant=True)), d.constant(d.array(each, dtype, *wide, constant=True))]
    d.node(op.removeprefix("Contrib-"), operands, domain=DOMAIN, axis=axis)


@generator("QLinearAdd", "QLinearMul")
def binary(d, op):
    dtype, shape = d.choice(("u1", "i1")), d.shape(d.integer(1, 3))
    other = [1 if d.flip(0.2) else n for n in shape][d.integer(0, 1) if len(shape) > 1 else 0:]
    result = (0.05, 0.2) if op == "QLinearAdd" else (0.1, 0.5)
    # ONNX Runtime cannot tell types without zero points.
    d.node(op, [*quantized(d, shape, dtype, optional=False), *quantized(d, other, dtype, optional=False), scale(d, *result), zero(d, dtype, False)],
           domain=DOMAIN)


@generator("QGemm")
def qgemm(d):
    m, k, n = d.size(), d.size(257), d.fixed()
    a, b = d.choice((("u1", "u1"), ("u1", "i1"), ("i1", "i1")))
    flags = {name: int(d.flip()) for name in ("transA", "transB")}
    each = [n] if d.flip() else []
    operands = [*quantized(d, [k, m] if flags["transA"] else [m, k], a, optional=False), d.operand([n, k] if flags["transB"] else [k, n], b),
                d.constant(d.array(each, "f4", 0.01, 0.1, constant=True)),
                d.constant(np.zeros(each, b) if b == "i1" else np.full(each, 128, b))]
    operands.append(d.operand([n], "i4", -1000, 1000) if d.flip() else None)
    if d.flip(0.7):
        operands += [scale(d, 0.5, 3), zero(d, a, False)]
    d.node("QGemm", operands, domain=DOMAIN, alpha=d.choice((None, 0.5)), **flags)


@generator("QLinearSigmoid", "QLinearLeakyRelu")
def activation(d, op):
    dtype = d.choice(("u1", "i1"))
    result = (1 / 300, 1 / 200) if op == "QLinearSigmoid" else (0.01, 0.1)
    d.node(op, [*quantized(d, d.shape(d.integer(1, 3)), dtype), scale(d, *result), zero(d, dtype)], domain=DOMAIN,
           alpha=d.choice((None, 0.3)) if op == "QLinearLeakyRelu" else None)


@generator("QLinearSoftmax")
def softmax(d):
    # Of one element ONNX Runtime's result is not 1, unless a step is 1/148 or more.
    dtype, opset = d.choice(("u1", "i1")), d.choice((11, 13))
    shape = [d.size(7, 2) for _ in range(d.integer(0, 2))] + [d.size(257, 2)]
    axis = d.choice((-1, len(shape) - 1, 0))
    operands = quantized(d, shape, dtype, 0.01, 0.3, optional=False)
    d.node("QLinearSoftmax", [*operands, scale(d, 1 / 290, 1 / 100), d.constant(np.array(0 if dtype == "u1" else -128, dtype))], domain=DOMAIN,
           axis=axis, opset=opset)


@generator("QLinearGlobalAveragePool", "QLinearAveragePool")
def pool(d, op):
    # ONNX Runtime has no average of int8 windows with channels last.
    dtype, last, dims = d.choice(("u1", "i1")), int(d.flip()), 2
    attributes, kernel = {"channels_last": last}, d.integers(1, 3, dims)
    if op == "QLinearAveragePool":
        attributes |= {"kernel_shape": kernel, "strides": d.integers(1, 2, dims), "count_include_pad": int(d.flip()),
                       "pads": [d.integer(0, kernel[i % dims] - 1) for i in range(2 * dims)], "ceil_mode": int(d.flip(0.2))}
    spatial, channels = [d.size(17, 3) for _ in range(dims)], d.size(7)
    shape = [d.size(3), *spatial, channels] if last else [d.size(3), channels, *spatial]
    d.node(op, [*quantized(d, shape, dtype, optional=False), scale(d, 0.01, 0.1), zero(d, dtype, False)], domain=DOMAIN, **attributes)


@generator("QLinearConcat")
def concat(d):
    dtype, shape = d.choice(("u1", "i1")), d.shape(d.integer(1, 3), 900)
    axis = d.integer(0, len(shape) - 1)
    operands = [scale(d, 0.01, 0.1), zero(d, dtype, False)]
    for _ in range(d.integer(1, 3)):
        own = list(shape)
        own[axis] = d.size(7)
        operands += quantized(d, own, dtype, optional=False)
    d.node("QLinearConcat", operands, domain=DOMAIN, axis=axis)


@generator("DynamicQuantizeLSTM")
def lstm(d):
    time, batch, inputs, hidden, dtype = d.size(7), d.size(5), d.size(17), d.fixed(17), d.choice(("u1", "i1"))
    direction = d.choice(("forward", "reverse", "bidirectional"))
    directions = 1 + (direction == "bidirectional")
    attributes = {"hidden_size": hidden, "direction": direction, "clip": d.structure.uniform(0.2, 1.0) if d.flip(0.3) else None,
                  "input_forget": 1 if d.flip(0.2) else None}
    if d.flip(0.4):
        names = [d.choice(ACTIVATIONS) for _ in range(3 * directions)]
        attributes |= {"activations": names,
                       "activation_alpha": [d.structure.uniform(0.2, 0.9) for name in names if name in WITH_ALPHA] or None,
                       "activation_beta": [d.structure.uniform(0.1, 0.5) for name in names if name in WITH_BETA] or None}

    shifted = []

    def weight(rows):
        """A weight, its scale and its zero point. ONNX Runtime wants one zero point for all columns, and 0 for those of int8; what has others
        is the same with the weight less these."""
        each, shape = [directions, 4 * hidden] if d.flip() else [directions], [directions, rows, 4 * hidden]
        own = dtype == "i1" and len(each) == 2 and d.flip()
        zeros = d.array(each if own else [directions] + [1] * (len(each) - 1), dtype, *ZEROS[dtype], constant=True)
        zeros = np.broadcast_to(zeros * (dtype == "u1" or own or len(each) == 1), each).astype(dtype)
        low, high = (-100, 100) if own else RANGES[dtype]
        name = d.constant(d.array(shape, dtype, low, high, constant=True)) if own else d.operand(shape, dtype, low, high)
        factor, zero_point = d.constant(d.array(each, "f4", 0.001, 0.006, constant=True)), d.constant(zeros)
        if own:
            shifted.extend([(name, d.parameters[name] - zeros[:, None]), (zero_point, zeros * np.int8(0))])
        return name, factor, zero_point

    w, r = weight(inputs), weight(hidden)
    state = [directions, batch, hidden]
    lengths = d.input(d.values.integers(1, time, [batch], endpoint=True).astype("i4")) if d.flip(0.4) else None
    bias, h, c, peepholes = (d.operand(shape, "f4", -0.5, 0.5) if d.flip() else None
                             for shape in ([directions, 8 * hidden], state, state, [directions, 3 * hidden]))
    operands = [d.input(d.array([time, batch, inputs])), w[0], r[0], bias, lengths, h, c, peepholes, *w[1:], *r[1:]]
    d.node("DynamicQuantizeLSTM", operands, [True, True, True] if d.flip(0.7) else [False, True, True], domain=DOMAIN, **attributes)
    if shifted:
        node = onnx.NodeProto()
        node.CopyFrom(d.nodes[-1])
        names = dict((name, f"{name}_shifted") for name, _ in shifted)
        node.input[:] = [names.get(name, name) for name in node.input]
        d.reference_nodes = [*(helper.make_node("Constant", [], [names[name]], value=numpy_helper.from_array(array)) for name, array in shifted), node]
