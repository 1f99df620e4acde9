# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An ONNX model y = x . w + b with data sets in the ONNX project's layout."""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_set(folder, x, y):
    os.makedirs(folder)
    for name, array, tensor in (("input_0.pb", x, "x"), ("output_0.pb", y, "y")):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(numpy_helper.from_array(array, tensor).SerializeToString())


out = sys.argv[1]
rng = np.random.default_rng(3)
w = rng.standard_normal((5, 3)).astype(np.float32)
b = np.array([0.5, -1.25, 3], np.float32)
graph = helper.make_graph(
    [helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="fc")], "affine",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 5])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
    [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
onnx.save(model, os.path.join(out, "affine.onnx"))

for i, batch in enumerate((1, 6)):
    x = rng.standard_normal((batch, 5)).astype(np.float32)
    write_set(os.path.join(out, "data", f"test_data_set_{i}"), x, x @ w + b)
y = x @ w + b
y[0, 0] += 1
write_set(os.path.join(out, "wrong"), x, y)
