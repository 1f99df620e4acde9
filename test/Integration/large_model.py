# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model of 100 MB: small IR, bounded memory, the same bytes twice.

Weights are bound, not copied: the IR names them, and compiling streams them
through packing one by one. Checked for weights in the model's file and beside
it (ONNX external data).

    large_model.py OUT_DIR
"""
import filecmp
import multiprocessing
import os
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, LAYERS = 2304, 5  # 5 * 2304^2 * 4 bytes = 106 MB


def make(path, external):
    rng = np.random.default_rng(0)
    nodes, weights = [], []
    for i in range(LAYERS):
        w = (rng.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)).astype(np.float32)
        weights.append(numpy_helper.from_array(w, f"w{i}"))
        nodes.append(helper.make_node("Gemm", [f"x{i}", f"w{i}"], [f"h{i}"], f"layer{i}", transB=1))
        nodes.append(helper.make_node("Relu", [f"h{i}"], [f"x{i + 1}"], f"relu{i}"))
    shape = ["batch", WIDTH]
    graph = helper.make_graph(nodes, "large", [helper.make_tensor_value_info("x0", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(f"x{LAYERS}", TensorProto.FLOAT, shape)], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, str(path), save_as_external_data=external, location=path.name + ".data")


def run(*command):
    """Runs a command; peak resident bytes of it, or of this process if that has more."""
    process = subprocess.Popen([str(word) for word in command])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed: {status}")
    return usage.ru_maxrss * 1024


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for external in (True, False):
        path = out / ("external.onnx" if external else "inline.onnx")
        # In a process of its own: a child's peak starts at its parent's size.
        writer = multiprocessing.Process(target=make, args=(path, external))
        writer.start()
        writer.join()
        assert writer.exitcode == 0
        size = LAYERS * WIDTH * WIDTH * 4
        limit = 300e6 + 1.2 * size

        graph = out / "graph.mlir"
        run("ternc", path, "--emit=graph", "-o", graph)
        assert graph.stat().st_size < 1e6, f"{graph} has {graph.stat().st_size} bytes"
        peak = 0
        for name in ("first", "second"):
            (out / name).mkdir(exist_ok=True)
            peak = max(peak, run("ternc", path, "--ternarize=all", "-o", out / name / "model.so"))
        print(f"{path.name}: weights {size / 1e6:.0f} MB, graph {graph.stat().st_size} bytes, "
              f"peak {peak / 1e6:.0f} MB (limit {limit / 1e6:.0f})")
        assert peak < limit, f"compiling took {peak / 1e6:.0f} MB, limit {limit / 1e6:.0f}"
        for file in ("model.so", "model.safetensors"):
            assert filecmp.cmp(out / "first" / file, out / "second" / file, shallow=False), f"{file} differs"
        packed = (out / "first" / "model.safetensors").stat().st_size
        assert packed < size / 15, f"packed weights are {packed} bytes of {size}"


if __name__ == "__main__":
    sys.exit(main())
