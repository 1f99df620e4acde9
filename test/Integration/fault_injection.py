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
import errno
import os
import pathlib
import random
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
parser.add_argument("--samples", type=int, default=500)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
dice = random.Random(args.seed)
folder = args.folder.resolve()


def do(*command, cwd=None, **options):
    subprocess.run(list(map(str, command)), cwd=cwd or folder, check=True, **options)


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
    np.save(folder / "x.npy", rng.standard_normal((23, 17)).astype(np.float32))
    np.save(folder / "labels.npy", rng.integers(0, 5, 23))


def fail_in_runtime():
    run = subprocess.run(["./fault_api", "./model.so", "./train.so", ".", str(args.stride)], cwd=folder, capture_output=True, text=True,
                         env={"LD_PRELOAD": "./fault.so"})
    print(run.stdout, run.stderr, sep="", end="")
    counts = re.search(r"^(\d+) of (\d+) faults", run.stdout, re.MULTILINE)
    if not counts:
        print(f"the runtime: status {run.returncode}")
        return 0, 1
    return int(counts[1]), int(counts[2])


class Tool:
    """A command line whose faults are tried, each in a folder as `start` left it.

    Of `outputs` each is afterwards what it was or what a run without a fault writes, and the latter if the run succeeds; all other
    files are what they were, and nothing but `outputs` is new (a temporary file that could not be removed is hidden, and goes with the
    next run). `log` only grows, and is whole unless a warning says that it is not.
    """

    def __init__(self, name, command, outputs, start=lambda: None, log=""):
        self.name, self.command, self.outputs, self.log = name, list(map(str, command)), outputs, log
        self.here = folder / "run"
        shutil.rmtree(self.here, ignore_errors=True)
        shutil.copytree(folder, self.here, ignore=shutil.ignore_patterns("run", "fault*"))
        start()
        self.before = self.read()
        self.calls = {}
        for kind in ("alloc", "full", "io", "short", "eintr"):
            self.reset()
            run = self.run(kind, 0, 0)
            if run.returncode:
                sys.exit(f"{name} without a fault: {run.stderr}")
            self.calls[kind] = int((folder / "fault.log").read_text().split()[0])
        self.after = self.read()

    def read(self):
        return {path.name: path.read_bytes() for path in self.here.iterdir() if not path.name.startswith(".")}

    def reset(self):
        for path in self.here.iterdir():
            if path.name not in self.before:
                path.unlink() if not path.is_dir() else shutil.rmtree(path)
        for name, data in self.before.items():
            path = self.here / name
            if not path.exists() or path.read_bytes() != data:
                path.write_bytes(data)

    def run(self, kind, at, code):
        (folder / "fault.log").unlink(missing_ok=True)
        return subprocess.run(self.command, cwd=self.here, capture_output=True, text=True, errors="replace", timeout=300, env=dict(
            os.environ, LD_PRELOAD=str(folder / "fault.so"), FAULT_KIND=kind, FAULT_AT=str(at), FAULT_ERRNO=str(code),
            FAULT_LOG=str(folder / "fault.log")))

    def judge(self, kind, run):
        """What is wrong after a fault, or nothing."""
        lines = run.stderr.splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        if run.returncode not in (0, 1) or len(errors) != run.returncode:
            return f"status {run.returncode}: {run.stderr.strip()}"
        # The C library's own word, before it aborts, where it has no memory to note a destructor of a thread's variable.
        if kind in ("alloc", "full"):
            lines = [line for line in lines if not line.startswith("Fatal glibc error: failed to register TLS destructor")]
        if [line for line in lines if not line.startswith(("error: ", "warning: ", "note: "))]:
            return f"it says {run.stderr.strip()}"
        if run.returncode and kind in ("short", "eintr"):
            return f"that is none of the user's business: {run.stderr.strip()}"
        now = self.read()
        for name in {*now, *self.before, *self.outputs}:
            data, before, after = (files.get(name) for files in (now, self.before, self.after))
            if name not in self.outputs:
                if data != before and not re.fullmatch(r".*\.[0-9a-f]{32}\.safetensors", name):
                    return f"'{name}' has changed"
            elif name == self.log:
                steps = [data and re.findall(rb'"step": \d+', data) for data in (data, after)]
                if not (data or b"").startswith(before or b"") or (run.returncode == 0 and steps[0] != steps[1] and "warning: " not in run.stderr):
                    return f"'{name}' lacks lines"
            elif run.returncode == 0 and data != after:
                return f"success, but '{name}' is {'as before' if data == before else 'wrong'}"
            elif data not in (before, after):
                return f"'{name}' is neither old nor new"
        return ""

    def try_faults(self):
        good = total = 0
        for kind, calls in self.calls.items():
            chosen = range(1, calls + 1)
            if kind in ("alloc", "full") or args.samples < 100:
                chosen = sorted(dice.sample(chosen, min(args.samples, calls)))
            here = 0
            for at in chosen:
                code = dice.choice([errno.EIO, errno.ENOSPC, errno.EACCES, errno.EMFILE])
                self.reset()
                try:
                    run = self.run(kind, at, code)
                    problem = self.judge(kind, run)
                except subprocess.TimeoutExpired:
                    problem = "it hangs"
                log = folder / "fault.log"
                failed = log.read_text().split()[1:] if log.exists() else ["?"]
                here += 1
                good += not problem
                if problem:
                    what = os.strerror(code) if kind == "io" else kind
                    print(f"{self.name}: {kind} {at} of {calls} ({' '.join(failed)}), {what}: {problem}", flush=True)
            total += here
            print(f"{self.name}: {here} of {calls} calls ({kind}) made to fail", flush=True)
        return good, total


def try_tools():
    here = folder / "run"
    train = ["tern-train", "train.so", "--data=x.npy", "--labels=labels.npy", "--batch=4", "--lr=0.01", "--threads=2", "--seed=3",
             "--checkpoint=c.safetensors", "--metrics=log.jsonl"]

    def compile_old():
        do("ternc", "model.onnx", "-O0", "-o", "m.so", cwd=here)

    def train_half():
        do(*train, "--steps=4", cwd=here, stdout=subprocess.DEVNULL)

    tools = [
        Tool("ternc", ["ternc", "model.onnx", "--ternarize=all", "-O0", "-o", "m.so"], ["m.so", "m.safetensors"], compile_old),
        Tool("tern-run", ["tern-run", "model.so", "--input=x=@x.npy", "--output=@y.npy", "--verify"], ["y.npy"]),
        Tool("tern-train", [*train, "--steps=6"], ["c.safetensors", "log.jsonl"], log="log.jsonl"),
        Tool("tern-train --resume", [*train, "--steps=8", "--resume"], ["c.safetensors", "log.jsonl"], train_half, "log.jsonl")]
    return [tool.try_faults() for tool in tools]


prepare()
counts = [fail_in_runtime(), *try_tools()]
good, total = map(sum, zip(*counts))
print(f"{good} of {total} faults did no harm")
sys.exit(good != total)
