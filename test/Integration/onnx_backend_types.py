# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tern.onnx_backend with types that onnx takes from the package ml_dtypes."""
import ml_dtypes
import numpy as np
from onnx import TensorProto, helper

import tern.onnx_backend as backend

KINDS = {"bfloat16": TensorProto.BFLOAT16, "int4": TensorProto.INT4, "uint2": TensorProto.UINT2,
         "float8_e4m3fn": TensorProto.FLOAT8E4M3FN, "float8_e8m0fnu": TensorProto.FLOAT8E8M0, "float4_e2m1fn": TensorProto.FLOAT4E2M1}
values = np.float32([0.5, 1, 2, 3, 2, 1])
for name, kind in KINDS.items():
    array = values.astype(getattr(ml_dtypes, name))
    node = helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT)
    info = helper.make_tensor_value_info
    graph = helper.make_graph([node, helper.make_node("Cast", ["wide"], ["y"], to=kind)], "casts", [info("x", kind, [6])],
                              [info("y", kind, [6]), info("wide", TensorProto.FLOAT, [6])])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 24)])
    y, wide = backend.prepare(model).run([array])
    assert y.dtype == array.dtype and np.array_equal(y.astype(np.float32), array.astype(np.float32)), (name, y)
    assert np.array_equal(wide, array.astype(np.float32)), (name, wide)
    (result,) = backend.run_node(node, [array], opset_version=24)
    assert np.array_equal(result, wide), (name, result)
print(f"{len(KINDS)} types agree")
