# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes allocations and calls of the file system fail, one in each run, in the runtime, ternc, tern-run and tern-train.

Whatever fails, nothing crashes, a failure is one line of error, results are right where there is none, and the user's files are
what they were or whole new ones.

    fault_injection.py FOLDER [--cc=cc] [--include=DIR] [--library=libtern_rt.so] [--stride=K] [--samples=N] [--seed=S]

--stride: in the runtime every K-th call (default 1: each). --samples: of each kind of fault in a tool as many as that, at random.
The tools are those on PATH. Inputs/fault.c makes the faults, Inputs/fault_api.c those in the runtime.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

SOURCE = pathlib.Path(__file__).resolve().parent
parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--cc", default="cc")
parser.add_argument("--include", type=pathlib.Path, default=SOURCE.parents[1] / "runtime/include")
parser.add_argument("--library", type=pathlib.Path, default=SOURCE.parents[1] / "build/lib/libtern_rt.so")
parser.add_argument("--stride", type=int, default=1)
args = parser.parse_args()
folder = args.folder.resolve()


def do(*command, **options):
    subprocess.run(list(map(str, command)), cwd=folder, check=True, **options)


def prepare():
    """A model, its artifacts, the programs that make the faults."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    weights = [(rng.standard_normal(shape) / 4).astype(np.float32) for shape in ((33, 17), (5, 33))]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w0"], ["h"], transB=1), helper.make_node("Relu", ["h"], ["r"]),
         helper.make_node("Gemm", ["r", "w1"], ["y"], transB=1)], "mlp", [info("x", 1, ["batch", 17])], [info("y", 1, ["batch", 5])],
        [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), folder / "model.onnx")
    inputs = SOURCE / "Inputs"
    do(args.cc, "-shared", "-fPIC", "-O1", inputs / "fault.c", "-o", "fault.so", "-ldl", "-lpthread")
    do(args.cc, "-O1", f"-I{args.include}", inputs / "fault_api.c", args.library, f"-Wl,-rpath,{args.library.parent}", "-ldl", "-o",
       "fault_api")
    do("ternc", "model.onnx", "--ternarize=all", "-O0", "-o", "model.so")
    do("ternc", "model.onnx", "--ternarize=all", "-O0", "--train", "--accumulate", "-o", "train.so")


def fail_in_runtime():
    run = subprocess.run(["./fault_api", "./model.so", "./train.so", ".", str(args.stride)], cwd=folder, capture_output=True, text=True,
                         env={"LD_PRELOAD": "./fault.so"})
    print(run.stdout, run.stderr, sep="", end="")
    counts = re.search(r"^(\d+) of (\d+) faults", run.stdout, re.MULTILINE)
    if not counts:
        print(f"the runtime: status {run.returncode}")
        return 0, 1
    return int(counts[1]), int(counts[2])


prepare()
counts = [fail_in_runtime()]
good, total = map(sum, zip(*counts))
print(f"{good} of {total} faults did no harm")
sys.exit(good != total)
