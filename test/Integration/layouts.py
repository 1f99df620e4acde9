# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packing and unpacking in layouts of any rank, which follow from a layout's positions alone, against NumPy.

    layouts.py OUT_DIR --plugin TestLayouts.so [--seed N]

Bytes are compared with those that the positions give here, written anew; codes with what was packed.
"""
import argparse
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
from artifact import Artifact  # noqa: E402
import randomness  # noqa: E402

SIZES = ((1, 1), (3, 17), (33, 3), (17, 33), (64, 128), (257, 67))


def interleaved(rows, columns, code):
    """A byte is four columns of a row; the rows 0, 2, 4, 6, 1, 3, 5, 7 of a tile."""
    packed = np.zeros((-(-rows // 8), -(-columns // 16), 32), np.int64)
    for tile, block, byte in np.ndindex(*packed.shape):
        row = tile * 8 + (0, 2, 4, 6, 1, 3, 5, 7)[byte // 4]
        for field in range(4):
            packed[tile, block, byte] |= code(row, block * 16 + byte % 4 * 4 + field) << 2 * field
    return packed


def columns(rows, columns_, code):
    packed = np.zeros((-(-columns_ // 8), -(-rows // 4), 2, 2, 2), np.int64)
    for block, tile, i, j, pair in np.ndindex(*packed.shape):
        for field in range(4):
            packed[block, tile, i, j, pair] |= code(tile * 4 + pair * 2 + i, block * 8 + 7 - (field * 2 + j)) << 2 * field
    return packed


def bits2(rows, columns_, code):
    packed = np.zeros((-(-rows // 2), -(-columns_ // 32), 2, 8), np.int64)
    for tile, block, row, lane in np.ndindex(*packed.shape):
        for field in range(4):
            packed[tile, block, row, lane] |= code(tile * 2 + row, block * 32 + field * 8 + lane) << 2 * field
    return packed


def base3(rows, columns_, code):
    packed = np.zeros((-(-rows // 2), -(-columns_ // 40), 2, 8), np.int64)
    for tile, block, row, lane in np.ndindex(*packed.shape):
        number = 0
        for field in range(5):
            number = number * 3 + code(tile * 2 + row, block * 40 + field * 8 + lane)
        packed[tile, block, row, lane] = (number * 256 + 242) // 243
    return packed


LAYOUTS = {"#test_layouts.interleaved": interleaved, "#test_layouts.columns": columns,
           "#tern.bits2<rows = 2, lanes = 8>": bits2, "#tern.base3<rows = 2, lanes = 8>": base3}


def compile_module(path, text, plugin):
    path.with_suffix(".mlir").write_text(text, encoding="utf-8")
    subprocess.run(["ternc", str(path.with_suffix(".mlir")), f"--load-dialect-plugin={plugin}", "-o", f"{path}.so"], check=True)
    return Artifact(f"{path}.so")


def shape_of(extents):
    return "x".join("?" if extent is None else str(extent) for extent in extents)


def check(out, plugin, rng, layout, reference):
    header = 'module attributes {tern.level = "packed", tern.model = "layouts"} {\n  func.func @main('
    number = 0
    dynamic = compile_module(out / "dynamic", header + f"""%c: tensor<?x?xi8> {{tern.name = "c", tern.shape = ["N", "K"]}})
      -> (tensor<?x?xi8> {{tern.name = "u", tern.shape = ["N", "K"]}}) {{
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %n = tensor.dim %c, %zero : tensor<?x?xi8>
    %k = tensor.dim %c, %one : tensor<?x?xi8>
    %p = tern.pack {layout} %c : (tensor<?x?xi8>) -> tensor<{shape_of([None if e > 1 else s for e, s in zip(*dynamic_shape(reference))])}xi8>
    %u = tern.unpack {layout} %p[%n, %k] : tensor<{shape_of([None if e > 1 else s for e, s in zip(*dynamic_shape(reference))])}xi8> -> tensor<?x?xi8>
    return %u : tensor<?x?xi8>
  }}
}}
""", plugin)
    for rows, columns_ in SIZES:
        codes = rng.integers(-1, 2, (rows, columns_), np.int8)
        padded = np.ones((rows + 64, columns_ + 64), np.int64)
        padded[:rows, :columns_] = codes + 1
        expected = reference(rows, columns_, lambda n, k: int(padded[n, k]))
        packed_type = f"tensor<{shape_of(expected.shape)}xi8>"
        matrix = f"tensor<{rows}x{columns_}xi8>"
        static = compile_module(out / f"static{number}", header + f"""%c: {matrix} {{tern.name = "c"}})
      -> ({packed_type} {{tern.name = "p"}}, {matrix} {{tern.name = "u"}}) {{
    %p = tern.pack {layout} %c : ({matrix}) -> {packed_type}
    %cast = tensor.cast %p : {packed_type} to {packed_type}
    %u = tern.unpack {layout} %cast : {packed_type} -> {matrix}
    return %p, %u : {packed_type}, {matrix}
  }}
}}
""", plugin)
        number += 1
        results = static({"c": codes})
        assert np.array_equal(results["p"].view(np.uint8), expected.astype(np.uint8)), (layout, rows, columns_)
        assert np.array_equal(results["u"], codes), (layout, rows, columns_)
        assert np.array_equal(dynamic({"c": codes})["u"], codes), (layout, rows, columns_)
    return len(SIZES)


def dynamic_shape(reference):
    """For each extent of the packed tensor how often it grows with the matrix, plus one; and what it is of a small one."""
    small, large = (reference(*size, lambda n, k: 0).shape for size in ((1, 1), (300, 300)))
    return [1 if a == b else 2 for a, b in zip(small, large)], small


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plugin", required=True)
    arguments, rng = randomness.parse(parser, "out")
    count = 0
    for layout, reference in LAYOUTS.items():
        # A library of the same name would be taken for the one that is loaded.
        folder = arguments.out / reference.__name__
        folder.mkdir(parents=True, exist_ok=True)
        count += check(folder, arguments.plugin, rng, layout, reference)
    print(f"{count} matrices in {len(LAYOUTS)} layouts")


if __name__ == "__main__":
    main()
