# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model in the making: nodes, operands, and the value that each output must have."""
import numpy as np
import onnx
from onnx import helper, numpy_helper


class Case:
    """A model in the making: nodes with the expected value of each output."""

    def __init__(self, opset=20):
        self.opset, self.nodes, self.inputs, self.parameters = opset, [], {}, {}
        self.expected = {}
        self.shapes = {}

    def input(self, name, array, shape=None):
        self.inputs[name] = np.asarray(array)
        self.shapes[name] = list(shape or self.inputs[name].shape)
        return name

    def parameter(self, name, array):
        self.parameters[name] = np.asarray(array)
        return name

    def add(self, op, inputs, expected, **attributes):
        """A node whose one output must have the value `expected`."""
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], output, **attributes))
        self.expected[output] = np.asarray(expected)
        return output

    def model(self, static):
        element = helper.mapping.NP_TYPE_TO_TENSOR_TYPE
        inputs = [helper.make_tensor_value_info(name, element[array.dtype], array.shape if static else self.shapes[name])
                  for name, array in self.inputs.items()]
        outputs = [onnx.ValueInfoProto(name=name) for name in self.expected]
        graph = helper.make_graph(self.nodes, "ops", inputs, outputs,
                                  [numpy_helper.from_array(array, name) for name, array in self.parameters.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def f32(array):
    return np.asarray(array, np.float32)


def wide(array):
    return array.astype(np.float64)
