#!/usr/bin/env python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kills training at random moments (kill -9) and lets it go on.

After every kill the checkpoint is whole and no older than the one before. Runs
that were killed end with the same bits as one that was not: the state, the
best state, the metrics but for times. The checkpoint is written after every
step, and gradients are averaged over windows of steps, so that most kills are
inside one. Every other run is process 1 of a container (unshare), if this
process may make one.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CONTAINER = ["unshare", "-p", "-f", "--kill-child"]


def prepare(folder, tools, rng):
    """Compiles a small model with its optimizer."""
    info = helper.make_tensor_value_info
    weights = [(rng.normal(size=shape) / 4).astype(np.float32)
               for shape in ((33, 17), (3, 33))]
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w0"], ["h"], transB=1),
         helper.make_node("Relu", ["h"], ["r"]),
         helper.make_node("Gemm", ["r", "w1"], ["y"], transB=1)], "mlp",
        [info("x", TensorProto.FLOAT, ["batch", 17])],
        [info("y", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), folder / "mlp.onnx")
    np.save(folder / "x.npy", rng.normal(size=(101, 17)).astype(np.float32))
    np.save(folder / "y.npy", rng.integers(0, 3, 101))
    subprocess.run([tools / "ternc", "mlp.onnx", "--ternarize=all", "--accumulate",
                    "--train", "-o", "mlp.so"], cwd=folder, check=True)


def read_step(path):
    """Steps done according to a checkpoint; fails unless it is whole."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__")
    assert 8 + size + max(t["data_offsets"][1] for t in header.values()) == len(data)
    return int(metadata["tern_step"])


def results(folder, name):
    times = ("seconds", "items_per_second")
    lines = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
    return ((folder / f"{name}.safetensors").read_bytes(), (folder / f"{name}.best.safetensors").read_bytes(),
            [{k: v for k, v in line.items() if k not in times} for line in lines])


def kill(process, inner):
    """Ends a run, or the only process of a container, as its runtime does."""
    pid = process.pid
    if inner:
        try:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            children = []
        pid = int(children[0]) if children else pid
    os.kill(pid, signal.SIGKILL)
    process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default="build/bin", help="the folder of ternc and tern-train")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", type=int, default=300, help="steps of a run")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    dice = random.Random(args.seed)
    may_contain = subprocess.run([*CONTAINER, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    tools = args.bin.absolute()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder, tools, np.random.default_rng(args.seed))

        def command(name):
            return list(map(str, [
                tools / "tern-train", "mlp.so", "--data", "x.npy", "--labels", "y.npy", "--val-split", 0.2, "--batch", 8,
                "--lr", 0.01, "--steps", args.steps, "--accumulate", 7, "--threads", 1, "--eval-every", 20, "--checkpoint",
                f"{name}.safetensors", "--checkpoint-every", 1, "--metrics", f"{name}.jsonl", "--resume=auto"]))

        start = time.monotonic()
        subprocess.run(command("whole"), cwd=folder, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - start
        expected = results(folder, "whole")

        kills = whole = inside = contained = runs = same = 0
        checkpoint = folder / "killed.safetensors"
        while kills < args.kills:
            for path in folder.glob("*killed*"):
                path.unlink()
            runs += 1
            last, here, in_container = 0, 0, may_contain and runs % 2 == 0
            while True:
                process = subprocess.Popen((CONTAINER if in_container else []) + command("killed"), cwd=folder,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                moment = dice.uniform(0, seconds / 3)
                # A machine that is slower than it was must not go on for ever.
                try:
                    process.wait(moment if here < 25 and kills < args.kills else 600)
                    break
                except subprocess.TimeoutExpired:
                    kill(process, in_container)
                here += 1
                kills += 1
                contained += in_container
                try:
                    step = read_step(checkpoint) if checkpoint.exists() else 0
                    inside += step % 7 != 0
                    whole += step >= last
                    last = step
                except (AssertionError, ValueError, struct.error) as problem:
                    print(f"kill {kills}: the checkpoint is not whole: {problem}", file=sys.stderr)
            errors = process.stderr.read()
            if process.returncode != 0:
                print(f"run {runs}, seed {args.seed}: exit code {process.returncode}: {errors}", file=sys.stderr)
            elif results(folder, "killed") == expected:
                same += 1
            else:
                print(f"run {runs}, seed {args.seed}: other bits than those of a run that was not killed",
                      file=sys.stderr)
        print(f"training: {whole} of {kills} kills left a whole checkpoint ({contained} as process 1, {inside} inside a "
              f"window); {same} of {runs} runs ended with the same bits")
        return 0 if whole == kills and same == runs else 1


if __name__ == "__main__":
    sys.exit(main())
