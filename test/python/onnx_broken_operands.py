# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operands that are shapes, axes, counts or indices, of element types and ranks that the standard does not give them."""
import numpy as np
from onnx import helper

from onnx_broken_case import node, simple, tensor, value

F32, I32, I64 = np.float32, np.int32, np.int64
NAMES = {np.dtype(name): short for name, short in (("f4", "f32"), ("f8", "f64"), ("i4", "i32"), ("i8", "i64"), ("u1", "u8"), ("?", "bool"))}
VECTOR, SCALAR, ANY = "a vector", "a scalar", None


def operand(op, number, name, types, form, arrays, outputs="y", opset=17, shape=(2, 4), **attributes):
    """`arrays`: the operands behind the first, which is float; `number` counts it. Each kind of fault is a model."""
    given = np.asarray(arrays[number - 1])
    wrong = [np.float64, {"i64": I32, "i32": I64, "bool": I64}.get(types, np.uint8)]
    changes = [(NAMES[np.dtype(dtype)], given.astype(dtype), f"{name} must be {types}, not {NAMES[np.dtype(dtype)]}")
               for dtype in wrong if NAMES[np.dtype(dtype)] != types]
    if form == VECTOR:
        changes += [("scalar", given.reshape(-1)[0], f"{name} must be a vector, not of shape []"),
                    ("matrix", given[None], f"{name} must be a vector, not of shape [1, {given.size}]")]
    elif form == SCALAR:
        changes += [("vector", given[None], f"{name} must be a scalar, not of shape [1]")]
    for kind, array, error in changes:
        all_arrays = [*arrays[:number - 1], array, *arrays[number:]]
        names = ["" if each is None else f"i{i}" for i, each in enumerate(all_arrays)]
        simple(f"operand_{op.lower()}{opset}_{number}_{kind}", f"({op}, opset {opset}): {error}",
               [helper.make_node(op, ["x", *names], outputs.split(), name="n", **attributes)],
               [tensor(label, each) for label, each in zip(names, all_arrays) if label], inputs=[value("x", list(shape))], opset=opset)


def ints(*values, dtype=I64):
    return np.array(values, dtype)


operand("Reshape", 1, "the new shape", "i64", VECTOR, [ints(4, 2)])
operand("Expand", 1, "the new shape", "i64", VECTOR, [ints(3, 2, 4)])
operand("Tile", 1, "repeats", "i64", VECTOR, [ints(1, 2)])
operand("TopK", 1, "k", "i64", VECTOR, [ints(2)], "y z")
operand("Pad", 1, "pads", "i64", VECTOR, [ints(0, 0, 1, 1)])
operand("Pad", 3, "axes", "i32 or i64", VECTOR, [ints(0, 1), None, ints(1)], opset=19)
operand("Slice", 1, "starts", "i32 or i64", VECTOR, [ints(0), ints(1)])
operand("Slice", 2, "ends", "i32 or i64", VECTOR, [ints(0), ints(1)])
operand("Slice", 3, "axes", "i32 or i64", VECTOR, [ints(0), ints(1), ints(1)])
operand("Slice", 4, "steps", "i32 or i64", VECTOR, [ints(0), ints(1), ints(1), ints(1)])
operand("Split", 1, "sizes", "i64", VECTOR, [ints(1, 3)], "y z", axis=1)
operand("Squeeze", 1, "axes", "i64", VECTOR, [ints(0)], shape=(1, 4))
operand("Unsqueeze", 1, "axes", "i64", ANY, [ints(0)])
operand("ReduceSum", 1, "axes", "i64", VECTOR, [ints(1)])
operand("ReduceL2", 1, "axes", "i64", VECTOR, [ints(1)], opset=18)
operand("CumSum", 1, "the axis", "i32 or i64", ANY, [ints(1)])
operand("Resize", 2, "scales", "f32", ANY, [None, np.ones(2, F32)])
operand("Resize", 3, "sizes", "i64", ANY, [None, None, ints(2, 4)])
operand("Trilu", 1, "k", "i64", ANY, [np.array(1)])
operand("Gather", 1, "the indices", "i32 or i64", ANY, [ints(0)])
operand("GatherElements", 1, "the indices", "i32 or i64", ANY, [ints(0)[None]])
operand("GatherND", 1, "the indices", "i64", ANY, [ints(0)])
operand("ScatterElements", 1, "the indices", "i32 or i64", ANY, [ints(0)[None], np.ones((1, 1), F32)])
operand("ScatterND", 1, "the indices", "i64", ANY, [ints(0)[None], np.ones((1, 4), F32)])
operand("NegativeLogLikelihoodLoss", 1, "labels", "i32 or i64", ANY, [ints(0, 1)])
operand("SoftmaxCrossEntropyLoss", 1, "labels", "i32 or i64", ANY, [ints(0, 1)])
operand("ReverseSequence", 1, "sequence_lens", "i64", VECTOR, [ints(1, 1, 1, 1)])
operand("LSTM", 4, "sequence_lens", "i32", VECTOR, [np.ones((1, 12, 4), F32), np.ones((1, 12, 3), F32), None, ints(1, 1, dtype=I32)], shape=(5, 2, 4))
operand("Dropout", 2, "training_mode", "bool", SCALAR, [F32(0.5), np.array(False)])
operand("RotaryEmbedding", 3, "position_ids", "i64", ANY, [np.ones((9, 3), F32), np.ones((9, 3), F32), np.zeros((2, 5), I64)], opset=23,
        shape=(2, 1, 5, 6))
operand("TensorScatter", 2, "write_indices", "i64", VECTOR, [np.ones((2, 1, 5), F32), ints(0, 1)], opset=24, shape=(2, 3, 5))
simple("shape_scalar", "the shape must be a vector, not of shape []", [node("ConstantOfShape", "s")], [tensor("s", np.array(2))])
simple("shape_floats", "the shape must be i64, not f32", [node("ConstantOfShape", "s")], [tensor("s", np.ones(2, F32))])
simple("range_bool", "start must be a number, not bool", [node("Range", "a b c")], [tensor(label, np.array(True)) for label in "abc"])
simple("onehot_bool", "the depth must be a number, not bool", [node("OneHot", "x d v")], [tensor("d", np.array(True)), tensor("v", np.zeros(2, F32))])

# One type variable.
simple("slice_types", "inputs 1 and 2 have different element types, i64 and i32", [node("Slice", "x a b")],
       [tensor("a", ints(0)), tensor("b", ints(1, dtype=I32))])
WEIGHTS = {"w": (1, 12, 4), "r": (1, 12, 3), "b": (1, 24), "h": (1, 2, 3), "c": (1, 2, 3), "p": (1, 9)}
for i, label in enumerate("wrbhcp"):
    number = i + 1 if i < 3 else i + 2
    simple(f"lstm_types_{label}", f"inputs 0 and {number} have different element types, f32 and f16",
           [helper.make_node("LSTM", ["x", "w", "r", "b", "", "h", "c", "p"], ["y"], name="n")],
           [tensor(other, np.zeros(shape, np.float16 if other == label else F32)) for other, shape in WEIGHTS.items()], inputs=[value("x", [5, 2, 4])])

simple("split_both", "both sizes and attribute 'num_outputs' are given", [node("Split", "x s", "y z", axis=1, num_outputs=2)],
       [tensor("s", ints(2, 2))], opset=18)
simple("split_attribute", "attribute 'split' is not supported", [node("Split", "x", "y z", axis=1, split=[2, 2])], opset=13)
simple("rotary_positions", "cos_cache and sin_cache have 9 and 8 positions", [node("RotaryEmbedding", "x c s i")],
       [tensor("c", np.ones((9, 3), F32)), tensor("s", np.ones((8, 3), F32)), tensor("i", np.zeros((2, 5), I64))], inputs=[value("x", [2, 1, 5, 6])], opset=23)
for op in "Min", "Max", "Sum", "Mean":
    simple(f"{op.lower()}_shapes", f"({op}, opset 7): inputs of shapes [2, 4] and [4] differ; they broadcast from opset 8 on", [node(op, "x a")],
           [tensor("a", np.ones(4, F32))], inputs=[value("x", [2, 4])], opset=7)
simple("concat_axis", "attribute 'axis' is missing", [node("Concat", "x x")])
simple("global_lp_pool_rank", "the input must have rank 3 or more, not shape [2, 4]", [node("GlobalLpPool")], inputs=[value("x", [2, 4])])
