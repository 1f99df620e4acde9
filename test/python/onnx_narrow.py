# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Casts, quantization and moves of narrow element types against NumPy, compiled by ternc and run by tern-run.

onnx_narrow.py FOLDER [--seed N] [--filter TEXT]

The references come from the formats' definitions alone; see narrow_types.py.
"""
import argparse
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

import randomness
from narrow_types import FLOATS, INTEGERS, NARROW, bf16_bits, from_bf16

SIZES = (1, 3, 17, 33, 257)
PLAIN = {"f32": (TensorProto.FLOAT, np.float32), "f16": (TensorProto.FLOAT16, np.float16), "f64": (TensorProto.DOUBLE, np.float64),
         "i8": (TensorProto.INT8, np.int8), "u8": (TensorProto.UINT8, np.uint8), "i16": (TensorProto.INT16, np.int16),
         "u16": (TensorProto.UINT16, np.uint16), "i32": (TensorProto.INT32, np.int32), "u32": (TensorProto.UINT32, np.uint32),
         "i64": (TensorProto.INT64, np.int64), "u64": (TensorProto.UINT64, np.uint64), "bool": (TensorProto.BOOL, np.bool_)}
BF16 = TensorProto.BFLOAT16


def number(kind):
    """ONNX's number of an element type."""
    return NARROW[kind].number if kind in NARROW else BF16 if kind == "bf16" else PLAIN[kind][0]


class Case:
    """A model in the making, with the expected value of each output: bytes for narrow types, bits for bfloat16."""

    def __init__(self, opset=25):
        self.opset, self.nodes, self.inputs, self.initializers, self.expected = opset, [], {}, [], {}

    def input(self, kind, array, shape=None):
        name = f"x{len(self.inputs)}"
        self.inputs[name] = (number(kind), np.asarray(array), shape)
        return name

    def initializer(self, kind, shape, data, form="raw", folder=None):
        """`data`: what narrow_types.pack returns, or an array of another type."""
        tensor = TensorProto(name=f"w{len(self.initializers)}", data_type=number(kind), dims=shape)
        if form == "int32":
            tensor.int32_data.extend(data)
        elif form == "raw":
            tensor.raw_data = bytes(data)
        else:
            with open(os.path.join(folder, tensor.name), "wb") as file:
                file.write(b"\xff" * 5 + bytes(data) + b"\xff" * 3)
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", tensor.name), ("offset", "5"), ("length", str(len(data)))):
                tensor.external_data.add(key=key, value=value)
        self.initializers.append(tensor)
        return tensor.name

    def node(self, op, inputs, **attributes):
        """A node whose output another one takes."""
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def add(self, op, inputs, expected, what="", **attributes):
        """A node whose output is compared; `what` is said of it if it differs."""
        name = self.node(op, inputs, **attributes)
        self.expected[name] = (np.asarray(expected), f"{op} {what}")
        return name

    def save(self, path):
        inputs = [helper.make_tensor_value_info(name, kind, shape or array.shape) for name, (kind, array, shape) in self.inputs.items()]
        outputs = [onnx.ValueInfoProto(name=name) for name in self.expected]
        graph = helper.make_graph(self.nodes, "narrow", inputs, outputs, self.initializers)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10), path)

    def check(self, folder):
        """The number of results compared, and what is wrong with them."""
        path, library = os.path.join(folder, "m.onnx"), os.path.join(folder, "m.so")
        self.save(path)
        tool("ternc", path, "-o", library)
        command = ["tern-run", library]
        for i, (name, (kind, array, _)) in enumerate(self.inputs.items()):
            form = next((form for form in NARROW.values() if form.number == kind), None)
            if form and i % 2:  # As ONNX stores them.
                proto = TensorProto(name=name, data_type=kind, dims=array.shape)
                if i % 4 == 1:
                    proto.raw_data = bytes(form.pack(array))
                else:
                    proto.int32_data.extend(form.int32(array))
                with open(f"{folder}/{name}.pb", "wb") as file:
                    file.write(proto.SerializeToString())
            else:
                np.save(f"{folder}/{name}.npy", array)
            command.append(f"--input={name}=@{folder}/{name}.{'pb' if form and i % 2 else 'npy'}")
        tool(*command, *[f"--output={name}=@{folder}/{name}.npy" for name in self.expected])
        wrong = []
        for name, (expected, what) in self.expected.items():
            got = np.load(f"{folder}/{name}.npy")
            if got.dtype.kind == "V":
                got = got.view(np.uint16)
            problem = compare(got, expected)
            if problem:
                wrong.append(f"{what}: {problem}")
        return len(self.expected), wrong


def tool(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr.strip() or f"{command[0]} died: {result.returncode}")


def compare(got, expected):
    """None, or what differs: all is exact, NaN equals NaN, and zeros have signs."""
    if (got.shape, got.dtype) != (expected.shape, expected.dtype):
        return f"{got.dtype}{got.shape}, not {expected.dtype}{expected.shape}"
    same = got == expected
    if got.dtype.kind == "f":
        same = (same & (np.signbit(got) == np.signbit(expected))) | (np.isnan(got) & np.isnan(expected))
    if same.all():
        return None
    where = np.unravel_index(np.argmin(same), same.shape)
    return f"{np.count_nonzero(~same)} of {same.size} differ, first {list(map(int, where))}: {got[where]}, not {expected[where]}"


# --- References ----------------------------------------------------------------


def cast_plain(x, kind):
    """Values (float64 or integers) as another type, but a narrow one: integers keep their low bits."""
    if kind == "bf16":
        return bf16_bits(np.asarray(x, np.float64))
    dtype = PLAIN[kind][1]
    return x != 0 if dtype == np.bool_ else x.astype(dtype)


def saturate(values, dtype):
    """Doubles towards zero as integers; NaN is 0."""
    info = np.iinfo(dtype)
    low, high = values <= info.min, values >= float(info.max)
    inside = np.where(low | high | np.isnan(values), 0, values).astype(dtype)
    return np.where(low, info.min, np.where(high, info.max, inside)).astype(dtype)


def with_neighbours(x, kind):
    """Numbers of an element type, those beside them, and the special ones."""
    if kind == "bf16":
        bits = np.arange(2**16, dtype=np.uint16)  # All there are.
        return bits.view("V2"), from_bf16(bits)
    if kind == "f16":
        x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    else:
        x = x.astype(PLAIN[kind][1])
        specials = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-45, -1e-45, 3e38, -3e38], x.dtype)
        x = np.concatenate([x, np.nextafter(x, x.dtype.type(np.inf)), np.nextafter(x, x.dtype.type(-np.inf)), specials])
    return x, x.astype(np.float64)


def floats(rng, kind, count):
    """Random numbers around all that small integers round and wrap at, as an array of the type and as float64."""
    x = np.concatenate([rng.normal(0, 9, count), rng.integers(-40, 40, count) / 4, rng.uniform(-1e9, 1e9, count),
                        [0.0, -0.0, 2.0**31, -2.0**31, 3e9, -1e38, np.inf, -np.inf, np.nan, 1e-8]])
    if kind == "bf16":
        bits = bf16_bits(x)
        return bits.view("V2"), from_bf16(bits)
    x = x.astype(PLAIN[kind][1])
    return x, x.astype(np.float64)


# --- Groups --------------------------------------------------------------------


def casts_from_integers(rng, case, folder):
    """Every byte a caller can pass, of which the low bits count, to every type."""
    for kind in INTEGERS:
        form = NARROW[kind]
        every = np.arange(256).astype(np.uint8).view(form.dtype)
        values = form.decode(every)
        x = case.input(kind, every)
        case.add("Identity", [x], values.astype(form.dtype), kind)
        for to in [*PLAIN, "bf16"]:
            case.add("Cast", [x], cast_plain(values, to), f"{kind} to {to}", to=number(to))
        for to in INTEGERS:
            case.add("Cast", [x], NARROW[to].wrap(values), f"{kind} to {to}", to=number(to))
            case.add("CastLike", [x, case.initializer(to, [0], b"")], NARROW[to].wrap(values), f"{kind} to {to}")


def casts_to_integers(rng, case, folder):
    for source in ("f32", "f16", "f64", "bf16"):
        array, x = floats(rng, source, 33)
        name = case.input(source, array)
        for kind in INTEGERS:
            fits = np.abs(x) < 2.0**31
            expected = NARROW[kind].wrap(np.trunc(np.where(fits, x, 0)).astype(np.int64))
            case.add("Cast", [name], expected, f"{source} to {kind}", to=number(kind))
    for source in ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "bool"):
        dtype = PLAIN[source][1]
        x = rng.integers(0, 256, 64 * dtype().itemsize).astype(np.uint8)
        x = x % 2 == 1 if dtype == np.bool_ else x.view(dtype)
        name = case.input(source, x)
        for kind in INTEGERS:
            case.add("Cast", [name], NARROW[kind].wrap(x.astype(np.int64)), f"{source} to {kind}", to=number(kind))


def casts_from_floats(rng, case, folder):
    """Every byte to every type."""
    every = np.arange(256).astype(np.uint8)
    for kind, form in FLOATS.items():
        values = form.decode(every)
        x = case.input(kind, every)
        case.add("Identity", [x], every & (2**form.width - 1), kind)
        for to in [*PLAIN, "bf16"]:
            dtype = np.dtype(PLAIN[to][1] if to in PLAIN else "V2")
            expected = saturate(values, dtype) if dtype.kind in "iu" else cast_plain(values, to)
            case.add("Cast", [x], expected, f"{kind} to {to}", to=number(to))
        for to in INTEGERS:
            fits = np.abs(values) < 2.0**31
            expected = NARROW[to].wrap(np.trunc(np.where(fits, values, 0)).astype(np.int64))
            case.add("Cast", [x], expected, f"{kind} to {to}", to=number(to))
        for to in FLOATS:
            for saturates in (1, 0):
                expected = FLOATS[to].encode(values, saturates) if to != kind else every & (2**form.width - 1)
                # Which NaN is made of one is told by its sign alone.
                case.add("CastLike", [x, case.initializer(to, [0], b"")], expected, f"{kind} to {to}, saturate {saturates}", saturate=saturates)


def casts_to_floats(rng, case, folder):
    """Around all boundaries; of f16 and bf16 all numbers."""
    for kind, form in FLOATS.items():
        for source in ("f32", "f64", "f16", "bf16"):
            array, x = with_neighbours(form.interesting(), source)
            name = case.input(source, array)
            for saturates in (1, 0):
                for mode in ("up", "down", "nearest") if kind == "f8e8m0" else ("up",):
                    case.add("Cast", [name], form.encode(x, saturates, mode), f"{source} to {kind}, saturate {saturates}, {mode}",
                             to=form.number, saturate=saturates, round_mode=mode)
        for source in (*INTEGERS, "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "bool"):
            dtype = NARROW[source].dtype if source in NARROW else PLAIN[source][1]
            x = rng.integers(0, 256, 64 * np.dtype(dtype).itemsize).astype(np.uint8)
            x = x % 2 == 1 if dtype == np.bool_ else x.view(dtype)
            x = NARROW[source].decode(x).astype(dtype) if source in NARROW else x
            case.add("Cast", [case.input(source, x)], form.encode(x.astype(np.float64)), f"{source} to {kind}", to=form.number)


def quantized_floats(rng, case, folder):
    """QuantizeLinear and DequantizeLinear of narrow floats; of the latter, all codes."""
    shape = (3, 17, 2)
    every = np.arange(256).astype(np.uint8)
    scales_of_powers = rng.integers(100, 140, 256).astype(np.uint8)
    for kind, form in FLOATS.items():
        if kind == "f8e8m0":
            continue
        x = case.input(kind, every)
        for scale_kind in ("f32", "f16", "bf16"):
            for out in (None, "f16"):
                scale = np.float32(rng.uniform(0.1, 2))
                bits = np.asarray(bf16_bits(scale) if scale_kind == "bf16" else scale.astype(PLAIN[scale_kind][1]))
                scale = np.float32(from_bf16(bits) if scale_kind == "bf16" else bits)
                product = form.decode(every).astype(np.float32) * scale
                case.add("DequantizeLinear", [x, case.initializer(scale_kind, [], bits.tobytes())],
                         cast_plain(product.astype(np.float64), out or scale_kind), f"{kind} by {scale_kind} to {out}",
                         **({"output_dtype": number(out)} if out else {}))
        product = form.decode(every).astype(np.float32) * FLOATS["f8e8m0"].decode(scales_of_powers).astype(np.float32)
        case.add("DequantizeLinear", [x, case.initializer("f8e8m0", [256], scales_of_powers.tobytes())], product.astype(np.float32),
                 f"{kind} by powers", axis=0, output_dtype=number("f32"))
        for scales, axis, block in granularities(rng, shape):
            codes, zeros = form.random(rng, shape), form.random(rng, scales)
            scale = rng.uniform(0.1, 1, scales).astype(np.float32)
            attributes = {"axis": axis, **({"block_size": block} if block else {})}
            scale_name = case.initializer("f32", scales, scale.tobytes())
            zero = [case.initializer(kind, scales, form.pack(zeros).tobytes())] if rng.integers(2) else []
            zero_values = spread(form.decode(zeros).astype(np.float32), shape, axis, block)
            span = spread(scale, shape, axis, block)
            values = form.decode(codes).astype(np.float32)
            expected = (values - zero_values if zero else values) * span
            case.add("DequantizeLinear", [case.input(kind, codes), scale_name, *zero], expected, f"{kind} {scales} {axis} {block}", **attributes)
            x32 = (rng.normal(0, form.magnitudes[form.greatest] / 2, shape) * span).astype(np.float32)
            x32.ravel()[::3] = (rng.normal(0, form.magnitudes[4], shape) * span).ravel()[::3]
            ratio = x32 / span
            saturates = int(rng.integers(2))
            expected = form.encode((ratio + zero_values if zero else ratio).astype(np.float64), saturates)
            case.add("QuantizeLinear", [case.input("f32", x32), scale_name, *zero], expected, f"{kind} {scales} {axis} {block}",
                     saturate=saturates, output_dtype=form.number, **attributes)


def stored_forms(rng, case, folder):
    """Initializers and constants in each form that data are stored in, at sizes that do not fill the last byte."""
    for kind in NARROW:
        form = NARROW[kind]
        for size in (*SIZES, 2050):
            codes = form.random(rng, size)
            for storage in ("raw", "int32", "external"):
                data = form.pack(codes) if storage != "int32" else form.int32(codes)
                name = case.initializer(kind, [size], data, storage, folder)
                case.add("Identity", [name], codes, f"{kind} {storage}")
        codes = form.random(rng, (3, 11))
        value = TensorProto(data_type=form.number, dims=[3, 11], raw_data=bytes(form.pack(codes)))
        constant = case.node("Constant", [], value=value)
        case.add("Transpose", [constant], codes.T, kind, perm=[1, 0])
        value = TensorProto(data_type=form.number, dims=[1], raw_data=bytes(form.pack(codes.ravel()[:1])))
        shape = case.initializer("i64", [2], np.array([3, 5], np.int64).tobytes())
        case.add("ConstantOfShape", [shape], np.full((3, 5), codes.ravel()[0]), kind, value=value)


def moves(rng, case, folder):
    for kind in NARROW:
        form = NARROW[kind]
        codes = form.random(rng, (17, 33))
        x = case.input(kind, codes, ["m", 33])
        constant = lambda *values: case.initializer("i64", [len(values)], np.array(values, np.int64).tobytes())
        case.add("Reshape", [x, constant(-1, 11, 3)], codes.reshape(-1, 11, 3), kind)
        case.add("Transpose", [x], codes.T, kind, perm=[1, 0])
        case.add("Flatten", [x], codes.reshape(1, -1), kind, axis=0)
        case.add("Unsqueeze", [x, constant(1)], codes[:, None], kind)
        case.add("Pad", [x, constant(1, 0, 0, 2)], np.pad(codes, ((1, 0), (0, 2))), kind)
        case.add("Pad", [x, constant(0, 1, 2, 0)], np.pad(codes, ((0, 2), (1, 0)), "edge"), kind, mode="edge")
        case.add("Gather", [x, constant(3, 0, 32)], codes[:, [3, 0, 32]], kind, axis=1)
        case.add("Shape", [x], np.array([17, 33]), kind)


def spread(parameter, shape, axis, block):
    """A scale or zero point for each element."""
    if parameter.ndim == 0:
        return np.broadcast_to(parameter, shape)
    if block:
        return np.take(np.repeat(parameter, block, axis), range(shape[axis]), axis)
    return np.broadcast_to(parameter.reshape([-1 if i == axis else 1 for i in np.arange(len(shape)) - (len(shape) if axis < 0 else 0)]), shape)


def granularities(rng, shape):
    """(shape of scales, axis, block size): for all, along axes, and in blocks, of which the last is cut short."""
    yield (), 1, 0
    for axis in range(len(shape)):
        yield (shape[axis],), axis - len(shape) * int(rng.integers(2)), 0
        for block in (1, 2, 5, 100):
            yield tuple(-(-n // block) if i == axis else n for i, n in enumerate(shape)), axis, block


QUANTIZED = {"i8": (-128, 127), "u8": (0, 255), "i16": (-(2**15), 2**15 - 1), "u16": (0, 2**16 - 1),
             **{kind: (NARROW[kind].low, NARROW[kind].high) for kind in INTEGERS}}


def quantized_initializer(case, kind, array):
    data = NARROW[kind].pack(array) if kind in NARROW else array.tobytes()
    return case.initializer(kind, array.shape, data)


def random_codes(rng, kind, shape):
    low, high = QUANTIZED[kind]
    return rng.integers(low, high + 1, shape).astype(NARROW[kind].dtype if kind in NARROW else PLAIN[kind][1])


def dequantize_integers(rng, case, folder):
    shape = (3, 17, 2)
    for kind in QUANTIZED:
        for scales, axis, block in granularities(rng, shape):
            codes, zeros = random_codes(rng, kind, shape), random_codes(rng, kind, scales)
            scale = rng.uniform(0.01, 2, scales).astype(np.float32)
            attributes = {"axis": axis, **({"block_size": block} if block else {})}
            x = case.input(kind, codes) if rng.integers(2) else quantized_initializer(case, kind, codes)
            operands = [x, case.initializer("f32", scales, scale.tobytes())]
            wide = codes.astype(np.int64)
            if rng.integers(2):
                operands.append(quantized_initializer(case, kind, zeros))
                wide = wide - spread(zeros.astype(np.int64), shape, axis, block)
            expected = wide.astype(np.float32) * spread(scale, shape, axis, block)
            case.add("DequantizeLinear", operands, expected, f"{kind} {scales} {axis} {block}", **attributes)
    # Every code, and results of other types.
    for kind in ("i4", "u4", "i2", "u2", "i8"):
        low, high = QUANTIZED[kind]
        codes = np.arange(low, high + 1).astype(random_codes(rng, kind, ()).dtype)
        x = case.input(kind, codes)
        for scale_kind in ("f32", "f16", "bf16"):
            for kind_out in (None, "f32", "f16", "bf16"):
                scale = np.float64(rng.uniform(0.1, 2))
                bits = bf16_bits(scale) if scale_kind == "bf16" else scale.astype(PLAIN[scale_kind][1])
                scale = np.float32(from_bf16(bits) if scale_kind == "bf16" else bits)
                product = (codes.astype(np.float32) * scale).astype(np.float64)
                expected = cast_plain(product, kind_out or scale_kind)
                case.add("DequantizeLinear", [x, case.initializer(scale_kind, [], bits.tobytes())], expected,
                         f"{kind} by {scale_kind} to {kind_out}", **({"output_dtype": number(kind_out)} if kind_out else {}))


def quantize_integers(rng, case, folder):
    shape = (3, 17, 2)
    for kind, (low, high) in QUANTIZED.items():
        for scales, axis, block in granularities(rng, shape):
            scale = rng.uniform(0.1, 1, scales).astype(np.float32)
            zeros = random_codes(rng, kind, scales)
            span = spread(scale, shape, axis, block)
            x = (rng.uniform(low - 2, high + 2, shape) * span).astype(np.float32)
            x.ravel()[:9] = np.arange(-4, 5) / 2 * span.ravel()[:9]  # Ties.
            attributes = {"axis": axis, **({"block_size": block} if block else {})}
            operands = [case.input("f32", x), case.initializer("f32", scales, scale.tobytes())]
            codes = np.rint(x / span).astype(np.int64)
            if rng.integers(2):
                operands.append(quantized_initializer(case, kind, zeros))
                codes = codes + spread(zeros.astype(np.int64), shape, axis, block)
            else:
                attributes["output_dtype"] = number(kind)
            case.add("QuantizeLinear", operands, np.clip(codes, low, high).astype(zeros.dtype),
                     f"{kind} {scales} {axis} {block}", **attributes)
    # The division is done in the scale's type, or in `precision`.
    for x_kind, scale_kind, precision in (("f16", "f16", None), ("f32", "f16", None), ("f16", "f32", None), ("f16", "f16", "f32"),
                                          ("f32", "f32", "f16"), ("i32", "f32", None)):
        dtypes = [PLAIN[k][1] for k in (x_kind, scale_kind, precision or scale_kind)]
        x = rng.uniform(-300, 300, 257).astype(dtypes[0])
        scale = dtypes[1](rng.uniform(0.5, 1))
        codes = np.rint(x.astype(dtypes[2]) / dtypes[2](scale)).astype(np.int64)
        for kind in ("i8", "u4"):
            case.add("QuantizeLinear", [case.input(x_kind, x), case.initializer(scale_kind, [], scale.tobytes())],
                     np.clip(codes, *QUANTIZED[kind]).astype(np.int8 if kind == "i8" else np.uint8), f"{x_kind} by {scale_kind} in {precision}",
                     output_dtype=number(kind), **({"precision": number(precision)} if precision else {}))


def others(rng, case, folder):
    """What else takes floats of 8 bits."""
    every = np.arange(256).astype(np.uint8)
    bytes_ = {kind: form for kind, form in FLOATS.items() if form.width == 8 and kind != "f8e8m0"}
    for kind, form in bytes_.items():
        x, values = case.input(kind, every), form.decode(every)
        case.add("IsNaN", [x], np.isnan(values), kind)
        case.add("IsInf", [x], np.isposinf(values), kind, detect_negative=0)
        case.add("IsInf", [x], np.isinf(values), kind)
        case.add("Dropout", [x], every, kind)
        # Sums of few small integers are exact in any order.
        for out in (*bytes_, "u8"):
            a, b = form.encode(rng.integers(-4, 5, (3, 17))), form.encode(rng.integers(-4, 5, (17, 33)))
            zeros = [form.encode(np.float64(value)) for value in (1, -2)]
            scales = [np.float32(1.25), rng.uniform(0.5, 1, 33).astype(np.float32), np.float32(3)]
            wide = (form.decode(a) - 1) @ (form.decode(b) + 2)
            zero = np.uint8(5) if out == "u8" else bytes_[out].encode(np.float64(0.5))
            scaled = wide.astype(np.float32) * (scales[1] * scales[0]) / scales[2]
            if out == "u8":
                expected = np.clip(np.rint(scaled) + 5, 0, 255).astype(np.uint8)
            else:
                expected = bytes_[out].encode((scaled + np.float32(0.5)).astype(np.float64))
            operands = [case.input(kind, a)]
            for array, name in ((scales[0], "f32"), (zeros[0], kind), (b, kind), (scales[1], "f32"), (zeros[1], kind), (scales[2], "f32"), (zero, out)):
                operands.append(case.initializer(name, array.shape, array.tobytes()))
            case.add("QLinearMatMul", operands, expected, f"{kind} to {out}")


def weights(rng, case, folder):
    """Weights in blocks, of which the last is cut short, that are too big to be constants; all sums are exact."""
    x = rng.integers(-3, 4, (17, 129)).astype(np.float32)
    rows = case.input("f32", x, ["n", 129])
    for kind in ("i4", "u2", "f6e2m3", "f4e2m1"):
        form = NARROW[kind]
        codes = form.random(rng, (129, 65))
        scale = np.exp2(rng.integers(-3, 3, (5, 65))).astype(np.float32)
        operands = [case.initializer(kind, [129, 65], form.pack(codes)), case.initializer("f32", [5, 65], scale.tobytes())]
        expected = x.astype(np.float64) @ (form.decode(codes) * spread(scale, (129, 65), 0, 32))
        # Of zeros in sums, signs are nobody's business.
        product = case.node("MatMul", [rows, case.node("DequantizeLinear", operands, axis=0, block_size=32)])
        case.add("Equal", [product, case.initializer("f32", [17, 65], expected.astype(np.float32).tobytes())],
                 np.ones((17, 65), bool), kind)


def unknown_blocks(rng, case, folder):
    """Blocks along an axis whose extent only the run tells: the number of blocks must fit."""
    x = rng.uniform(-9, 9, (3, 17)).astype(np.float32)
    scale = rng.uniform(0.5, 1, (3, 4)).astype(np.float32)
    codes = NARROW["i4"].random(rng, (3, 17))
    operands = [case.input("f32", x, ["a", "n"]), case.input("f32", scale, ["b", "blocks"])]
    span = spread(scale, (3, 17), 1, 5)
    case.add("QuantizeLinear", operands, np.clip(np.rint(x / span), -8, 7).astype(np.int8), "unknown", block_size=5, output_dtype=22)
    case.add("DequantizeLinear", [case.input("i4", codes, ["c", "m"]), operands[1]], codes.astype(np.float32) * span, "unknown", block_size=5)


GROUPS = [others, unknown_blocks, weights, casts_from_integers, casts_to_integers, casts_from_floats, casts_to_floats, quantized_floats, stored_forms, moves, dequantize_integers, quantize_integers]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="", help="the start of a group's name")
    arguments, _ = randomness.parse(parser)
    checked = failures = 0
    np.seterr(over="ignore", invalid="ignore")  # What does not fit is among what is tested.
    for i, group in enumerate(GROUPS):
        if not group.__name__.startswith(arguments.filter):
            continue
        folder = os.path.join(arguments.folder, group.__name__)
        os.makedirs(folder, exist_ok=True)
        case = Case(opset=24)
        try:
            group(np.random.default_rng([arguments.seed, i]), case, folder)
            count, wrong = case.check(folder)
        except RuntimeError as error:
            count, wrong = 0, [str(error)[:2000]]
        checked += count
        failures += len(wrong)
        for problem in wrong:
            print(f"FAIL {group.__name__}: {problem}", flush=True)
    randomness.finish(checked, failures)


if __name__ == "__main__":
    main()
