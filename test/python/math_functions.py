# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Errors of the functions on f32 that Tern computes itself, on every target that this machine runs.

    math_functions.py FOLDER [--all] [--jobs N] [--samples N] [--pairs N] [--seed N]

The errors are in units in the last place, against libm in f64. --all takes all 2^32 floats; else it is special values,
the smallest and largest mantissas of every exponent, and random ones. Targets with fused multiply-adds, and those
without, have to agree among themselves bit for bit, NaN's payload apart.
"""
import argparse
import ctypes
import hashlib
import math
import multiprocessing
import os
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from artifact import Artifact  # noqa: E402

INPUTS = pathlib.Path(__file__).parents[1] / "Integration" / "Inputs"
# The largest errors that docs/numerics.md states.
BOUNDS = {"exp": 1, "exp2": 1, "expm1": 1, "log": 1, "log2": 1, "log10": 1, "log1p": 1, "sin": 1, "cos": 1, "tan": 1,
          "tanh": 2.75, "erf": 1.75, "rsqrt": 1, "sqrt": 0.5}
BOUNDS_OF_PAIRS = {"powf": 1, "divf": 0.5}
# Where they are larger without fused multiply-adds.
BOUNDS_WITHOUT_FMA = {"exp": 1.25, "exp2": 1.25, "expm1": 1.25, "tan": 1.25, "powf": 1.25}
# Names, CPU flags, and whether they fuse.
TARGETS = {"generic": ((), False), "x86:sse4.1": (("sse4_1",), False), "x86:avx2,fma": (("avx2", "fma"), True),
           "x86:avx512f,avx512vl,avx512bw,avx512dq,avx2,fma": (("avx512f", "avx512vl", "avx512bw", "avx512dq"), True)}
CHUNK = 1 << 18


def get_targets():
    flags = set(pathlib.Path("/proc/cpuinfo").read_text().split())
    return {name: fuses for name, (needed, fuses) in TARGETS.items() if flags.issuperset(needed)}


def make_module():
    """Every function of x on f32, f16 and bf16, and those of two operands of x and y."""
    inputs = {"x": "f32", "y": "f32", "h": "f16"}
    outputs = [(name, f"math.{name} %a", ["x"], "f32") for name in BOUNDS]
    outputs += [(f"{name}_f16", f"math.{name} %a", ["h"], "f16") for name in BOUNDS]
    outputs += [("powf", "math.powf %a, %b", ["x", "y"], "f32"), ("divf", "arith.divf %a, %b", ["x", "y"], "f32")]
    dims = {"x": "n", "y": "n", "h": "m"}
    lines = ["#id = affine_map<(i) -> (i)>", "func.func @main("]
    lines.append(", ".join(f'%{name}: tensor<?x{dtype}> {{tern.name = "{name}", tern.shape = ["{dims[name]}"]}}'
                           for name, dtype in inputs.items()))
    lines.append(") -> (" + ", ".join(f'tensor<?x{dtype}> {{tern.name = "{name}"}}' for name, _, _, dtype in outputs) + ") {")
    lines.append("  %c0 = arith.constant 0 : index")
    for name, dtype in inputs.items():
        lines += [f"  %size_{name} = tensor.dim %{name}, %c0 : tensor<?x{dtype}>",
                  f"  %empty_{name} = tensor.empty(%size_{name}) : tensor<?x{dtype}>"]
    for name, code, operands, dtype in outputs:
        types = ", ".join(f"tensor<?x{dtype}>" for _ in operands)
        arguments = ", ".join(f"%{argument}: {dtype}" for argument in "ab"[:len(operands)] + "o")
        lines += [
            f"  %{name} = linalg.generic {{indexing_maps = [{', '.join(['#id'] * (len(operands) + 1))}], "
            f'iterator_types = ["parallel"]}} ins({", ".join("%" + operand for operand in operands)} : {types}) '
            f"outs(%empty_{operands[0]} : tensor<?x{dtype}>) {{", f"  ^bb0({arguments}):", f"    %r = {code} : {dtype}",
            f"    linalg.yield %r : {dtype}", f"  }} -> tensor<?x{dtype}>"]
    lines.append("  return " + ", ".join("%" + name for name, *_ in outputs) + " : " +
                 ", ".join(f"tensor<?x{dtype}>" for *_, dtype in outputs))
    return "\n".join(lines + ["}", ""])


def without_payloads(values):
    """The bits, all NaNs equal."""
    bits, where = values.view(f"u{values.itemsize}"), np.isnan(values)
    return np.where(where, bits.dtype.type(0x7fff << 8 * (values.itemsize - 2)), bits) if where.any() else bits


class Reference:
    def __init__(self, folder):
        path = folder / "math_reference.so"
        if not path.exists():
            subprocess.run([os.environ.get("CXX", "c++"), "-std=c++17", "-O3", "-march=native", "-fno-math-errno",
                            "-fno-trapping-math", "-shared", "-fPIC",
                            INPUTS / "math_reference.cpp", "-o", path], check=True)
        self.library = ctypes.CDLL(str(path))
        self.library.measureUnary.restype = ctypes.c_bool

    def measure(self, name, operands, got):
        """The largest error, and at what it is."""
        if not len(got):
            return -1.0, [math.nan] * len(operands)
        worst, where = ctypes.c_double(-1), ctypes.c_long(0)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (*operands, got)]
        rest = (*pointers, ctypes.c_long(len(got)), ctypes.byref(worst), ctypes.byref(where))
        if name == "powf":
            self.library.measurePower(*rest)
        elif not self.library.measureUnary(name.encode(), *rest):
            raise ValueError(name)
        return worst.value, [float(array[where.value]) for array in operands]


class Checker:
    """What is found of a range of inputs."""

    def __init__(self, folder, targets):
        self.targets = targets
        self.reference = Reference(folder)
        self.artifacts = {name: Artifact(folder / f"{number}.so") for number, name in enumerate(targets)}

    def check(self, feeds, names):
        """By function: the error and where with FMA, the same without, differing results between these, the bits;
        and what disagrees."""
        made = {target: artifact(feeds) for target, artifact in self.artifacts.items()}
        found, problems = {}, []
        for name in names:
            operands = [feeds["x"], feeds["y"]] if name in ("powf", "divf") else [feeds["x"]]
            errors, bits, first = {}, {}, {}
            for target, fuses in sorted(self.targets.items(), key=lambda item: not item[1]):
                got = made[target][name]
                if fuses in first and np.array_equal(first[fuses].view(np.uint32), got.view(np.uint32)):
                    continue
                payload = without_payloads(got)
                if fuses in first and (bits[fuses] != payload).any():
                    at = np.flatnonzero(bits[fuses] != payload)[0]
                    problems.append(f"{name} differs on {target} at {[float(x[at]).hex() for x in operands]}")
                if fuses in first:
                    continue
                first[fuses], bits[fuses] = got, payload
                if name == "divf":
                    errors[fuses] = measure_quotients(*operands, payload)
                elif (not fuses) in bits:
                    # Where the bits are the same, the error is none that is larger.
                    other = np.flatnonzero(payload != bits[not fuses])
                    rest = [array[other] for array in operands]
                    errors[fuses] = max(errors[not fuses], self.reference.measure(name, rest, got[other]))
                else:
                    errors[fuses] = self.reference.measure(name, operands, got)
            differing = int((bits[False] != bits[True]).sum()) if len(bits) == 2 else 0
            found[name] = errors, differing, bits.get(True, bits[False])
        return found, made, problems


def measure_quotients(x, y, bits):
    with np.errstate(all="ignore"):
        wrong = np.flatnonzero(without_payloads(x / y) != bits)
    return (math.inf, [float(x[wrong[0]]), float(y[wrong[0]])]) if len(wrong) else (0.5, [1.0, 3.0])


SPECIAL = np.array([0, 1, 2, 3, 4, 0.5, 1.5, 2.5, 2**23 - 0.5, 2**23 - 1, 2**23 + 1, 2**24 - 1, 2**24, 2**24 + 2, 1e-45,
                    1.1754944e-38, 1e-30, 1e30, 3.4028235e38, np.inf, np.nextafter(np.float32(1), np.float32(2)),
                    np.nextafter(np.float32(1), np.float32(0))], np.float32)
SPECIAL = np.concatenate([SPECIAL, -SPECIAL, np.array([np.nan], np.float32)])


def draw_floats(rng, count):
    """Special values; 64 mantissas of each sign and exponent, of them the first and last; and `count` random ones."""
    mantissas = rng.integers(0, 1 << 23, (512, 64), np.uint32)
    mantissas[:, 0], mantissas[:, 1] = 0, (1 << 23) - 1
    each = (np.arange(512, dtype=np.uint32)[:, None] << 23) | mantissas
    small = np.concatenate([(np.arange(-300, 300) + at).astype(np.uint32) for at in (0x3f800000, 0xbf800000)])
    rest = rng.uniform(-110, 110, count).astype(np.float32)
    return np.concatenate([SPECIAL, each.ravel().view(np.float32), small.view(np.float32), rest])


def draw_pairs(rng, count):
    """All pairs of special values; random bits; and random x with y such that x^y is in range."""
    pairs = [np.meshgrid(SPECIAL, SPECIAL)]
    pairs.append([rng.integers(0, 1 << 32, count, np.uint32).view(np.float32) for _ in "xy"])
    near = (0x3f800000 + rng.integers(-1 << 24, 1 << 24, count)).astype(np.uint32).view(np.float32)
    for x in (near, rng.integers(0, 255 << 23, count, np.uint32).view(np.float32)):
        with np.errstate(all="ignore"):
            y = rng.uniform(-152, 152, count) / np.log2(x.astype(np.float64))
        pairs.append([x, np.where(np.isfinite(y), y, 1).astype(np.float32)])
    pairs.append([-np.abs(near), rng.integers(-40, 40, count).astype(np.float32)])
    return tuple(np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))


EMPTY = {"y": np.zeros(1, np.float32), "h": np.zeros(1, np.float16)}


def check_range(arguments):
    """One of the pieces of all floats."""
    folder, targets, first, count = arguments
    checker = Checker(folder, targets)
    result = {name: ({}, 0, hashlib.sha256()) for name in BOUNDS}
    problems = []
    for start in range(first, first + count, CHUNK):
        x = np.arange(start, start + CHUNK, dtype=np.uint32).view(np.float32)
        found, _, more = checker.check(dict(EMPTY, x=x, y=x), BOUNDS)
        problems += more
        for name, (errors, differing, bits) in found.items():
            worst, total, digest = result[name]
            digest.update(bits)
            for fuses, error in errors.items():
                worst[fuses] = max(worst.get(fuses, (-1,)), error)
            result[name] = worst, total + differing, digest
    return {name: (worst, total, digest.digest()) for name, (worst, total, digest) in result.items()}, problems[:3]


def show_progress(pieces, count):
    for number, piece in enumerate(pieces):
        print(f"\r{number + 1} of {count} pieces", end="" if number + 1 < count else "\n", file=sys.stderr, flush=True)
        yield piece


def merge(pieces):
    total, problems = {name: ({}, 0, b"") for name in BOUNDS}, []
    for found, more in pieces:
        problems += more
        for name, (errors, differing, digest) in found.items():
            worst, count, digests = total[name]
            for fuses, error in errors.items():
                worst[fuses] = max(worst.get(fuses, (-1,)), error)
            total[name] = worst, count + differing, digests + digest
    return total, problems


def check_halves(made):
    """f16 is computed in f32 and rounded once."""
    problems = []
    for target, outputs in made.items():
        for name in BOUNDS:
            with np.errstate(all="ignore"):
                right = outputs[name].astype(np.float16)
            wrong = np.flatnonzero(without_payloads(right) != without_payloads(outputs[f"{name}_f16"]))
            if len(wrong):
                problems.append(f"{name} on f16 differs on {target} at number {wrong[0]}")
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--all", action="store_true", help="all 2^32 floats")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--samples", type=int, default=1 << 17)
    parser.add_argument("--pairs", type=int, default=1 << 16)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TERN_TEST_SEED", np.random.SeedSequence().entropy % 2**32)))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "math_reference.so").unlink(missing_ok=True)
    print("seed", options.seed)
    rng = np.random.default_rng(options.seed)
    targets = get_targets()
    source = options.folder / "functions.mlir"
    source.write_text(make_module())
    for number, target in enumerate(targets):
        subprocess.run(["ternc", source, f"--target={target}", "-o", options.folder / f"{number}.so"], check=True)
    checker = Checker(options.folder, targets)

    if options.all:
        piece = 1 << 26
        with multiprocessing.Pool(options.jobs) as pool:
            pieces = [(options.folder, targets, first, piece) for first in range(0, 1 << 32, piece)]
            total, problems = merge(show_progress(pool.imap(check_range, pieces), len(pieces)))
        count = 1 << 32
    else:
        x = draw_floats(rng, options.samples)
        found, _, problems = checker.check(dict(EMPTY, x=x, y=x), BOUNDS)
        total = {name: (errors, differing, bits.tobytes()) for name, (errors, differing, bits) in found.items()}
        count = len(x)
    x, y = draw_pairs(rng, options.pairs)
    found, _, more = checker.check(dict(EMPTY, x=x, y=y), BOUNDS_OF_PAIRS)
    problems += more
    for name, (errors, differing, bits) in found.items():
        total[name] = errors, differing, bits.tobytes()
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    with np.errstate(all="ignore"):
        whole = halves.astype(np.float32)
    _, made, _ = checker.check(dict(x=whole, y=whole, h=halves), [])
    problems += check_halves(made)

    bounds, within = {True: dict(BOUNDS, **BOUNDS_OF_PAIRS)}, 0
    bounds[False] = dict(bounds[True], **BOUNDS_WITHOUT_FMA)
    for name, (errors, differing, digest) in total.items():
        texts = []
        for fuses, (error, at) in sorted(errors.items(), reverse=True):
            where = ", ".join(f"{value!s}" for value in np.float32(at))
            texts.append(f"{error:.4f} ulp at {where} with{'' if fuses else 'out'} FMA")
        holds = all(error <= bounds[fuses][name] for fuses, (error, _) in errors.items())
        within += holds
        inputs = count if name in BOUNDS else len(x)
        print(f"{name}: {'; '.join(texts)}; {differing} of {inputs} differ; bits {hashlib.sha256(digest).hexdigest()[:16]}",
              "" if holds else "TOO LARGE", flush=True)
    for problem in problems:
        print("error:", problem)
    for fuses in (True, False):
        group = [name for name, value in targets.items() if value == fuses]
        print(f"targets with{'' if fuses else 'out'} FMA {'differ' if problems else 'agree'}: {'; '.join(group)}")
    print(f"{within} of {len(total)} functions are within their bounds on {count} floats, {len(x)} pairs")
    sys.exit(bool(problems) or within != len(total))


if __name__ == "__main__":
    main()
