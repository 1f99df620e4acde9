# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients through scf.for and scf.if, against PyTorch in float64.

    gradients_control.py FOLDER [--seed N]
"""
import argparse
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import gradients  # noqa: E402

MODULE = """
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
module attributes {tern.model = "control"} {
  func.func @main(
      %x: tensor<7x5xf32> {tern.name = "x"}, %w: tensor<5xf32> {tern.name = "w"},
      %c: tensor<i1> {tern.name = "c"})
      -> (tensor<7x5xf32> {tern.name = "y"}, tensor<7x5xf32> {tern.name = "z"}) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c9 = arith.constant 9 : index
    %e = tensor.empty() : tensor<7x5xf32>
    %y = scf.for %i = %c1 to %c9 step %c2 iter_args(%v = %x) -> (tensor<7x5xf32>) {
      %k = arith.index_cast %i : index to i32
      %f = arith.sitofp %k : i32 to f32
      %next = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
          ins(%w : tensor<5xf32>) outs(%v : tensor<7x5xf32>) {
        ^bb0(%b: f32, %a: f32):
          %p = arith.mulf %a, %b : f32
          %t = math.tanh %p : f32
          %s = arith.mulf %t, %f : f32
          linalg.yield %s : f32
      } -> tensor<7x5xf32>
      scf.yield %next : tensor<7x5xf32>
    }
    %choice = tensor.extract %c[] : tensor<i1>
    %z = scf.if %choice -> (tensor<7x5xf32>) {
      %s = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
          ins(%x, %w : tensor<7x5xf32>, tensor<5xf32>) outs(%e : tensor<7x5xf32>) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %p = arith.mulf %a, %b : f32
          %t = math.sin %p : f32
          linalg.yield %t : f32
      } -> tensor<7x5xf32>
      scf.yield %s : tensor<7x5xf32>
    } else {
      %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<7x5xf32>) outs(%e : tensor<7x5xf32>) {
        ^bb0(%a: f32, %o: f32):
          %p = arith.mulf %a, %a : f32
          linalg.yield %p : f32
      } -> tensor<7x5xf32>
      scf.yield %s : tensor<7x5xf32>
    }
    return %y, %z : tensor<7x5xf32>, tensor<7x5xf32>
  }
}
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=np.random.SeedSequence().entropy % 2**32)
    args = parser.parse_args()
    print("seed", args.seed)
    rng = np.random.default_rng(args.seed)
    artifact = gradients.compile_gradient(MODULE, args.folder, "control")
    failures = gradients.Failures()
    for choice in (True, False):
        def function(x, w):
            y = x
            for i in range(1, 9, 2):
                y = torch.tanh(y * w) * i
            return y, torch.sin(x * w) if choice else x * x

        x, w, dy, dz = (rng.standard_normal(shape).astype(np.float32) for shape in ((7, 5), (5,), (7, 5), (7, 5)))
        got = artifact({"x": x, "w": w, "c": np.array(choice), "y/cotangent": dy, "z/cotangent": dz})
        (y, z), (dx, dw) = gradients.reference(function, [x, w], [dy, dz])
        for name, want in (("y", y), ("z", z), ("x/gradient", dx), ("w/gradient", dw)):
            failures.check(f"{name} with {choice}", got[name], want)
    failures.finish("results and gradients")


if __name__ == "__main__":
    main()
