# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A compiler that stops at any moment leaves code with its weights, old or new.

Compiles one model over another, and stops ternc before each of its calls that change files: by SIGKILL or, with --fail, by
SIGTERM and by making the call fail. What is there afterwards must load and give the results of one of the two models; of the new one if ternc
succeeded. The next ternc must remove what was left. With --kills also by SIGKILL after random times, as many as asked for.

    crash_pairs.py FOLDER --preload=stop_at_call.so [--kills=200] [--seed=1] [--output=m.so|m|m.o] [--fail] [--trace]
"""
import argparse
import errno
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
from onnx import helper, numpy_helper

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--preload", type=pathlib.Path, required=True)
parser.add_argument("--output", default="m.so")
parser.add_argument("--kills", type=int, default=0)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--fail", action="store_true", help="make the calls fail, too")
args = parser.parse_args()

root = args.folder.resolve()
shutil.rmtree(root, ignore_errors=True)
root.mkdir(parents=True)
rng = random.Random(args.seed)


def make(name, scale, extra):
    """x @ w: ones times `scale`, 16 wide; with `extra`, code that no other weights fit."""
    weights = [numpy_helper.from_array(np.full((16, 16), scale, np.float32), "w")]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h" if extra else "y"])]
    if extra:
        weights.append(numpy_helper.from_array(np.full(16, extra, np.float32), "b"))
        nodes.append(helper.make_node("Add", ["h", "b"], ["y"]))
    value = lambda name: helper.make_tensor_value_info(name, 1, ["n", 16])
    graph = helper.make_graph(nodes, "g", [value("x")], [value("y")], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), root / name)


make("old.onnx", 1, 0)
make("new.onnx", 2, 5)
results = {16: "old", 37: "new"}
folder, start = root / "folder", root / "start"
command = ["ternc", root / "new.onnx", "-O0", "-o", args.output]
preloaded = dict(os.environ, LD_PRELOAD=args.preload.resolve())


def load():
    """Which model is there."""
    target = ["./" + args.output] if args.output == "m" else ["tern-run", args.output]
    if args.output.endswith(".o"):
        subprocess.run(["cc", "-shared", args.output, "-o", "linked.so", "-lm"], cwd=folder, check=True)
        target = ["tern-run", "linked.so", "--weights", "m.safetensors"]
    run = subprocess.run([*target, "--verify", "--input=x=1x16xf32=1", "--output=@../y.npy"], cwd=folder, capture_output=True, text=True)
    if args.output.endswith(".o"):
        (folder / "linked.so").unlink()
    if run.returncode:
        return run.stderr.strip()
    return results.get(float(np.load(root / "y.npy")[0, 0]), "neither")


def reset():
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(start, folder)


def check(what, succeeded):
    """Judges what a run left; returns 1 if it is right."""
    there = load()
    problem = there if there not in results.values() or (succeeded and there != "new") else ""
    if not problem:
        # The next run leaves nothing but its files.
        subprocess.run(command, cwd=folder, check=True)
        names = sorted(os.listdir(folder))
        if load() != "new" or names != wanted:
            problem = f"the next run left {names} with {load()}"
    if problem:
        print(f"{what}: {problem}")
    return 0 if problem else 1


start.mkdir()
subprocess.run(["ternc", root / "old.onnx", "-O0", "-o", args.output], cwd=start, check=True)
wanted = sorted(os.listdir(start))
reset()
assert load() == "old", load()

# The calls of a whole run, and their order: weights on the disk under their id
# before the code, the code before they take their own name.
subprocess.run(command, cwd=folder, check=True, env=dict(preloaded, CALLS=str(root / "calls")))
assert load() == "new", load()
calls = (root / "calls").read_text().splitlines()
order = []
for call in calls:
    kind, path = call.split(" ", 1)
    path = os.path.relpath(os.path.join(folder, path), folder)
    path = "m.ID.safetensors" if path.startswith("m.") and len(path) == len("m..safetensors") + 32 else path
    if kind in ("fsync", "rename") and (kind == "fsync" or not path.startswith(".")):
        order.append((kind, path.rsplit("/")[-1]))
assert order == [("fsync", "weights.safetensors"), ("rename", "m.ID.safetensors"), ("fsync", "."), ("fsync", "product"), ("rename", args.output),
                 ("fsync", "."), ("fsync", "m.ID.safetensors"), ("rename", "m.safetensors"), ("fsync", ".")], (order, calls)

good = total = 0
for at in range(1, len(calls) + 1):
    for code in [0, -signal.SIGTERM, errno.ENOSPC, errno.EIO] if args.fail else [0]:
        reset()
        how = {"STOP_BY": str(-code)} if code < 0 else {"FAIL_WITH": str(code)} if code else {}
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=dict(preloaded, STOP_AT=str(at), **how))
        what = f"call {at} of {len(calls)}, {calls[at - 1]}, {os.strerror(code) if code > 0 else 'terminated' if code else 'killed'}"
        total += 1
        # Whoever interrupts it has nothing to clean up but weights with an id.
        left = [name for name in os.listdir(folder) if code < 0 and name.startswith(".")]
        if left:
            print(f"{what}: left {left}")
            continue
        if code > 0 and (run.returncode not in (0, 1) or (run.returncode == 1) != run.stderr.startswith("error: ")):
            print(f"{what}: status {run.returncode}, {run.stderr}")
            continue
        good += check(what, run.returncode == 0)

begin = time.monotonic()
reset()
subprocess.run(command, cwd=folder, check=True)
duration = time.monotonic() - begin
for kill in range(args.kills):
    reset()
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    # Most of the time at the end, where files are written.
    time.sleep(duration * (rng.uniform(0, 1.2) if kill % 2 else rng.uniform(0.6, 1.1)))
    process.send_signal(signal.SIGKILL)
    succeeded = process.wait() == 0
    total += 1
    good += check(f"kill {kill}", succeeded)

print(f"{good} of {total} stopped compilers left a pair")
sys.exit(good != total)
