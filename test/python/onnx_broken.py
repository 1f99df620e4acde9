# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models that are wrong in every way we could think of, and what must be said of them.

onnx_broken.py FOLDER [TOOL ...]: writes each model to FOLDER and runs the tool
(default: tern-translate --import-onnx) on it. It must exit with 1, print the
expected error lines and no others, and leave no output file.
"""
import os
import struct
import subprocess
import sys

import numpy as np

import onnx_broken_domains  # noqa: F401
import onnx_broken_files
import onnx_broken_nodes
import onnx_broken_operands  # noqa: F401
from onnx_broken_case import CASES, model, node, simple, value, write

# --- Options -----------------------------------------------------------------

RELU = [node("Relu")]
simple("dim_unknown", "--dim: there is no dimension 'seq'; there are: batch", RELU, options=["--dim=seq=8"])
simple("dim_zero", "--dim batch=0: an extent must be positive", RELU, options=["--dim=batch=0"])
simple("dim_negative", "an extent must be positive", RELU, options=["--dim=batch=-5"])
simple("dim_huge", "has a size in bytes that overflows", RELU, options=[f"--dim=batch={(1 << 63) - 1}"])
simple("dim_no_number", "--dim=batch=many: expected name=extent", RELU, options=["--dim=batch=many"])
simple("dim_static", "there is no dimension 'batch'; all are static", RELU, inputs=[value("x", [4])], options=["--dim=batch=8"])
simple("bind_unknown", "there is no input 'z' to bind a constant to", RELU, options=["--constant-input=z=@z.npy"])
simple("bind_syntax", "expected name=@file", RELU, options=["--constant-input=x=z.npy"])
simple("bind_missing", "cannot read 'nothing.npy'", RELU, options=["--constant-input=x=@nothing.npy"])


def bound(name, error, data, suffix=".npy"):
    def build(path):
        write(path, model(RELU))
        if isinstance(data, np.ndarray):
            np.save(path + suffix, data)
        else:
            with open(path + suffix, "wb") as file:
                file.write(data)

    CASES.append((name, build, (error,), ["--constant-input=x=@{path}" + suffix]))


def npy(header):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


bound("bind_type", "has element type f64, the input f32", np.ones((2, 4)))
bound("bind_shape", "is not that of the input", np.ones((2, 5), np.float32))
bound("bind_big", "is too big", np.ones((9000, 4), np.float32))
bound("bind_fortran", "Fortran order", np.asfortranarray(np.ones((2, 4), np.float32)))
bound("bind_empty", "not a usable .npy file", b"")
bound("bind_cut", "not a usable .npy file: its header is truncated", b"\x93NUMPY\x01\x00\xff\xff{'descr': '<f4'")
bound("bind_no_descr", "its header lacks descr", npy(b"{}"))
bound("bind_overflow", "overflows", npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 4), }"))
bound("bind_short", "an array of type 2x4xf32 takes 32 bytes, but it has 0", npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }"))
bound("bind_no_tensor", "is not an ONNX tensor", b"\xff\xff\xff", ".pb")


def main():
    folder = os.path.abspath(sys.argv[1])
    tool = sys.argv[2:] or ["tern-translate", "--import-onnx"]
    failures = 0
    assert len({name for name, *_ in CASES}) == len(CASES), "two cases with one name"
    for name, build, errors, options in CASES:
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        path = os.path.join(folder, name, "model.onnx")
        if not os.path.isdir(path):
            build(path)
        output = os.path.join(folder, name, "out.mlir")
        command = tool + [path, "-o", output] + [option.replace("{path}", path) for option in options]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, errors="replace")
        lines = result.stderr.splitlines()
        wrong = []
        if result.returncode != 1:
            wrong.append(f"exit code {result.returncode}")
        if len(lines) != len(errors) or not all(
                line.startswith("error: ") and error in line for line, error in zip(lines, errors)):
            wrong.append(f"expected {list(errors)}, got {result.stderr.strip()[:3000]!r}")
        if os.path.exists(output):
            wrong.append("an output file")
        failures += bool(wrong)
        if wrong:
            print(f"FAIL {name}: {'; '.join(wrong)}", flush=True)
    print(f"{len(CASES) - failures} of {len(CASES)} broken models are refused")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
