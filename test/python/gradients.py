# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled gradients against PyTorch's, in float64.

A module's @main is differentiated with `--tern-differentiate=seeds=arguments`,
its gradient becomes @main, and ternc compiles it: arguments are those of @main
and `<result>/cotangent`, results those of @main and `<argument>/gradient`. So
one library tests many functions, each with arguments of its own.
"""
import pathlib
import re
import subprocess
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from artifact import Artifact  # noqa: E402

TOLERANCE = 1e-5


def run(command, text=None):
    done = subprocess.run([str(c) for c in command], input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}\n{done.stderr[-4000:]}")
    return done.stdout


def compile_gradient(text, directory, name, differentiate="function=main seeds=arguments"):
    """A library of the gradient of @main."""
    text = run(["tern-opt", "--canonicalize", "--cse", f"--tern-differentiate={differentiate}"], text)
    text = re.sub(r"func\.func @main\(", "func.func private @primal(", text)
    text = re.sub(r"func\.func private @main_gradient\(", "func.func @main(", text)
    return compile_main(run(["tern-opt", "--symbol-dce"], text), directory, name)


def compile_model_gradient(model, directory, name):
    """The same of a model in ONNX's form."""
    path = directory / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    return compile_gradient(run(["tern-translate", "--import-onnx", path]), directory, name)


def compile_main(text, directory, name):
    path = pathlib.Path(directory) / f"{name}.mlir"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    run(["ternc", path, "-o", path.with_suffix(".so")])
    return Artifact(path.with_suffix(".so"), chunk=5)


def reference(function, inputs, cotangents):
    """Results and gradients of a function of float64 tensors, by autograd. Integers are not differentiated."""
    tensors = [torch.tensor(x.astype(np.float64), requires_grad=True) if x.dtype.kind == "f" else torch.tensor(x)
               for x in inputs]
    results = function(*tensors)
    results = results if isinstance(results, (list, tuple)) else [results]
    wanted = [t for t in tensors if t.requires_grad]
    gradients = torch.autograd.grad(results, wanted, [torch.tensor(c.astype(np.float64)) for c in cotangents],
                                    allow_unused=True)
    gradients = [torch.zeros_like(t) if g is None else g for t, g in zip(wanted, gradients)]
    return [r.detach().numpy() for r in results], [g.numpy() for g in gradients]


def differ(name, got, want, tolerance=TOLERANCE, terms=None):
    """What is wrong with `got`, relative to the norm of `want`, or of `terms`: those of a sum that is one number, which
    may cancel to nothing and has the rounding of its terms. None if nothing."""
    if got.shape != want.shape:
        return f"{name}: shape {got.shape}, expected {want.shape}"
    if not np.array_equal(np.isnan(got), np.isnan(want)):
        return f"{name}: {np.isnan(got).sum()} NaNs, expected {np.isnan(want).sum()}"
    got, want = np.nan_to_num(got.astype(np.float64)), np.nan_to_num(want)
    error, norm = np.linalg.norm(got - want), np.linalg.norm(want if terms is None else terms)
    if not error <= tolerance * norm + 1e-30:
        return f"{name}: error {error:.3g} for norm {norm:.3g}"
    return None


class Failures:
    def __init__(self):
        self.count = 0
        self.messages = []

    def check(self, name, got, want, tolerance=TOLERANCE, terms=None):
        self.count += 1
        if why := differ(name, got, want, tolerance, terms):
            self.messages.append(why)

    def finish(self, what="tensors"):
        for message in self.messages:
            print("FAIL", message)
        print(f"{self.count} {what}, {len(self.messages)} failures")
        sys.exit(bool(self.messages))
