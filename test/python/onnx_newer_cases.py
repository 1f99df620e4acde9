# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cases for onnx_ops.py of what opsets 18 to 28 brought, and of decisions that depend on extents."""
import numpy as np

from onnx_case import Case, f32, wide


def swish(x, alpha):
    return x / (1 + np.exp(-alpha * x))


def newer(rng, fixed, m, n):
    case = Case(opset=28)
    x, y = f32(rng.standard_normal((m, n)) * 3), f32(rng.standard_normal((m, n)) * 3)
    case.input("x", x, ["batch", n])
    case.input("y", y, ["batch", n])
    case.add("Swish", ["x"], swish(wide(x), 1))
    case.add("Swish", ["x"], swish(wide(x), 0.5), alpha=0.5)
    case.add("SwiGLU", ["x", "y"], swish(wide(x), 1) * y)
    case.add("SwiGLU", ["x", "y"], swish(wide(x), 1.5) * y, alpha=1.5)
    # Of infinities and zeros, too, and with the sign of zeros.
    odd = np.tile(f32([0, -0.0, np.inf, -np.inf, 3, -3, 2.5]), m * n)
    a, b = (f32(rng.choice(odd, (m, n))) for _ in range(2))
    case.input("a", a, ["batch", n])
    case.input("b", np.where(b == 0, f32(2), b), ["batch", n])
    with np.errstate(invalid="ignore"):
        rest = np.where(np.isinf(a), 0, np.mod(np.where(np.isinf(a), 0, a), case.inputs["b"]))
    infinite = case.add("IsInf", ["a"], np.isinf(a))
    # NaN for infinite a, and not comparable: the inverse shows the rest, and the sign of zeros.
    with np.errstate(divide="ignore"):
        inverse = np.clip(1 / rest, -8, 8)
    hidden = [case.add("Mod", ["a", "b"], rest)]
    hidden.append(case.add("Where", [infinite, case.parameter("zero", f32(0)), hidden[0]], rest))
    hidden.append(case.add("Reciprocal", [hidden[1]], rest))
    for name in hidden:
        del case.expected[name]
    case.add("Clip", [hidden[2], case.parameter("least", f32(-8)), case.parameter("most", f32(8))], inverse)
    case.add("Mod", ["x", "y"], np.mod(x, y))
    case.add("Mod", ["x", "y"], np.fmod(x, y), fmod=1)
    # CumProd of values around 1.
    z = f32(rng.uniform(0.9, 1.1, (m, n)))
    case.input("z", z, ["batch", n])
    axis = case.parameter("axis", np.array(1))
    case.add("CumProd", ["z", axis], np.cumprod(wide(z), 1))
    before = np.concatenate([np.ones((m, 1)), np.cumprod(wide(z), 1)[:, :-1]], 1)
    case.add("CumProd", ["z", axis], before, exclusive=1)
    case.add("CumProd", ["z", axis], np.cumprod(wide(z)[:, ::-1], 1)[:, ::-1], reverse=1)
    for dtype in (np.int8, np.int16, np.int32, np.int64, np.uint8):
        name, width = np.dtype(dtype).name, np.dtype(dtype).itemsize * 8
        low = np.iinfo(dtype).min
        values = rng.integers(low, np.iinfo(dtype).max, (m, n), dtype=dtype, endpoint=True)
        amounts = rng.integers(-2 if low else 0, width + 3, (m, n)).astype(dtype)
        case.input(name, values, ["batch", n])
        case.input(f"{name}_by", amounts, ["batch", n])
        inside = (amounts >= 0) & (amounts < width)
        safe = np.where(inside, amounts, 0).astype(dtype)
        case.add("BitShift", [name, f"{name}_by"], np.where(inside, values << safe, 0).astype(dtype), direction="LEFT")
        case.add("BitShift", [name, f"{name}_by"],
                 np.where(inside, values >> safe, np.where(values < 0, -1, 0)).astype(dtype), direction="RIGHT")
    flags = rng.integers(0, 4, (m, 3, n)) == 0
    case.input("flags", flags, ["batch", 3, n])
    for axes in ((1,), (0, 2)):
        name = case.parameter("over" + "".join(map(str, axes)), np.array(axes))
        case.add("ReduceMax", ["flags", name], flags.any(axes, keepdims=True))
        case.add("ReduceMin", ["flags", name], flags.all(axes, keepdims=True))
    image = f32(rng.standard_normal((m, 3, 4, 6)))
    case.input("image", image, ["batch", 3, 4, 6])
    blocks = image.reshape(m, 3, 2, 2, 3, 2)
    case.add("SpaceToDepth", ["image"], blocks.transpose(0, 3, 5, 1, 2, 4).reshape(m, 12, 2, 3), blocksize=2)
    case.add("SpaceToDepth", ["image"], blocks.transpose(0, 1, 3, 5, 2, 4).reshape(m, 12, 2, 3), blocksize=2, mode="CRD")
    return case


def decisions(rng, fixed, m, n):
    """Shapes that depend on comparisons of extents: known at import only where these are."""
    case = Case(opset=28)
    x = f32(rng.standard_normal((m, n)))
    case.input("x", x, ["batch", n])
    case.parameter("row", f32(fixed.standard_normal(n)))

    def known(name, *values):
        return case.parameter(name, np.array(values, np.int64))

    two, three, five = known("two", 2), known("three", 3), known("five", 5)
    batch = case.add("Shape", ["x"], np.array([m]), start=0, end=1)
    width = case.add("Shape", ["x"], np.array([n]), start=1)
    rest = case.add("Mod", [batch, two], np.array([m % 2]))
    is_odd = case.add("Equal", [rest, known("one", 1)], np.array([m % 2 == 1]))
    is_few = case.add("Less", [batch, five], np.array([m < 5]))
    both = case.add("And", [is_odd, is_few], np.array([m % 2 == 1 and m < 5]))
    either = case.add("Or", [is_odd, is_few], np.array([m % 2 == 1 or m < 5]))
    one_of = case.add("Xor", [is_odd, is_few], np.array([(m % 2 == 1) != (m < 5)]))
    none = case.add("Not", [either], np.array([not (m % 2 == 1 or m < 5)]))
    for flag, holds in ((both, m % 2 == 1 and m < 5), (either, m % 2 == 1 or m < 5),
                        (one_of, (m % 2 == 1) != (m < 5)), (none, not (m % 2 == 1 or m < 5))):
        size = 3 if holds else m
        extent = case.add("Where", [flag, three, batch], np.array([size]))
        shape = case.add("Concat", [extent, width], np.array([size, n]), axis=0)
        case.add("Expand", ["row", shape], np.broadcast_to(case.parameters["row"], (size, n)))
    for op, function in (("Min", min), ("Max", max)):
        extent = case.add(op, [batch, five, three], np.array([function(m, 5, 3)]))
        shape = case.add("Concat", [extent, width], np.array([function(m, 5, 3), n]), axis=0)
        case.add("Expand", ["row", shape], np.broadcast_to(case.parameters["row"], (function(m, 5, 3), n)))
    return case


GROUPS = [newer, decisions]
