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
import onnx
import torch
from onnx import TensorProto, helper

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import gradients  # noqa: E402
import randomness  # noqa: E402

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


def branches_model():
    """An If in an If, of an ONNX model; in one branch, a product that need not fit."""
    def branch(*nodes):
        return helper.make_graph(nodes, "branch", [], [onnx.ValueInfoProto(name=nodes[-1].output[0])])

    def choose(condition, then, otherwise):
        return helper.make_node("If", [condition], ["r"], then_branch=then, else_branch=otherwise)

    node = helper.make_node
    inner = choose("d", branch(node("Mul", ["h", "h"], ["a"])), branch(node("Sin", ["h"], ["a"])))
    then = branch(node("MatMul", ["x", "w"], ["p"]), node("Tanh", ["p"], ["h"]), inner)
    otherwise = branch(node("MatMul", ["x", "u"], ["p"]), node("Mul", ["p", "k"], ["q"]))
    choice = choose("c", then, otherwise)
    choice.output[0] = "z"
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in
              (("x", ["n", 5]), ("w", [5, 7]), ("u", ["m", 7]), ("k", [7]))]
    inputs += [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in "cd"]
    graph = helper.make_graph([choice, node("Mul", ["z", "z"], ["y"])], "branches", inputs, [onnx.ValueInfoProto(name=name) for name in "yz"])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def check_branches(folder, rng, failures):
    path = folder / "branches.onnx"
    onnx.save(branches_model(), path)
    artifact = gradients.compile_gradient(gradients.run(["tern-translate", "--import-onnx", path]), folder, "branches")
    for n, c, d, m in ((1, True, True, 5), (33, True, False, 3), (3, False, True, 5), (33, False, False, 5)):
        def function(x, w, u, k):
            h = torch.tanh(x @ w)
            z = (h * h if d else torch.sin(h)) if c else (x @ u) * k
            return z * z, z

        shapes = (n, 5), (5, 7), (m, 7), (7,), (n, 7), (n, 7)
        # Small enough for tanh to leave its derivative, 1 - h^2, most of its digits.
        inputs = [rng.uniform(-0.8, 0.8, shape).astype(np.float32) for shape in shapes[:4]]
        dy, dz = (rng.standard_normal(shape).astype(np.float32) for shape in shapes[4:])
        got = artifact({**dict(zip("xwuk", inputs)), "c": np.array(c), "d": np.array(d), "y/cotangent": dy, "z/cotangent": dz})
        (y, z), wanted = gradients.reference(function, inputs, [dy, dz])
        names = ("y", "z", "x/gradient", "w/gradient", "u/gradient", "k/gradient")
        for name, want in zip(names, (y, z, *wanted)):
            failures.check(f"{name} of {n} rows with {c} and {d}", got[name], want)


def main():
    parser = argparse.ArgumentParser()
    args, rng = randomness.parse(parser)
    artifact = gradients.compile_gradient(MODULE, args.folder, "control")
    failures = gradients.Failures()
    for choice in (True, False):
        def function(x, w):
            y = x
            for i in range(1, 9, 2):
                y = torch.tanh(y * w) * i
            return y, torch.sin(x * w) if choice else x * x

        # Not beyond 1/2: the four steps multiply by 1, 3, 5 and 7 times w, and with them what rounding did before.
        w = rng.uniform(-0.5, 0.5, 5).astype(np.float32)
        x, dy, dz = (rng.standard_normal((7, 5)).astype(np.float32) for _ in range(3))
        got = artifact({"x": x, "w": w, "c": np.array(choice), "y/cotangent": dy, "z/cotangent": dz})
        (y, z), (dx, dw) = gradients.reference(function, [x, w], [dy, dz])
        for name, want in (("y", y), ("z", z), ("x/gradient", dx), ("w/gradient", dw)):
            failures.check(f"{name} with {choice}", got[name], want)
    check_branches(args.folder, rng, failures)
    failures.finish("results and gradients")


if __name__ == "__main__":
    main()
