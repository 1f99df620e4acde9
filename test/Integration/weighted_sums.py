# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products with a softmax add its axis in chunks of 512, to the bit, and other matrix products in one sequence.

    weighted_sums.py FOLDER

The weights are results of the models, too, so that nothing but the product is compared. Attention from ONNX's operators
one by one, with half of what is read or masked, and as one operator; lengths at which chunks begin and end, dynamic
and not; rows and heads that are one and many.
"""
import argparse
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
from artifact import Artifact  # noqa: E402
import machine  # noqa: E402
import ordered_sums  # noqa: E402
import randomness  # noqa: E402

LENGTHS = (1, 33, 511, 512, 513, 1024, 1025, 4097)
HEADS = 2


def make(queries, length, width):
    """Nodes that weigh v [heads, length, width] with softmaxes of s [heads, queries, length]."""
    node = helper.make_node
    dims = dict(s=[HEADS, queries, length], m=[queries, length], v=[HEADS, length, width], w=[HEADS, queries, width])
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims[name]) for name in "smvw"]
    nodes = [
        node("Softmax", ["s"], ["p"], axis=-1), node("MatMul", ["p", "v"], ["y.plain"]),
        # The other way round: the axis is not the last, nor the product's left operand.
        node("Transpose", ["v"], ["vt"], perm=[0, 2, 1]), node("Transpose", ["p"], ["pt"], perm=[0, 2, 1]),
        node("MatMul", ["vt", "pt"], ["y.transposed"]),
        # Out of its parts, with a mask after it.
        node("Exp", ["s"], ["e"]), node("Constant", [], ["axes"], value_ints=[-1]),
        node("ReduceSum", ["e", "axes"], ["t"]), node("Div", ["e", "t"], ["q"]), node("Mul", ["q", "m"], ["p.masked"]),
        node("MatMul", ["p.masked", "v"], ["y.masked"]),
        # Sums over other axes, and what is no softmax.
        node("MatMul", ["pt", "w"], ["y.queries"]), node("MatMul", ["s", "v"], ["y.scores"]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in
               ("p", "p.masked", "y.plain", "y.transposed", "y.masked", "y.queries", "y.scores")]
    graph = helper.make_graph(nodes, "weighted", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def right_results(x, out, fused):
    """The results by name, from the inputs and the softmaxes' own results."""
    chunk = ordered_sums.PRODUCT_CHUNK
    turn = lambda array: array.transpose(0, 2, 1)
    plain = ordered_sums.product(out["p"], x["v"], chunk, fused)
    return {"y.plain": plain, "y.transposed": turn(plain),
            "y.masked": ordered_sums.product(out["p.masked"], x["v"], chunk, fused),
            "y.queries": ordered_sums.product(turn(out["p"]), x["w"], None, fused),
            "y.scores": ordered_sums.product(x["s"], x["v"], None, fused)}


def main():
    args, rng = randomness.parse(argparse.ArgumentParser(), "folder")
    checked, failures = 0, 0
    configurations = [(target, None) for target in machine.targets()]
    configurations += [("host", shape) for shape in ((1, 513, 64), (33, 1025, 17), (7, 512, 40))]
    for target, shape in configurations:
        name = f"{target.replace(':', '-').replace(',', '-')}-{'x'.join(map(str, shape)) if shape else 'dynamic'}"
        onnx.save(make(*(shape or ("Q", "K", "D"))), args.folder / f"{name}.onnx")
        library = args.folder / f"{name}.so"
        subprocess.run(["ternc", args.folder / f"{name}.onnx", "-o", library, f"--target={target}"], check=True)
        artifact = Artifact(library, chunk=1, reverse=True)
        if shape:
            shapes = [shape]
        else:
            shapes = [(rng.choice((1, 3, 17, 33)), length, rng.choice((1, 3, 17, 64))) for length in LENGTHS]
            shapes.append((257, 600, 33))
        for queries, length, width in shapes:
            x = dict(s=rng.standard_normal((HEADS, queries, length)), m=rng.integers(0, 2, (queries, length)),
                     v=rng.standard_normal((HEADS, length, width)), w=rng.standard_normal((HEADS, queries, width)))
            x = {key: value.astype(np.float32) for key, value in x.items()}
            out = artifact(x)
            for result, right in right_results(x, out, machine.has_fma(target)).items():
                checked += 1
                if not np.array_equal(out[result], right):
                    failures += 1
                    print(f"{name} {result} of {(queries, length, width)}: {(out[result] != right).sum()} of "
                          f"{right.size} elements differ", file=sys.stderr)
    randomness.finish(checked, failures)


if __name__ == "__main__":
    main()
