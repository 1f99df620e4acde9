# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions that processors have from C's library give what NumPy's long doubles do, but for 8 units in the last place.

    library_math.py FOLDER
"""
import math
import os
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
from artifact import Artifact  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1])
SEED = int(os.environ.get("TERN_TEST_SEED", np.random.SeedSequence().entropy % 2**32))
TYPES = {"f32": np.float32, "f64": np.float64}
ANY, POSITIVE, UNIT, ABOVE, SMALL = (-20, 20), (1e-6, 50), (-1, 1), (1, 50), None


def of_floats(function):
    return lambda x: np.array([function(float(value)) for value in x], np.longdouble)


def round_away(x):
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


# Operation, range of x, reference; these in both types, then those that only f64 has from a library.
RARE = [("acos", UNIT, np.arccos), ("acosh", ABOVE, np.arccosh), ("asin", UNIT, np.arcsin), ("asinh", ANY, np.arcsinh),
        ("atan", ANY, np.arctan), ("atanh", UNIT, np.arctanh), ("cbrt", ANY, np.cbrt), ("cosh", ANY, np.cosh),
        ("erfc", (-3, 5), of_floats(math.erfc)), ("round", ANY, round_away), ("sinh", ANY, np.sinh),
        ("atan2", ANY, np.arctan2), ("remf", ANY, np.fmod)]
WIDE = [("cos", ANY, np.cos), ("erf", (-3, 3), of_floats(math.erf)), ("exp", ANY, np.exp), ("exp2", ANY, np.exp2),
        ("expm1", SMALL, np.expm1), ("log", POSITIVE, np.log), ("log10", POSITIVE, np.log10), ("log1p", SMALL, np.log1p),
        ("log2", POSITIVE, np.log2), ("rsqrt", POSITIVE, lambda x: 1 / np.sqrt(x)), ("sin", ANY, np.sin),
        ("tan", ANY, np.tan), ("tanh", ANY, np.tanh), ("powf", POSITIVE, np.power)]
CASES = [(*case, dtype) for case in RARE for dtype in TYPES] + [(*case, "f64") for case in WIDE]
BINARY = ("atan2", "remf", "powf")


def make_module():
    names = [f"{name}_{dtype}" for name, _, _, dtype in CASES]
    arguments, body = [], []
    for (operation, _, _, dtype), name in zip(CASES, names):
        tensor = f"tensor<257x{dtype}>"
        operands = ["x", "y"] if operation in BINARY else ["x"]
        arguments += [f'%{name}_{operand}: {tensor} {{tern.name = "{name}_{operand}"}}' for operand in operands]
        code = ("arith." if operation == "remf" else "math.") + operation
        values = ", ".join(f"%{operand}" for operand in operands)
        body += [f"  %{name} = linalg.generic {{indexing_maps = [{', '.join(['#id'] * (len(operands) + 1))}], "
                 f'iterator_types = ["parallel"]}} ins({", ".join(f"%{name}_{operand}" for operand in operands)} : '
                 f"{', '.join([tensor] * len(operands))}) outs(%{name}_x : {tensor}) {{",
                 f"  ^bb0({', '.join(f'%{operand}: {dtype}' for operand in [*operands, 'o'])}):",
                 f"    %r = {code} {values} : {dtype}", f"    linalg.yield %r : {dtype}", f"  }} -> {tensor}"]
    tensors = [f"tensor<257x{dtype}>" for *_, dtype in CASES]
    results = ", ".join(f'{tensor} {{tern.name = "{name}"}}' for tensor, name in zip(tensors, names))
    return "\n".join(["#id = affine_map<(i) -> (i)>", f"func.func @main({', '.join(arguments)}) -> ({results}) {{", *body,
                      f"  return {', '.join('%' + name for name in names)} : {', '.join(tensors)}", "}", ""])


def main():
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    (FOLDER / "library.mlir").write_text(make_module())
    subprocess.run(["ternc", FOLDER / "library.mlir", "--target=generic", "-o", FOLDER / "library.so"], check=True)
    feeds, expected = {}, {}
    for operation, span, reference, dtype in CASES:
        name = f"{operation}_{dtype}"
        x = rng.uniform(*span, 257) if span else rng.uniform(-0.9, 3, 257) * 10.0**rng.integers(-20, 1, 257)
        operands = [x.astype(TYPES[dtype])]
        if operation in BINARY:
            operands.append(rng.uniform(*ANY, 257).astype(TYPES[dtype]))
        feeds.update({f"{name}_{operand}": values for operand, values in zip("xy", operands)})
        expected[name] = reference(*(values.astype(np.longdouble) for values in operands))
    made, right = Artifact(FOLDER / "library.so")(feeds), 0
    for name, values in expected.items():
        units = np.spacing(np.abs(values).astype(made[name].dtype)).astype(np.longdouble)
        error = float((np.abs(made[name] - values) / units).max())
        right += error <= 8
        if not error <= 8:
            print(f"{name}: {error:.2f} ulp")
    print(f"{right} of {len(CASES)} functions of the library are right")


if __name__ == "__main__":
    main()
