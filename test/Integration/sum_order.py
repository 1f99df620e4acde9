# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sums and products of floats have the bits of the order that is stated, whatever shapes, pieces and targets.

    sum_order.py FOLDER
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
from artifact import Artifact  # noqa: E402
import machine  # noqa: E402
from ordered_sums import fold, reduce  # noqa: E402
import randomness  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1])
LENGTHS = (1, 31, 32, 33, 4095, 4096, 4097, 8193)
_, RNG = randomness.start()
TYPES = {np.float16: TensorProto.FLOAT16, np.float32: TensorProto.FLOAT, np.float64: TensorProto.DOUBLE}


def wide(x):
    """What is summed of x: halves as floats."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def total(x, axes):
    return reduce(wide(x), axes).astype(x.dtype)


def mean(x, axes):
    count = np.prod([x.shape[axis] for axis in axes])
    return (reduce(wide(x), axes) / wide(x).dtype.type(count)).astype(x.dtype)


def product(x, axes):
    return reduce(x.astype(np.float64), axes, np.multiply).astype(x.dtype)


# Operator, element type, shape with the length as -1, axes, reference.
CASES = [
    ("ReduceSum", np.float32, (3, -1), [1], total),
    ("ReduceSum", np.float32, (3, -1), [0, 1], total),
    ("ReduceSum", np.float32, (-1, 5), [0], total),
    ("ReduceSum", np.float32, (2, -1, 5), [1], total),
    ("ReduceSum", np.float32, (2, -1, 5), [0, 1], total),
    ("ReduceSum", np.float32, (2, -1, 5), [1, 2], total),
    ("ReduceSum", np.float32, (2, 3, -1), [0, 2], total),
    ("ReduceSum", np.float32, (5, -1, 3), [0, 2], total),
    ("ReduceSum", np.float64, (3, -1), [1], total),
    ("ReduceMean", np.float16, (3, -1), [1], mean),
    ("ReduceMean", np.float32, (-1, 3), [0], mean),
    ("ReduceL1", np.float32, (3, -1), [1], lambda x, axes: reduce(np.abs(x), axes)),
    ("ReduceSumSquare", np.float32, (2, -1, 3), [1, 2], lambda x, axes: reduce(x * x, axes)),
    ("ReduceL2", np.float16, (3, -1), [1], lambda x, axes: np.sqrt(reduce(wide(x) * wide(x), axes)).astype(np.float16)),
    ("ReduceProd", np.float32, (3, -1), [1], product),
    ("ReduceProd", np.float32, (-1, 3), [0], product),
]
# Element type, extents, kernel, strides.
POOLS = [((9, 13), (3, 3), (1, 1)), ((20, 75), (7, 70), (3, 2)), ((70, 70), (65, 65), (2, 1)), ((8, 40), (4, 8), (4, 8))]


def windows(x, kernel, strides):
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))[:, :, ::strides[0], ::strides[1]]
    return fold(np.ascontiguousarray(view).reshape(*view.shape[:4], -1), True)


def draw(op, dtype, shape):
    x = RNG.standard_normal(shape) if op != "ReduceProd" else 1 + RNG.uniform(-1e-3, 1e-3, shape)
    return x.astype(dtype)


def make(lengths):
    """The model and, for values of the inputs, its outputs. A name instead of a length is dynamic."""
    nodes, inputs, outputs, expected = [], [], [], {}
    for length in lengths:
        for number, (op, dtype, shape, axes, reference) in enumerate(CASES):
            name = f"{number}.{length}"
            dims = [length if extent == -1 else extent for extent in shape]
            kept = [extent for axis, extent in enumerate(dims) if axis not in axes]
            inputs.append(helper.make_tensor_value_info("x" + name, TYPES[dtype], dims))
            outputs.append(helper.make_tensor_value_info("y" + name, TYPES[dtype], kept))
            axis = helper.make_node("Constant", [], ["a" + name], value_ints=axes)
            nodes += [axis, helper.make_node(op, ["x" + name, "a" + name], ["y" + name], op + name, keepdims=0)]
            expected[name] = (op, dtype, shape, lambda x, axes=axes, reference=reference: reference(x, axes))
    return nodes, inputs, outputs, expected


def add_pools(nodes, inputs, outputs, expected):
    for number, (extents, kernel, strides) in enumerate(POOLS):
        shape = (1, 2, *extents)
        for op in ("AveragePool", "LpPool"):
            name = f"{op}{number}"
            inputs.append(helper.make_tensor_value_info("x" + name, TensorProto.FLOAT, shape))
            outputs.append(helper.make_tensor_value_info("y" + name, TensorProto.FLOAT, None))
            more = {"p": 1} if op == "LpPool" else {}
            nodes.append(helper.make_node(op, ["x" + name], ["y" + name], name, kernel_shape=kernel, strides=strides, **more))
            count = np.float32(kernel[0] * kernel[1])
            expected[name] = (op, np.float32, shape,
                              (lambda x, k=kernel, s=strides, n=count: windows(x, k, s) / n) if op == "AveragePool"
                              else lambda x, k=kernel, s=strides: windows(np.abs(x), k, s))


def compile_model(name, nodes, inputs, outputs, *options):
    graph = helper.make_graph(nodes, name, inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), FOLDER / f"{name}.onnx")
    library = FOLDER / f"{name}{'-'.join(options)}.so".replace(",", "-")
    subprocess.run(["ternc", FOLDER / f"{name}.onnx", "-o", library, *options], check=True)
    return library


def check(library, expected, length):
    values = {"x" + name: draw(op, dtype, [length if extent == -1 else extent for extent in shape])
              for name, (op, dtype, shape, _) in expected.items()}
    results = 0
    for pieces in ({}, {"chunk": 1, "reverse": True}):
        made = Artifact(library, **pieces)(values)
        for name, (op, _, shape, reference) in expected.items():
            right, got = reference(values["x" + name]), made["y" + name]
            assert right.dtype == got.dtype and right.shape == got.shape, (op, right.dtype, got.dtype)
            if not np.array_equal(right, got):
                sys.exit(f"{library.name} {name} {op} {shape} length {length}: {got.flat[0]!r}, not {right.flat[0]!r}")
            results += 1
    return results


def check_fused(target):
    """Sums of what is computed on the way: a softmax's, a variance. Their terms are results of the model as well."""
    float_info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    node = helper.make_node
    nodes = [node("Constant", [], ["axes"], value_ints=[-1]),
             node("Exp", ["x"], ["e"]), node("ReduceSum", ["e", "axes"], ["total"], keepdims=1),
             node("Div", ["e", "total"], ["softmax"]),
             node("ReduceMean", ["x", "axes"], ["mean"], keepdims=1), node("Sub", ["x", "mean"], ["d"]),
             node("Mul", ["d", "d"], ["square"]), node("ReduceMean", ["square", "axes"], ["variance"], keepdims=1)]
    outputs = [float_info(name, None) for name in ("e", "total", "softmax", "mean", "d", "variance")]
    library = compile_model("fused", nodes, [float_info("x", ["m", "n"])], outputs, f"--target={target}")
    for length in LENGTHS:
        x = draw("", np.float32, (3, length))
        made = Artifact(library, chunk=1)({"x": x})
        row = lambda terms: fold(terms, True)[:, None]
        count = np.float32(length)
        right = {"total": row(made["e"]), "softmax": made["e"] / row(made["e"]), "mean": row(x) / count,
                 "d": x - row(x) / count, "variance": row(made["d"] * made["d"]) / count}
        for name, value in right.items():
            if not np.array_equal(made[name], value):
                sys.exit(f"{library.name} {name} length {length}: {made[name].flat[0]!r}, not {value.flat[0]!r}")
    return len(LENGTHS) * len(right)


def main():
    count = 0
    parts = make(["n"])
    add_pools(*parts)
    for target in machine.targets():
        library = compile_model("dynamic", *parts[:3], f"--target={target}", "-O0" if target == "generic" else "-O2")
        for length in LENGTHS:
            count += check(library, parts[3], length)
        count += check_fused(target)
    for length in LENGTHS:
        *parts, expected = make([length])
        count += check(compile_model(f"static{length}", *parts, "--target=host"), expected, length)
    print(f"{count} results are right to the bit")


if __name__ == "__main__":
    main()
