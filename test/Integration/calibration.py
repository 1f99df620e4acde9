# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The report of --calibrate against NumPy: a convolution and two linear layers.

    calibration.py OUT_DIR [--seed N]
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import randomness  # noqa: E402

ROWS = 33


def absmean(w):
    scale = np.maximum(np.abs(w).mean(dtype=np.float64), 1e-5).astype(np.float32)
    codes = np.clip(np.rint(w * (np.float32(1) / scale)), -1, 1)
    return codes, codes * scale


def absmean_row(w):
    scale = np.maximum(np.abs(w).mean(1, dtype=np.float64, keepdims=True), 1e-8).astype(np.float32)
    codes = np.where(np.abs(w) >= np.float32(0.1) * scale, np.sign(w), 0)
    return codes, codes * scale


def threshold(w):
    """The learned scale begins as absmean."""
    codes = np.where(np.abs(w) > np.float32(0.1), np.sign(w), 0)
    return codes, codes * np.maximum(np.abs(w).mean(dtype=np.float64), 1e-5).astype(np.float32)


def absmax(x):
    """One scale for each of x's first axis."""
    peak = np.maximum(np.abs(x).max(axis=tuple(range(1, x.ndim)), keepdims=True), np.float32(1e-5))
    return np.clip(np.rint(x * (np.float32(127) / peak)), -128, 127) * (peak / np.float32(127))


def windows(x):
    """3x3 windows, stride 2, padding 1: [N, OH, OW, C * 9]."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))[:, :, ::2, ::2]
    return view.transpose(0, 2, 3, 1, 4, 5).reshape(*[view.shape[i] for i in (0, 2, 3)], -1)


def norm(x):
    return np.sqrt((x.astype(np.float64) ** 2).sum())


class Model:
    """Weights as matrices [N, K]."""

    def __init__(self, rng):
        f32 = lambda *shape: rng.standard_normal(shape).astype(np.float32)
        self.names = ["conv", "fc1", "fc2"]
        self.weights = {"conv": f32(5, 27), "fc1": f32(17, 5 * 16) / 9, "fc2": f32(7, 17) / 4}
        self.biases = {"conv": f32(5), "fc1": f32(17), "fc2": f32(7)}

    def save(self, path):
        tensors = [("conv.weight", self.weights["conv"].reshape(5, 3, 3, 3)), ("fc1.weight", self.weights["fc1"]),
                   ("fc2.weight", np.ascontiguousarray(self.weights["fc2"].T))]
        tensors += [(f"{name}.bias", bias) for name, bias in self.biases.items()]
        node = helper.make_node
        nodes = [node("Conv", ["x", "conv.weight", "conv.bias"], ["h0"], "conv", strides=[2, 2], pads=[1, 1, 1, 1]),
                 node("Relu", ["h0"], ["h1"]), node("Flatten", ["h1"], ["h2"]),
                 node("Gemm", ["h2", "fc1.weight", "fc1.bias"], ["h3"], "fc1", transB=1), node("Relu", ["h3"], ["h4"]),
                 node("MatMul", ["h4", "fc2.weight"], ["h5"], "fc2"), node("Add", ["h5", "fc2.bias"], ["y"])]
        info = helper.make_tensor_value_info
        graph = helper.make_graph(nodes, "calibrated", [info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
                                  [info("y", TensorProto.FLOAT, ["n", 7])],
                                  [numpy_helper.from_array(array, name) for name, array in tensors])
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)

    def layer(self, name, x, weight, quantize):
        """`quantize`: the activations of a linear layer, or of a convolution; or None."""
        x = quantize(x) if quantize else x
        x = windows(x) if name == "conv" else x
        y = (x.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.float32) + self.biases[name]
        return y.transpose(0, 3, 1, 2) if name == "conv" else y

    def report(self, x, weights, quantized):
        """What the report says of each layer, and of y. `quantized`: layers whose activations are int8."""
        entries, exact, ternary = {}, x, x
        for name in self.names:
            weight, quantize = self.weights[name], absmax if name in quantized else None
            codes, dequantized = weights(weight)
            y = self.layer(name, exact, weight, None)
            own, here = (self.layer(name, inputs, dequantized, quantize) for inputs in (exact, ternary))
            entries[name] = {"zeros": (codes == 0).mean(), "weight_error": norm(dequantized - weight) / norm(weight),
                             "output_error": norm(own - y) / norm(y), "error_in_network": norm(here - y) / norm(y)}
            exact, ternary = (np.maximum(value, 0) for value in (y, here))
            if name == "conv":
                exact, ternary = exact.reshape(len(x), -1), ternary.reshape(len(x), -1)
        return entries, entries["fc2"]["error_in_network"]


def run(*command, ok=True):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if (done.returncode == 0) != ok:
        sys.exit(f"error: {' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout if ok else done.stderr


def check(folder, model, x, name, options, weights, quantized):
    library, report = folder / f"{name}.so", folder / f"{name}.json"
    text = run("ternc", folder / "model.onnx", "--ternarize=all", f"--calibrate={folder}/x.npy", "-o", library,
               f"--stats={report}", *options)
    entries, error = model.report(x, weights, quantized)
    report = json.loads(report.read_text())
    printed = dict(re.findall(r"^(\S+) +(\d.*)$", text, re.MULTILINE))
    for layer in report["layers"]:
        expected = entries[layer["name"]]
        for key, value in expected.items():
            # Four digits, and activations that round to the neighbouring code.
            if abs(layer[key] - value) > 5e-4:
                sys.exit(f"error: {name}: {layer['name']}: {key} is {layer[key]}, expected {value}")
        columns = [f"{100 * layer['zeros']:.1f}", "%"] + [f"{layer[key]:.4f}" for key in list(expected)[1:]]
        # 0.25 of a percent may round either way.
        if printed[layer["name"]].split()[1:] != columns[1:]:
            sys.exit(f"error: {name}: printed {printed[layer['name']]}, expected {columns}")
    (output,) = report["outputs"]
    if output["name"] != "y" or abs(output["error"] - error) > 5e-4:
        sys.exit(f"error: {name}: {output}, expected {error}")
    print(f"{name}: as NumPy says, y is {error:.4f} apart")


def main():
    parser = argparse.ArgumentParser()
    arguments, rng = randomness.parse(parser)
    folder = arguments.folder
    model = Model(rng)
    model.save(folder / "model.onnx")
    x = rng.standard_normal((ROWS, 3, 8, 8)).astype(np.float32)
    np.save(folder / "x.npy", x)

    check(folder, model, x, "auto", [], absmean, ["fc1", "fc2"])
    check(folder, model, x, "int8", ["--activations=int8"], absmean, ["conv", "fc1", "fc2"])
    # In three pieces of 11 rows.
    check(folder, model, x, "rows", ["--quantizer=absmean-row", "--activations=float", "--dim", "n=11"], absmean_row, [])
    check(folder, model, x, "learned", ["--quantizer=threshold", "--activations=float"], threshold, [])
    print("4 reports agree")


if __name__ == "__main__":
    main()
