# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packed products against NumPy: every layout, scale and activation kind.

Each kernel is compiled once with dynamic extents, and once for a few static
shapes, and run on fresh random codes and activations, saturated ones, NaN and
infinities included. Every bit is that of the order that docs/numerics.md states,
and float sums are within the bound that it gives.

    packed_matmul.py OUT_DIR [--target T] [--layout L] [--quick | --full] [--seed N]

A target of a plugin has layouts of its own: `--plugin-layout` says what they
are called, how large a tile is and what extents a packed tensor has, tiles of N
and K among them as `n` and `k`:

    packed_matmul.py OUT_DIR --target mine --plugin Mine.so --device MineDevice.so \
      --plugin-layout '#mine.codes' 8 16 n,k,32 --scale row --activations i8
"""
import argparse
import itertools
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
from artifact import Artifact  # noqa: E402
import ordered_sums  # noqa: E402
import randomness  # noqa: E402

SIZES = (1, 3, 17, 33, 257, 2560, 6912)
BATCHES = (1, 2, 7, 8, 33, 65)
# Of groups and of rows without: chunks of a sum within a block, of several, cut by one, and cut by groups.
GROUPS = (64, 200, 32, 256, 48, 8)
LANES = (32, 16, 24, 8)
FIELDS = {"bits2": 4, "base3": 5}


def layout_of(name, lanes):
    """Attribute, rows and columns of a tile, extents of a packed tensor."""
    return f"#tern.{name}<rows = 4, lanes = {lanes}>", 4, lanes * FIELDS[name], f"n,k,4,{lanes}"


def module(layout, scale, integer, m, n, k, target, group):
    """MLIR text at level `packed`. Null extents are dynamic."""
    attribute, rows, block, extents = layout
    dim = lambda extent: "?" if extent is None else str(extent)
    up = lambda extent, tile: None if extent is None else -(-extent // tile)
    kp = None if k is None else up(k, block) * block
    x = f"tensor<{dim(m)}x{dim(k)}x{'i8' if integer else 'f32'}>"
    xp = f"tensor<{dim(m)}x{dim(kp)}x{'i8' if integer else 'f32'}>"
    codes = f"tensor<{dim(n)}x{dim(k)}xi8>"
    tiles = {"n": dim(up(n, rows)), "k": dim(up(k, block))}
    packed = f"tensor<{'x'.join(tiles.get(extent, extent) for extent in extents.split(','))}xi8>"
    s = {"tensor": "tensor<f32>", "row": f"tensor<{dim(n)}xf32>",
         "group": f"tensor<{dim(n)}x{dim(up(k, group))}xf32>"}[scale]
    s_shape = {"tensor": [], "row": ["N"], "group": ["N", "G"]}[scale]
    grouped = scale == "group"
    acc_type = "i32" if integer and not grouped else "f32"
    acc = f"tensor<{dim(m)}x{dim(n)}x{acc_type}>"
    y = f"tensor<{dim(m)}x{dim(n)}xf32>"
    values = dict(M=m, N=n, K=k, G=up(k, group))
    shape = lambda *names: "[" + ", ".join(
        f'"{name}"' if values[name] is None else f"{values[name]} : i64" for name in names) + "]"
    dyn = lambda *pairs: "(" + ", ".join(v for v, extent in pairs if extent is None) + ")"
    w_map = {"tensor": "()", "row": "(n)", "group": "()"}[scale]
    w_operand = ("" if grouped else ", %s", "" if grouped else f", {s}", "" if grouped else f", affine_map<(m, n) -> {w_map}>")
    pad_value = "arith.constant 0 : i8" if integer else "arith.constant 0.0 : f32"
    zero = "i8" if integer else "f32"
    high = "%high" if k is None else str(kp - k)
    return f"""
#layout = {attribute}
module attributes {{tern.level = "packed", tern.target = {target}, tern.model = "packed_matmul"}} {{
  func.func @main(%x: {x} {{tern.name = "x", tern.shape = {shape("M", "K")}}},
                  %codes: {codes} {{tern.name = "codes", tern.shape = {shape("N", "K")}}},
                  %xs: tensor<{dim(m)}xf32> {{tern.name = "xs", tern.shape = {shape("M")}}},
                  %s: {s} {{tern.name = "s", tern.shape = {shape(*s_shape)}}})
      -> ({acc} {{tern.name = "acc", tern.shape = {shape("M", "N")}}},
          {y} {{tern.name = "y", tern.shape = {shape("M", "N")}}}) {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %m = tensor.dim %x, %c0 : {x}
    %k = tensor.dim %x, %c1 : {x}
    %n = tensor.dim %codes, %c0 : {codes}
    %high = affine.apply affine_map<()[k] -> ((k ceildiv {block}) * {block} - k)>()[%k]
    %zero = {pad_value}
    %xp = tensor.pad %x low[0, 0] high[0, {high}] {{
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : {zero}
    }} : {x} to {xp}
    %p = tern.pack #layout %codes : ({codes}) -> {packed}
    %init = tensor.empty{dyn(("%m", m), ("%n", n))} : {acc}
    %acc = tern.packed_matmul #layout {f"group {group}" if grouped else ""}
        ins(%xp, %p : {xp}, {packed}) {f"scales(%s : {s})" if grouped else ""}
        outs(%init : {acc}) -> {acc}
    %empty = tensor.empty{dyn(("%m", m), ("%n", n))} : {y}
    %y = linalg.generic {{
        indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m)>{w_operand[2]}, affine_map<(m, n) -> (m, n)>],
        iterator_types = ["parallel", "parallel"]}}
        ins(%acc, %xs{w_operand[0]} : {acc}, tensor<{dim(m)}xf32>{w_operand[1]}) outs(%empty : {y}) {{
    ^bb0(%a: {acc_type}, %b: f32, {"" if grouped else "%c: f32, "}%o: f32):
      {"%f = arith.sitofp %a : i32 to f32" if acc_type == "i32" else "%f = arith.mulf %a, %unit : f32"}
      %g = arith.mulf %f, %b : f32
      {"" if grouped else "%h = arith.mulf %g, %c : f32"}
      linalg.yield {"%g" if grouped else "%h"} : f32
    }} -> {y}
    return %acc, %y : {acc}, {y}
  }}
}}
""".replace("%zero =", "%unit = arith.constant 1.0 : f32\n    %zero =")


def check(artifact, rng, scale, integer, m, n, k, group, what):
    """One call; returns an error text or None."""
    codes = rng.integers(-1, 2, (n, k), np.int8)
    kind = rng.integers(6)
    if kind < 3:  # whole columns of equal signs: the largest sums there are
        codes[:] = (1, -1, 0)[kind] if kind < 2 else np.sign(rng.standard_normal((1, k)))
    if integer:
        x = rng.integers(-128, 128, (m, k), np.int8)
        extreme = rng.integers(4)
        if extreme:
            x[:] = (127, -127, -128)[extreme - 1]
    else:
        x = rng.standard_normal((m, k), np.float32)
        if rng.integers(4) == 0:
            x.flat[rng.integers(x.size, size=2)] = rng.choice([np.nan, np.inf, -np.inf, 3e38], 2)
    xs = rng.uniform(0.1, 2, m).astype(np.float32)
    shape = {"tensor": (), "row": (n,), "group": (n, -(-k // group))}[scale]
    s = np.asarray(rng.uniform(0.1, 2, shape).astype(np.float32))
    out = artifact(dict(x=x, codes=codes, xs=xs, s=s))
    # As many columns as are quick.
    columns = np.arange(n)
    if n > 600:
        columns = np.unique(np.r_[:8, rng.integers(0, n, 24 if k > 600 else 128), n - 8:n])
    grouped = scale == "group"
    chosen = codes[columns]
    with np.errstate(invalid="ignore", over="ignore"):
        acc = ordered_sums.packed_product(x, chosen, s[columns] if grouped else None, group if grouped else 0)
        y = acc * xs[:, None]
        if not grouped:
            y = y * (s[columns] if scale == "row" else s)
    for name, right in (("acc", acc), ("y", y)):
        got = out[name][:, columns].astype(np.float32)
        same = (got == right) | (np.isnan(got) & np.isnan(right))
        if not same.all():
            row, column = np.argwhere(~same)[0]
            return (f"{what}: {name}[{row}, {columns[column]}] = {got[row, column]!r}, not {right[row, column]!r}; "
                    f"{(~same).sum()} of {same.size} differ")
    if not integer and np.isfinite(x).all() and np.abs(x).max() < 1e30:
        weights = chosen * (np.repeat(s[columns], group, 1)[:, :k] if grouped else np.float64(1))
        error = np.abs(out["acc"][:, columns] - x.astype(np.float64) @ weights.T)
        terms = 128 + -(-k // 128) + (2 * s.shape[1] if grouped else 0)
        bound = terms * 2**-24 * (np.abs(x).sum(1, dtype=np.float64)[:, None] * (s[columns].max(1) if grouped else 1))
        if (error > bound).any():
            return f"{what}: error {error.max():.3g} above the bound"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default="host")
    parser.add_argument("--layout", choices=FIELDS, action="append")
    parser.add_argument("--plugin", help="what ternc loads")
    parser.add_argument("--device", help="what runs the kernels")
    parser.add_argument("--plugin-layout", nargs=4, metavar=("ATTR", "ROWS", "COLUMNS", "EXTENTS"))
    parser.add_argument("--scale", choices=("tensor", "row", "group"), action="append")
    parser.add_argument("--activations", choices=("i8", "f32"), action="append")
    parser.add_argument("--quick", action="store_true", help="small shapes only")
    parser.add_argument("--full", action="store_true",
                        help="all batches of the large shapes too, not one drawn at random")
    args, rng = randomness.parse(parser, "out")
    target = "#tern.generic" if args.target == "generic" else None
    layouts = args.layout or list(FIELDS)
    if args.plugin_layout:
        attribute, rows, columns, extents = args.plugin_layout
        layouts = ["plugin"]
    flags = [] if args.target == "host" else [f"--target={args.target}"]
    if args.plugin:
        flags.append(f"--load-dialect-plugin={args.plugin}")

    failures, runs = [], 0
    for layout, scale, activations in itertools.product(layouts, args.scale or ("tensor", "row", "group"),
                                                        args.activations or ("i8", "f32")):
        integer = activations == "i8"
        statics = [(None, None, None), (7, 33, 257), (1, 257, 33), (65, 3, 517)]
        if not args.quick:
            statics += [(8, 2560, 6912)]
        for number, (m, n, k) in enumerate(statics):
            group, lanes = GROUPS[number], LANES[number % len(LANES)]
            if args.plugin_layout:
                chosen, group = (attribute, int(rows), int(columns), extents), 64
            else:
                # The most that divide the group.
                chosen = layout_of(layout, max(i for i in range(1, 33) if group % i == 0) if scale == "group" else lanes)
            name = f"{layout}-{scale}-{activations}" + ("" if m is None else f"-{m}x{n}x{k}")
            source, library = args.out / f"{name}.mlir", args.out / f"{name}.so"
            text = module(chosen, scale, integer, m, n, k, target or "#tern.generic", group)
            if target is None:
                text = text.replace("tern.target = #tern.generic, ", "")
            source.write_text(text)
            subprocess.run(["ternc", str(source), "-o", str(library), *flags], check=True)
            chunk = int(rng.integers(1, 5))
            artifact = Artifact(library, chunk=chunk, reverse=bool(rng.integers(2)), device=args.device)
            if m is not None:
                shapes = [(m, n, k)] * 2
            else:
                sizes = SIZES[:5] if args.quick else SIZES
                shapes = []
                for n, k in itertools.product(sizes, sizes):
                    large = n * k > 100_000 and not args.full
                    shapes += [(m, n, k) for m in (rng.choice(BATCHES, 1) if large else BATCHES)]
            for shape in shapes:
                failure = check(artifact, rng, scale, integer, *shape, group, f"{name} M,N,K={shape}")
                runs += 1
                if failure:
                    failures.append(failure)
                    print(failure, file=sys.stderr)
    print(f"{runs} runs, {len(failures)} failures")
    return 1 if failures or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
