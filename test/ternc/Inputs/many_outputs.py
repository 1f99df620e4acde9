# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""many_outputs.py FILE N: a Split into N outputs."""
import sys

import onnx
from onnx import TensorProto, helper

count = int(sys.argv[2])
names = [f"y{i}" for i in range(count)]
graph = helper.make_graph([helper.make_node("Split", ["x"], names, axis=1)], "many",
                          [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", count])],
                          [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), sys.argv[1])
