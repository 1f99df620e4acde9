# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators of any number of operands or results, given many: many_operands.py FOLDER"""
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import helper

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
from artifact import Artifact

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
seed = int.from_bytes(os.urandom(4), "little")
print("seed", seed)
rng = np.random.default_rng(seed)
SHAPES = [("b", 17), (17,), (1, 1), (), ("b", 1)]


def check(op, reference, count, dtype, model, feed):
    """One model has all: compiling is what takes time."""
    shapes = [SHAPES[i % len(SHAPES)] for i in range(count)]
    names = [f"{op}_{i}" for i in range(count)]
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype)) if hasattr(helper, "np_dtype_to_tensor_dtype") \
        else onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[np.dtype(dtype)]
    values = [np.asarray(rng.normal(size=[3 if n == "b" else n for n in shape])).astype(dtype) for shape in shapes]
    model[0].append(helper.make_node(op, names, [op]))
    model[1].extend(helper.make_tensor_value_info(n, element, s) for n, s in zip(names, shapes))
    model[2].append(helper.make_tensor_value_info(op, element, None))
    feed.update(zip(names, values))
    full = [np.broadcast_to(value, (3, 17)) for value in values]
    expected = full[0].copy()
    for value in full[1:]:
        expected = reference(expected, value)
    return op, (expected / dtype(count)).astype(dtype) if op == "Mean" else expected


model, feed = ([], [], []), {}
wanted = [check("Sum", np.add, 65, np.float32, model, feed),
          check("Mean", np.add, 200, np.float32, model, feed),
          check("Max", np.maximum, 130, np.float32, model, feed),
          check("Min", np.minimum, 64, np.int32, model, feed)]
path = os.path.join(folder, "many.onnx")
onnx.save(helper.make_model(helper.make_graph(model[0], "many", model[1], model[2]), ir_version=8,
                            opset_imports=[helper.make_opsetid("", 13)]), path)
subprocess.run(["ternc", path, "-o", path[:-5] + ".so"], check=True)
results = Artifact(path[:-5] + ".so")(feed)
for op, expected in wanted:
    np.testing.assert_array_equal(results[op], expected)
    print(op, "is equal")

# A Split: every part is an output, the last is smaller, some are used. Its function is compiled in parts.
COUNT = 300
nodes = [helper.make_node("Split", ["x"], [f"y{i}" for i in range(COUNT)], axis=1, num_outputs=COUNT)]
nodes += [helper.make_node("Mul", [f"y{i}", f"y{i + 256}"], [f"z{i}"]) for i in range(0, 40, 13)]
outputs = [name for node in nodes for name in node.output]
path = os.path.join(folder, "split.onnx")
graph = helper.make_graph(nodes, "split", [helper.make_tensor_value_info("x", 1, ["b", 2 * COUNT - 1])],
                          [helper.make_tensor_value_info(name, 1, None) for name in outputs])
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)]), path)
subprocess.run(["ternc", path, "-o", path[:-5] + ".so"], check=True)
model = Artifact(path[:-5] + ".so")
for rows in (0, 1, 3, 17):
    x = rng.normal(size=(rows, 2 * COUNT - 1)).astype(np.float32)
    results = model({"x": x})
    for i in range(COUNT):
        np.testing.assert_array_equal(results[f"y{i}"], x[:, 2 * i:2 * i + 2])
    for i in range(0, 40, 13):
        np.testing.assert_array_equal(results[f"z{i}"], x[:, 2 * i:2 * i + 2] * x[:, 2 * i + 512:2 * i + 514])
print("Split is equal")
