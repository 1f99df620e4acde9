# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command line of tests that check models one by one."""
import argparse
import pathlib
import sys

import onnx


def run(names, build, check):
    """Builds models and writes them to a folder. check(name, model, path, is_run) says what is wrong with one, or nothing. How many are
    right, and whether --run was given; exits if any is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--only", nargs="+")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    failures, names = 0, args.only or list(names)
    for name in names:
        path, model = args.out / f"{name}.onnx", build(name)
        onnx.save(model.proto, str(path))
        why = check(name, model, path, args.run)
        if why:
            failures += 1
            print(f"{name}: {why.strip()}")
    if failures:
        sys.exit(f"error: {failures} of {len(names)} models failed")
    return len(names), args.run
