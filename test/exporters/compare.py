# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile a model with ternc, run it and ONNX Runtime on the same inputs, and compare.

    compare.py MODEL.onnx INPUTS.npz OUT.so [--option ternc's option]...

INPUTS.npz has the inputs of each run as RUN/NAME. Prints JSON:
  no_reference: why ONNX Runtime does not run it; then there is nothing else
  failure: why the model does not agree, or null
  error: the largest difference of an output of floats, over the largest number in it; integers have to be equal
  within: with --bits, the part of the outputs' numbers that is within one step, the output's range over 2^bits - 1, of ONNX
    Runtime's; error is not judged then
  pieces: the same of the model in pieces (inject.py), if `within` is too little: what is judged then
  control: the same of ONNX Runtime itself, if the model's scales move by their last bit
  seconds: what ternc took
TERN_HOME is the build folder.
"""
import argparse
import json
import pathlib
import re
import sys
import time

import numpy as np
import onnx
import onnxruntime

import inject

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python"))
import tern  # noqa: E402

TOLERANCE = 1e-4
# Of a quantized model's outputs, those within one quantization step.
LEAST_WITHIN = 0.99


def read_runs(path):
    runs = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            run, _, name = key.partition("/")
            runs.setdefault(run, {})[name] = arrays[key]
    return list(runs.values())


def difference(result, expected):
    """The largest difference over the largest number; infinite if shapes, types, or what is no number differ."""
    if result.shape != expected.shape or result.dtype != expected.dtype:
        return float("inf")
    if expected.size == 0:
        return 0.0
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(result, expected) else float("inf")
    result, expected = result.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(expected)
    if not np.array_equal(result[~finite], expected[~finite], equal_nan=True):
        return float("inf")
    result, expected = result[finite], expected[finite]
    largest = np.abs(expected).max(initial=0)
    error = np.abs(result - expected).max(initial=0)
    return float(error / largest) if largest else (0.0 if error == 0 else float("inf"))


def reference(path, threads):
    """ONNX Runtime on a file or its bytes, with its optimizations, or, if it cannot do them (of some quantized models), without."""
    levels = onnxruntime.GraphOptimizationLevel
    try:
        return start_session(path, threads, levels.ORT_ENABLE_ALL)
    except Exception:  # pylint: disable=broad-except
        return start_session(path, threads, levels.ORT_DISABLE_ALL)


def start_session(path, threads, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    # What the file says: quantized operators that it makes of QDQ pairs round once where the file's nodes round twice.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    # Its products of 8 bits saturate in 16 on processors without VNNI otherwise.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(path if isinstance(path, bytes) else str(path), options, providers=["CPUExecutionProvider"])


def run_reference(model, runs, threads, names=None):
    session = reference(model, threads)
    names = names or [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(names, feeds))) for feeds in runs]


def run_tern(arguments, model, runs):
    program = tern.load(model, threads=arguments.threads)
    # Those that --constant-input binds are no inputs of the program.
    return [program.run({operand.name: feeds[operand.name] for operand in program.inputs}) for feeds in runs]


def count_within(result, expected, bits):
    """How many numbers are within one step."""
    if result.shape != expected.shape:
        return 0
    if result.dtype in inject.CODES:
        step = 1
    else:
        # Zero is always in the range that is quantized. An output that is quantized itself differs by whole steps, and their numbers
        # are rounded.
        step = (expected.max(initial=0) - expected.min(initial=0)) / (2 ** bits - 1) * 1.001
    return int((np.abs(result.astype(np.float64) - expected) <= step).sum())


def part_within(results, expected, bits):
    """Of all outputs of all runs."""
    within = sum(count_within(result[name], array, bits) for result, run in zip(results, expected) for name, array in run.items())
    return within / sum(array.size for run in expected for array in run.values())


def compare_pieces(arguments, runs):
    """Parts within a step: of the least of the pieces' outputs, and of ONNX Runtime against itself."""
    model = onnx.load(str(arguments.model))
    codes = inject.find_codes(model)
    names = [output.name for output in model.graph.output] + codes
    values = run_reference(inject.add_outputs(model, codes).SerializeToString(), runs, arguments.threads, names)
    pieces = inject.cut(model, values)
    path = arguments.model.with_suffix(".pieces.onnx")
    onnx.save(pieces, str(path))
    try:
        fed = [inject.feed([operand.name for operand in pieces.graph.input], inputs, run) for inputs, run in zip(runs, values)]
        expected = run_reference(path, fed, arguments.threads, names)
        tern.compile(path, arguments.output, options=arguments.option)
        results = run_tern(arguments, arguments.output, fed)
    finally:
        path.unlink()
    least = min((part_within(results, [{name: run[name]} for run in expected], arguments.bits), name) for name in dict.fromkeys(names))
    outputs = [{output.name: run[output.name] for output in model.graph.output} for run in values]
    moved = run_reference(inject.move_scales(model).SerializeToString(), runs, arguments.threads)
    return least, part_within(moved, outputs, arguments.bits)


def compare(arguments, result):
    runs = read_runs(arguments.inputs)
    try:
        references = run_reference(arguments.model, runs, arguments.threads)
    except Exception as error:  # pylint: disable=broad-except
        result["no_reference"] = " ".join(str(error).split())
        return
    start = time.monotonic()
    try:
        tern.compile(arguments.model, arguments.output, options=arguments.option)
    except tern.CompileError as error:
        # The model's own folder says nothing.
        result["failure"] = "ternc: " + re.sub(r"\S*/", "", str(error), count=1)
        return
    result["seconds"] = time.monotonic() - start
    results = run_tern(arguments, arguments.output, runs)
    if not any(array.any() for expected in references for array in expected.values()):
        result["failure"] = "every element of every output is 0, which compares nothing"
    for got, expected in zip(results, references):
        for name, array in expected.items():
            error = difference(got[name], array)
            result["error"] = max(result["error"], error)
            shapes = "" if got[name].shape == array.shape else f" of {array.shape} as {got[name].shape}"
            if (shapes or not arguments.bits) and not error <= TOLERANCE and not result["failure"]:
                result["failure"] = f"output {name}{shapes} differs by {error:.1e}"
    if arguments.bits and not result["failure"]:
        result["within"] = part_within(results, references, arguments.bits)
        if result["within"] < LEAST_WITHIN:
            (result["pieces"], name), result["control"] = compare_pieces(arguments, runs)
            if result["pieces"] < LEAST_WITHIN:
                result["failure"] = (f"only {result['within']:.2%} of the outputs are within one step, and of {name}, computed of ONNX "
                                     f"Runtime's codes, {result['pieces']:.2%}")


def judge(arguments):
    """What is printed, for the arguments above."""
    result = {"failure": None, "error": 0.0, "seconds": 0.0}
    try:
        compare(arguments, result)
    except Exception as error:  # pylint: disable=broad-except
        result["failure"] = f"{type(error).__name__}: {error}".splitlines()[0]
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("inputs", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("--bits", type=int)
    parser.add_argument("--threads", type=int, default=2)
    print(json.dumps(judge(parser.parse_args())))


if __name__ == "__main__":
    main()
