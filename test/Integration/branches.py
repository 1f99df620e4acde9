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
from onnxruntime.capi import onnxruntime_pybind11_state as errors

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
onnxruntime.set_default_logger_severity(4)
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

def check(name, nodes, inputs, outputs, feeds, initializers=(), options=()):
    """Compiles a model and runs it as ONNX Runtime does, which refuses what is an error here."""
    path, made = build(name, nodes, inputs, outputs, *options, initializers=initializers)
    assert made.returncode == 0, (name, made.stderr)
    session = onnxruntime.InferenceSession(path)
    for feed in feeds:
        try:
            wanted = session.run(None, feed)
        except (errors.Fail, errors.InvalidArgument, errors.RuntimeException):
            wanted = None
        got = run(path, feed, len(outputs))
        where = (name, {key: value.shape or value for key, value in feed.items()})
        if wanted is None:
            assert isinstance(got, str) and got.count("\n") == 1 and "branch/" in got, (where, got)
            continue
        assert not isinstance(got, str), (where, got)
        for i, (g, w) in enumerate(zip(got, wanted)):
            np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-5, err_msg=f"{where} {i}")


def random(*shape):
    return rng.normal(size=shape).astype(np.float32)


# Only the branch that is taken has to fit: its checks refuse nothing else, and what they tell holds nowhere else.
ends = [array(name, value, np.int64) for name, value in (
    ("zero", 0), ("one", [1]), ("four", 4), ("five", [5]), ("large", [1 << 40]), ("larger", [1 << 58]), ("begin", [0]), ("ten", [10]))]
flag, vector = info("c", BOOL, []), info("x", FLOAT, ["n"])
least = branch([node("ReduceMin", ["x"], ["r"], keepdims=0)], ["r"])
truth = [np.array(True), np.array(False)]


def choose(output, then, otherwise, condition="c", name="choice"):
    return node("If", [condition], output if isinstance(output, list) else [output], then_branch=then, else_branch=otherwise, name=name)


def ones(output, shape, value=1):
    return node("ConstantOfShape", [shape], [output], value=array("", [value]))


product = branch([node("MatMul", ["x", "v"], ["r"])], ["r"])
sizes = [(3, 3), (1, 17), (257, 3), (3, 1 << 20)]
check("product", [choose("z", product, least)], [flag, vector, info("v", FLOAT, ["m"])], ["z"],
      [{"c": c, "x": random(n), "v": random(m)} for c in truth for n, m in sizes], ends)
less = [node("Shape", ["x"], ["s"]), node("Sub", ["s", "five"], ["t"])]
splits = branch([node("Split", ["x", "parts"], ["a", "b"], axis=0), node("ReduceMax", ["b"], ["r"], keepdims=0)], ["r"])
check("split", [*less, node("Concat", ["t", "five"], ["parts"], axis=0), choose("z", splits, least), node("Slice", ["y", "t", "large"], ["w"])],
      [flag, vector, info("y", FLOAT, [10])], ["z", "w"],
      [{"c": c, "x": random(n), "y": random(10)} for c in truth for n in (1, 3, 5, 33)], ends)
sums = branch([ones("a", "t"), node("CumSum", ["a", "zero"], ["b"]), node("CumSum", ["b", "zero"], ["d"], reverse=1),
               node("ReduceMax", ["d"], ["r"], keepdims=0)], ["r"])
check("negative", [*less, choose("z", sums, least), node("CumSum", ["x", "zero"], ["p"]), node("CumSum", ["p", "zero"], ["q"], reverse=1),
                   node("Add", ["q", "p"], ["w"])], [flag, vector], ["z", "w"],
      [{"c": c, "x": random(n)} for c in truth for n in (1, 3, 33) if n > 5 or not c], ends)
check("negative-result", [*less, choose("z", branch([ones("a", "t")], ["a"]), branch([ones("a", "t", 2)], ["a"])), node("Neg", ["z"], ["w"])],
      [flag, vector], ["z", "w"], [{"c": c, "x": random(n)} for c in truth for n in (5, 33)], ends)
huge = branch([node("Expand", ["x", "size"], ["g"]), node("CumSum", ["g", "zero"], ["h"]), node("ReduceSum", ["h"], ["r"], keepdims=0)], ["r"])
check("huge", [node("Shape", ["x"], ["s"]), node("Mul", ["s", "larger"], ["size"]), choose("z", huge, least)],
      [flag, info("x", FLOAT, [1])], ["z"], [{"c": truth[1], "x": random(1)}], ends)
check("index", [choose("z", branch([node("Gather", ["x", "i"], ["g"]), node("ReduceSum", ["g"], ["r"], keepdims=0)], ["r"]), least)],
      [flag, vector, info("i", INT, ["k"])], ["z"],
      [{"c": c, "x": random(n), "i": np.array(i)} for c in truth for n, i in ((3, [1, 2]), (3, [5]), (1, [-1, -2]), (2, [1 << 60]))], ends)

# One branch in another, of conditions that are computed there, that the extents say, or both.
big = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"], axis=0), node("Greater", ["n", "four"], ["big"])]
most = branch([node("ReduceMax", ["y"], ["r"], keepdims=0)], ["r"])
inside = [node("Mul", ["x", "x"], ["y"]), node("ReduceSum", ["y"], ["sum"], keepdims=0), node("Greater", ["sum", "limit"], ["d"])]
there = branch([node("MatMul", ["y", "v"], ["r"])], ["r"])
check("computed", [choose("z", branch([*inside, choose("q", there, most, "d", "inner"), node("Add", ["q", "sum"], ["r"])], ["r"]), least), node("Exp", ["z"], ["w"])],
      [flag, vector, info("v", FLOAT, ["m"])], ["z", "w"],
      [{"c": c, "x": random(n) * scale, "v": random(m)} for c in truth for n, m in sizes[:3] for scale in np.float32([0.01, 1])],
      [*ends, array("limit", 0.5)])
for first, second in (("c", "big"), ("big", "c")):
    check(f"{first}-{second}", [*big, choose("z", branch([choose("q", product, least, second, "inner")], ["q"]), least, first)],
          [flag, vector, info("v", FLOAT, ["m"])], ["z"],
          [{"c": c, "x": random(n), "v": random(m)} for c in truth for n, m in ((3, 3), (1, 17), (33, 3), (33, 33))], ends)

# Extents choose: then the shapes may differ, and what is computed of them.
rows = info("x", FLOAT, ["n", 3])
same = branch([node("Identity", ["x"], ["i"])], ["i"])
check("shapes-differ", [*big, choose("y", branch([node("Slice", ["x", "begin", "one"], ["i"])], ["i"]), same, "big"), node("Neg", ["y"], ["w"]), node("Shape", ["y"], ["t"])],
      [rows], ["y", "w", "t"], [{"x": random(n, 3)} for n in (1, 4, 5, 33)], ends)
check("shape", [*big, choose("k", branch([node("Constant", [], ["k"], value=array("", [3, -1], np.int64))], ["k"]),
                             branch([node("Slice", ["s", "begin", "one"], ["a"]), node("Concat", ["a", "minus"], ["k"], axis=0)], ["k"]), "big"),
                node("Reshape", ["x", "k"], ["y"])], [rows], ["y"], [{"x": random(n, 3)} for n in (1, 4, 5, 33)], [*ends, array("minus", [-1], np.int64)])
check("split-shape", [*big, node("Slice", ["s", "begin", "one"], ["a"]), node("Sub", ["a", "one"], ["d"]), node("Concat", ["d", "one"], ["parts"], axis=0),
                      choose("y", branch([node("Split", ["x", "parts"], ["p", "q"], axis=0)], ["p"]), same, "big"), node("Shape", ["y"], ["k"]), ones("o", "k")],
      [rows], ["y", "o"], [{"x": random(n, 3)} for n in (1, 4, 5, 33)], ends)

# What is there already is copied, and may be a result itself.
other = branch([node("Identity", ["e"], ["i"])], ["i"])
check("captured", [node("Exp", ["x"], ["e"]), choose("y", same, other), choose("k", other, same, name="second"), node("Mul", ["y", "k"], ["o"])],
      [flag, rows], ["y", "k", "o", "e"], [{"c": c, "x": random(n, 3)} for c in truth for n in (0, 1, 33)])

# Results of all types, used again, with a ternary layer in either branch; and at O0.
weight = rng.integers(-1, 2, size=(3, 7)).astype(np.float32) * np.float32(0.25)
then = branch([node("MatMul", ["x", "w"], ["p"]), node("Relu", ["p"], ["y"]), node("Cast", ["p"], ["k"], to=INT), node("Greater", ["p", "y"], ["b"])], ["y", "p", "k", "b"])
other = branch([node("MatMul", ["x", "u"], ["p"]), node("Neg", ["p"], ["y"]), node("Cast", ["y"], ["k"], to=INT), node("Less", ["p", "y"], ["b"])], ["y", "p", "k", "b"])
after = [node("MatMul", ["y", "v"], ["o"]), node("Reshape", ["o", "flat"], ["f"]), node("Add", ["p", "y"], ["s"])]
for options in ((), ("-O0",)):
    check(f"results{len(options)}", [choose(["y", "p", "k", "b"], then, other), *after], [flag, rows], ["y", "p", "k", "b", "o", "f", "s"],
          [{"c": c, "x": random(n, 3)} for c in truth for n in (0, 1, 33, 257)],
          [array("w", weight), array("u", weight * 2), array("v", random(7, 3)), array("flat", [-1], np.int64)], ["--activations=float", *options])

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
