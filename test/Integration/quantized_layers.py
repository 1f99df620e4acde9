# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Layers that are quantized in the model: are ternary ones recognised, and do all compute the same?

    quantized_layers.py OUT_DIR           what raising finds in each model of quantized_models.py
    quantized_layers.py OUT_DIR --run     each compiled and run, against NumPy and, where it can be imported, ONNX Runtime
    --only NAME ...                       some of the models
"""
import functools
import json
import pathlib
import re
import subprocess
import sys
import zlib

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import artifact  # noqa: E402
import model_checks  # noqa: E402
import quantized_models  # noqa: E402

LAYER = re.compile(r"= tern\.bitlinear .* weights <(.*?)> (?:activations <(.*?)> )?\{tern\.origin = \"raised\"\}")


def fields(text):
    return {name: float(value) if re.fullmatch(r"[-+.\dEe]+", value) else value
            for name, value in (field.split(" = ") for field in filter(None, (text or "").split(", ")))}


def check_raised(model, path):
    graph = subprocess.run(["tern-translate", "--import-onnx", path], capture_output=True, text=True)
    if graph.returncode:
        return graph.stderr
    ternary = subprocess.run(
        ["tern-opt", "--tern-ternary-pipeline", "--remarks-filter=tern-ternary", "--remark-format=emitRemark"],
        input=graph.stdout, capture_output=True, text=True)
    if ternary.returncode:
        return ternary.stderr
    layers = LAYER.findall(ternary.stdout)
    if model.weight is None:
        if layers or "Category:tern-ternary" not in ternary.stderr:
            return f"expected no ternary layer and a remark, found {layers} and {ternary.stderr}"
        return None if model.reason in ternary.stderr else f"expected '{model.reason}' in {ternary.stderr}"
    if not layers or re.search(r"linalg.(batch_)?matmul", ternary.stdout):
        return f"expected ternary layers alone: {ternary.stdout}"
    for weight, activations in layers:
        if fields(weight) != fields(model.weight) or (activations or None) != model.activations:
            return f"expected {model.weight} and {model.activations}, found {weight} and {activations}"
    if model.outlined != ("tern.initial" in ternary.stdout):
        return "a prepare function makes the weights" if not model.outlined else "none does"
    return None if model.remark in ternary.stderr else f"expected '{model.remark}' in {ternary.stderr}"


def sample(rng, model, batch, k):
    x = rng.normal(size=(batch, *model.input_shape, k)).astype(np.float32)
    if batch == 3:
        x += np.float32(0.7)  # Another zero point.
    return x.astype(model.dtype)


def compare(got, want, tolerance, what):
    want = np.asarray(want, np.float64)
    norm = np.linalg.norm(want)
    error = np.linalg.norm(got.astype(np.float64) - want) / (norm if norm > 0 else 1)
    if got.shape != want.shape or not error <= tolerance:
        return f"{what}: the error relative to the norm is {error}"
    return None


def is_parameter(proto):
    """Whether the weights are too big to be a constant of the code."""
    for tensor in proto.graph.initializer:
        if len(tensor.dims) >= 2 and not tensor.name.endswith(("scale", "scales", "zero_point", "zero_points")):
            return tensor.data_type == onnx.TensorProto.FLOAT or np.prod(tensor.dims) > 1024
    return False


def check_run(name, model, path, runtime):
    library, stats = path.with_suffix(".so"), path.with_suffix(".json")
    done = subprocess.run(["ternc", path, "-o", library, f"--stats={stats}"], capture_output=True, text=True)
    if done.returncode:
        return done.stderr
    report = json.loads(stats.read_text())
    layer = report["layers"][0]
    if model.weight:
        # Codes of up to 1 KiB are constants: the layer's name is all there is.
        expected = model.layer if is_parameter(model.proto) else layer["name"] + ".weight"
        if layer["origin"] != "raised" or layer["weight"] != expected or not layer["bytes"]:
            return f"reported as {layer}"
        said, _, why = model.remark.partition("activations stay float: ")
        if (layer["activations"] == "float") != ("activations_reason" in layer) or why not in layer.get("activations_reason", why):
            return f"reported as {layer}"
        if report["bytes"]["parameters"] >= report["bytes"]["parameters_as_f32"] and layer["shape"][1] > 100:
            return f"nothing is packed: {report['bytes']}"
    elif layer["origin"] != "float" or model.reason not in layer["reason"]:
        return f"reported as {layer}"
    compiled, packed = artifact.Artifact(library), artifact.read_safetensors(path.with_suffix(".safetensors"))[0]
    session = None
    if runtime and model.runtime:
        options = runtime.SessionOptions()
        # Else it makes MatMulNBits of DequantizeLinear and MatMul, with activations in int8.
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    shape = model.proto.graph.input[0].type.tensor_type.shape.dim
    rng = np.random.default_rng(zlib.crc32(name.encode()) + 1)
    # An f16 result is rounded once, its accumulation is not; ONNX Runtime's may be.
    tolerance = 5e-4 if model.dtype == np.float16 else 2e-6
    for batch in (1, 3, 33):
        x = sample(rng, model, batch, shape[-1].dim_value)
        if model.input_shape and len(model.input_shape) > 1:
            x = rng.normal(size=(batch, *model.input_shape)).astype(model.dtype)
        y = compiled({"x": x}, packed)["y"]
        why = compare(y, model.reference(x), tolerance, f"NumPy, batch {batch}")
        if not why and session:
            why = compare(y, session.run(None, {"x": x})[0], 2 * tolerance if model.dtype == np.float32 else 2e-3,
                          f"ONNX Runtime, batch {batch}")
        if why:
            return why
    return None


@functools.lru_cache(maxsize=None)
def load_runtime():
    """ONNX Runtime, or None where there is none."""
    try:
        import onnxruntime  # pylint: disable=import-outside-toplevel
    except ImportError:
        return None
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


def main():
    compared = 0

    def check(name, model, path, is_run):
        nonlocal compared
        if not is_run:
            return check_raised(model, path)
        compared += load_runtime() is not None and model.runtime
        return check_run(name, model, path, load_runtime())

    count, is_run = model_checks.run(quantized_models.MODELS, lambda name: quantized_models.MODELS[name](), check)
    print(f"{count} models passed" + (f", {compared} of them against ONNX Runtime" if is_run else ""))


if __name__ == "__main__":
    main()
