# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of operators that compute: arithmetic, reductions, products, losses, quantization."""
import numpy as np
from onnx import TensorProto, helper
from onnx_fuzz_draw import ONNX_TYPES, generator


def broadcastable(d, count, rank, total=2000):
    """Shapes that broadcast to one of at most `rank` dimensions."""
    shape = d.shape(d.integer(0, rank), total)
    return [[1 if d.flip(0.25) else extent for extent in shape[d.integer(0, min(1, len(shape))):]] for _ in range(count)]


@generator("Add", "Sub", "Mul", "Div")
def arithmetic(d, op):
    a, b = broadcastable(d, 2, 4)
    dtype = d.choice(("f4", "f8", "i4", "i8", "f2", "u1", "i2"))
    if op == "Div":
        d.node(op, [d.operand(a, dtype), d.operand(b, dtype, 1, 5)])
    else:
        d.node(op, [d.operand(a, dtype), d.operand(b, dtype)])


@generator("Min", "Max", "Sum", "Mean")
def variadic(d, op):
    shapes = broadcastable(d, d.integer(1, 4), 3)
    dtype = d.choice(("f4", "f8", "i4", "i8", "u4") if op in ("Min", "Max") else ("f4",))
    d.node(op, [d.operand(shape, dtype) for shape in shapes])


@generator("BitShift")
def bit_shift(d):
    a, b = broadcastable(d, 2, 3)
    dtype = d.choice(("u1", "u4", "u8", "u2"))
    d.node("BitShift", [d.operand(a, dtype, 0, 200), d.operand(b, dtype, 0, 7)], direction=d.choice(("LEFT", "RIGHT")))


@generator("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot")
def bitwise(d, op):
    dtype = d.choice(("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"))
    d.node(op, [d.operand(shape, dtype) for shape in broadcastable(d, 1 if op.endswith("Not") else 2, 3)])


@generator("And", "Or", "Xor")
def logical(d, op):
    d.node(op, [d.operand(shape, "?") for shape in broadcastable(d, 2, 3)])


@generator("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
def comparison(d, op):
    dtype = d.choice(("f4", "f8", "i4", "i8"))
    arrays = [np.round(d.array(shape, dtype)) for shape in broadcastable(d, 2, 3)]
    d.node(op, [d.input(array) for array in arrays])


@generator("Mod")
def mod(d):
    a, b = broadcastable(d, 2, 3)
    dtype = d.choice(("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"))
    x, y = d.array(a, dtype), d.array(b, dtype)
    if dtype.startswith("f"):
        x, y = x * 8, np.where(np.abs(y) < 0.1, 1, y).astype(dtype)
    else:
        y = np.where(y == 0, 3, y).astype(dtype)
    d.node("Mod", [d.input(np.asarray(x, dtype)), d.input(y)], fmod=1 if dtype.startswith("f") or d.flip() else 0)


@generator("Pow")
def power(d):
    a, b = broadcastable(d, 2, 3)
    base, exponent = d.choice((("f4", "f4"), ("f8", "f8"), ("i4", "i4"), ("i8", "i8"), ("f4", "i4"), ("f4", "i8"), ("i4", "f4"),
                               ("i8", "i4"), ("f8", "f4"), ("i4", "i8")))
    low = 0.1 if base.startswith("f") and exponent.startswith("f") else -4
    x = d.array(a, base, low, 4)
    if base.startswith("i") and exponent.startswith("f"):
        x = np.abs(x)
    y = d.array(b, exponent, -3 if base.startswith("f") else 0, 4)
    if base.startswith("f") and exponent.startswith("i"):
        x = np.where(np.abs(x) < 0.1, 1, x).astype(base)
    d.node("Pow", [d.input(x), d.constant(d.array([], exponent, 0, 4, constant=True)) if d.flip(0.3) else d.input(y)])


@generator("Clip")
def clip(d):
    dtype = d.choice(("f4", "f8", "i4", "i8", "i1", "u1"))
    x, bounds = d.array(d.shape(d.integer(0, 3)), dtype), np.sort(d.array([2], dtype))
    d.node("Clip", [d.input(x), d.input(bounds[0]) if d.flip(0.7) else None, d.input(bounds[1])])


UNARY = ("Abs", "Neg", "Ceil", "Floor", "Round", "Sign", "Exp", "Erf", "Tanh", "Sin", "Cos", "Atan", "Asinh", "Sinh", "Cosh", "Sigmoid",
         "IsNaN", "IsInf")


@generator("Unary")
def unary(d):
    op = d.choice(UNARY)
    dtype = d.choice(("f4", "f4", "f8")) if op not in ("Abs", "Neg", "Sign") else d.choice(("f4", "f8", "i1", "i4", "i8"))
    x = d.array(d.shape(d.integer(0, 4)), dtype)
    if op in ("IsNaN", "IsInf"):
        x = np.select([x > 1, x < -1, np.abs(x) < 0.3], [np.inf, -np.inf, np.nan], x).astype(dtype)
    d.node(op, [d.input(x)], **({"detect_negative": 0} if op == "IsInf" and d.flip() else {}))


ACTIVATIONS = {
    "Celu": {"alpha": (0.5, 2)}, "Elu": {"alpha": (0.5, 2)}, "HardSigmoid": {"alpha": (0.1, 0.5), "beta": (0.2, 0.8)}, "HardSwish": {},
    "LeakyRelu": {"alpha": (0.1, 1)}, "Mish": {}, "Relu": {}, "Selu": {"alpha": (0.5, 2), "gamma": (0.5, 2)},
    "Shrink": {"bias": (-1, 1), "lambd": (-1, 1)}, "Softplus": {}, "Softsign": {}, "ThresholdedRelu": {"alpha": (0.1, 1)}, "Gelu": {},
}


@generator(*ACTIVATIONS)
def activation(d, op):
    ranges = {name: bounds for name, bounds in ACTIVATIONS[op].items() if d.flip(0.7)}
    attributes = {name: d.structure.uniform(*bounds) for name, bounds in ranges.items()}
    if op == "Gelu" and d.flip():
        attributes["approximate"] = d.choice(("none", "tanh"))
    # The functions make rank 0 rank 1.
    d.node(op, [d.input(d.array(d.shape(d.integer(1, 4)), d.choice(("f4", "f4", "f4", "f8"))))], **attributes)


@generator("PRelu")
def prelu(d):
    shape = d.shape(d.integer(1, 4))
    slope = [1 if d.flip(0.3) else extent for extent in shape[d.integer(0, len(shape)):]]
    d.node("PRelu", [d.operand(shape), d.operand(slope)])


@generator("CastLike")
def cast_like(d):
    types = ("f4", "f8", "i4", "i8", "u1", "?")
    source, target = d.choice(types), d.choice(types)
    x = d.array(d.shape(d.integer(0, 3)), source)
    d.node("CastLike", [d.input(np.abs(x) if target == "u1" and source != "?" else x), d.operand([3], target)])


@generator("Softmax", "LogSoftmax", "Hardmax")
def softmax(d, op):
    rank = d.integer(1, 4)
    d.opset = d.choice((11, 13, 22))
    # ONNX's own evaluator knows opset 13 only.
    x = d.array(d.shape(rank), "f4" if d.opset < 13 else d.choice(("f4", "f4", "f8")))
    if op == "Hardmax":
        x = np.round(x)
    d.node(op, [d.input(x)], axis=d.integer(-rank, rank - 1) if d.flip(0.8) or rank == 1 else None)


REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
              "ReduceLogSumExp", "ReduceSumSquare")


@generator(*REDUCTIONS)
def reduction(d, op):
    rank = d.integer(0, 4)
    dtype = d.choice(("f4", "f4", "f8", "i4", "i8"))
    shape = d.shape(rank, 60 if op == "ReduceProd" else 2000)
    x = d.operand(shape, dtype, *((0.5, 1.5) if op == "ReduceLogSum" and dtype.startswith("f") else (1, 5) if op == "ReduceLogSum" else
                                 (-2, 2) if dtype.startswith("i") else ()))
    axes = [axis - rank * d.flip(0.3) for axis in d.subset(range(rank))]
    keep, noop, old = int(d.flip()), int(d.flip(0.4)), d.flip(0.4)
    d.opset = (11 if old else 13) if op == "ReduceSum" else (13 if old else 18)
    if dtype.startswith("i") and op == "ReduceLogSumExp":
        # ONNX Runtime truncates each term.
        d.opset = 18
        operands = [x, d.constant(np.array(axes, "i8"))]
        y = d.node(op, operands, keepdims=keep)
        d.reference_nodes = [helper.make_node("Cast", [x], ["wide"], to=TensorProto.DOUBLE),
                             helper.make_node(op, ["wide", operands[1]], ["reduced"], keepdims=keep),
                             helper.make_node("Cast", ["reduced"], [y], to=int(ONNX_TYPES[np.dtype(dtype)]))]
    elif old:
        d.node(op, [x], axes=axes or None, keepdims=keep)
    elif d.flip(0.2):
        d.node(op, [x], keepdims=keep, noop_with_empty_axes=noop)
    else:
        d.node(op, [x, d.constant(np.array(axes, "i8")) if not axes else d.bound(axes)], keepdims=keep, noop_with_empty_axes=noop)


@generator("ArgMax", "ArgMin")
def arg_max(d, op):
    rank = d.integer(1, 4)
    x = d.array(d.shape(rank), d.choice(("f4", "f8", "i4", "i8", "u1", "i1")))
    x = np.round(x) if d.flip() else x
    d.node(op, [d.input(x)], axis=d.integer(-rank, rank - 1), keepdims=int(d.flip()), select_last_index=int(d.flip()))


@generator("MatMul")
def matmul(d):
    m, k, n = d.size(), d.size(257), d.size()
    batch = d.shape(d.integer(0, 2), 12)
    left, right = [[1 if d.flip(0.3) else extent for extent in batch[d.integer(0, min(len(batch), 1)):]] for _ in range(2)]
    a = [k] if d.flip(0.15) and not left else left + [m, k]
    b = [k] if d.flip(0.15) and not right else right + [k, n]
    dtype = d.choice(("f4", "f4", "f8", "i4", "i8"))
    d.node("MatMul", [d.operand(a, dtype), d.operand(b, dtype)])


@generator("Gemm")
def gemm(d):
    m, k, n = d.size(), d.size(257), d.size()
    ta, tb, dtype = int(d.flip()), int(d.flip()), d.choice(("f4", "f4", "f8"))
    operands = [d.operand([k, m] if ta else [m, k], dtype), d.operand([n, k] if tb else [k, n], dtype)]
    if d.flip(0.7):
        operands.append(d.operand(d.choice(([m, n], [n], [1, n], [m, 1], [], [1])), dtype))
    d.node("Gemm", operands, transA=ta, transB=tb, alpha=d.choice((None, 0.5, -2.0)), beta=d.choice((None, 0.25, 0.0)))


@generator("Einsum")
def einsum(d):
    letters = d.choice(("ijkl", "abcd", "iJzA"))
    extents = {letter: d.size(7) for letter in letters}
    ellipsis, dots = d.flip(0.3), d.shape(2, 12)
    terms, shapes = [], []
    for _ in range(d.choice((1, 1, 2, 2, 2, 3))):
        term = d.subset(letters, 0 if ellipsis else 1)
        if d.flip(0.25) and term:  # A diagonal.
            term.insert(d.integer(0, len(term)), d.choice(term))
        shape = [[extents[letter]] for letter in term]
        if ellipsis:
            place = d.integer(0, len(term))
            term.insert(place, "...")
            # Broadcast like everywhere.
            shape.insert(place, [1 if d.flip(0.2) else extent for extent in dots[d.integer(0, 2):]])
        terms.append("".join(term))
        shapes.append([extent for part in shape for extent in part])
    equation = ",".join(terms)
    used = sorted(set(equation) - set(",."))
    if d.flip(0.8):
        result = d.subset(used)
        if ellipsis:
            result.insert(d.integer(0, len(result)), "...")
        equation += "->" + "".join(result)
    if d.flip(0.3):
        equation = equation.replace(",", " , ").replace("->", " -> ")
    dtype = d.choice(("f4", "f4", "f8", "i4"))
    d.is_evaluated = True  # By NumPy: ONNX Runtime may crash.
    d.node("Einsum", [d.operand(shape, dtype) for shape in shapes], equation=equation)


@generator("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")
def loss(d, op):
    classes, n = d.fixed(17) + 1, d.size()
    rest = d.shape(d.integer(0, 3), 60)
    x = d.array([n, classes, *rest], d.choice(("f4", "f4", "f8")))
    if op == "NegativeLogLikelihoodLoss":
        x = -np.abs(x)
    ignore = d.choice((None, 0, 1, -1, -100, 255))
    labels = d.values.integers(0, classes, [n, *rest])
    if ignore is not None:
        labels = np.where(d.values.random(labels.shape) < 0.3, ignore, labels)
    operands = [d.input(x), d.input(labels.astype(d.choice(("i4", "i8"))))]
    if d.flip():
        operands.append(d.operand([classes], x.dtype.str[1:], 0.1, 2))
    results = 2 if op.startswith("Softmax") and d.flip() else 1
    d.node(op, operands, results, ignore_index=ignore, reduction=d.choice(("none", "sum", "mean")))


# Quantization.


def scales(d, shape):
    """Powers of two and neighbours of them, so that quotients are rarely halfway."""
    return d.operand(shape, "f4", 0.02, 0.3)


@generator("QuantizeLinear", "DequantizeLinear")
def quantize(d, op):
    rank, dtype = d.integer(1, 4), d.choice(("i1", "u1", "i1", "u1", "i2", "u2"))
    shape, axis = d.shape(rank), d.integer(-rank, rank - 1)
    kind, block = d.choice(("tensor", "axis", "block")), None
    shape[axis] = d.fixed()
    where = []
    if kind == "axis":
        where = [shape[axis]]
    elif kind == "block":
        block = d.integer(1, 8)
        where = list(shape)
        where[axis] = -(-shape[axis] // block)
        shape[axis] = where[axis] * block
    d.opset = 21
    # Away from the middle between two integers.
    x = d.operand(shape) if op == "QuantizeLinear" else d.operand(shape, dtype)
    operands = [x, scales(d, where)]
    if op == "DequantizeLinear" and d.flip(0.3):
        pass
    else:
        operands.append(d.operand(where, dtype, *((-5, 5) if dtype.startswith("i") else (0, 200))))
    d.node(op, operands, axis=axis if kind != "tensor" else None, block_size=block)


@generator("DynamicQuantizeLinear")
def dynamic_quantize(d):
    x = d.array(d.shape(d.integer(1, 3)))
    if d.flip(0.3):
        x = np.abs(x) + np.float32(0.5) if d.flip() else -np.abs(x)
    d.node("DynamicQuantizeLinear", [d.input(x)], 3)


@generator("MatMulInteger")
def matmul_integer(d):
    m, k, n = d.size(), d.size(257), d.size()
    a, b = d.choice((("u1", "u1"), ("u1", "i1"), ("i1", "i1"), ("i1", "u1")))
    batch = d.shape(d.integer(0, 2), 8)
    low = {"u1": (0, 255), "i1": (-128, 127)}
    operands = [d.operand(batch + [m, k], a, *low[a]), d.operand((batch if d.flip() else []) + [k, n], b, *low[b])]
    if d.flip(0.7):
        operands.append(d.operand([], a, *low[a]) if d.flip(0.8) else None)
        if operands[2] is None or d.flip():
            operands.append(d.operand([n] if d.flip() else [], b, *low[b]))
    d.node("MatMulInteger", operands)


@generator("QLinearMatMul")
def qlinear_matmul(d):
    m, k, n = d.size(), d.size(257), d.size()
    a, b = d.choice((("u1", "u1"), ("u1", "i1"), ("i1", "i1")))
    batch = d.shape(d.integer(0, 1), 8)
    columns = [n] if d.flip(0.3) else []
    low = {"u1": (100, 156), "i1": (-20, 20)}
    d.node("QLinearMatMul", [d.operand(batch + [m, k], a), scales(d, []), d.operand([], a, *low[a]), d.operand(batch + [k, n], b),
                             scales(d, columns), d.operand(columns, b, *low[b]), d.operand([], "f4", 1, 3), d.operand([], a, *low[a])])


def window(d, total=400):
    """Channels, groups, spatial shape, kernel and attributes of a convolution."""
    dims, groups = d.integer(1, 2), d.choice((1, 1, 2, 3))
    kernel, strides, dilations = d.integers(1, 3, dims), d.integers(1, 3, dims), d.integers(1, 2, dims)
    attributes = {"strides": strides, "dilations": dilations, "group": groups, "kernel_shape": kernel}
    if d.flip(0.3):
        attributes["auto_pad"] = d.choice(("VALID", "SAME_UPPER", "SAME_LOWER"))
        attributes["dilations"] = dilations = [1] * dims
        strides[:] = [min(s, k) for s, k in zip(strides, kernel)]
    else:
        attributes["pads"] = d.integers(0, 2, 2 * dims)
    spatial = [max(extent, (k - 1) * s + 1) for extent, k, s in zip(d.shape(dims, total), kernel, dilations)]
    return groups * d.fixed(3), groups * d.fixed(3), groups, spatial, kernel, attributes


@generator("ConvInteger")
def conv_integer(d):
    channels, outputs, groups, spatial, kernel, attributes = window(d)
    operands = [d.operand([d.size(3), channels, *spatial], "u1", 0, 255),
                d.operand([outputs, channels // groups, *kernel], "u1", 0, 255)]
    if d.flip(0.7):
        operands.append(d.operand([], "u1", 0, 255))
        if d.flip():
            operands.append(d.operand([], "u1", 0, 255))
    d.node("ConvInteger", operands, **attributes)


@generator("QLinearConv")
def qlinear_conv(d):
    channels, outputs, groups, spatial, kernel, attributes = window(d)
    dtype = d.choice(("u1", "i1"))
    each = [outputs] if d.flip() else []
    low = {"u1": (100, 156), "i1": (-20, 20)}
    operands = [d.operand([d.size(3), channels, *spatial], dtype, *((0, 255) if dtype == "u1" else (-128, 127))),
                scales(d, []), d.operand([], dtype, *low[dtype]), d.operand([outputs, channels // groups, *kernel], "i1"),
                scales(d, each), d.constant(np.zeros(each, "i1")), d.operand([], "f4", 0.5, 1), d.operand([], dtype, *low[dtype])]
    if d.flip():
        operands.append(d.operand([outputs], "i4", -100, 100))
    d.node("QLinearConv", operands, **attributes)


@generator("MatMulNBits")
def matmul_nbits(d):
    bits, block = d.choice((4, 8)), d.choice((16, 32, 64))
    k, n = d.fixed(257), d.fixed(33)
    blocks = -(-k // block)
    weights = d.array([n, blocks, block * bits // 8], "u1", 0, 255, constant=True)
    operands = [d.input(d.array(d.shape(d.integer(1, 2), 60) + [k])), d.constant(weights),
                d.constant(d.array([n, blocks], "f4", 0.02, 0.1, constant=True))]
    if d.flip():
        operands.append(d.constant(d.array([n, -(-blocks * bits // 8)], "u1", 0, 255, constant=True)))
    d.node("MatMulNBits", operands, domain="com.microsoft", K=k, N=n, bits=bits, block_size=block)
