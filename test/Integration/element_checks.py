# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs operators that index on good indices and on bad ones: element_checks.py FOLDER"""
import os
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
seed = int.from_bytes(os.urandom(4), "little")
print("seed", seed)
rng = np.random.default_rng(seed)
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


def compile_model(name, nodes, inputs, outputs, *options, initializers=(), opset=16):
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, name, [info(n, t, s) for n, t, s in inputs],
        [info(n, t, s) for n, t, s in outputs], list(initializers))
    path = os.path.join(folder, name + ".onnx")
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", opset)]), path)
    return subprocess.run(["ternc", path, "-o", path[:-5] + ".so", *options],
                          capture_output=True, text=True)


def run(name, feed):
    command = ["tern-run", os.path.join(folder, name + ".so")]
    for key, value in feed.items():
        path = os.path.join(folder, f"{name}.{key}.npy")
        np.save(path, value)
        command += ["--input", f"{key}=@{path}"]
    out = os.path.join(folder, name + ".out.npy")
    if os.path.exists(out):
        os.remove(out)
    result = subprocess.run([*command, "--output", "@" + out],
                            capture_output=True, text=True)
    if result.returncode:
        assert result.returncode == 1 and not os.path.exists(out)
        assert result.stderr.count("\n") == 1, result.stderr
        return None, result.stderr
    return np.load(out), ""


def expect(name, op, node, inputs, output, good, bad):
    """good: feeds and results; bad: feeds."""
    made = compile_model(name, [node], inputs, [output])
    assert made.returncode == 0, made.stderr
    for feed, want in good:
        got, error = run(name, feed)
        assert got is not None, (name, feed, error)
        np.testing.assert_allclose(got, want, rtol=1e-6, err_msg=name)
    for feed in bad:
        got, error = run(name, feed)
        pattern = rf"the inputs' elements do not fit the model: node '.*' \({op}, .*index is out of range for .* elements"
        assert got is None and re.search(pattern, error), (name, feed, got, error)


def spoil(indices, value):
    indices = indices.copy()
    indices.flat[rng.integers(indices.size)] = value
    return indices


x = rng.normal(size=(17, 33)).astype(np.float32)
i = rng.integers(-33, 33, 257)
expect("gather", "Gather", helper.make_node("Gather", ["x", "i"], ["y"], axis=1),
       [("x", FLOAT, ["n", "m"]), ("i", INT, ["k"])], ("y", FLOAT, ["n", "k"]),
       [({"x": x, "i": i}, x[:, i])],
       [{"x": x, "i": spoil(i, v)} for v in (33, -34, 2**40, -2**63)])

i = rng.integers(-17, 17, (3, 33))
expect("elements", "GatherElements",
       helper.make_node("GatherElements", ["x", "i"], ["y"], axis=0),
       [("x", FLOAT, ["n", "m"]), ("i", INT, ["k", "m"])], ("y", FLOAT, ["k", "m"]),
       [({"x": x, "i": i}, np.take_along_axis(x, i, 0))],
       [{"x": x, "i": spoil(i, v)} for v in (17, -18)])

# Each component has an extent of its own.
i = np.stack([rng.integers(-17, 17, 257), rng.integers(-33, 33, 257)], -1)
row, column = i.copy(), i.copy()
row[100, 0], column[100, 1] = 17, 33
fine = i.copy()
fine[100] = [16, 32]
positions = [("x", FLOAT, ["n", "m"]), ("i", INT, ["k", 2])]
expect("nd", "GatherND", helper.make_node("GatherND", ["x", "i"], ["y"]), positions,
       ("y", FLOAT, ["k"]),
       [({"x": x, "i": i}, x[tuple(i.T)]), ({"x": x, "i": fine}, x[tuple(fine.T)])],
       [{"x": x, "i": row}, {"x": x, "i": column}])

_, first = np.unique(i % [17, 33], axis=0, return_index=True)
i = i[first]
u = rng.normal(size=len(i)).astype(np.float32)
want = x.copy()
want[tuple(i.T)] = u
expect("scatter-nd", "ScatterND", helper.make_node("ScatterND", ["x", "i", "u"], ["y"]),
       positions + [("u", FLOAT, ["k"])], ("y", FLOAT, ["n", "m"]),
       [({"x": x, "i": i, "u": u}, want)],
       [{"x": x, "i": spoil(i, v), "u": u} for v in (33, -34)])

i = np.argsort(rng.normal(size=(17, 33)), axis=0)[:3]
u = rng.normal(size=i.shape).astype(np.float32)
want = x.copy()
np.put_along_axis(want, i, u, 0)
expect("scatter", "ScatterElements",
       helper.make_node("ScatterElements", ["x", "i", "u"], ["y"], axis=0),
       [("x", FLOAT, ["n", "m"]), ("i", INT, ["k", "m"]), ("u", FLOAT, ["k", "m"])],
       ("y", FLOAT, ["n", "m"]), [({"x": x, "i": i, "u": u}, want)],
       [{"x": x, "i": spoil(i, v), "u": u} for v in (17, -18)])

# In nothing there is no index, not even the nearest: refused before it runs. With no index, nothing is the result.
none, few = np.zeros((0, 33), np.float32), np.zeros((3, 33), np.int64)
pairs, updates = np.zeros((3, 2), np.int64), np.ones(3, np.float32)
for name, feed in [("elements", {"x": none, "i": few}), ("nd", {"x": none, "i": pairs}), ("gather", {"x": none.T, "i": few[0]}),
                   ("scatter-nd", {"x": none, "i": pairs, "u": updates}),
                   ("scatter", {"x": none, "i": few, "u": few.astype(np.float32)})]:
    got, error = run(name, feed)
    assert got is None and "cannot index a dimension of extent 0" in error, (name, got, error)
got, error = run("elements", {"x": none, "i": few[:0]})
assert got is not None and got.shape == (0, 33), error
got, error = run("gather", {"x": none, "i": rng.integers(-33, 33, 5)})
assert got is not None and got.shape == (0, 5), error

# Nor is there anything to repeat.
for mode, want in [("edge", np.pad(x, ((0, 0), (1, 2)), "edge")), ("reflect", np.pad(x, ((0, 0), (1, 2)), "reflect"))]:
    made = compile_model(mode, [helper.make_node("Pad", ["x", "p"], ["y"], mode=mode)], [("x", FLOAT, ["n", "m"])],
                         [("y", FLOAT, ["n", "k"])], initializers=[numpy_helper.from_array(np.array([0, 1, 0, 2]), "p")])
    assert made.returncode == 0, made.stderr
    np.testing.assert_array_equal(run(mode, {"x": x})[0], want)
    got, error = run(mode, {"x": x[:, :0]})
    assert got is None and "there are no elements to pad with" in error, error

# The greatest five of four.
made = compile_model("top", [helper.make_node("TopK", ["x", "k"], ["y", "i"])], [("x", FLOAT, ["n", "m"])],
                     [("y", FLOAT, ["n", 5])], initializers=[numpy_helper.from_array(np.array([5]), "k")])
assert made.returncode == 0, made.stderr
np.testing.assert_array_equal(run("top", {"x": x})[0], -np.sort(-x, 1)[:, :5])
got, error = run("top", {"x": x[:, :4]})
assert got is None and "k is 5, of m elements" in error, error

# Labels are not counted from the end; the ignored one is none.
labels = rng.integers(0, 33, 17)
logs = x - np.log(np.exp(x.astype(np.float64)).sum(1, keepdims=True))
losses = -logs[np.arange(17), labels]
ignored = labels.copy()
ignored[4] = -100
some = losses.copy()
some[4] = 0
loss = [("x", FLOAT, ["n", 33]), ("l", INT, ["n"])]
expect("loss", "SoftmaxCrossEntropyLoss",
       helper.make_node("SoftmaxCrossEntropyLoss", ["x", "l"], ["y"], reduction="none",
                        ignore_index=-100), loss, ("y", FLOAT, ["n"]),
       [({"x": x, "l": labels}, losses), ({"x": x, "l": ignored}, some)],
       [{"x": x, "l": spoil(labels, v)} for v in (-1, 33, -99)])

# A sequence has from 0 to all of the time steps.
weights = [numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)
           for name, shape in (("w", (1, 3, 5)), ("r", (1, 3, 3)))]
made = compile_model("lengths", [helper.make_node("RNN", ["x", "w", "r", "", "l"], ["", "y"], hidden_size=3)],
                     [("x", FLOAT, ["time", "n", 5]), ("l", TensorProto.INT32, ["n"])], [("y", FLOAT, [1, "n", 3])], initializers=weights)
assert made.returncode == 0, made.stderr
x = rng.normal(size=(4, 3, 5)).astype(np.float32)
state, want = np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32)
lengths = np.array([4, 0, 3], np.int32)
for time in range(4):
    state = np.tanh(x[time] @ numpy_helper.to_array(weights[0])[0].T + state @ numpy_helper.to_array(weights[1])[0].T)
    want[lengths == time + 1] = state[lengths == time + 1]
got, error = run("lengths", {"x": x, "l": lengths})
np.testing.assert_allclose(got[0], want, rtol=1e-5, atol=1e-6)
for value in (5, -1, 2**31 - 1, -2**31):
    got, error = run("lengths", {"x": x, "l": spoil(lengths, value)})
    assert got is None and "sequence_lens must be from 0 to time, the number of time steps" in error, (value, got, error)

# Positions in a cache leave room for what is written.
cache, update = rng.normal(size=(3, 7, 5)).astype(np.float32), rng.normal(size=(3, 2, 5)).astype(np.float32)
for mode, good, bad in (("linear", [0, 5, 3], [6, -1, 2**40]), ("circular", [6, 13, 2**40], [-1, -2**63])):
    made = compile_model(f"cache-{mode}", [helper.make_node("TensorScatter", ["x", "u", "i"], ["y"], mode=mode)],
                         [("x", FLOAT, ["n", "time", 5]), ("u", FLOAT, ["n", "s", 5]), ("i", INT, ["n"])], [("y", FLOAT, ["n", "time", 5])], opset=24)
    assert made.returncode == 0, made.stderr
    want = cache.copy()
    for entry, start in enumerate(good):
        for s in range(2):
            want[entry, (start + s) % 7] = update[entry, s]
    feed = {"x": cache, "u": update, "i": np.array(good)}
    np.testing.assert_array_equal(run(f"cache-{mode}", feed)[0], want)
    for value in bad:
        got, error = run(f"cache-{mode}", dict(feed, i=spoil(feed["i"], value)))
        assert got is None and "write_indices must be from 0 to" in error, (mode, value, got, error)
got, error = run("cache-linear", {"x": cache[:, :1], "u": update, "i": np.zeros(3, np.int64)})
assert got is None and "fewer than the updates" in error, error

# Known when compiling.
made = compile_model(
    "known", [helper.make_node("Gather", ["x", "i"], ["y"], name="pick", axis=1)],
    [("x", FLOAT, ["n", 33])], [("y", FLOAT, ["n", 2])],
    initializers=[numpy_helper.from_array(np.array([3, 33]), "i")])
assert made.returncode == 1 and "'pick'" in made.stderr, made.stderr
assert "index 33 is out of range for 33 elements" in made.stderr, made.stderr

# In the step that trains: a table of 17 rows.
table = numpy_helper.from_array(rng.normal(size=(17, 5)).astype(np.float32), "table")
made = compile_model("train", [helper.make_node("Gather", ["table", "tokens"], ["y"])],
                     [("tokens", INT, ["n"])], [("y", FLOAT, ["n", 5])],
                     "--emit=lib", "--train", initializers=[table])
assert made.returncode == 0, made.stderr
tokens = rng.integers(0, 17, 33)
for name, value in (("good", tokens), ("bad", spoil(tokens, 17))):
    np.save(os.path.join(folder, f"{name}.npy"), value)
np.save(os.path.join(folder, "labels.npy"), rng.integers(0, 5, 33))
for name, status in (("good", 0), ("bad", 1)):
    result = subprocess.run(
        ["tern-train", os.path.join(folder, "train.so"), "--data", os.path.join(folder, name + ".npy"),
         "--labels", os.path.join(folder, "labels.npy"), "--batch", "33", "--steps", "2",
         "--checkpoint=none"],
        capture_output=True, text=True)
    assert result.returncode == status, (name, result.stderr)
    if status:
        assert re.search(r"step 1: .*\(Gather, .*out of range for 17 elements", result.stderr), result.stderr
