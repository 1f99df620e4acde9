# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Float matrix products against NumPy: every arrangement of the operands.

Kernels with dynamic extents run on random data of many shapes, some static ones
on theirs. A row must be the same bit for bit alone and among others.

    matmul.py OUT_DIR [--target T] [--seed N]
"""
import argparse
import itertools
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
from artifact import Artifact  # noqa: E402
import randomness  # noqa: E402

DYNAMIC = [(1, 1, 1), (2, 17, 33), (3, 257, 3), (33, 3, 257), (17, 33, 1), (8, 128, 16), (9, 10, 300),
           (130, 129, 513), (257, 33, 17), (5, 300, 40), (124, 40, 260)]
STATIC = [(7, 33, 257), (128, 10, 512), (6, 16, 8), (1, 257, 33)]
TYPES = {"f32": ("f32", np.float32, 1e-6), "f64": ("f64", np.float64, 1e-14), "codes": ("i8", np.float32, 1e-6)}


def module(a_transposed, b_transposed, batched, kind, m=None, n=None, k=None):
    """out[b, m, n] = sum over k of a[b, m, k] * b[b, k, n], operands stored as told."""
    extents = dict(B=None if batched else 0, M=m, N=n, K=k)
    b_type, dtype, _ = TYPES[kind]
    f_type = "f64" if dtype == np.float64 else "f32"
    lead = ["B"] if batched else []
    axes = {"a": lead + (["K", "M"] if a_transposed else ["M", "K"]),
            "b": lead + (["N", "K"] if b_transposed else ["K", "N"]), "c": lead + ["M", "N"]}
    types = {"a": f_type, "b": b_type, "c": f_type}

    def tensor(name):
        return "tensor<" + "".join(f"{'?' if extents[x] is None else extents[x]}x" for x in axes[name]) + f"{types[name]}>"

    def shape(name):
        return "[" + ", ".join(f'"{x}"' if extents[x] is None else f"{extents[x]} : i64" for x in axes[name]) + "]"

    loops = ", ".join(x.lower() for x in lead + ["M", "N", "K"])
    maps = ", ".join(f"affine_map<({loops}) -> ({', '.join(x.lower() for x in axes[name])})>" for name in "abc")
    kinds = ", ".join(['"parallel"'] * (len(lead) + 2) + ['"reduction"'])
    dims = "".join(f"%{x} = tensor.dim %{source}, %c{axes[source].index(x)} : {tensor(source)}\n"
                   for x, source in [(x, "a") for x in lead + ["M"]] + [("N", "b")])
    sizes = ", ".join(f"%{x}" for x in axes["c"] if extents[x] is None)
    widen = "%w = arith.sitofp %q : i8 to f32" if kind == "codes" else ""
    right = "%w" if kind == "codes" else "%q"
    return f"""
module attributes {{tern.level = "packed", tern.model = "matmul"}} {{
func.func @main(%a: {tensor("a")} {{tern.name = "a", tern.shape = {shape("a")}}},
                %b: {tensor("b")} {{tern.name = "b", tern.shape = {shape("b")}}})
    -> ({tensor("c")} {{tern.name = "c", tern.shape = {shape("c")}}}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  {dims}
  %z = arith.constant 0.0 : {f_type}
  %e = tensor.empty({sizes}) : {tensor("c")}
  %f = linalg.fill ins(%z : {f_type}) outs(%e : {tensor("c")}) -> {tensor("c")}
  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
      ins(%a, %b : {tensor("a")}, {tensor("b")}) outs(%f : {tensor("c")}) {{
  ^bb0(%x: {f_type}, %q: {b_type}, %o: {f_type}):
    {widen}
    %p = arith.mulf %x, {right} : {f_type}
    %s = arith.addf %o, %p : {f_type}
    linalg.yield %s : {f_type}
  }} -> {tensor("c")}
  return %r : {tensor("c")}
}}
}}
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default="host")
    args, rng = randomness.parse(parser, "out")

    cases = [(at, bt, False, "f32", None) for at, bt in itertools.product((0, 1), (0, 1))]
    cases += [(0, 1, True, "f32", None), (0, 0, True, "codes", None), (1, 0, False, "f64", None)]
    cases += [(at, bt, False, "f32", shape) for (at, bt), shape in zip(itertools.product((0, 1), (0, 1)), STATIC)]
    failures = runs = 0
    for a_transposed, b_transposed, batched, kind, static in cases:
        name = f"{a_transposed}{b_transposed}-{'batch-' if batched else ''}{kind}" + (f"-{'x'.join(map(str, static))}" if static else "")
        source, library = args.out / f"{name}.mlir", args.out / f"{name}.so"
        source.write_text(module(a_transposed, b_transposed, batched, kind, *(static or ())))
        subprocess.run(["ternc", str(source), "-o", str(library), f"--target={args.target}"], check=True)
        artifact = Artifact(library, chunk=int(rng.integers(1, 4)), reverse=bool(rng.integers(2)))
        _, dtype, tolerance = TYPES[kind]
        for m, n, k in [static] if static else DYNAMIC:
            lead = (3,) if batched else ()
            a = rng.standard_normal(lead + (m, k)).astype(dtype)
            b = rng.integers(-1, 2, lead + (k, n), np.int8) if kind == "codes" else rng.standard_normal(lead + (k, n)).astype(dtype)
            stored = dict(a=a.swapaxes(-1, -2).copy() if a_transposed else a,
                          b=b.swapaxes(-1, -2).copy() if b_transposed else b)
            c = artifact(stored)["c"]
            # Relative to what was added: a sum may cancel.
            bound = tolerance * np.linalg.norm(np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
            error = np.linalg.norm(c - a.astype(np.float64) @ b.astype(np.float64))
            bad = not error <= bound
            if not static:
                row = int(rng.integers(m))
                alone = a[..., row:row + 1, :]
                stored["a"] = alone.swapaxes(-1, -2).copy() if a_transposed else alone.copy()
                bad |= artifact(stored)["c"].tobytes() != c[..., row:row + 1, :].tobytes()
            runs += 1
            if bad:
                failures += 1
                print(f"{name} M,N,K={m},{n},{k}: error {error:.3g}, bound {bound:.3g}, or a row differs alone", file=sys.stderr)
    print(f"{runs} runs, {failures} failures")
    return 1 if failures or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
