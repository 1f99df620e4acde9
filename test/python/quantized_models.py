#!/usr/bin/python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX models whose weights are quantized in the model, in the forms that tools write.

MODELS has, by name, a function that gives a Model: the file, what a NumPy reference computes of x [batch, ..., K], and
what raising should find. Weights are random, seeded by the name; x is the caller's.
"""
import dataclasses
import typing
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import narrow_types

F32, F16, U8, I8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8, TensorProto.INT8
MODELS = {}


@dataclasses.dataclass
class Model:
    proto: onnx.ModelProto
    reference: typing.Callable
    weight: typing.Optional[str] = None  # The quantizer expected, as printed; None if the layer stays as it is.
    activations: typing.Optional[str] = None
    reason: str = ""  # Part of what the remark says of a layer that stays.
    layer: str = "W"  # What --stats calls the weights.
    input_shape: tuple = ()
    dtype: type = np.float32
    runtime: bool = True  # Whether ONNX Runtime can run it.
    remark: str = "raised to tern.bitlinear"  # Part of what the remarks say of a layer that is raised.
    outlined: bool = True  # Whether the weights become a parameter.


def model(name):
    def register(build):
        MODELS[name] = lambda: build(np.random.default_rng(zlib.crc32(name.encode())))
        return build
    return register


def make(nodes, initializers, k, n, rank=2, dtype=F32, opset=17, domains=(), x_shape=None, y_shape=None):
    axes = ["b", "t"][:rank - 1] if rank > 1 else []
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", dtype, x_shape or [*axes, k])],
        [helper.make_tensor_value_info("y", dtype, y_shape or [*axes, n])],
        [value if isinstance(value, TensorProto) else numpy_helper.from_array(np.asarray(value), name)
         for name, value in initializers.items()])
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10 if opset >= 21 else 8)


def narrow(name, kind, codes):
    """Codes as an initializer of a type of less than 8 bits."""
    kind = narrow_types.INTEGERS[kind]
    codes = np.asarray(codes)
    return TensorProto(name=name, data_type=kind.number, dims=codes.shape, raw_data=kind.pack(codes).tobytes())


def codes_of(rng, shape, low=-1, high=1, dtype=np.int8):
    return rng.integers(low, high + 1, shape).astype(dtype)


def scales_of(rng, shape=(), dtype=np.float32):
    return rng.uniform(0.01, 0.1, shape).astype(dtype)


def product(w, bias=None):
    """x . w for w [K, N] in f64."""
    def reference(x):
        y = x.astype(np.float64) @ w.astype(np.float64)
        return y if bias is None else y + bias
    return reference


TENSOR = "statistic = absmax, eps = 1.000000e-30"
ROW = "statistic = absmax, granularity = row, eps = 1.000000e-30"


def group(size):
    return f"statistic = absmax, granularity = group, group_size = {size}, eps = 1.000000e-30"


# DequantizeLinear.


def dequantized(rng, k, n, codes, scale, zero=None, axis=None, block=0, kind=None, **expect):
    """MatMul of x and DequantizeLinear of codes [K, N], of a narrow type perhaps."""
    def store(name, value):
        return narrow(name, kind, value) if kind else value
    initializers = {"W_quantized": store("W_quantized", codes), "W_scale": scale}
    inputs = ["W_quantized", "W_scale"]
    if zero is not None:
        initializers["W_zero_point"] = store("W_zero_point", zero)
        inputs.append("W_zero_point")
    attributes = {"block_size": block} if block else {}
    if axis is not None:
        attributes["axis"] = axis
    nodes = [helper.make_node("DequantizeLinear", inputs, ["W"], name="dequantize", **attributes),
             helper.make_node("MatMul", ["x", "W"], ["y"], name="fc1")]

    def spread(value):
        value = np.asarray(value)
        if block:
            return np.repeat(value, block, axis=axis)[tuple(slice(0, s) for s in codes.shape)]
        return value if axis is None else np.expand_dims(value, 1 - axis)
    w = (codes.astype(np.float32) - (0 if zero is None else spread(zero).astype(np.float32))) * spread(scale)
    opset = {None: 21 if block else 17, "i4": 21, "u4": 21}.get(kind, 24)
    # ONNX Runtime has neither the newest types nor a last block that is cut short.
    runtime = opset < 24 and (block == 0 or k % block == 0)
    return Model(make(nodes, initializers, k, n, opset=opset), product(w), runtime=runtime, **expect)


@model("dq-tensor")
def _(rng):
    return dequantized(rng, 33, 17, codes_of(rng, (33, 17)), scales_of(rng), weight=TENSOR)


@model("dq-zero-point")
def _(rng):
    return dequantized(rng, 257, 33, codes_of(rng, (257, 33), 127, 129, np.uint8), scales_of(rng), np.uint8(128),
                       weight=TENSOR)


@model("dq-one-by-one")
def _(rng):
    return dequantized(rng, 1, 1, np.ones((1, 1), np.int8), scales_of(rng), weight=TENSOR)


@model("dq-zeros")
def _(rng):
    return dequantized(rng, 17, 3, np.zeros((17, 3), np.int8), scales_of(rng), weight=TENSOR)


@model("dq-symmetric-int8")
def _(rng):
    """Ternary weights as a symmetric int8 quantizer writes them."""
    return dequantized(rng, 65, 33, codes_of(rng, (65, 33)) * np.int8(127), scales_of(rng), np.int8(0), weight=TENSOR)


@model("dq-columns")
def _(rng):
    codes = codes_of(rng, (33, 65))
    codes[:, 3] = 0
    zero = codes_of(rng, 65, -5, 5)
    return dequantized(rng, 33, 65, codes + zero, scales_of(rng, 65), zero, axis=1, weight=ROW)


@model("dq-rows")
def _(rng):
    """A scale for each input cannot be taken out of the sum."""
    return dequantized(rng, 33, 17, codes_of(rng, (33, 17)), scales_of(rng, 33), axis=0,
                       reason="scales are not shared per tensor, row or group")


@model("dq-blocks")
def _(rng):
    zero = codes_of(rng, (4, 17), -3, 3)
    codes = codes_of(rng, (128, 17)) + np.repeat(zero, 32, axis=0)
    return dequantized(rng, 128, 17, codes, scales_of(rng, (4, 17)), zero, axis=0, block=32, weight=group(32))


@model("dq-equal-blocks")
def _(rng):
    """Blocks that have one scale for each column."""
    scales = np.broadcast_to(scales_of(rng, 33), (4, 33)).copy()
    return dequantized(rng, 64, 33, codes_of(rng, (64, 33)), scales, axis=0, block=16, weight=ROW)


@model("dq-int8")
def _(rng):
    return dequantized(rng, 65, 33, codes_of(rng, (65, 33), -127, 127), scales_of(rng),
                       reason="the weights are quantized to more than three values")


@model("dq-asymmetric")
def _(rng):
    """{-128, 0, 127} times a scale is nearly ternary, but not."""
    codes = np.array([0, 128, 255], np.uint8)[codes_of(rng, (65, 33), 0, 2)]
    return dequantized(rng, 65, 33, codes, scales_of(rng), np.uint8(128),
                       reason="the weights are quantized to more than three values")


def register_narrow(kind, zero, k, n):
    @model(f"dq-{kind}")
    def _(rng):
        return dequantized(rng, k, n, codes_of(rng, (k, n), zero - 1, zero + 1), scales_of(rng, n),
                           np.full(n, zero) if zero else None, axis=1, kind=kind, weight=ROW)

    @model(f"dq-{kind}-blocks")
    def _(rng):
        zeros = np.full((-(-k // 16), n), zero)
        return dequantized(rng, k, n, codes_of(rng, (k, n), zero - 1, zero + 1), scales_of(rng, zeros.shape), zeros, axis=0,
                           block=16, kind=kind, weight=group(16))


for _kind, _zero, _k, _n in (("i4", 0, 65, 33), ("u4", 8, 128, 17), ("i2", 0, 257, 3), ("u2", 1, 100, 33)):
    register_narrow(_kind, _zero, _k, _n)


@model("dq-int2-four-levels")
def _(rng):
    return dequantized(rng, 65, 33, codes_of(rng, (65, 33), -2, 1), scales_of(rng), kind="i2",
                       reason="the weights are quantized to more than three values")


@model("dq-gemm")
def _(rng):
    codes, scale, bias = codes_of(rng, (17, 257)), scales_of(rng, 17), rng.normal(size=17).astype(np.float32)
    nodes = [helper.make_node("DequantizeLinear", ["W_Q8", "s"], ["W"], axis=0),
             helper.make_node("Gemm", ["x", "W", "b"], ["y"], name="fc1", transB=1)]
    return Model(make(nodes, {"W_Q8": codes, "s": scale, "b": bias}, 257, 17), product(codes.T * scale, bias),
                 weight=ROW)


@model("dq-transpose")
def _(rng):
    codes, scale = codes_of(rng, (65, 33)), scales_of(rng, 65)
    nodes = [helper.make_node("DequantizeLinear", ["codes", "s"], ["w"], axis=0),
             helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
             helper.make_node("MatMul", ["x", "wt"], ["y"], name="fc1")]
    return Model(make(nodes, {"codes": codes, "s": scale}, 33, 65, rank=3), product(codes.T * scale), weight=ROW,
                 layer="codes.latent", input_shape=(5,))


@model("dq-transposed-codes")
def _(rng):
    codes, scale = codes_of(rng, (65, 33)), scales_of(rng, 65)
    nodes = [helper.make_node("Transpose", ["W_quantized"], ["wt"], perm=[1, 0]),
             helper.make_node("DequantizeLinear", ["wt", "s"], ["w"], axis=1),
             helper.make_node("MatMul", ["x", "w"], ["y"], name="fc1")]
    return Model(make(nodes, {"W_quantized": codes, "s": scale}, 33, 65), product(codes.T * scale), weight=ROW)


@model("dq-conv")
def _(rng):
    codes, scale, bias = codes_of(rng, (17, 3, 3, 3)), scales_of(rng, 17), rng.normal(size=17).astype(np.float32)
    nodes = [helper.make_node("DequantizeLinear", ["W_quantized", "s"], ["W"], axis=0),
             helper.make_node("Conv", ["x", "W", "b"], ["y"], name="conv", pads=[1, 1, 1, 1])]
    w = codes * scale[:, None, None, None].astype(np.float64)

    def reference(x):
        padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        return np.einsum("bchwij,ocij->bohw", windows, w) + bias[:, None, None]
    return Model(make(nodes, {"W_quantized": codes, "s": scale, "b": bias}, 3, 17, x_shape=["b", 3, 9, 7],
                      y_shape=["b", 17, 9, 7]), reference, weight=ROW, input_shape=(3, 9, 7))


@model("dq-shared")
def _(rng):
    """Two layers read one dequantized matrix, and so does an output."""
    codes, scale = codes_of(rng, (33, 33)), scales_of(rng)
    nodes = [helper.make_node("DequantizeLinear", ["W_quantized", "s"], ["W"]),
             helper.make_node("MatMul", ["x", "W"], ["h"], name="fc1"),
             helper.make_node("MatMul", ["h", "W"], ["z"], name="fc2"),
             helper.make_node("ReduceSum", ["W"], ["sum"], keepdims=0),
             helper.make_node("Add", ["z", "sum"], ["y"])]
    w = codes * scale.astype(np.float64)
    return Model(make(nodes, {"W_quantized": codes, "s": scale}, 33, 33),
                 lambda x: x.astype(np.float64) @ w @ w + w.sum(), weight=TENSOR)


# The same before constants are folded, and around activations.


def quantize_steps(scale, zero, bounds, axis):
    """Nodes that quantize W [K, N] with Clip, and back; initializers; W as they give it."""
    initializers = {"W_scale": scale, "low": bounds[0], "high": bounds[1]}
    operands = ["W_scale"]
    if zero is not None:
        initializers["W_zero_point"] = zero
        operands.append("W_zero_point")
    nodes = [helper.make_node("QuantizeLinear", ["W", *operands], ["Wq"], axis=axis),
             helper.make_node("Clip", ["Wq", "low", "high"], ["Wc"]),
             helper.make_node("DequantizeLinear", ["Wc", *operands], ["Wd"], axis=axis)]

    def value(w):
        shift = 0 if zero is None else np.asarray(zero).astype(np.float32)
        codes = np.clip(np.rint(w / scale) + shift, *(float(bound) for bound in bounds)) - shift
        return codes.astype(np.float64) * scale
    return nodes, initializers, value


@model("qdq-tensor")
def _(rng):
    w = rng.normal(size=(65, 33)).astype(np.float32) * np.float32(0.05)
    nodes, initializers, value = quantize_steps(np.float32(0.04), np.int8(0), (np.int8(-1), np.int8(1)), 1)
    nodes.append(helper.make_node("MatMul", ["x", "Wd"], ["y"], name="fc1"))
    return Model(make(nodes, {"W": w, **initializers}, 65, 33), product(value(w)), weight="statistic = learned",
                 outlined=False)


@model("qdq-columns")
def _(rng):
    """Unsigned, with a zero point, and a scale for each output."""
    w = rng.normal(size=(100, 17)).astype(np.float32) * np.float32(0.05)
    nodes, initializers, value = quantize_steps(
        rng.uniform(0.02, 0.06, 17).astype(np.float32), np.full(17, 128, np.uint8), (np.uint8(127), np.uint8(129)), 1)
    nodes.append(helper.make_node("MatMul", ["x", "Wd"], ["y"], name="fc1"))
    return Model(make(nodes, {"W": w, **initializers}, 100, 17), product(value(w)),
                 weight="statistic = learned, granularity = row, eps = 1.0e-30", outlined=False)


@model("qdq-int8")
def _(rng):
    w = rng.normal(size=(65, 33)).astype(np.float32) * np.float32(0.05)
    nodes, initializers, value = quantize_steps(np.float32(0.001), np.int8(0), (np.int8(-100), np.int8(100)), 1)
    nodes.append(helper.make_node("MatMul", ["x", "Wd"], ["y"], name="fc1"))
    return Model(make(nodes, {"W": w, **initializers}, 65, 33), product(value(w)),
                 reason="codes are clipped to [-100, 100], not [-1, 1]")


@model("qdq-activations")
def _(rng):
    """A static scale of activations stays before the layer."""
    codes, scale = codes_of(rng, (65, 33)), scales_of(rng)
    initializers = {"x_scale": np.float32(0.03), "x_zero_point": np.uint8(120), "W_quantized": codes, "W_scale": scale}
    nodes = [helper.make_node("QuantizeLinear", ["x", "x_scale", "x_zero_point"], ["xq"]),
             helper.make_node("DequantizeLinear", ["xq", "x_scale", "x_zero_point"], ["xd"]),
             helper.make_node("DequantizeLinear", ["W_quantized", "W_scale"], ["W"]),
             helper.make_node("MatMul", ["xd", "W"], ["y"], name="fc1")]

    def reference(x):
        xd = np.clip(np.rint(x / np.float32(0.03)) + 120, 0, 255) - 120
        return xd.astype(np.float64) * np.float32(0.03) @ (codes * np.float64(scale))
    return Model(make(nodes, initializers, 65, 33), reference, weight=TENSOR,
                 remark="activations stay float: their scale is one for all inputs of the model")


@model("dq-f16-scales")
def _(rng):
    """Dequantized in f16 and converted for a layer in f32."""
    codes, scale = codes_of(rng, (100, 33)), scales_of(rng, 33, np.float16)
    nodes = [helper.make_node("DequantizeLinear", ["W_quantized", "s"], ["h"], axis=1),
             helper.make_node("Cast", ["h"], ["w"], to=F32),
             helper.make_node("MatMul", ["x", "w"], ["y"], name="fc1")]
    proto = make(nodes, {"W_quantized": codes, "s": scale}, 100, 33, opset=19)
    return Model(proto, product(codes * scale.astype(np.float64)), weight=ROW)


# MatMulNBits.


def pack(fields, bits):
    """Fields [..., K] in bytes along the last axis, the first in the low bits."""
    per = 8 // bits
    fields = np.pad(fields, [(0, 0)] * (fields.ndim - 1) + [(0, -fields.shape[-1] % per)])
    fields = fields.reshape(*fields.shape[:-1], -1, per).astype(np.uint8)
    return np.bitwise_or.reduce(fields << (np.arange(per, dtype=np.uint8) * bits), axis=-1).astype(np.uint8)


def nbits(rng, k, n, bits, block, codes, zero=None, unpacked=None, bias=False, g_idx=None, rank=2, dtype=F32,
          scales=None, **expect):
    """codes [N, K] as they are stored; `zero` [N, blocks] packed, or `unpacked` as floats."""
    blocks = -(-k // block)
    padded = np.zeros((n, blocks * block), np.uint8)
    padded[:, :k] = codes
    # What stands after K must not matter.
    padded[:, k:] = rng.integers(0, 1 << bits, (n, blocks * block - k))
    element = np.float16 if dtype == F16 else np.float32
    scales = scales_of(rng, (n, blocks), element) if scales is None else scales
    initializers = {"W_Q%d" % bits: pack(padded.reshape(n, blocks, block), bits), "W_scales": scales}
    inputs = ["x", *initializers]
    zeros = np.full((n, blocks), 1 << (bits - 1), np.float64)
    if zero is not None:
        initializers["W_zero_points"] = pack(zero, bits)
        inputs.append("W_zero_points")
        zeros = zero
    elif unpacked is not None:
        initializers["W_zero_points"] = unpacked.astype(element)
        inputs.append("W_zero_points")
        zeros = unpacked
    if g_idx is not None:
        initializers["W_g_idx"] = g_idx
        inputs = [*inputs, *[""] * (4 - len(inputs)), "W_g_idx"]
    if bias:
        initializers["b"] = rng.normal(size=n).astype(element)
        inputs = [*inputs, *[""] * (5 - len(inputs)), "b"]
    node = helper.make_node("MatMulNBits", inputs, ["y"], name="fc1", domain="com.microsoft", K=k, N=n, bits=bits,
                            block_size=block)
    groups = np.arange(k) // block if g_idx is None else g_idx
    w = (codes.astype(np.float64) - zeros[:, groups]) * scales.astype(np.float64)[:, groups]
    proto = make([node], initializers, k, n, rank=rank, dtype=dtype, domains=["com.microsoft"])
    return Model(proto, product(w.T, initializers.get("b")), dtype=element, **expect)


def register_nbits(block, k, n):
    @model(f"nbits2-{block}")
    def _(rng):
        return nbits(rng, k, n, 2, block, codes_of(rng, (n, k), 1, 3), weight=group(block))


for _block, _k, _n in ((16, 33, 17), (32, 257, 33), (64, 257, 65), (128, 300, 3)):
    register_nbits(_block, _k, _n)


@model("nbits2-one-block")
def _(rng):
    return nbits(rng, 17, 33, 2, 32, codes_of(rng, (33, 17), 1, 3), bias=True, rank=3, weight=ROW, input_shape=(5,))


@model("nbits2-zero-points")
def _(rng):
    """Zero points of blocks; the codes -1, 0, 1 stand for -1, 0, 1 above them."""
    zero = codes_of(rng, (17, 5), 1, 2, np.uint8)
    codes = codes_of(rng, (17, 80), -1, 1) + np.repeat(zero, 16, axis=1)
    return nbits(rng, 80, 17, 2, 16, codes, zero=zero, bias=True, weight=group(16))


@model("nbits2-float-zero-points")
def _(rng):
    """With 1.5 as zero point and codes 1 and 2 all weights are -s/2 or s/2."""
    return nbits(rng, 64, 33, 2, 32, codes_of(rng, (33, 64), 1, 2), unpacked=np.full((33, 2), 1.5), weight=group(32))


@model("nbits2-zero-blocks")
def _(rng):
    codes = codes_of(rng, (33, 128), 1, 3)
    codes[:, 64:] = 2
    codes[5] = 2
    return nbits(rng, 128, 33, 2, 64, codes, weight=ROW)


@model("nbits2-four-levels")
def _(rng):
    return nbits(rng, 100, 33, 2, 32, codes_of(rng, (33, 100), 0, 3),
                 reason="the weights are quantized to more than three values")


@model("nbits2-g_idx")
def _(rng):
    """Inputs out of order: only rows can share a scale."""
    g_idx = rng.permutation(np.arange(64) // 16).astype(np.int32)
    scales = np.broadcast_to(scales_of(rng, (33, 1)), (33, 4)).copy()
    return nbits(rng, 64, 33, 2, 16, codes_of(rng, (33, 64), 1, 3), g_idx=g_idx, scales=scales, weight=ROW,
                 runtime=False)


@model("nbits4-g_idx")
def _(rng):
    g_idx = rng.permutation(np.arange(64) // 16).astype(np.int32)
    return nbits(rng, 64, 33, 4, 16, codes_of(rng, (33, 64), 0, 15), g_idx=g_idx, runtime=False,
                 reason="the weights are quantized to more than three values")


@model("nbits4")
def _(rng):
    return nbits(rng, 257, 33, 4, 32, codes_of(rng, (33, 257), 0, 15), zero=codes_of(rng, (33, 9), 0, 15, np.uint8),
                 bias=True, rank=3, input_shape=(3,), reason="the weights are quantized to more than three values")


@model("nbits4-float-zero-points")
def _(rng):
    return nbits(rng, 65, 17, 4, 16, codes_of(rng, (17, 65), 0, 15), unpacked=rng.uniform(0, 15, (17, 5)).astype(np.float32),
                 reason="the weights are quantized to more than three values")


@model("nbits4-ternary")
def _(rng):
    return nbits(rng, 128, 17, 4, 64, codes_of(rng, (17, 128), 7, 9), weight=group(64))


@model("nbits8")
def _(rng):
    return nbits(rng, 100, 33, 8, 16, codes_of(rng, (33, 100), 0, 255, np.uint8), zero=codes_of(rng, (33, 7), 0, 255, np.uint8),
                 reason="the weights are quantized to more than three values")


@model("nbits8-ternary")
def _(rng):
    return nbits(rng, 100, 33, 8, 128, codes_of(rng, (33, 100), 127, 129, np.uint8), weight=ROW)


@model("nbits2-f16")
def _(rng):
    return nbits(rng, 96, 33, 2, 32, codes_of(rng, (33, 96), 1, 3), bias=True, dtype=F16, weight=group(32))


# DynamicQuantizeLinear and MatMulInteger.


def fake_u8(x):
    """x quantized to uint8 by its range and back, f32 as the standard says; the codes less the zero point, and scale."""
    low, high = np.minimum(x.min(), np.float32(0)), np.maximum(x.max(), np.float32(0))
    scale = (high - low) / np.float32(255)
    scale = scale if scale != 0 else np.float32(1)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    return np.clip(np.rint(x / scale) + zero, 0, 255) - zero, scale


def dynamic(rng, k, n, codes, scale, zero=None, bias=False, rank=2, **expect):
    initializers = {"W_quantized": codes, "W_scale": scale}
    inputs = ["x_quantized", "W_quantized", "x_zero_point"]
    if zero is not None:
        initializers["W_zero_point"] = zero
        inputs.append("W_zero_point")
    nodes = [helper.make_node("DynamicQuantizeLinear", ["x"], ["x_quantized", "x_scale", "x_zero_point"]),
             helper.make_node("MatMulInteger", inputs, ["sum"], name="fc1_quant"),
             helper.make_node("Cast", ["sum"], ["float"], to=F32),
             helper.make_node("Mul", ["x_scale", "W_scale"], ["scales"]),
             helper.make_node("Mul", ["float", "scales"], ["product" if bias else "y"])]
    if bias:
        initializers["b"] = rng.normal(size=n).astype(np.float32)
        nodes.append(helper.make_node("Add", ["b", "product"], ["y"]))
    w = codes.astype(np.int64) - (0 if zero is None else np.asarray(zero).astype(np.int64))

    def reference(x):
        q, x_scale = fake_u8(x)
        y = (q.astype(np.int64) @ w) * (np.float64(x_scale) * np.float64(scale))
        return y + initializers["b"] if bias else y
    return Model(make(nodes, initializers, k, n, rank=rank), reference, **expect)


U8_TENSOR = "scheme = dynamic_u8_tensor"


@model("dynamic-tensor")
def _(rng):
    return dynamic(rng, 257, 33, codes_of(rng, (257, 33)), scales_of(rng), np.int8(0), bias=True, weight=TENSOR,
                   activations=U8_TENSOR)


@model("dynamic-no-zero-point")
def _(rng):
    return dynamic(rng, 33, 17, codes_of(rng, (33, 17)), scales_of(rng), weight=TENSOR, activations=U8_TENSOR)


@model("dynamic-symmetric-int8")
def _(rng):
    return dynamic(rng, 65, 128, codes_of(rng, (65, 128)) * np.int8(127), scales_of(rng), np.int8(0), bias=True, rank=3,
                   weight=TENSOR, activations=U8_TENSOR, input_shape=(5,))


@model("dynamic-u8")
def _(rng):
    return dynamic(rng, 65, 33, codes_of(rng, (65, 33), 127, 129, np.uint8), scales_of(rng), np.uint8(128),
                   weight=TENSOR, activations=U8_TENSOR)


@model("dynamic-columns")
def _(rng):
    zero = codes_of(rng, 33, 5, 250, np.uint8)
    codes = (codes_of(rng, (100, 33)) + zero.astype(np.int16)).astype(np.uint8)
    return dynamic(rng, 100, 33, codes, scales_of(rng, 33), zero, bias=True, rank=3, weight=ROW, activations=U8_TENSOR,
                   input_shape=(3,))


@model("dynamic-one-column")
def _(rng):
    return dynamic(rng, 300, 1, codes_of(rng, (300, 1)), scales_of(rng, 1), np.zeros(1, np.int8), weight=TENSOR,
                   activations=U8_TENSOR)


@model("dynamic-int8")
def _(rng):
    return dynamic(rng, 65, 33, codes_of(rng, (65, 33), -127, 127), scales_of(rng, 33), np.zeros(33, np.int8), bias=True,
                   reason="the weights are quantized to more than three values")
