# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models with If against ONNX Runtime: branches.py FOLDER"""
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
seed = int.from_bytes(os.urandom(4), "little")
print("seed", seed)
rng = np.random.default_rng(seed)
FLOAT, INT, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
info, node = helper.make_tensor_value_info, helper.make_node


def branch(nodes, outputs, initializers=()):
    return helper.make_graph(nodes, "branch", [], [onnx.ValueInfoProto(name=name) for name in outputs], list(initializers))


def array(name, value, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def build(name, nodes, inputs, outputs, *options, initializers=()):
    graph = helper.make_graph(nodes, name, inputs, [onnx.ValueInfoProto(name=n) for n in outputs], list(initializers))
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    path = os.path.join(folder, name + ".onnx")
    onnx.save(model, path)
    made = subprocess.run(["ternc", path, "-o", path[:-5] + ".so", *options], capture_output=True, text=True)
    return path, made


def run(path, feed, outputs):
    command = ["tern-run", path[:-5] + ".so"]
    for key, value in feed.items():
        np.save(f"{path}.{key}.npy", value)
        command += ["--input", f"{key}=@{path}.{key}.npy"]
    for i in range(outputs):
        command += ["--output", f"@{path}.{i}.npy"]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.stderr or [np.load(f"{path}.{i}.npy") for i in range(outputs)]


# A condition of the run: values of the graph, initializers and results of either branch, and another If in one.
inner = node("If", ["small"], ["d"], name="inner",
             then_branch=branch([node("Mul", ["x", "c"], ["e"])], ["e"]),
             else_branch=branch([node("Exp", ["x"], ["e"])], ["e"]))
# Only there does the index have to be in range, and only there are there three columns.
picks = branch([node("Gather", ["x", "i"], ["g"], axis=1), node("Add", ["x", "three"], ["c"]), inner], ["g", "d"], [array("three", [1, 2, 3])])
stays = branch([node("Neg", ["first"], ["g"]), node("Identity", ["x"], ["d"])], ["g", "d"])
path, made = build("nested", [
    node("Greater", ["flag", "zero"], ["chosen"]), node("Less", ["flag", "zero"], ["small"]),
    node("Slice", ["x", "begin", "end", "one"], ["first"]),
    node("If", ["chosen"], ["y", "z"], name="outer", then_branch=picks, else_branch=stays)],
    [info("x", FLOAT, ["n", "m"]), info("flag", INT, []), info("i", INT, [1])], ["y", "z"],
    initializers=[array("zero", 0, np.int64), array("begin", [0], np.int64), array("end", [1], np.int64), array("one", [1], np.int64)])
assert made.returncode == 0, made.stderr
session = onnxruntime.InferenceSession(path)
for n in (1, 33):
    for flag in (1, 0, -1):
        feed = {"x": rng.normal(size=(n, 3)).astype(np.float32), "flag": np.array(flag), "i": np.array([2 if flag > 0 else 77])}
        for got, want in zip(run(path, feed, 2), session.run(None, feed)):
            np.testing.assert_allclose(got, want, rtol=1e-6)
    error = run(path, dict(feed, flag=np.array(1)), 2)
    assert "(Gather, opset 17): an index is out of range" in error, error

# A condition that is known when compiling: the other branch need not be supported, nor have that shape.
for wanted, truth in ((0, "n"), (1, "2 n")):
    path, made = build(f"known-{wanted}", [
        node("Shape", ["x"], ["s"]), node("Size", ["s"], ["rank"]), node("Equal", ["rank", "two"], ["is_matrix"]),
        node("If", ["is_matrix"], ["y"], then_branch=branch([node("Concat", ["x", "x"], ["c"], axis=0)], ["c"]),
             else_branch=branch([node("StringNormalizer", ["x"], ["c"])], ["c"]))],
        [info("x", FLOAT, ["n", 5])], ["y"], initializers=[array("two", 2, np.int64)])
    assert made.returncode == 0, made.stderr
x = rng.normal(size=(17, 5)).astype(np.float32)
np.testing.assert_array_equal(run(path, {"x": x}, 1)[0], np.concatenate([x, x]))

# What cannot be said names the node.
for name, then, error in [
        ("shapes", branch([node("Concat", ["x", "x"], ["c"], axis=1)], ["c"]), "output 0 has type f32 and shape [n, 10] in one branch, f32 and [n, 5] in the other"),
        ("types", branch([node("Cast", ["x"], ["c"], to=INT)], ["c"]), "has type i64"),
        ("outputs", branch([node("Relu", ["x"], ["c"])], ["c", "x"]), "'then_branch' has 2 outputs, the node 1"),
        ("nothing", branch([node("Relu", ["x"], ["c"])], ["q"]), "'q'"),
        ("twice", branch([node("Relu", ["x"], ["c"]), node("Relu", ["x"], ["c"])], ["c"]), "defines 'c' twice")]:
    _, made = build(name, [node("If", ["b"], ["y"], name="choice", then_branch=then, else_branch=branch([node("Neg", ["x"], ["c"])], ["c"]))],
                    [info("x", FLOAT, ["n", 5]), info("b", BOOL, [])], ["y"])
    assert made.returncode == 1 and made.stderr.count("\n") == 1 and "'choice'" in made.stderr and error in made.stderr, (name, made.stderr)
_, made = build("condition", [node("If", ["x"], ["y"], name="choice", then_branch=branch([], ["x"]), else_branch=branch([], ["x"]))],
                [info("x", FLOAT, ["n", 5])], ["y"])
assert made.returncode == 1 and "'choice' (If, opset 17): the condition must be one bool" in made.stderr, made.stderr
print("passed")
