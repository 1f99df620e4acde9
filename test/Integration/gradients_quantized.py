# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients through quantizers, against PyTorch's fake quantization and against masked references in float64.

    gradients_quantized.py FAMILY FOLDER [--seed N] [--filter TEXT]

All cases of a family are in one model, each with inputs and an output of its own. Batches are dynamic; values lie inside
the range, outside, on its bounds, and where rounding ties.
"""
import argparse
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import gradients  # noqa: E402
from narrow_types import FLOATS, INTEGERS, NARROW  # noqa: E402

FLOAT = TensorProto.FLOAT
WIDE = {"i8": (TensorProto.INT8, np.int8), "u8": (TensorProto.UINT8, np.uint8), "i16": (TensorProto.INT16, np.int16),
        "u16": (TensorProto.UINT16, np.uint16)}


def number_of(kind):
    """The type as ONNX numbers it."""
    return WIDE[kind][0] if kind in WIDE else NARROW[kind].number


def range_of(kind):
    if kind in WIDE:
        return np.iinfo(WIDE[kind][1]).min, np.iinfo(WIDE[kind][1]).max
    if kind in INTEGERS:
        return INTEGERS[kind].low, INTEGERS[kind].high
    high = FLOATS[kind].magnitudes[-2]
    return -high, high


def straight(value, surrogate):
    """The value of one, the gradient of the other."""
    return surrogate + (value - surrogate).detach()


def codes(x, scale, zero, low, high, fitted=False):
    """Codes of quantization, in f32 as ONNX has it; gradients inside the range, or everywhere."""
    rounded = np.rint(x.detach().numpy().astype(np.float32) / np.float32(scale)) + np.float32(zero)
    inside = torch.tensor((rounded >= low) & (rounded <= high) | fitted)
    scale = torch.as_tensor(np.float32(scale)).to(x)
    return straight(torch.tensor(np.clip(rounded, low, high)).to(x), torch.where(inside, x / scale, torch.zeros_like(x)))


def fake(x, scale, zero, low, high):
    scale, zero = np.float32(scale), np.float32(zero)
    return (codes(x, scale, zero, low, high) - torch.tensor(zero)) * torch.tensor(scale).to(x)


def round_to(values, kind):
    return FLOATS[kind].decode(FLOATS[kind].encode(values)).astype(np.float32)


def fake_float(x, scale, kind):
    """The same of narrow floats, in whose range the ratio has to be."""
    ratio = x.detach().numpy().astype(np.float32) / np.float32(scale)
    _, high = range_of(kind)
    value = round_to(np.clip(ratio, -high, high), kind)
    inside = torch.tensor(np.abs(ratio) <= high)
    return straight(torch.tensor(value * np.float32(scale)).to(x), torch.where(inside, x, torch.zeros_like(x)))


def dynamic(x):
    """Codes, scale and zero point of DynamicQuantizeLinear."""
    v = x.detach().numpy().astype(np.float32)
    low, high = np.minimum(v.min(), np.float32(0)), np.maximum(v.max(), np.float32(0))
    scale = (high - low) / np.float32(255)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    return codes(x, scale, zero, 0, 255, fitted=True) - float(zero), float(scale)


class Case:
    """Nodes from inputs `a`, `b`, ... to `y`; `constants` are further operands."""

    def __init__(self, name, inputs, nodes, function, constants=None):
        self.name, self.inputs, self.nodes, self.function = name, inputs, nodes, function
        self.constants = constants or {}

    def get_scales(self):
        """Constants of quantizers only: they get no gradient."""
        return [name for name in self.constants if all("Linear" in op for op, operands, *_ in self.nodes if name in operands)]


def node(op, operands, results, **attributes):
    return op, operands.split(), results.split(), attributes


def constant(value, dtype=np.float32):
    """A tensor of a type of NumPy, or of one of less than 8 bits by its name."""
    if dtype in INTEGERS:
        value = np.array(value)
        return TensorProto(dims=value.shape, data_type=number_of(dtype), raw_data=INTEGERS[dtype].pack(value).tobytes())
    return numpy_helper.from_array(np.array(value, dtype))


def pair(name, shape, kind, scale, zero, function, between=(), last="q", **attributes):
    """QuantizeLinear of `a`, nodes in between, DequantizeLinear; `zero` None leaves the type to an attribute."""
    constants, operands, first = {"s": constant(scale)}, "s", dict(attributes)
    if zero is None:
        first["output_dtype"] = number_of(kind)
    else:
        constants["z"] = constant(zero, WIDE[kind][1] if kind in WIDE else kind)
        operands = "s z"
    shape, reach = shape
    nodes = [node("QuantizeLinear", f"a {operands}", "q", **first), *between,
             node("DequantizeLinear", f"{last} {operands}", "y", **attributes)]
    return Case(name, [(shape, reach)], nodes, function, constants)


def on_grid(scale, zero, low, high):
    """Values by which every case of the range is hit: multiples of half the scale, to beyond both bounds."""
    def draw(rng, shape):
        reach = rng.integers(0, np.where(rng.random(shape) < 0.5, 12, 2 * min(high - low, 400) + 12)) / 2
        code = np.where(rng.random(shape) < 0.5, high + 3 - reach, low - 3 + reach)
        return ((code - np.asarray(zero, np.float64)) * scale).astype(np.float32)
    return draw


def tensor_case(name, kind, scale, zero, shape=("n", 17), torch_function=False):
    low, high = range_of(kind)
    function = (lambda x: torch.fake_quantize_per_tensor_affine(x.float(), scale, zero or 0, low, high).double()
                if torch_function else fake(x, scale, zero or 0, low, high))
    return pair(name, (shape, on_grid(scale, zero or 0, low, high)), kind, scale, zero, function)


def axis_case(name, kind, scale, zero, axis, shape, torch_function=False):
    low, high = range_of(kind)
    scale, zero = np.array(scale, np.float32), np.array(zero)
    wide = [1] * len(shape)
    wide[axis] = -1
    if torch_function:
        def function(x):
            return torch.fake_quantize_per_channel_affine(x.float(), torch.tensor(scale), torch.tensor(zero.astype(np.int32)), axis,
                                                          low, high).double()
    else:
        def function(x):
            return fake(x, scale.reshape(wide), zero.reshape(wide), low, high)
    return pair(name, (shape, on_grid(scale.reshape(wide), zero.reshape(wide), low, high)), kind, scale, zero, function, axis=axis)


def blocked_case(name, kind, block, axis, shape, rng):
    low, high = range_of(kind)
    extents = list(shape)
    extents[axis] = -(-shape[axis] // block)
    scale = 2.0 ** rng.integers(-5, 0, extents)
    zero = rng.integers(low, high + 1, extents)

    def spread(v):
        return np.take(np.repeat(v, block, axis), np.arange(shape[axis]), axis)
    return pair(name, (shape, on_grid(spread(scale), spread(zero), low, high)), kind, scale, zero,
                lambda x: fake(x, spread(scale), spread(zero), low, high), axis=axis, block_size=block)


def float_case(name, kind, scale):
    high = range_of(kind)[1]

    def draw(rng, shape):
        x = rng.standard_normal(shape) * high
        x = np.where(rng.random(shape) < 0.2, np.sign(x) * high, x)
        return (np.where(rng.random(shape) < 0.2, x / high, x) * scale).astype(np.float32)
    return pair(name, (("n", 33), draw), kind, scale, None, lambda x: fake_float(x, scale, kind))


def normal(rng, shape):
    return rng.standard_normal(shape).astype(np.float32)


PER_CHANNEL = ([0.25, 0.5, 2.0, 0.125, 1.0], [-3, 0, 100, 127, -128])
fixed = np.random.default_rng(1)

PAIRS = [
    tensor_case("int8", "i8", 0.03125, -3, torch_function=True),
    tensor_case("uint8", "u8", 0.25, 128, ("n", 3, 5), torch_function=True),
    tensor_case("uint8 without zero point", "u8", 0.0237, None),
    tensor_case("int8 odd scale", "i8", 0.0237, 5, ("n", 257)),
    tensor_case("int16", "i16", 0.001953125, 100),
    tensor_case("uint16", "u16", 0.001953125, 40000),
    tensor_case("int4", "i4", 0.5, 1), tensor_case("uint4", "u4", 0.5, 3), tensor_case("int2", "i2", 0.5, None),
    tensor_case("uint2", "u2", 0.5, 1),
    axis_case("int8 by channel", "i8", *PER_CHANNEL, 1, ("n", 5, 3), torch_function=True),
    axis_case("int8 by last axis", "i8", *PER_CHANNEL, -1, ("n", 5)),
    axis_case("uint8 by channel", "u8", [0.5, 3.0, 0.125], [0, 255, 7], 1, ("n", 3)),
    blocked_case("int8 in blocks", "i8", 4, 1, (3, 10), fixed),
    blocked_case("int4 in blocks", "i4", 2, 0, (6, 5), fixed),
    float_case("float8e4m3fn", "f8e4m3fn", 0.0625), float_case("float8e5m2", "f8e5m2", 1.0), float_case("float4e2m1", "f4e2m1", 0.5),
]


def moved(name, nodes, last, function, constants=None, shape=("n", 3, 8)):
    """Codes that are moved about before they are dequantized."""
    case = pair(name, (shape, on_grid(0.25, 2, -128, 127)), "i8", 0.25, 2,
                lambda x: (function(codes(x, 0.25, 2, -128, 127)) - 2) * 0.25, nodes, last)
    case.constants.update(constants or {})
    return case


MOVED = [
    moved("Transpose", [node("Transpose", "q", "t", perm=[2, 0, 1])], "t", lambda q: q.permute(2, 0, 1)),
    moved("Reshape", [node("Reshape", "q r", "t")], "t", lambda q: q.flatten(1), {"r": constant([0, -1], np.int64)}),
    moved("Concat", [node("Concat", "q q", "t", axis=1)], "t", lambda q: torch.cat((q, q), 1)),
    moved("Slice", [node("Slice", "q b e", "t")], "t", lambda q: q[:, 1:], {"b": constant([0, 1], np.int64), "e": constant([10**6, 3], np.int64)}),
    moved("Gather", [node("Gather", "q i", "t", axis=1)], "t", lambda q: q[:, [2, 0, 2]], {"i": constant([2, 0, 2], np.int64)}),
    moved("Pad", [node("Pad", "q p z", "t")], "t", lambda q: F.pad(q, (1, 2), value=2.0), {"p": constant([0, 0, 1, 0, 0, 2], np.int64)}),
    moved("Clip", [node("Clip", "q l h", "t")], "t", lambda q: torch.clamp(q, -7, 9), {"l": constant(-7, np.int8), "h": constant(9, np.int8)}),
    moved("Relu", [node("Relu", "q", "t")], "t", torch.relu),
    moved("MaxPool", [node("MaxPool", "q", "t", kernel_shape=[2], strides=[2])], "t", lambda q: F.max_pool1d(q, 2, 2)),
    moved("Split", [node("Split", "q", "t u v", axis=1)], "u", lambda q: q[:, 1:2]),
    moved("Where", [node("Less", "a o", "c"), node("Where", "c q m", "t")], "t",
          lambda q: torch.where((q - 2) * 0.25 < 0, q, torch.full_like(q, 5.0)), {"o": constant(-0.125), "m": constant(5, np.int8)}),
    Case("Cast of codes", [(("n", 7), on_grid(0.25, 2, -128, 127))],
         [node("QuantizeLinear", "a s z", "q"), node("Cast", "q", "w", to=TensorProto.INT32), node("Cast", "z", "v", to=TensorProto.INT32),
          node("Sub", "w v", "d"), node("Mul", "d d", "e"), node("Cast", "e", "f", to=FLOAT), node("Mul", "f s", "y")],
         lambda x: (codes(x, 0.25, 2, -128, 127) - 2) ** 2 * 0.25, {"s": constant(0.25), "z": constant(2, np.int8)}),
    Case("integers without quantizer", [(("n", 7), normal)],
         [node("Cast", "a", "i", to=TensorProto.INT32), node("Cast", "i", "f", to=FLOAT), node("Mul", "a f", "y")],
         lambda x: x * x.detach().trunc()),
    Case("comparison", [(("n", 7), normal)],
         [node("Greater", "a o", "c"), node("Cast", "c", "f", to=FLOAT), node("ArgMax", "a", "i", axis=1), node("Cast", "i", "g", to=FLOAT),
          node("Mul", "a f", "m"), node("Add", "m g", "y")],
         lambda x: x * (x > 0.25).to(x) + x.argmax(1, keepdim=True).to(x), {"o": constant(0.25)}),
    Case("casts between floats", [(("n", 33), normal)],
         [node("Cast", "a", "h", to=TensorProto.FLOAT16), node("Cast", "h", "b", to=TensorProto.BFLOAT16), node("Cast", "b", "e", to=number_of("f8e5m2")),
          node("Cast", "e", "d", to=TensorProto.DOUBLE), node("Cast", "d", "g", to=number_of("f8e4m3fn")), node("Cast", "g", "y", to=FLOAT)],
         lambda x: straight(torch.tensor(round_to(round_to(
             x.detach().half().bfloat16().float().numpy(), "f8e5m2"), "f8e4m3fn")).to(x), x)),
    Case("half", [(("n", 33), on_grid(0.25, 0, -128, 127))],
         [node("Cast", "a", "h", to=TensorProto.FLOAT16), node("QuantizeLinear", "h s z", "q"), node("DequantizeLinear", "q s z", "d"),
          node("Cast", "d", "y", to=FLOAT)],
         lambda x: fake(x, 0.25, 0, -128, 127), {"s": constant(0.25, np.float16), "z": constant(0, np.int8)}),
]


def integer_product(x, w, zero, scale):
    q, s = dynamic(x)
    return (q * s) @ ((torch.tensor(w, dtype=x.dtype) - torch.tensor(zero, dtype=x.dtype)) * torch.tensor(scale, dtype=x.dtype))


W = fixed.integers(-127, 128, (17, 5)).astype(np.int8)
ZEROS, SCALES = np.array([0, 3, -5, 127, -128], np.int8), np.array([0.5, 0.25, 1.0, 2.0, 0.125], np.float32)
CODES = fixed.integers(0, 256, (5, 3, 3, 3)).astype(np.uint8)


def tied(x, w):
    """Both operands quantized in the graph."""
    (q, s), (v, t) = dynamic(x), dynamic(w)
    return (q * s) @ (v * t)


def convolution(x, w):
    q, s = dynamic(x)
    return F.conv2d(q * s, fake(w, 0.0625, 0, -128, 127), stride=2, padding=1)


def requantized(product, scale, zero):
    """QLinear operators round their product, which is not beyond f32's integers, to 8 bits."""
    return fake(product, scale, zero, 0, 255)


PRODUCTS = [
    Case("DynamicQuantizeLinear", [(("n", 33), normal)], [node("DynamicQuantizeLinear", "a", "q s z"), node("DequantizeLinear", "q s z", "y")],
         lambda x: (lambda q, s: q * s)(*dynamic(x))),
    Case("MatMulInteger", [(("n", 17), normal)],
         [node("DynamicQuantizeLinear", "a", "q s z"), node("MatMulInteger", "q w z", "i"), node("Cast", "i", "f", to=FLOAT),
          node("Mul", "s t", "u"), node("Mul", "f u", "y")],
         lambda x: integer_product(x, W, 0, 0.5), {"w": constant(W, np.int8), "t": constant(0.5)}),
    Case("MatMulInteger by column", [(("n", 3, 17), normal)],
         [node("DynamicQuantizeLinear", "a", "q s z"), node("MatMulInteger", "q w z v", "i"), node("Cast", "i", "f", to=FLOAT),
          node("Mul", "f s", "g"), node("Mul", "g t", "y")],
         lambda x: integer_product(x, W, ZEROS, SCALES), {"w": constant(W, np.int8), "v": constant(ZEROS, np.int8), "t": constant(SCALES)}),
    Case("MatMulInteger of two quantized", [(("n", 7), normal), ((7, 5), normal)],
         [node("DynamicQuantizeLinear", "a", "q s z"), node("DynamicQuantizeLinear", "b", "w t v"), node("MatMulInteger", "q w z v", "i"),
          node("Cast", "i", "f", to=FLOAT), node("Mul", "s t", "u"), node("Mul", "f u", "y")], tied),
    Case("ConvInteger", [(("n", 3, 9, 8), normal), ((5, 3, 3, 3), on_grid(0.0625, 0, -128, 127))],
         [node("DynamicQuantizeLinear", "a", "q s z"), node("QuantizeLinear", "b t v", "w"),
          node("ConvInteger", "q w z v", "i", strides=[2, 2], pads=[1, 1, 1, 1]), node("Cast", "i", "f", to=FLOAT), node("Mul", "s t", "u"),
          node("Mul", "f u", "y")], convolution, {"t": constant(0.0625), "v": constant(0, np.int8)}),
    Case("QLinearMatMul", [(("n", 17), on_grid(0.5, 3, 0, 255))],
         [node("QuantizeLinear", "a s z", "q"), node("QLinearMatMul", "q s z w t v r o", "p"), node("DequantizeLinear", "p r o", "y")],
         lambda x: requantized(fake(x, 0.5, 3, 0, 255) @ (torch.tensor(W).to(x) - torch.tensor(ZEROS).to(x)).mul(torch.tensor(SCALES).to(x)), 64.0, 100),
         {"s": constant(0.5), "z": constant(3, np.uint8), "w": constant(W, np.int8), "t": constant(SCALES), "v": constant(ZEROS, np.int8),
          "r": constant(64.0), "o": constant(100, np.uint8)}),
    Case("QLinearConv", [(("n", 3, 5, 6), on_grid(0.5, 3, 0, 255))],
         [node("QuantizeLinear", "a s z", "q"), node("QLinearConv", "q s z w t v r o c", "p", pads=[1, 1, 1, 1]), node("DequantizeLinear", "p r o", "y")],
         lambda x: requantized(F.conv2d(fake(x, 0.5, 3, 0, 255), (torch.tensor(CODES).to(x) - 128) * 0.25,
                                        torch.tensor([100, -7, 0, 3, 50]).to(x) * 0.125, padding=1), 32.0, 77),
         {"s": constant(0.5), "z": constant(3, np.uint8), "w": constant(CODES, np.uint8), "t": constant(0.25), "v": constant(128, np.uint8),
          "r": constant(32.0), "o": constant(77, np.uint8), "c": constant([100, -7, 0, 3, 50], np.int32)}),
]

FAMILIES = {"pairs": PAIRS, "moved": MOVED, "products": PRODUCTS}


def build(cases):
    nodes, inputs, outputs, initializers = [], [], [], []
    for i, case in enumerate(cases):
        for name, (shape, _) in zip("ab", case.inputs):
            inputs.append(helper.make_tensor_value_info(f"c{i}.{name}", FLOAT, list(shape)))
        for name, value in case.constants.items():
            if is_input(value):
                inputs.append(helper.make_tensor_value_info(f"c{i}.{name}", value.data_type, value.dims))
                continue
            value = TensorProto.FromString(value.SerializeToString())
            value.name = f"c{i}.{name}"
            initializers.append(value)
        for j, (op, operands, results, attributes) in enumerate(case.nodes):
            nodes.append(helper.make_node(op, [f"c{i}.{o}" for o in operands], [f"c{i}.{r}" for r in results], f"{case.name}/{op}{j}",
                                          **attributes))
        outputs.append(helper.make_tensor_value_info(f"c{i}.y", FLOAT, None))
    graph = helper.make_graph(nodes, "quantized", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=13)


def is_input(tensor):
    """What is no scalar and shapes nothing is an input, since preparing parameters has no part in this."""
    return len(tensor.dims) > 0 and tensor.data_type != TensorProto.INT64


def as_array(tensor):
    """Narrow integers are one to a byte."""
    for kind in INTEGERS.values():
        if tensor.data_type == kind.number:
            bits = np.unpackbits(np.frombuffer(tensor.raw_data, np.uint8), bitorder="little").reshape(-1, kind.width)
            fields = (bits << np.arange(kind.width)).sum(1)[:int(np.prod(tensor.dims))]
            return kind.decode(fields).astype(kind.dtype).reshape(tuple(tensor.dims))
    return numpy_helper.to_array(tensor)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--filter")
    args = parser.parse_args()
    print("seed", args.seed)
    rng = np.random.default_rng(args.seed)
    cases = [case for case in FAMILIES[args.family] if not args.filter or args.filter in case.name]
    args.folder.mkdir(parents=True, exist_ok=True)
    artifact = gradients.compile_model_gradient(build(cases), args.folder, args.family)
    failures = gradients.Failures()
    for n in (1, 3, 33):
        expected = []
        data = {f"c{i}.{name}": as_array(value) for i, case in enumerate(cases) for name, value in case.constants.items() if is_input(value)}
        for i, case in enumerate(cases):
            arrays = [draw(rng, tuple(n if e == "n" else e for e in shape)) for shape, draw in case.inputs]
            names = [f"c{i}.{name}" for name in "ab"[:len(arrays)]]
            data.update(zip(names, arrays))
            result = case.function(*[torch.tensor(x.astype(np.float64)) for x in arrays])
            cotangent = rng.standard_normal(tuple(result.shape)).astype(np.float32)
            if any(attributes.get("to") == TensorProto.FLOAT16 for *_, attributes in case.nodes):
                cotangent = np.rint(cotangent * 4) / 4  # Gradients of 16-bit floats are 16-bit floats.
            data[f"c{i}.y/cotangent"] = cotangent
            want, grads = gradients.reference(case.function, arrays, [cotangent])
            expected.append((f"c{i}.y", case, want[0]))
            expected += [(f"{name}/gradient", case, grad) for name, grad in zip(names, grads)]
        got = artifact(data)
        for name, case, want in expected:
            failures.check(f"{case.name} {name} at n = {n}", got[name], want)
        for i, case in enumerate(cases):
            for name in case.get_scales():
                value = got.get(f"c{i}.{name}/gradient")
                if value is not None:
                    failures.check(f"{case.name} {name} at n = {n}", value, np.zeros(value.shape))
    failures.finish("results and gradients")


if __name__ == "__main__":
    main()
