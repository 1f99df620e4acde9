# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators against NumPy, on fresh random inputs at odd sizes, with static and dynamic dimensions.

onnx_ops.py FOLDER [--via ternc|upstream] [--filter TEXT] [--seed N]

--via ternc compiles libraries with ternc and runs them with tern-run (in the
PATH); --via upstream goes through MLIR's own passes (see upstream_run.py) and
so checks the importer alone. Many operators share a model, to save compilations.
"""
import argparse
import math
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto

import onnx_newer_cases
import onnx_window_cases
import randomness
from onnx_case import Case, f32, wide

FLOAT = TensorProto.FLOAT
SIZES = (1, 3, 17, 33, 257)


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def softplus(x):
    return np.logaddexp(0, x)


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def normalize(x, axes, epsilon):
    d = x - x.mean(axes, keepdims=True)
    return d / np.sqrt((d * d).mean(axes, keepdims=True) + epsilon)


def log_sum_exp(x, axis, keepdims):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


SELU = (1.67326319217681884765625, 1.05070102214813232421875)

# Operator, attributes, the function in float64. Operands: x, any values; p, positive; u, in (-1, 1).
UNARY = [
    ("Abs", {}, np.abs, "x"), ("Ceil", {}, np.ceil, "x"), ("Floor", {}, np.floor, "x"), ("Round", {}, np.round, "h"),
    ("Neg", {}, np.negative, "x"), ("Sign", {}, np.sign, "x"), ("Exp", {}, np.exp, "x"), ("Log", {}, np.log, "p"),
    ("Sqrt", {}, np.sqrt, "p"), ("Reciprocal", {}, lambda x: 1 / x, "p"), ("Erf", {}, erf, "x"),
    ("Sin", {}, np.sin, "x"), ("Cos", {}, np.cos, "x"), ("Tan", {}, np.tan, "u"), ("Asin", {}, np.arcsin, "u"),
    ("Acos", {}, np.arccos, "u"), ("Atan", {}, np.arctan, "x"), ("Sinh", {}, np.sinh, "x"), ("Cosh", {}, np.cosh, "x"),
    ("Tanh", {}, np.tanh, "x"), ("Asinh", {}, np.arcsinh, "x"), ("Atanh", {}, np.arctanh, "u"),
    ("Acosh", {}, lambda x: np.arccosh(1 + x), "p"),
    ("Relu", {}, lambda x: np.maximum(x, 0), "x"), ("Sigmoid", {}, lambda x: 1 / (1 + np.exp(-x)), "x"),
    ("Softplus", {}, softplus, "x"), ("Softsign", {}, lambda x: x / (1 + np.abs(x)), "x"),
    ("Mish", {}, lambda x: x * np.tanh(softplus(x)), "x"),
    ("HardSwish", {}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "x"),
    ("LeakyRelu", {"alpha": 0.3}, lambda x: np.where(x < 0, 0.3 * x, x), "x"),
    ("LeakyRelu", {}, lambda x: np.where(x < 0, 0.01 * x, x), "x"),
    ("Elu", {"alpha": 2.0}, lambda x: np.where(x < 0, 2 * np.expm1(x), x), "x"),
    ("Celu", {"alpha": 2.0}, lambda x: np.where(x < 0, 2 * np.expm1(x / 2), x), "x"),
    ("Selu", {}, lambda x: SELU[1] * np.where(x < 0, SELU[0] * np.expm1(x), x), "x"),
    ("HardSigmoid", {}, lambda x: np.clip(0.2 * x + 0.5, 0, 1), "x"),
    ("HardSigmoid", {"alpha": 0.5, "beta": 0.25}, lambda x: np.clip(0.5 * x + 0.25, 0, 1), "x"),
    ("ThresholdedRelu", {"alpha": 0.5}, lambda x: np.where(x > 0.5, x, 0), "x"),
    ("Shrink", {"bias": 0.25, "lambd": 0.5}, lambda x: np.where(x < -0.5, x + 0.25, np.where(x > 0.5, x - 0.25, 0)), "x"),
    ("Gelu", {}, lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))), "x"),
    ("Gelu", {"approximate": "tanh"},
     lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), "x"),
    ("Softmax", {"axis": -1}, lambda x: softmax(x, -1), "x"), ("Softmax", {"axis": 0}, lambda x: softmax(x, 0), "x"),
    ("LogSoftmax", {"axis": -1}, lambda x: np.log(softmax(x, -1)), "x"),
    ("Identity", {}, lambda x: x, "x"), ("Transpose", {"perm": [1, 0]}, lambda x: x.T, "x"),
    ("Flatten", {"axis": 0}, lambda x: x.reshape(1, -1), "x"),
]

# The second operand is broadcast from one of several shapes.
BINARY = [
    ("Add", np.add, "x"), ("Sub", np.subtract, "x"), ("Mul", np.multiply, "x"), ("Div", np.divide, "p"),
    ("Pow", np.power, "p"), ("Min", np.minimum, "x"), ("Max", np.maximum, "x"), ("Sum", np.add, "x"),
    ("Mean", lambda a, b: (a + b) / 2, "x"), ("PRelu", lambda x, s: np.where(x < 0, x * s, x), "x"),
    ("Less", np.less, "x"), ("LessOrEqual", np.less_equal, "h"), ("Greater", np.greater, "x"),
    ("GreaterOrEqual", np.greater_equal, "h"), ("Equal", np.equal, "h"),
]

REDUCTIONS = {
    "ReduceSum": np.sum, "ReduceMean": np.mean, "ReduceMax": np.max, "ReduceMin": np.min, "ReduceProd": np.prod,
    "ReduceL1": lambda x, **k: np.sum(np.abs(x), **k), "ReduceL2": lambda x, **k: np.sqrt(np.sum(x * x, **k)),
    "ReduceLogSum": lambda x, **k: np.log(np.sum(np.abs(x), **k)), "ReduceLogSumExp": log_sum_exp,
    "ReduceSumSquare": lambda x, **k: np.sum(x * x, **k),
}


def operands(rng, shape):
    """x any, p positive, u in (-1, 1), h multiples of one half."""
    x = f32(rng.standard_normal(shape) * 2)
    return {"x": x, "p": f32(np.abs(x) + 0.1), "u": f32(np.tanh(x) * 0.9), "h": f32(np.round(x * 2) / 2)}


# The groups: a case with m rows (the batch) and n columns. Inputs are drawn from
# `rng`, parameters from `fixed`, so that one compilation serves all batches.


def unary(rng, fixed, m, n):
    case = Case()
    values = operands(rng, (m, n))
    for name, array in values.items():
        case.input(name, array, ["batch", n])
    one = case.parameter("one", f32(1))
    for op, attributes, function, kind in UNARY:
        source = kind
        if op == "Acosh":
            source = case.add("Add", [kind, one], wide(values[kind]) + 1)
        case.add(op, [source], function(wide(values[kind])), **attributes)
    return case


def binary(rng, fixed, m, n):
    case = Case()
    left, right = operands(rng, (m, n)), {}
    for name, array in left.items():
        case.input(name, array, ["batch", n])
    for label, shape in (("same", (m, n)), ("row", (n,)), ("row2", (1, n)), ("scalar", ())):
        right[label] = operands(rng if label == "same" else fixed, shape)
        for name, array in right[label].items():
            (case.input if label == "same" else case.parameter)(f"{name}_{label}", array)
            if label == "same":
                case.shapes[f"{name}_{label}"] = ["batch", n]
    for op, function, kind in BINARY:
        for label in right:
            case.add(op, [kind, f"{kind}_{label}"], function(wide(left[kind]), wide(right[label][kind])))
    mask = case.add("Greater", ["x", "x_row"], left["x"] > right["row"]["x"])
    case.add("Where", [mask, "x", "x_scalar"], np.where(left["x"] > right["row"]["x"], left["x"], right["scalar"]["x"]))
    case.add("Not", [mask], ~(left["x"] > right["row"]["x"]))
    low, high = case.parameter("low", f32(-0.5)), case.parameter("high", f32(0.75))
    case.add("Clip", ["x", low, high], np.clip(left["x"], -0.5, 0.75))
    case.add("Clip", ["x", "", high], np.minimum(left["x"], f32(0.75)))
    case.add("Clip", ["x", low], np.maximum(left["x"], f32(-0.5)))
    case.add("Pow", ["x", case.parameter("two", f32(2))], wide(left["x"]) ** 2)
    return case


def reductions(rng, fixed, m, n):
    case = Case()
    x = f32(rng.uniform(0.5, 1.5, (m, 3, n)) * rng.choice([-1, 1], (m, 3, n)))
    case.input("x", x, ["batch", 3, n])
    case.add("Abs", ["x"], np.abs(x))
    for op, function in REDUCTIONS.items():
        for axes in ((2,), (0,), (1, 2), (0, 1, 2)):
            if op == "ReduceProd" and len(axes) > 1:
                continue  # Overflows.
            name = case.parameter("axes" + "".join(map(str, axes)), np.array(axes))
            for keepdims in (0, 1):
                source = "Abs_0" if op == "ReduceLogSum" else "x"
                case.add(op, [source, name], function(wide(x), axis=axes, keepdims=bool(keepdims)), keepdims=keepdims)
    return case


def linear(rng, fixed, m, n):
    """Every rank of MatMul; Gemm with all its attributes."""
    case = Case()
    k = max(1, n - 2)
    x, y = f32(rng.standard_normal((m, k))), f32(rng.standard_normal((m, 2, 3, k)))
    case.input("x", x, ["batch", k])
    case.input("y", y, ["batch", 2, 3, k])
    w = f32(fixed.standard_normal((k, n)))
    v, s = f32(fixed.standard_normal(k)), f32(fixed.standard_normal((2, k, n)))
    bias = f32(fixed.standard_normal(n))
    for name, array in (("w", w), ("wt", w.T), ("v", v), ("s", s), ("bias", bias), ("bias2", bias[None]), ("b1", bias[:1])):
        case.parameter(name, np.ascontiguousarray(array))
    for left, a in (("x", x), ("y", y)):
        for right, b in (("w", w), ("v", v)):
            case.add("MatMul", [left, right], wide(a) @ wide(b))
    case.add("MatMul", ["y", "s"], wide(y) @ wide(s))
    # Exactly ternary weights, which become packed ones.
    t = f32(0.5 * fixed.integers(-1, 2, (k, n)))
    rows = f32(fixed.uniform(0.5, 1.5, n) * fixed.integers(-1, 2, (k, n)))
    for name, array in (("t", t), ("rows", rows)):
        case.parameter(name, array)
        case.add("MatMul", ["x", name], wide(x) @ wide(array))
        case.add("MatMul", ["y", name], wide(y) @ wide(array))
    case.add("MatMul", ["v", "w"], wide(v) @ wide(w))
    xw = wide(x) @ wide(w)
    case.add("Gemm", ["x", "w"], xw)
    case.add("Gemm", ["x", "wt", "bias"], xw + bias, transB=1)
    case.add("Gemm", ["x", "w", "bias2"], 0.5 * xw + 2 * wide(bias), alpha=0.5, beta=2.0)
    case.add("Gemm", ["x", "wt", "b1"], 3 * xw + bias[0], transB=1, alpha=3.0)
    turned = case.add("Transpose", ["x"], x.T, perm=[1, 0])
    case.add("Gemm", [turned, "w", "bias"], xw + bias, transA=1)
    return case


def normalizations(rng, fixed, m, n):
    case = Case()
    x = f32(rng.standard_normal((m, 3, n)) * 3 + 1)
    case.input("x", x, ["batch", 3, n])
    scale, bias = f32(fixed.standard_normal(n)), f32(fixed.standard_normal(n))
    case.parameter("scale", scale)
    case.parameter("bias", bias)
    case.add("LayerNormalization", ["x", "scale", "bias"], normalize(wide(x), (2,), 1e-5) * scale + bias)
    case.add("LayerNormalization", ["x", "scale"], normalize(wide(x), (1, 2), 1e-3) * scale, axis=1, epsilon=1e-3)
    stats = {name: f32(fixed.uniform(0.5, 1.5, 3)) for name in ("gamma", "beta", "mean", "var")}
    for name, array in stats.items():
        case.parameter(name, array)
    gamma, beta, mean, var = (wide(array)[:, None] for array in stats.values())
    case.add("BatchNormalization", ["x", *stats], (x - mean) / np.sqrt(var + 1e-5) * gamma + beta)
    for axis in (0, 1, 2):
        case.add("Softmax", ["x"], softmax(wide(x), axis), axis=axis)
    return case


def shapes(rng, fixed, m, n):
    case = Case()
    x = f32(rng.standard_normal((m, 6, n)))
    case.input("x", x, ["batch", 6, n])
    index = case.input("index", rng.integers(-6, 6, (m, 2)), ["batch", 2])

    def known(name, value):
        return case.parameter(name, np.array(value, np.int64))

    case.add("Reshape", ["x", known("s1", [0, -1])], x.reshape(m, -1))
    case.add("Reshape", ["x", known("s2", [-1, n])], x.reshape(-1, n))
    case.add("Reshape", ["x", known("s3", [0, 2, 3, -1])], x.reshape(m, 2, 3, n))
    case.add("Reshape", ["x", known("s4", [0, 3, -1, 2])], x.reshape(m, 3, -1, 2))
    case.add("Transpose", ["x"], x.transpose(2, 0, 1), perm=[2, 0, 1])
    case.add("Transpose", ["x"], x.transpose(0, 2, 1), perm=[0, 2, 1])
    case.add("Unsqueeze", ["x", known("a1", [0, -1])], x[None, ..., None])
    case.add("Concat", ["x", "x"], np.concatenate([x, x], 1), axis=1)
    case.add("Concat", ["x", "x"], np.concatenate([x, x], 0), axis=0)
    case.add("Slice", ["x", known("from", [1, 0]), known("to", [5, 2**62]), known("at", [1, 2]), known("by", [2, 1])], x[:, 1:5:2])
    case.add("Slice", ["x", known("last", [-1]), known("before", [-2**62]), known("one", [1]), known("back", [-1])], x[:, ::-1])
    case.add("Slice", ["x", known("minus2", [-2]), known("end", [2**62]), "one"], x[:, -2:])
    case.add("Gather", ["x", known("picks", [[3, -1], [0, 0]])], np.take(x, [[3, -1], [0, 0]], 1), axis=1)
    case.add("Gather", ["x", known("pick", 2)], x[:, 2], axis=1)
    case.add("Gather", ["x", index], np.take(x, case.inputs["index"], 1), axis=1)
    case.add("Expand", ["x", known("wide", [2, 1, 1, 1])], np.broadcast_to(x, (2, *x.shape)))
    case.add("Cast", ["x"], np.trunc(x).astype(np.int32), to=TensorProto.INT32)
    case.add("Cast", ["index"], case.inputs["index"].astype(np.float32), to=FLOAT)
    case.add("Cast", ["x"], x != 0, to=TensorProto.BOOL)
    shape = case.add("Shape", ["x"], np.array(x.shape))
    batch = case.add("Gather", [shape, known("zero", 0)], np.array(m), axis=0)
    row = case.add("Unsqueeze", [batch, known("zeros", [0])], np.array([m]))
    target = case.add("Concat", [row, known("rest", [-1])], np.array([m, -1]), axis=0)
    case.add("Reshape", ["x", target], x.reshape(m, -1))
    return case


GROUPS = [unary, binary, reductions, linear, normalizations, shapes, *onnx_window_cases.GROUPS, *onnx_newer_cases.GROUPS]


class Ternc:
    """A library by ternc, run by tern-run."""

    def __init__(self, path, folder):
        self.library = os.path.join(folder, "m.so")
        self.folder = folder
        self.tool("ternc", path, "-o", self.library)

    @staticmethod
    def tool(*command):
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(result.stderr.strip() or f"{command[0]} died: {result.returncode}")

    def __call__(self, case, names):
        command = ["tern-run", self.library]
        for i, (name, array) in enumerate(case.inputs.items()):
            np.save(f"{self.folder}/in{i}.npy", array)
            command.append(f"--input={name}=@{self.folder}/in{i}.npy")
        command += [f"--output={name}=@{self.folder}/out{i}.npy" for i, name in enumerate(names)]
        self.tool(*command)
        return [np.load(f"{self.folder}/out{i}.npy") for i in range(len(names))]


class Upstream:
    def __init__(self, path, folder):
        from upstream_run import ImportError_, Model
        try:
            self.model = Model(path)
        except ImportError_ as error:
            raise RuntimeError(str(error)) from error

    def __call__(self, case, names):
        return self.model({**case.inputs, **case.parameters})


def compare(name, got, expected):
    """None, or what is wrong: floats to 1e-5 of the output's norm and a little per element, others exactly."""
    if got.shape != expected.shape:
        return f"{name} has shape {got.shape}, not {expected.shape}"
    if got.dtype.kind != "f":
        return None if np.array_equal(got, expected) else f"{name} differs"
    error = np.abs(got - expected)
    bound = 1e-4 * np.abs(expected) + 1e-5 * (1 + np.sqrt(np.mean(expected.astype(np.float64) ** 2)))
    if np.all(error <= bound):
        return None
    worst = np.unravel_index(np.argmax(error - bound), error.shape)
    return f"{name}{list(worst)} is {got[worst]}, not {expected[worst]}"


def run(group, n, static, batches, folder, seed, executor):
    """The number of results compared, and what is wrong with them."""
    os.makedirs(folder, exist_ok=True)
    path, compiled, checked, wrong = os.path.join(folder, "m.onnx"), None, 0, []
    rng = np.random.default_rng([seed, n, static])
    for m in batches:
        case = group(rng, np.random.default_rng([seed, n]), m, n)
        try:
            if compiled is None:
                onnx.save(case.model(static), path)
                compiled = executor(path, folder)
            values = compiled(case, list(case.expected))
        except RuntimeError as error:
            return checked, [*wrong, f"batch {m}: {str(error)[:2000]}"]
        for name, value in zip(case.expected, values):
            checked += 1
            problem = compare(name, value, case.expected[name])
            if problem:
                wrong.append(f"batch {m}: {problem}")
    return checked, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--via", choices=["ternc", "upstream"], default="ternc")
    parser.add_argument("--filter", default="")
    arguments, _ = randomness.parse(parser)
    checked = failures = 0
    for group in GROUPS:
        if arguments.filter not in group.__name__:
            continue
        for n in (3, 17, 257):
            # One compilation with a dynamic batch for several; one static.
            for static, batches in ((False, (1, 3, 17, 33)), (True, (SIZES[n % len(SIZES)],))):
                folder = os.path.join(arguments.folder, f"{group.__name__}-{n}-{'static' if static else 'dynamic'}")
                got, wrong = run(group, n, static, batches, folder, arguments.seed, Ternc if arguments.via == "ternc" else Upstream)
                checked += got
                failures += len(wrong)
                for problem in wrong:
                    print(f"FAIL {folder}: {problem}", flush=True)
    randomness.finish(checked, failures)


if __name__ == "__main__":
    main()
