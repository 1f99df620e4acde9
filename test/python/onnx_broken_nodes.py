# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Nodes with attributes and operands that do not fit the operator."""
import numpy as np
import onnx
from onnx import TensorProto, helper

from onnx_broken_case import CASES, FLOAT, FLOAT8, FLOAT8E8M0, INT4, INT64, W, model, node, simple, tensor, value, write

# --- Attributes and operands -------------------------------------------------

simple("attribute_type", "attribute 'transB' is not of the type that the operator wants", [node("Gemm", "x w", transB=1.5)], [W])
simple("attribute_list", "attribute 'axis' is not of the type", [node("Softmax", axis=[1, 2])])
simple("attribute_unknown", "attribute 'magic' is not supported", [node("Relu", magic=1)])
simple("attribute_missing", "attribute 'shape' is missing", [node("Reshape")], opset=1)
simple("too_few_inputs", "has 1 inputs; the operator needs 2", [node("MatMul")])
simple("too_many_inputs", "has 3 inputs; the operator takes at most 2", [node("MatMul", "x w w")], [W])
simple("empty_input", "required input 0 is missing", [helper.make_node("MatMul", ["", "w"], ["y"], name="n")], [W])
simple("mixed_types", "inputs have different element types, f32 and f64", [node("Add", "x w")], [tensor("w", np.ones((1, 4)))])
simple("wrong_type", "element type i64 is not supported", [node("Sqrt")], inputs=[value("x", [4], INT64)])
simple("declared_type", "output 'y' is declared with element type i64, but computed with f32", [node("Relu")])
CASES[-1] = (CASES[-1][0], lambda path: write(path, helper.make_model(helper.make_graph(
    [node("Relu")], "g", [value("x", [4])], [value("y", [4], INT64)]), opset_imports=[helper.make_opsetid("", 17)])), *CASES[-1][2:])
simple("matmul_shapes", "shapes [batch, 4] and [3, 4] do not match", [node("MatMul", "x w")], [tensor("w", np.ones((3, 4), np.float32))])
simple("gemm_rank", "inputs must be matrices", [node("Gemm", "x w")], [tensor("w", np.ones(4, np.float32))])
simple("gemm_bias", "C of shape [3, 1, 3] does not broadcast to [batch, 3]", [node("Gemm", "x w c")],
       [W, tensor("c", np.ones((3, 1, 3), np.float32))])
simple("broadcast", "shapes [batch, 4] and [3] do not match", [node("Add", "x w")], [tensor("w", np.ones(3, np.float32))])
simple("deduced_twice", "shapes [3, 9] and [8, 4] do not match", [node("MatMul", "v x", "a"), node("MatMul", "w x", "b"), node("Add", "a b")],
       [tensor("v", np.ones((3, 8), np.float32)), tensor("w", np.ones((3, 9), np.float32))])
simple("axis", "axis 2 is out of range for rank 2", [node("Softmax", axis=2)])
simple("axis_huge", f"axis {-(1 << 63)} is out of range", [node("Softmax", axis=-(1 << 63))])
simple("perm_short", "attribute 'perm' is no permutation", [node("Transpose", perm=[0])])
simple("perm_twice", "attribute 'perm' is no permutation", [node("Transpose", perm=[1, 1])])
simple("perm_huge", "attribute 'perm' is no permutation", [node("Transpose", perm=[0, 1 << 62])])
simple("cast_to", "cannot cast to element type number 12345", [node("Cast", to=12345)])
simple("cast_to_huge", "cannot cast to element type", [node("Cast", to=(1 << 32) + 1)])
simple("axis_twice", "axis 1 stands twice", [node("ReduceSum", "x a")], [tensor("a", np.array([1, -1]))])
simple("axes_unknown", "axes must be known when compiling, but 'a' depends on the values of 'a'", [node("ReduceSum", "x a")],
       inputs=[value("x", ["batch", 4]), value("a", [1], INT64)])
simple("shape_of_data", "the new shape must be known when compiling, but 'b' depends on the values of 'a'",
       [node("Mul", "a a", "b"), node("Reshape", "x b")], inputs=[value("x", ["batch", 4]), value("a", [1], INT64)])
simple("axes_of_extent", "axes must be known when compiling, but 'a' depends on batch; fix dynamic dimensions with --dim",
       [helper.make_node("Shape", ["x"], ["a"], end=1), node("ReduceSum", "x a")], inputs=[value("x", ["batch", 4])])
# What is a list has one dimension.
for op, what, data, attributes in [
    ("Reshape", "the new shape", [[4], [1]], {}), ("Expand", "the new shape", [[2, 4]], {}), ("ReduceSum", "axes", [[1]], {}),
    ("Squeeze", "axes", [[1]], {}), ("Unsqueeze", "axes", [[1]], {}), ("Tile", "repeats", [[1, 2]], {}), ("TopK", "k", [[2]], {}),
    ("Split", "sizes", [[2, 2]], dict(axis=1)), ("CumSum", "the axis", [[1]], {}), ("Pad", "pads", [[0, 0], [1, 1]], {})]:
    simple(f"matrix_{op.lower()}", f"{what} must be a vector, not of shape", [node(op, "x s", "y z" if op in ("TopK", "Split") else "y", **attributes)],
           [tensor("s", np.array(data, np.int64))])
simple("matrix_shape", "the shape must be a vector, not of shape [1, 2]", [node("ConstantOfShape", "s")], [tensor("s", np.array([[2, 3]]))])
simple("resize_both", "both scales and sizes are given", [node("Resize", "x r f s")],
       [tensor("r", np.array([], np.float32)), tensor("f", np.array([1, 1, 2, 2], np.float32)), tensor("s", np.array([1, 3, 16, 16]))], inputs=[value("x", [1, 3, 8, 8])])


def reshape(shape, error, name):
    simple(name, error, [node("Reshape", "x s")], [tensor("s", np.array(shape, np.int64))])


reshape([2, 3], "cannot reshape [batch, 4] to [2, 3]: the numbers of elements differ", "reshape_static")
reshape([-1, -1], "has more than one -1", "reshape_two_open")
reshape([0, 4, 0], "copies a dimension that the input", "reshape_zero_beyond")
reshape([0, 4, -3], "negative", "reshape_negative")
reshape([1 << 62, 1 << 62], "overflows", "reshape_overflow")
simple("reshape_count", "cannot reshape [2, 4] to [3, 3]: the numbers of elements differ", [node("Reshape", "x s")],
       [tensor("s", np.array([3, 3]))], inputs=[value("x", [2, 4])])
simple("squeeze", "dimension 1 of shape [batch, 4] is not 1", [node("Squeeze", "x a")], [tensor("a", np.array([1]))])
simple("unsqueeze_huge", "out of range", [node("Unsqueeze", "x a")], [tensor("a", np.array([1 << 62]))])
simple("expand_overflow", "has a size in bytes that overflows", [node("Expand", "x a")],
       [tensor("a", np.array([1 << 40, 1 << 40, 1, 4]))])
simple("fill_overflow", "has a size in bytes that overflows", [node("ConstantOfShape", "a")], [tensor("a", np.array([1 << 62, 2]))])
simple("fill_negative", "negative extent", [node("ConstantOfShape", "a")], [tensor("a", np.array([-2]))])
simple("range_step", "the step must be known and not 0", [node("Range", "a b c")],
       [tensor("a", np.array(0)), tensor("b", np.array(9)), tensor("c", np.array(0))])
simple("range_huge", "overflows", [node("Range", "a b c")],
       [tensor("a", np.array(-(1 << 62))), tensor("b", np.array((1 << 63) - 1)), tensor("c", np.array(1))])
simple("divide_by_zero", "the new shape must be known", [node("Div", "a b", "s", "d"), node("Reshape", "x s")],
       [tensor("a", np.array([4])), tensor("b", np.array([0]))])
simple("slice_step", "a step is 0", [node("Slice", "x a b a a")], [tensor("a", np.array([0])), tensor("b", np.array([1]))])
simple("slice_counts", "differ in number", [node("Slice", "x a b")], [tensor("a", np.array([0])), tensor("b", np.array([1, 2]))])
simple("gather_range", "index 7 is out of range for 4 elements", [node("Gather", "x a", axis=1)], [tensor("a", np.array(7))])
simple("concat_rank", "differ beside axis 0", [node("Concat", "x w", axis=0)], [tensor("w", np.ones(4, np.float32))])
simple("split_sizes", "the sizes do not add up to 4", [node("Split", "x s", "y z", axis=1)], [tensor("s", np.array([1, 2]))])
simple("split_overflow", "a size, -4611686018427387899, is negative", [node("Split", "x s", "y z", axis=1)],
       [tensor("s", np.array([(1 << 63) - 1, 5 - (1 << 62)]))])
simple("batch_norm", "it must have one element per channel", [node("BatchNormalization", "x w w w w")], [tensor("w", np.ones(3, np.float32))])
simple("constant_bare", "needs exactly one attribute and one output", [helper.make_node("Constant", [], ["y"], name="n")])

# Attributes that say yes or no say nothing else, and all attributes say it once.
for name, op, attribute, options in [
    ("reduce_keepdims", "ReduceMax", "keepdims", dict(axes=[1])), ("argmax_keepdims", "ArgMax", "keepdims", {}), ("argmax_last", "ArgMax", "select_last_index", {}),
    ("cast_saturate", "Cast", "saturate", dict(to=1)), ("trilu_upper", "Trilu", "upper", {}),
    ("pool_ceil", "MaxPool", "ceil_mode", dict(kernel_shape=[1])), ("pool_pad", "AveragePool", "count_include_pad", dict(kernel_shape=[1])),
]:
    for flag in (2, -1):
        simple(f"{name}_{flag}", f"({op}, opset 19): attribute '{attribute}' is {flag}; it must be 0 or 1", [node(op, **options, **{attribute: flag})],
               inputs=[value("x", ["batch", 4, 4])], opset=19)
simple("gemm_trans", "attribute 'transB' is 2; it must be 0 or 1", [node("Gemm", "x w", transB=2)], [tensor("w", np.ones((4, 4), np.float32))])
simple("is_inf", "attribute 'detect_positive' is 3; it must be 0 or 1", [node("IsInf", detect_positive=3)])
twice = node("Softmax", axis=0)
twice.attribute.add(name="axis", type=onnx.AttributeProto.INT, i=1)
simple("attribute_twice", "node 'n' (Softmax, opset 17): attribute 'axis' is given twice", [twice])

IMAGE, KERNEL = [value("x", ["batch", 3, 8, 8])], tensor("w", np.ones((4, 3, 3, 3), np.float32))


def windows(name, error, op="Conv", inputs="x w", extra=(), image=IMAGE, **attributes):
    simple(name, error, [node(op, inputs, **attributes)], [KERNEL, *extra], inputs=image)


windows("conv_rank", "must have one rank of 3 or more, not shapes [batch, 4] and [4, 3, 3, 3]", image=[value("x", ["batch", 4])])
windows("conv_channels", "has other channels than a weight of shape [4, 3, 3, 3] in 1 groups", image=[value("x", ["batch", 2, 8, 8])])
windows("conv_groups", "output channels are no multiple of 3 groups", group=3, image=[value("x", ["batch", 9, 8, 8])])
windows("conv_group_huge", "attribute 'group' is 9223372036854775807: the number of channels overflows", group=(1 << 63) - 1)
windows("conv_group_zero", "attribute 'group' is 0", group=0)
windows("conv_kernel_shape", "attribute 'kernel_shape' is not that of the weight", kernel_shape=[2, 2])
windows("conv_strides", "attribute 'strides' has 1 elements, not 2", strides=[1])
windows("conv_stride_zero", "attribute 'strides' contains 0", strides=[1, 0])
windows("conv_dilation_huge", "attribute 'dilations' contains 4611686018427387904", dilations=[1, 1 << 62])
windows("conv_pads_negative", "attribute 'pads' contains -1", pads=[0, 0, 0, -1])
windows("conv_auto_pad", "attribute 'auto_pad' must be NOTSET", auto_pad="SAME")
windows("conv_both_pads", "attributes 'pads' and 'auto_pad' contradict each other", auto_pad="SAME_UPPER", pads=[1, 1, 1, 1])
windows("conv_bias", "a bias of shape [3] does not have one element for each of 4 channels", inputs="x w b",
        extra=[tensor("b", np.ones(3, np.float32))])
windows("conv_transpose_channels", "has other channels than a weight", op="ConvTranspose")
windows("pool_kernel", "attribute 'kernel_shape' must have 2 elements", op="MaxPool", inputs="x", kernel_shape=[2])
windows("pool_kernel_missing", "attribute 'kernel_shape' must have 2 elements", op="AveragePool", inputs="x")
windows("pool_kernel_zero", "the window has extent 0", op="MaxPool", inputs="x", kernel_shape=[2, 0])
windows("pool_kernel_large", "no window fits in the input along axis 3", op="MaxPool", inputs="x", kernel_shape=[2, 9])
windows("pool_norm", "attribute 'p' must be positive", op="LpPool", inputs="x", kernel_shape=[2, 2], p=0)
windows("pad_count", "there are 3 pads for 4 axes", op="Pad", inputs="x p", extra=[tensor("p", np.array([1, 2, 3]))])
windows("pad_mode", "attribute 'mode' is 'mirror'; it must be", op="Pad", inputs="x p", extra=[tensor("p", np.zeros(8, np.int64))], mode="mirror")
windows("pad_cut", "negative pads cut off more than there is", op="Pad", inputs="x p", extra=[tensor("p", np.array([0, 0, -9, 0, 0, 0, 0, 0]))])
windows("pad_overflow", "overflows", op="Pad", inputs="x p", extra=[tensor("p", np.array([0, 0, 1 << 61, 1 << 61, 0, 0, 0, 0]))])

# --- Sorting, indexing, recurrent, resized, quantized ------------------------

def operands(name, error, op, arrays, outputs="y", opset=17, **attributes):
    """A node whose operands but the first, a float [batch, 4], are arrays."""
    names = [chr(ord("a") + i) for i in range(len(arrays))]
    simple(name, error, [node(op, " ".join(["x", *names]), outputs, **attributes)],
           [tensor(label, np.asarray(array)) for label, array in zip(names, arrays)], opset=opset)


f32 = np.float32
operands("topk_too_many", "k is 9, of 4 elements", "TopK", [np.array([9])], "y z")
operands("topk_negative", "k is -1, of 4 elements", "TopK", [np.array([-1])], "y z")
operands("topk_axis", "axis 2 is out of range", "TopK", [np.array([1])], "y z", axis=2)
operands("topk_two", "k must be known", "TopK", [np.array([1, 2])], "y z")
simple("topk_unknown", "k must be known when compiling", [node("TopK", "x k", "y z")], inputs=[value("x", [2, 4]), value("k", [1], INT64)])
operands("cumsum_axis", "axis 2 is out of range", "CumSum", [np.array(2)])
operands("cumsum_axes", "the axis must be one", "CumSum", [np.array([0, 1])])
operands("scatter_shapes", "of the updates do not fit", "ScatterElements", [np.zeros((2, 2), np.int64), np.zeros((2, 3), f32)])
operands("scatter_rank", "of the updates do not fit", "ScatterElements", [np.zeros(2, np.int64), np.zeros(2, f32)])
operands("scatter_type", "inputs have different element types", "ScatterElements", [np.zeros((1, 2), np.int64), np.zeros((1, 2))])
operands("scatter_indices", "indices must be i32 or i64", "ScatterElements", [np.zeros((1, 2), f32), np.zeros((1, 2), f32)])
operands("scatter_reduction", "attribute 'reduction' must be", "ScatterElements", [np.zeros((1, 2), np.int64), np.zeros((1, 2), f32)],
         opset=18, reduction="median")
operands("scatter_nd_tuple", "address 3 dimensions; there are 2", "ScatterND", [np.zeros((1, 3), np.int64), np.zeros(1, f32)])
operands("scatter_nd_updates", "updates have shape [2], not [1, 4]", "ScatterND", [np.zeros((1, 1), np.int64), np.zeros(2, f32)])
operands("gather_nd_batch", "attribute 'batch_dims' is 2", "GatherND", [np.zeros((1, 1), np.int64)], batch_dims=2)
operands("onehot_values", "the values must be two, off and on", "OneHot", [np.array(3), np.zeros(3, f32)])
operands("trilu_offset", "k must be i64, not f64", "Trilu", [np.array(1.0)], opset=17)
operands("trilu_rank", "the input must have rank 2 or more", "Trilu", [], opset=17)
CASES[-1] = (CASES[-1][0], lambda path: write(path, model([node("Trilu")], inputs=[value("x", [4])])), *CASES[-1][2:])
operands("einsum_rank", "cannot understand equation", "Einsum", [np.zeros((4, 3), f32)], equation="ijk,jk->i")
operands("einsum_output", "cannot understand equation", "Einsum", [np.zeros((4, 3), f32)], equation="ij,jk->iz")
operands("einsum_count", "cannot understand equation", "Einsum", [np.zeros((4, 3), f32)], equation="ij->i")
operands("einsum_missing", "cannot understand equation", "Einsum", [np.zeros((4, 3), f32)])
operands("loss_labels", "do not fit an input of shape", "NegativeLogLikelihoodLoss", [np.zeros((3, 3), np.int64)])
operands("loss_label_type", "labels must be i32 or i64", "NegativeLogLikelihoodLoss", [np.zeros(3, f32)])
operands("loss_weight", "one element for each class", "SoftmaxCrossEntropyLoss", [np.zeros(3, np.int64), np.zeros(5, f32)])
operands("loss_reduction", "attribute 'reduction' must be none, sum or mean", "NegativeLogLikelihoodLoss", [np.zeros(3, np.int64)],
         reduction="median")
operands("quantize_axis", "does not fit axis 1", "QuantizeLinear", [np.ones(3, f32), np.zeros(3, np.uint8)])
operands("quantize_type", "cannot quantize to element type i64", "QuantizeLinear", [np.ones((), f32), np.zeros((), np.int64)])
operands("quantize_block", "do not fit blocks of 3", "QuantizeLinear", [np.ones((4, 3), f32)], opset=21, axis=1, block_size=3)
operands("quantize_no_blocks", "do not fit blocks of 2", "QuantizeLinear", [np.ones(4, f32)], opset=21, axis=1, block_size=2)
operands("quantize_negative_block", "attribute 'block_size' is negative", "QuantizeLinear", [np.ones((), f32)], opset=21, block_size=-1)
operands("quantize_output", "attribute 'output_dtype' must be the type of the zero point", "QuantizeLinear",
         [np.ones((), f32), np.zeros((), np.int8)], opset=21, output_dtype=2)
operands("quantize_precision", "attribute 'precision' is not a float type", "QuantizeLinear", [np.ones((), f32)], opset=23, precision=7)
operands("quantize_unknown", "attribute 'output_dtype' is number 99, which is not supported", "QuantizeLinear", [np.ones((), f32)],
         opset=21, output_dtype=99)
for label, op, attributes in [("add", "Add", {}), ("equal", "Equal", {}), ("concat", "Concat", dict(axis=0)), ("integer_product", "MatMulInteger", {})]:
    simple(f"int4_{label}", "element type i4 is not supported", [node(op, "a a", **attributes)], inputs=[value("a", [4, 4], INT4)])
for label, op, attributes in [("add", "Add", {}), ("equal", "Equal", {}), ("concat", "Concat", dict(axis=0))]:
    simple(f"float8_{label}", "element type f8e4m3fn is not supported", [node(op, "a a", **attributes)], inputs=[value("a", [4, 4], FLOAT8)])
simple("float8_indices", "element type f8e4m3fn is not supported", [node("Gather", "x a")], inputs=[value("x", [4]), value("a", [2], FLOAT8)])
simple("int4_shape", "element type i4 is not supported", [node("Reshape", "x a")], inputs=[value("x", [4]), value("a", [2], INT4)])
simple("cast_round_mode", "attribute 'round_mode' is 'sideways'; it must be", [node("Cast", to=FLOAT8E8M0, round_mode="sideways")], opset=24)
simple("quantize_powers", "cannot quantize to element type f8e8m0", [node("QuantizeLinear", "x s", output_dtype=FLOAT8E8M0)],
       [tensor("s", np.float32(1))], opset=24)
simple("dequantize_powers", "element type f8e8m0 is not supported", [node("DequantizeLinear", "a s")], [tensor("s", np.float32(1))],
       inputs=[value("a", [4], FLOAT8E8M0)], opset=24)
simple("dequantize_to_powers", "cannot dequantize to element type f8e8m0", [node("DequantizeLinear", "a s")],
       inputs=[value("a", [4], INT4), value("s", [], FLOAT8E8M0)], opset=24)
simple("int4_scale", "a scale of type i4 is not supported", [node("DequantizeLinear", "a a")], inputs=[value("a", [], INT4)], opset=21)


def contrib(name, errors, op, *arrays, shape=("batch", 4), dtype=FLOAT, **attributes):
    """An operator of ONNX Runtime, of an input and constants; None is one left out."""
    names = ["" if array is None else f"i{i}" for i, array in enumerate(arrays)]
    proto = model([helper.make_node(op, ["x", *names], ["y"], name="n", domain="com.microsoft", **attributes)],
                  [tensor(label, array) for label, array in zip(names, arrays) if label], inputs=[value("x", list(shape), dtype)])
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    CASES.append((name, lambda path: write(path, proto), (errors,), []))


ROW, BYTE, ONE = np.ones(4, np.float32), np.uint8(1), np.float32(1)
IMAGE = {"shape": ["batch", 2, 5, 5]}
CODES = {"dtype": TensorProto.UINT8}
contrib("fused_matmul_shapes", "shapes [batch, 4] and [3, 4] do not match", "FusedMatMul", np.ones((3, 4), np.float32))
contrib("fused_matmul_types", "inputs have different element types, f32 and f64", "FusedMatMul", np.ones((4, 4)))
contrib("fused_gemm_activation", "activation 'Sign' is not supported", "FusedGemm", np.ones((4, 3), np.float32), activation="Sign")
contrib("fused_gemm_rank", "inputs must be matrices, not of shapes [batch, 4] and [4]", "FusedGemm", ROW, activation="Relu")
contrib("fused_conv_parameters", "attribute 'activation_params' has 1 elements, not 2", "FusedConv", np.ones((3, 2, 1, 1), np.float32),
        activation="Clip", activation_params=[1.0], **IMAGE)
contrib("fused_conv_addend", "input Z has shape [1, 3, 5, 4], the convolution's result [1, 3, 5, 5]", "FusedConv",
        np.ones((3, 2, 1, 1), np.float32), None, np.ones((1, 3, 5, 4), np.float32), activation="Relu", **IMAGE)
contrib("bias_gelu_bias", "a bias of shape [3] does not fit an input of shape [batch, 4]", "BiasGelu", ROW[:3])
contrib("fast_gelu_bias_type", "inputs have different element types", "FastGelu", np.ones(4))
contrib("quick_gelu_type", "element type i64 is not supported", "QuickGelu", dtype=INT64)
contrib("skip_norm_rank", "the input has rank 4, not 2 or 3", "SkipLayerNormalization", ROW, ROW, **IMAGE)
contrib("skip_norm_skip", "the skip of shape [3] does not fit an input of shape [batch, 4]", "SkipLayerNormalization", ROW[:3], ROW)
contrib("skip_norm_row", "the skip of shape [1, 4] does not fit an input of shape [2, 4]", "SkipLayerNormalization", ROW[None], ROW, shape=[2, 4])
contrib("skip_norm_gamma", "gamma or beta of shape [3] is not one for each of 4", "SkipSimplifiedLayerNormalization", np.ones((2, 4), np.float32),
        ROW[:3], shape=[2, 4])
contrib("qlinear_add_type", "quantized tensors must be i8 or u8, not f32", "QLinearAdd", ONE, BYTE, BYTE, ONE, BYTE, ONE, BYTE)
contrib("qlinear_add_types", "inputs have different element types", "QLinearAdd", ONE, BYTE, np.int8(1), ONE, np.int8(1), ONE, BYTE, **CODES)
contrib("qlinear_mul_scale", "the scale of input 1 must be f32, not f64", "QLinearMul", np.float64(1), BYTE, BYTE, ONE, BYTE, ONE, BYTE, **CODES)
contrib("qlinear_sigmoid_scale", "the scale of input 1 of shape [4] must be a scalar", "QLinearSigmoid", ROW, BYTE, ONE, BYTE, **CODES)
contrib("qlinear_add_scale", "required input 6 is missing", "QLinearAdd", ONE, BYTE, BYTE, ONE, BYTE, None, BYTE, **CODES)
contrib("qlinear_leaky_zero", "the zero point of input 4 must be u8, not i8", "QLinearLeakyRelu", ONE, BYTE, ONE, np.int8(1), **CODES)
contrib("qlinear_pool_rank", "the input must have rank 3 or more, not shape [batch, 4]", "QLinearAveragePool", ONE, BYTE, ONE, BYTE,
        kernel_shape=[1, 1], **CODES)
contrib("qlinear_global_pool_rank", "the input must have rank 3 or more, not shape [batch, 4]", "QLinearGlobalAveragePool", ONE, BYTE, ONE,
        BYTE, **CODES)
contrib("qlinear_concat_count", "each tensor needs a scale and a zero point", "QLinearConcat", BYTE, BYTE, ONE, BYTE, BYTE, axis=0)
contrib("qlinear_concat_axis", "attribute 'axis' is missing", "QLinearConcat", BYTE, np.ones((2, 2), np.uint8), ONE, BYTE)
contrib("qgemm_rank", "inputs must be matrices, not of shapes [batch, 4] and [4]", "QGemm", ONE, BYTE, np.ones(4, np.uint8), ONE, BYTE, **CODES)
contrib("qgemm_columns", "a scale or zero point of shape [4] is not one for each of 3 columns", "QGemm", ONE, BYTE,
        np.ones((4, 3), np.uint8), ROW, BYTE, **CODES)
contrib("qgemm_zero_columns", "of the scale and the zero point of B one is for each column, the other for all", "QGemm", ONE, BYTE,
        np.ones((4, 3), np.uint8), ROW[:3], BYTE, **CODES)
contrib("qgemm_bias", "the bias must be i32", "QGemm", ONE, BYTE, np.ones((4, 3), np.uint8), ONE, BYTE, ROW[:3], **CODES)
contrib("qgemm_zero_alone", "it takes both, or neither to stay f32", "QGemm", ONE, BYTE, np.ones((4, 3), np.uint8), ONE, BYTE, None,
        None, BYTE, **CODES)
contrib("qgemm_scale_alone", "it takes both, or neither to stay f32", "QGemm", ONE, BYTE, np.ones((4, 3), np.uint8), ONE, BYTE, None,
        ONE, **CODES)


def nbits(name, errors, codes=((3, 1, 8), np.uint8), scales=((3, 1), np.float32), rest=(), rank=2, **attributes):
    """MatMulNBits of [batch, 4] and weights of shapes and types."""
    attributes = {"K": 4, "N": 3, "bits": 4, "block_size": 16, **attributes}
    arrays = [np.ones(shape, dtype) for shape, dtype in (codes, scales, *filter(None, rest))]
    names = [f"i{i}" for i in range(len(arrays))]
    inputs, given = ["x", *names[:2]], iter(names[2:])
    inputs += ["" if entry is None else next(given) for entry in rest]
    proto = model([helper.make_node("MatMulNBits", inputs, ["y"], name="n", domain="com.microsoft", **attributes)],
                  [tensor(name, array) for name, array in zip(names, arrays)], inputs=[value("x", ["batch", 4][:rank])])
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    CASES.append((name, lambda path: write(path, proto), (errors,), []))


nbits("nbits_k", "attributes 'K' and 'N' must be positive extents", K=0)
nbits("nbits_n", "attributes 'K' and 'N' must be positive extents", N=2**40)
nbits("nbits_bits", "attribute 'bits' must be 2, 4 or 8", bits=3)
nbits("nbits_block", "attribute 'block_size' must be a power of two, at least 16", block_size=8)
nbits("nbits_block_power", "attribute 'block_size' must be a power of two, at least 16", block_size=24)
nbits("nbits_huge_block", "attribute 'block_size' must be a power of two, at least 16", block_size=2**62)
nbits("nbits_prepacked", "weights that are packed for one processor (weight_prepacked) are not supported", weight_prepacked=1)
nbits("nbits_type", "the weights must be u8", codes=((3, 1, 8), np.int8))
nbits("nbits_codes", "cannot reshape [3, 1, 7] to [3, 1, 8]", codes=((3, 1, 7), np.uint8))
nbits("nbits_scales", "cannot reshape [3, 2] to [3, 1]", scales=((3, 2), np.float32))
nbits("nbits_scale_type", "element type i32 is not supported", scales=((3, 1), np.int32))
nbits("nbits_zeros", "cannot reshape [3, 2] to [3, 1]", rest=[((3, 2), np.uint8)])
nbits("nbits_zero_type", "zero points must be u8 or floats", rest=[((3, 1), np.int8)])
nbits("nbits_groups", "group indices of shape [5] are not one for each of K", rest=[None, ((5,), np.int32)])
nbits("nbits_group_type", "group indices must be i32", rest=[None, ((4,), np.int64)])
nbits("nbits_bias", "a bias of shape [4] is not one for each of N", rest=[None, None, ((4,), np.float32)])
nbits("nbits_x", "do not match", K=5)
operands("dequantize_float", "element type f32 is not supported", "DequantizeLinear", [np.ones((), f32)])
for op in "QuantizeLinear", "DequantizeLinear":
    x = dict(inputs=[value("x", [2, 3], FLOAT if op[0] == "Q" else TensorProto.INT8)])
    for name, scale, zero_point in ("scalar", (), (3,)), ("row", (3,), ()), ("rows", (3,), (2,)), ("one", (1,), (3,)), ("matrix", (), (1, 1)):
        simple(f"{op.lower()}_zero_point_{name}", f"the zero point has shape [{', '.join(map(str, zero_point))}], the scale [{', '.join(map(str, scale))}]",
               [node(op, "x s z", axis=1)], [tensor("s", np.ones(scale, np.float32)), tensor("z", np.zeros(zero_point, np.int8))], **x)
operands("lp_norm", "attribute 'p' is 3; it must be 1 or 2", "LpNormalization", [], p=3)
operands("reverse_axes", "must be 0 and 1, or 1 and 0", "ReverseSequence", [np.array([1, 1, 1, 1])], batch_axis=1, time_axis=1)
operands("reverse_length", "sequence_lens must be from 0 to 4, the number of time steps; one is 5", "ReverseSequence", [np.array([5])], batch_axis=0, time_axis=1)
operands("rotary_rank", "the input has rank 2, not 3 or 4", "RotaryEmbedding", [np.ones((3, 2), f32), np.ones((3, 2), f32)], opset=23)
ROTARY = [value("x", [2, 5, 12])]
for name, error, half, attributes in [("heads", "needs attribute 'num_heads'", 3, {}), ("angles", "cos_cache and sin_cache have 2 and 2 angles for each position; half of 6", 2, dict(num_heads=2)),
                                      ("turned", "half of 8 elements turn", 3, dict(num_heads=2, rotary_embedding_dim=8)), ("flag", "'interleaved' is 2", 3, dict(num_heads=2, interleaved=2))]:
    simple(f"rotary_{name}", error, [node("RotaryEmbedding", "x c s", **attributes)], [tensor(n, np.ones((2, 5, half), f32)) for n in "cs"], inputs=ROTARY, opset=23)
operands("tensor_scatter_axis", "axis 0 is that of the batch", "TensorScatter", [np.ones((1, 4), f32)], axis=0, opset=24)
operands("matmul_integer", "matrices must be i8 or u8", "MatMulInteger", [np.zeros((4, 3), np.int8)])


def quantized(name, error, op, changes, weight=(5, 3)):
    """A quantized product of u8 [4, 5], or an image [1, 5, 4, 4], in which some operands are changed, by their names."""
    u8, i8 = np.uint8, np.int8
    names = "x w xz wz" if "Integer" in op else "x xs xz w ws wz ys yz"
    arrays = {"xs": f32(1), "xz": u8(0), "w": np.ones(weight, i8), "ws": f32(1), "wz": i8(0), "ys": f32(1), "yz": u8(0), **changes}
    simple(name, error, [node(op, names)], [tensor(label, arrays[label]) for label in names.split()[1:]],
           inputs=[value("x", [4, 5] if "MatMul" in op else [1, 5, 4, 4], TensorProto.UINT8)], opset=21)


for op in "MatMulInteger", "QLinearMatMul":
    label = op.lower()
    quantized(f"{label}_zero_type", "a zero point of type i8 does not fit a tensor of type u8", op, {"xz": np.int8(0)})
    quantized(f"{label}_weight_zero_type", "a zero point of type u8 does not fit a tensor of type i8", op, {"wz": np.uint8(0)})
    quantized(f"{label}_rows", "zero point of shape [5] does not fit the rows of a matrix of shape [4, 5]", op, {"xz": np.zeros(5, np.uint8)})
    quantized(f"{label}_columns", "zero point of shape [5] does not fit the columns", op, {"wz": np.zeros(5, np.int8)})
    quantized(f"{label}_elements", "zero point of shape [4, 5] does not fit the rows", op, {"xz": np.zeros((4, 5), np.uint8)})
    quantized(f"{label}_grown", "zero point of shape [2, 4, 1] does not fit the rows", op, {"xz": np.zeros((2, 4, 1), np.uint8)})
    # A product of vectors has neither rows nor columns.
    quantized(f"{label}_vector", "zero point of shape [3] does not fit the columns of a matrix of shape [5]", op, {"wz": np.zeros(3, np.int8)}, weight=(5,))
for op, weight in ("QLinearMatMul", (5, 3)), ("QLinearConv", (3, 5, 1, 1)):
    label = op.lower()
    quantized(f"{label}_result_type", "the result's zero point must be i8 or u8, not f16", op, {"yz": np.float16(0)}, weight)
    quantized(f"{label}_result_scale", "scale or zero point has shape [3]; it must be a scalar", op, {"ys": np.ones(3, f32)}, weight)
    quantized(f"{label}_result_zero", "scale or zero point has shape [4, 1]; it must be a scalar", op, {"yz": np.ones((4, 1), np.uint8)}, weight)
    quantized(f"{label}_scale_type", "the scale of w must be f32, not i32" if "Conv" in op else "inputs 1 and 4 have different element types, f32 and i32",
              op, {"ws": np.int32(1)}, weight)
quantized("qlinearmatmul_scale", "scale or zero point of shape [3] does not fit the rows", "QLinearMatMul", {"xs": np.ones(3, f32)})
quantized("qlinearconv_scale", "scale or zero point has shape [5]; it must be a scalar", "QLinearConv", {"xs": np.ones(5, f32)}, (3, 5, 1, 1))
for op in "ConvInteger", "QLinearConv":
    label = op.lower()
    quantized(f"{label}_zero_type", "a zero point of type i8 does not fit a tensor of type u8", op, {"xz": np.int8(0)}, (3, 5, 1, 1))
    quantized(f"{label}_zero", "scale or zero point has shape [5]; it must be a scalar", op, {"xz": np.zeros(5, np.uint8)}, (3, 5, 1, 1))
    quantized(f"{label}_channels", "zero point of shape [5] does not fit a weight of shape [3, 5, 1, 1]", op, {"wz": np.zeros(5, np.int8)}, (3, 5, 1, 1))
    quantized(f"{label}_matrix", "zero point of shape [3, 1] does not fit a weight", op, {"wz": np.zeros((3, 1), np.int8)}, (3, 5, 1, 1))
# One node, one message, however much is wrong with it.
simple("two_strides", "attribute 'strides' has 3 elements, not 2", [node("MaxPool", kernel_shape=[2, 2], strides=[1, 1, 1], dilations=[1])],
       inputs=[value("x", [1, 1, 4, 4])])
simple("attention_without_heads", "input K of shape [2, 3, 8] must have 4 dimensions", [node("Attention", "x k k", q_num_heads=2)],
       inputs=[value("x", [2, 3, 8]), value("k", [2, 3, 8])], opset=23)
simple("attention_past_rank", "past keys and values must be like those of the node", [node("Attention", "x x x  p q", "y pk pv")],
       inputs=[value("x", [2, 1, 3, 4]), value("p", [2, 1, 3, 4]), value("q", [3, 4])], opset=23)
simple("attention_counts", "a number of keys of shape [4] does not fit a batch of 2", [node("Attention", "x x x    n")],
       inputs=[value("x", [2, 1, 3, 4]), value("n", [4], onnx.TensorProto.INT64)], opset=23)


def recurrent(name, error, op="LSTM", shapes=((1, 12, 4), (1, 12, 3)), extra="", inputs=None, lengths=(), **attributes):
    labels = "abcdefg"[:len(shapes)]
    simple(name, error, [node(op, " ".join(["x", *labels]) + extra, **attributes)],
           [tensor(label, np.zeros(shape, f32)) for label, shape in zip(labels, shapes)] + [tensor("lengths", np.array(lengths, np.int32))] * bool(lengths),
           inputs=inputs or [value("x", ["time", 2, 4])])


recurrent("lstm_rank", "the input and the weights must have rank 3", inputs=[value("x", [2, 4])])
recurrent("lstm_hidden", "attribute 'hidden_size' is 5, but the weights are of 3", hidden_size=5)
recurrent("lstm_weight", "input W has shape [1, 9, 4], not [1, 12, 4]", shapes=((1, 9, 4), (1, 12, 3)))
recurrent("lstm_bias", "input B has shape [1, 5], not [1, 24]", shapes=((1, 12, 4), (1, 12, 3), (1, 5)))
recurrent("lstm_direction", "attribute 'direction' is 'sideways'", direction="sideways")
recurrent("lstm_activation", "activation 'Gelu' is not supported", activations=["Gelu", "Tanh", "Tanh"])
recurrent("lstm_activations", "attribute 'activations' has 1 elements", activations=["Tanh"])
recurrent("gru_directions", "input W has shape [1, 9, 4], not [2, 9, 4]", op="GRU", shapes=((1, 9, 4), (1, 9, 3)), direction="bidirectional")
recurrent("rnn_inputs", "input W has shape [1, 3, 5], not [1, 3, 4]", op="RNN", shapes=((1, 3, 5), (1, 3, 3)))
recurrent("lstm_lengths", "node 'n' (LSTM, opset 17): sequence_lens must be from 0 to 5, the number of time steps; one is 6", extra="  lengths",
          inputs=[value("x", [5, 2, 4])], lengths=[5, 6])
recurrent("lstm_length_negative", "must be from 0 to 5, the number of time steps; one is -1", extra="  lengths",
          inputs=[value("x", [5, 2, 4])], lengths=[-1, 5])


for name, error, inputs, data, attributes in [
    ("resize_mode", "attribute 'mode' must be nearest, linear or cubic", "scales", [1, 1, 2, 2], dict(mode="spline")),
    ("resize_coordinates", "'coordinate_transformation_mode' is 'polar'", "scales", [1, 1, 2, 2],
     dict(coordinate_transformation_mode="polar")),
    ("resize_zero", "cannot resize axis 2 of extent 8", "scales", [1, 1, 0, 1], {}),
    ("resize_nan", "cannot resize axis 2 of extent 8", "scales", [1, 1, np.nan, 1], {}),
    ("resize_huge", "cannot resize axis 2 of extent 8", "scales", [1, 1, 1e30, 1], {}),
    ("resize_negative", "cannot resize axis 2 of extent 8 to -4", "sizes", [1, 3, -4, 8], {}),
    ("resize_count", "there are 2 scales or sizes for 4 axes", "scales", [1, 2], {}),
    ("resize_four", "more than three axes are resized", "scales", [2, 2, 2, 2], {}),
    ("resize_axis_twice", "axis 2 stands twice", "scales", [2, 2], dict(axes=[2, -2])),
    ("resize_axis", "axis 4 is out of range for rank 4", "scales", [2], dict(axes=[4])),
    ("resize_matrix", "must be vectors, not of shape [2, 2]", "sizes", [[1, 3], [4, 8]], {}),
    ("resize_policy", "'keep_aspect_ratio_policy' must be stretch, not_larger or not_smaller, not 'any'", "sizes", [4, 4],
     dict(axes=[2, 3], keep_aspect_ratio_policy="any")),
]:
    slots = ["x", "", "s"] if inputs == "scales" else ["x", "", "", "s"]
    simple(name, error, [helper.make_node("Resize", slots, ["y"], name="n", **attributes)],
           [tensor("s", np.array(data, f32 if inputs == "scales" else np.int64))], inputs=[value("x", [1, 3, 8, 8])])
