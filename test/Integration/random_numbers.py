# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random numbers of a model are those of Philox4x32-10 as docs/onnx-import.md says, in NumPy: random_numbers.py FOLDER"""
import pathlib
import struct
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

U64 = np.uint64


def philox(place, seed, stream):
    """The first word for each place."""
    mask = U64(0xFFFFFFFF)
    bits = struct.unpack("<Q", struct.pack("<d", seed))[0]
    key = [U64(bits & 0xFFFFFFFF), U64(bits >> 32)]
    counter = [place & mask, place >> U64(32), np.zeros_like(place), np.full_like(place, U64(stream))]
    for _ in range(10):
        p, q = U64(0xD2511F53) * counter[0], U64(0xCD9E8D57) * counter[2]
        counter = [(q >> U64(32)) ^ counter[1] ^ key[0], q & mask, (p >> U64(32)) ^ counter[3] ^ key[1], p & mask]
        key = [(key[0] + U64(0x9E3779B9)) & mask, (key[1] + U64(0xBB67AE85)) & mask]
    return counter[0]


def fractions(shape, seed=0.0, stream=0, step=1, first=0):
    place = np.arange(np.prod(shape, dtype=int), dtype=U64).reshape(shape) * U64(step) + U64(first)
    return ((philox(place, seed, stream) >> U64(8)).astype(np.float64) * 2.0**-24).astype(np.float32)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    shape, like = [3, 17, 5], [33, 7]

    def node(op, inputs, name, **attributes):
        return helper.make_node(op, inputs, [name], name, **attributes)

    graph = helper.make_graph([
        node("RandomUniform", [], "uniform", shape=shape, low=-2.0, high=3.0, seed=7.0),
        node("RandomUniform", [], "half", shape=shape, dtype=TensorProto.FLOAT16, seed=7.0),
        node("RandomUniformLike", ["x"], "like", seed=2.5),
        node("RandomNormal", [], "normal", shape=shape, mean=1.0, scale=2.0, seed=-1.0, dtype=TensorProto.DOUBLE),
        node("RandomNormalLike", ["x"], "first"), node("RandomNormalLike", ["x"], "second"),
        node("Bernoulli", ["x"], "coin", seed=3.0, dtype=TensorProto.INT64)],
        "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 7])],
        [onnx.ValueInfoProto(name=name) for name in ("uniform", "half", "like", "normal", "first", "second", "coin")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    x = np.random.default_rng(0).random(like, np.float32)
    np.save(folder / "x.npy", x)
    subprocess.run(["ternc", folder / "model.onnx", "-o", folder / "m.so"], check=True)
    names = [output.name for output in graph.output]

    def run():
        subprocess.run(["tern-run", folder / "m.so", "--input", f"x=@{folder}/x.npy",
                        *(part for name in names for part in ("--output", f"{name}=@{folder}/{name}.npy"))], check=True)
        return {name: np.load(folder / f"{name}.npy") for name in names}

    def normal(shape, seed, stream=0):
        u, v = (fractions(shape, seed, stream, 2, i).astype(np.float64) for i in range(2))
        return np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * np.pi * v)

    results = run()
    uniform = fractions(shape, 7.0)
    wanted = {"uniform": uniform * np.float32(5) + np.float32(-2), "half": uniform.astype(np.float16), "like": fractions(like, 2.5),
              "normal": 1 + 2 * normal(shape, -1.0), "first": normal(like, 0.0, 1), "second": normal(like, 0.0, 2),
              "coin": (fractions(like, 3.0) < x).astype(np.int64)}
    types = {"half": np.float16, "normal": np.float64, "coin": np.int64}
    wrong = [name for name in names if results[name].dtype != types.get(name, np.float32) or results[name].shape != wanted[name].shape
             or not np.allclose(results[name], wanted[name], rtol=1e-5, atol=1e-5)]
    again = run()
    wrong += [f"{name} in another run" for name in names if results[name].tobytes() != again[name].tobytes()]
    print(f"{len(wrong)} wrong: {', '.join(wrong)}" if wrong else f"{len(names)} tensors of random numbers agree")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
