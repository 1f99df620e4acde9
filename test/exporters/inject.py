# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A quantized model in pieces, each of which gets ONNX Runtime's codes.

Two engines that add floats in another order round a number beside a tie to another code, and each later layer makes more of it: in
the end, the outputs of an untrained network differ by several steps, of one engine, too, if its scales move by their last bit. So
what a quantizer computes is compared by itself: all that follows it reads an input of the model instead, which is fed what ONNX
Runtime computed there.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CODES = {np.dtype(name) for name in ("i1", "u1", "i2", "u2")}
# Operators whose results are codes, with, of some, their scale and zero point.
QUANTIZERS = {"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "QLinearAdd", "QLinearMul", "QLinearConcat",
              "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QLinearAveragePool", "QLinearGlobalAveragePool", "QGemm"}
SUFFIX = "/fed"


def find_codes(model):
    """The results of quantizers that something reads."""
    read = {name for node in model.graph.node for name in node.input}
    return [name for node in model.graph.node if node.op_type in QUANTIZERS for name in node.output if name in read]


def add_outputs(model, names):
    """The model with those values as outputs, too; their types are inferred when it is loaded."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    present = {output.name for output in result.graph.output}
    result.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name not in present)
    return result


def cut(model, runs):
    """The model in pieces, from what ONNX Runtime computed in each run, by name."""
    result = add_outputs(model, find_codes(model))
    for name in find_codes(model):
        arrays = [run[name] for run in runs]
        kind = helper.np_dtype_to_tensor_dtype(arrays[0].dtype)
        # Extents that differ between runs have no name: nothing ties them.
        shape = [extents[0] if len(set(extents)) == 1 else None for extents in zip(*(array.shape for array in arrays))]
        result.graph.input.append(helper.make_tensor_value_info(name + SUFFIX, kind, shape))
        output = next(output for output in result.graph.output if output.name == name)
        output.CopyFrom(helper.make_tensor_value_info(name, kind, shape))
        for node in result.graph.node:
            for i, operand in enumerate(node.input):
                if operand == name:
                    node.input[i] = name + SUFFIX
    return result


def feed(names, inputs, run):
    """What an input of a model that was cut is fed."""
    return {name: run[name.removesuffix(SUFFIX)] if name.endswith(SUFFIX) else inputs[name] for name in names}


def move_scales(model):
    """The model with each constant scale of a quantizer moved by its last bit: a control, as far from the model as any order of
    sums."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    scales = {name for node in result.graph.node for name in node.input[1:] if "scale" in name.lower()}
    for tensor in result.graph.initializer:
        if tensor.name in scales and tensor.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.nextafter(array, np.float32(np.inf)), tensor.name))
    return result
