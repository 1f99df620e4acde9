# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles models to one name and keeps all of them loaded.

    reload.py FOLDER
"""
import os
import subprocess
import sys

import numpy as np
import onnx
import tern
from onnx import TensorProto, helper, numpy_helper

os.chdir(sys.argv[1])
X = np.ones((1, 3), np.float32)


def build(value, *options):
    """y = x . w, all of w `value`."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 17])],
        [numpy_helper.from_array(np.full((3, 17), value, np.float32), "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "m.onnx")
    subprocess.run(["ternc", "m.onnx", "-O0", "-o", "m.so", *options], check=True)


def check(model, value):
    np.testing.assert_array_equal(model(X), np.full((1, 17), 3 * value, np.float32))


alive = []
for value, options in enumerate([[], [], ["--embed-weights"], ["--embed-weights"], []], 1):
    build(value, *options)
    alive.append(tern.load("m.so"))
    check(alive[-1], value)
    # The same file a second time.
    check(tern.load("m.so"), value)
for value, model in enumerate(alive, 1):
    check(model, value)

for value in (7, 8):
    build(value, "--train")
    trainer = tern.Trainer("m.so")
    alive.append(trainer)
    np.testing.assert_array_equal(trainer.state["w"], np.full((3, 17), value, np.float32))
build(9)
check(tern.load("m.so"), 9)
