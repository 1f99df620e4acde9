# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run ONNX's backend tests (Debian's libonnx-testdata) through the importer and MLIR's own passes.

onnx_suite.py [--filter TEXT] [--per-op N] [--jobs N]: the tests all of whose
operators are in the importer's table; with --per-op, a sample with N tests of
each. Tests in EXPECTED are not run. Exit code 1 if one fails.
"""
import argparse
import collections
import concurrent.futures
import glob
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import numpy_helper

from upstream_run import ImportError_, Model

DATA = "/usr/share/libonnx-testdata/data"

# Why a test cannot pass, by a part of its name.
EXPECTED = {
    "training": "training mode",
    "bernoulli": "random numbers are not those of the data",
    "STRING": "string tensors",
    "BFLOAT16": "NumPy has no bfloat16",
    "identity_opt": "optional types",
    "identity_sequence": "sequences",
}

# Operands that fix shapes, which the tests give as run-time inputs.
SHAPE_OPERANDS = {
    "Reshape": [1], "Squeeze": [1], "Unsqueeze": [1], "Expand": [1], "Split": [1], "Slice": [1, 2, 3, 4],
    "ConstantOfShape": [0], "Pad": [1, 3], "Tile": [1, 2], "TopK": [1], "CumSum": [1], "OneHot": [1],
    "Resize": [1, 2, 3], "Upsample": [1], "Range": [0, 1, 2], "Dropout": [1, 2],
    **{f"Reduce{kind}": [1] for kind in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")},
}


def load(path):
    tensor = onnx.TensorProto()
    with open(path, "rb") as file:
        tensor.ParseFromString(file.read())
    return numpy_helper.to_array(tensor)


def run(path):
    """None, or why the test fails."""
    model, folder = onnx.load(path), os.path.join(os.path.dirname(path), "test_data_set_0")
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in tensors]
    files = {name: f"{folder}/input_{i}.pb" for i, name in enumerate(inputs)}
    tensors.update({name: load(file) for name, file in files.items()})
    bound = {name for node in model.graph.node for i, name in enumerate(node.input)
             if i in SHAPE_OPERANDS.get(node.op_type, []) and name in files}
    if any(node.op_type == "Range" for node in model.graph.node):
        bound = set(files)
    try:
        results = Model(path, [f"--constant-input={name}=@{files[name]}" for name in sorted(bound)])(tensors)
    except (ImportError_, RuntimeError) as error:
        return str(error)
    for i, result in enumerate(results):
        expected = load(f"{folder}/output_{i}.pb")
        if (result.shape, result.dtype) != (expected.shape, expected.dtype):
            return f"output {i} is {result.dtype}{result.shape}, not {expected.dtype}{expected.shape}"
        tolerance = 1e-2 if result.dtype == np.float16 else 1e-3  # The latter is the suite's own.
        if not np.allclose(result, expected, rtol=tolerance, atol=1e-5, equal_nan=True):
            return f"output {i} differs: {result.ravel()[:4]}, not {expected.ravel()[:4]}"
    return None


def select(arguments):
    listing = subprocess.run(["tern-translate", "--list-ops"], capture_output=True, text=True, check=True).stdout
    known = {line.split("\t")[1] for line in listing.splitlines()}
    chosen, counts = [], collections.Counter()
    for path in sorted(glob.glob(f"{DATA}/*/*/model.onnx")):
        operators = {node.op_type for node in onnx.load(path).graph.node}
        if arguments.filter not in path or not operators <= known or any(name in path for name in EXPECTED):
            continue
        if arguments.per_op and all(counts[op] >= arguments.per_op for op in operators):
            continue
        counts.update(operators)
        chosen.append(path)
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="", help="only tests with this in their path")
    parser.add_argument("--per-op", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    paths, failures = select(arguments), 0
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
        for path, failure in zip(paths, pool.map(run, paths)):
            if failure:
                failures += 1
                print(f"FAIL {path}: {failure}", flush=True)
    print(f"{len(paths) - failures} of {len(paths)} backend tests agree")
    sys.exit(1 if failures or not paths else 0)


if __name__ == "__main__":
    main()
