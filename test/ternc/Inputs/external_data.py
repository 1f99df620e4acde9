# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes m.onnx, a MatMul whose weight lies in m.safetensors."""
import numpy as np
import onnx
from onnx import helper, numpy_helper

weight = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [helper.make_tensor_value_info("x", 1, ["n", 4])],
                          [helper.make_tensor_value_info("y", 1, ["n", 3])], [weight])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save_model(model, "m.onnx", save_as_external_data=True, location="m.safetensors", size_threshold=0)
