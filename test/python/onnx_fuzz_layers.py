# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of layers: windows, normalization, resizing, recurrence."""
import numpy as np
import onnx
from onnx import helper
from onnx_fuzz_draw import generator


def attributes_of_window(d, dims, kernel, dilate=True):
    """Strides, dilations and either pads or auto_pad; those that are the default may be left out."""
    attributes = {"kernel_shape": kernel}
    strides, dilations = d.integers(1, 3, dims), d.integers(1, 3 if dilate else 1, dims)
    if d.flip(0.7):
        attributes["strides"] = strides
    if d.flip(0.3):
        attributes["auto_pad"] = d.choice(("VALID", "SAME_UPPER", "SAME_LOWER"))
        dilations = [1] * dims
        # Where the kernel is smaller than the stride, ONNX Runtime has negative pads.
        strides[:] = [min(s, k) for s, k in zip(strides, kernel)]
    elif d.flip(0.7):
        # A window must not lie in the padding alone.
        attributes["pads"] = [d.integer(0, min(2, kernel[i % dims] - 1)) for i in range(2 * dims)]
    if dilate and d.flip(0.7):
        attributes["dilations"] = dilations
    else:
        dilations = [1] * dims
    return attributes, dilations


def spatial_shape(d, kernel, dilations, total=600):
    return [max(extent, (k - 1) * s + 1) for extent, k, s in zip(d.shape(len(kernel), total), kernel, dilations)]


@generator("Conv")
def conv(d):
    dims = d.integer(1, 3)
    groups = d.choice((1, 1, 2, 3))
    kernel = d.integers(1, 4 if dims < 3 else 2, dims)
    attributes, dilations = attributes_of_window(d, dims, kernel)
    channels, outputs, dtype = groups * d.fixed(5), groups * d.fixed(5), d.choice(("f4", "f4", "f8"))
    if d.flip(0.3):
        del attributes["kernel_shape"]
    operands = [d.operand([d.size(3), channels, *spatial_shape(d, kernel, dilations)], dtype),
                d.operand([outputs, channels // groups, *kernel], dtype)]
    if d.flip():
        operands.append(d.operand([outputs], dtype))
    d.node("Conv", operands, group=groups if groups > 1 else None, **attributes)


@generator("ConvTranspose")
def conv_transpose(d):
    dims, groups = d.integer(1, 3), d.choice((1, 1, 2, 3))
    kernel, strides, dilations = d.integers(1, 3, dims), d.integers(1, 3, dims), d.integers(1, 2, dims)
    attributes = {"strides": strides, "dilations": dilations, "group": groups}
    spatial = d.shape(dims, 200)
    fits = [(k - 1) * e + 1 for k, e in zip(kernel, dilations)]
    kind = d.choice(("pads", "pads", "auto", "shape"))
    extra = [d.integer(0, s - 1) if d.flip() else 0 for s in strides]
    if kind == "shape":
        spatial = [d.fixed(17) for _ in range(dims)]
        attributes["output_shape"] = [max(1, s * (n - 1) + f + d.integer(-2, 0)) for s, n, f in zip(strides, spatial, fits)]
        attributes["auto_pad"] = d.choice(("NOTSET", "SAME_UPPER", "SAME_LOWER"))
    elif kind == "auto":
        attributes["auto_pad"] = d.choice(("VALID", "SAME_UPPER", "SAME_LOWER"))
        attributes["dilations"] = dilations = [1] * dims
        strides[:] = [min(s, k) for s, k in zip(strides, kernel)]
    else:
        pads = [d.integer(0, (k - 1) * e) // 2 for _ in range(2) for k, e in zip(kernel, dilations)]
        attributes |= {"pads": pads, "output_padding": extra}
        spatial = [max(n, 2) for n in spatial]
    channels, outputs, dtype = groups * d.fixed(5), d.fixed(5), d.choice(("f4", "f4", "f4"))
    operands = [d.operand([d.size(3), channels, *spatial], dtype), d.operand([channels, outputs, *kernel], dtype)]
    if d.flip():
        operands.append(d.operand([outputs * groups], dtype))
    d.node("ConvTranspose", operands, **attributes)


@generator("MaxPool", "AveragePool", "LpPool")
def pool(d, op):
    dims = d.integer(1, 3)
    kernel = d.integers(1, 4 if dims < 3 else 2, dims)
    attributes, dilations = attributes_of_window(d, dims, kernel)
    x = d.array([d.size(3), d.size(5), *spatial_shape(d, kernel, dilations)], d.choice(("f4", "f4", "f8", "i1", "u1")) if op == "MaxPool" else "f4")
    if d.flip(0.4) and "auto_pad" not in attributes:
        attributes["ceil_mode"] = 1
    results = 1
    if op == "MaxPool" and d.flip(0.4):
        results = 2
        if d.flip():
            attributes["storage_order"] = 1
    if op == "AveragePool":
        attributes["count_include_pad"] = int(d.flip())
    if op == "LpPool":
        attributes["p"] = d.integer(1, 3)
    d.node(op, [d.input(x)], results, **attributes)


@generator("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(d, op):
    # What ONNX's own evaluator makes of f64 is wrong.
    x = d.operand([d.size(3), d.size(5), *d.shape(d.integer(1, 3), 600)], d.choice(("f4", "f4", "f8")) if "Average" in op else "f4")
    d.opset = 21  # ONNX Runtime has no GlobalLpPool of 22.
    d.node(op, [x], p=d.integer(1, 3) if op == "GlobalLpPool" else None)


@generator("LRN")
def lrn(d):
    x = d.operand([d.size(3), d.size(17), d.size(7), d.size(5)])
    d.node("LRN", [x], size=d.choice((1, 3, 5, 7)), alpha=d.choice((None, 0.5, 0.001)), beta=d.choice((None, 0.5)),
           bias=d.choice((None, 2.0)))


@generator("MeanVarianceNormalization")
def mvn(d):
    axes = sorted(d.subset(range(4), 1)) if d.flip() else None
    # The variance of few numbers may be tiny; ONNX computes it as a difference of squares.
    shape = d.shape(4)
    for axis in axes or (0, 2, 3):
        shape[axis] = max(shape[axis], 7)
    d.node("MeanVarianceNormalization", [d.operand(shape)], axes=axes)


@generator("InstanceNormalization", "BatchNormalization", "GroupNormalization")
def channel_normalization(d, op):
    groups, rest = d.choice((1, 2, 3)), d.shape(d.integer(1, 3), 300)
    channels, dtype = groups * d.fixed(5), d.choice(("f4", "f4", "f8"))
    rest[0] = max(rest[0], 3)
    x, epsilon = d.operand([d.size(3), channels, *rest], dtype), d.choice((None, 0.01, 0.001))
    if op == "GroupNormalization":
        d.opset = d.choice((18, 21))
        each = [groups if d.opset == 18 else channels]
        d.node(op, [x, d.operand(each, dtype), d.operand(each, dtype)], num_groups=groups, epsilon=epsilon)
    elif op == "InstanceNormalization":
        d.node(op, [x, d.operand([channels], dtype), d.operand([channels], dtype)], epsilon=epsilon)
    else:
        d.node(op, [x, *(d.operand([channels], dtype) for _ in range(3)), d.operand([channels], dtype, 0.1, 2)], epsilon=epsilon)


@generator("LayerNormalization", "RMSNormalization")
def layer_normalization(d, op):
    rank = d.integer(1, 4)
    axis, shape, dtype = d.integer(-rank, rank - 1), d.shape(rank), d.choice(("f4", "f4", "f8"))
    shape[-1] = max(shape[-1], 3)
    own = shape[axis:]
    if d.flip(0.2) and not d.is_inlined:  # The function flattens the scale.
        own = [1 if d.flip() else extent for extent in own]
    operands = [d.operand(shape, dtype), d.operand(own, dtype)]
    epsilon = d.choice((None, 0.01, 0.001))
    if op == "RMSNormalization":
        d.opset = 23
        d.node(op, operands, axis=axis, epsilon=epsilon)
        return
    if d.flip(0.7):
        operands.append(d.operand(own, dtype))
    d.node(op, operands, d.choice((1, 1, 3)), axis=axis, epsilon=epsilon)


@generator("Resize")
def resize(d):
    rank = d.choice((1, 2, 3, 4, 4))
    mode = d.choice(("nearest", "linear", "cubic"))
    shape, d.opset = d.shape(rank, 800), d.choice((11, 13, 18, 19))
    coordinates = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"]
    if d.opset >= 19:
        coordinates.append("half_pixel_symmetric")
    attributes = {"mode": mode, "coordinate_transformation_mode": d.choice(coordinates)}
    if mode == "nearest":
        attributes["nearest_mode"] = d.choice(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"))
    if mode == "cubic":
        attributes |= {"cubic_coeff_a": d.choice((-0.75, -0.5)), "exclude_outside": int(d.flip(0.3))}
    axes = sorted(d.subset(range(rank), 1)) if d.opset >= 18 and d.flip(0.4) else None
    resized = list(range(rank)) if axes is None else axes
    if attributes["coordinate_transformation_mode"] == "tf_crop_and_resize":
        attributes["extrapolation_value"] = 0.5
    for axis in resized:
        shape[axis] = d.fixed(17)
    antialias = d.opset >= 18 and mode != "nearest" and d.flip(0.3)
    if antialias:
        attributes["antialias"] = 1
    unchanged = [axis for axis in resized if rank > 2 and d.flip(0.5 if axis > rank - 3 else 0.9)]
    roi = None
    if attributes["coordinate_transformation_mode"] == "tf_crop_and_resize":
        begin, end = [d.structure.uniform(-0.1, 0.4) for _ in resized], [d.structure.uniform(0.6, 1.1) for _ in resized]
        roi = d.bound([0 if a in unchanged else v for a, v in zip(resized, begin)]
                      + [1 if a in unchanged else v for a, v in zip(resized, end)], "f4")
    factors = [1.0 if axis in unchanged else d.choice((0.5, 0.75, 0.6, 1.0, 1.5, 2.0, 2.6, 3.0)) for axis in resized]
    factors = [factor if int(shape[axis] * factor) >= 1 else 1.0 for axis, factor in zip(resized, factors)]
    # ONNX Runtime rounds the extent that the others are aligned to.
    coordinates = attributes["coordinate_transformation_mode"]
    if coordinates in ("align_corners", "tf_crop_and_resize"):
        d.is_evaluated = True
    # It interpolates in images alone.
    if mode != "nearest" and any(factor != 1 and axis < rank - 2 for axis, factor in zip(resized, factors)):
        d.is_evaluated = True
    if mode == "cubic" and rank not in (2, 4):
        d.is_evaluated = True
    x = d.operand(shape, "f4")
    if d.flip():
        operands = [x, roi, d.bound(factors, "f4")]
    else:
        sizes = [max(1, round(shape[axis] * factor)) for axis, factor in zip(resized, factors)]
        operands = [x, roi, None, d.bound(sizes)]
        if d.opset >= 18 and d.flip(0.4):
            attributes["keep_aspect_ratio_policy"] = d.choice(("stretch", "not_larger", "not_smaller"))
    if d.opset < 13:  # Where it has no meaning, it still had to be there.
        operands[1:3] = [operands[1] or d.constant([], "f4"), operands[2] or d.constant([], "f4")]
    d.node("Resize", operands, axes=axes, **attributes)


@generator("Upsample")
def upsample(d):
    d.opset = 9
    rank = d.choice((2, 4))
    scales = [1.0, 1.0][:rank - 2] + [d.choice((1.0, 1.5, 2.0, 3.0)) for _ in range(2)]
    shape = d.shape(rank, 500)
    shape[-2:] = [d.fixed(7), d.fixed(7)]
    d.node("Upsample", [d.operand(shape), d.bound(scales, "f4")], mode=d.choice(("nearest", "linear")))


ACTIVATIONS = ("Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu", "Softsign",
               "Softplus")
WITH_ALPHA = ("Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu")
WITH_BETA = ("Affine", "ScaledTanh", "HardSigmoid")


@generator("RNN", "GRU", "LSTM")
def recurrent(d, op):
    gates, functions = {"RNN": (1, 1), "GRU": (3, 2), "LSTM": (4, 3)}[op]
    time, batch, inputs, hidden = d.size(17), d.size(5), d.size(17), d.fixed(17)
    direction = d.choice(("forward", "reverse", "bidirectional"))
    directions, dtype = 1 + (direction == "bidirectional"), "f4"
    d.opset = d.choice((7, 14, 22))
    layout = int(d.flip(0.3)) if d.opset >= 14 else 0
    attributes = {"hidden_size": hidden, "direction": direction, "layout": layout or None}
    if d.flip(0.4):
        names = [d.choice(ACTIVATIONS) for _ in range(functions * directions)]
        attributes |= {"activations": names,
                       "activation_alpha": [d.structure.uniform(0.2, 0.9) for name in names if name in WITH_ALPHA] or None,
                       "activation_beta": [d.structure.uniform(0.1, 0.5) for name in names if name in WITH_BETA] or None}
    if d.flip(0.3):
        attributes["clip"] = d.structure.uniform(0.2, 1.0)
    if op == "GRU":
        attributes["linear_before_reset"] = int(d.flip())
    if op == "LSTM":
        attributes["input_forget"] = 1 if d.flip(0.2) else None
    state = [batch, directions, hidden] if layout else [directions, batch, hidden]

    def weight(*shape):
        return d.operand(shape, dtype, -0.5, 0.5)

    operands = [d.operand([batch, time, inputs] if layout else [time, batch, inputs], dtype),
                weight(directions, gates * hidden, inputs), weight(directions, gates * hidden, hidden),
                weight(directions, 2 * gates * hidden) if d.flip(0.7) else None,
                d.input(d.values.integers(1, time, [batch], endpoint=True).astype("i4")) if d.flip(0.4) else None,
                weight(*state) if d.flip() else None]
    if op == "LSTM":
        operands += [weight(*state) if d.flip() else None, weight(directions, 3 * hidden) if d.flip() else None]
    while operands[-1] is None:
        operands.pop()
    d.node(op, operands, [True, True, True][:3 if op == "LSTM" else 2] if d.flip(0.7) else [False, True], **attributes)
    if layout:  # ONNX Runtime has no layout but 0.
        d.reference_nodes = move_batch(d.nodes[0])


def move_batch(node):
    """A recurrent node of layout 1 as one of layout 0 between transpositions."""
    inner = onnx.NodeProto()
    inner.CopyFrom(node)
    del inner.attribute[[attribute.name for attribute in inner.attribute].index("layout")]
    before, after = [], []
    for i in (0, 5, 6):
        if i < len(node.input) and node.input[i]:
            inner.input[i] += "_moved"
            before.append(helper.make_node("Transpose", [node.input[i]], [inner.input[i]], perm=[1, 0, 2]))
    for i, name in enumerate(node.output):
        if name:
            inner.output[i] += "_moved"
            after.append(helper.make_node("Transpose", [inner.output[i]], [name], perm=[1, 0, 2] if i else [2, 0, 1, 3]))
    return [*before, inner, *after]
