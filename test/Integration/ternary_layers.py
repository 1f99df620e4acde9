# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every exported form of a ternary layer: is it recognised, and does it compute the same?

    ternary_layers.py OUT_DIR            what raising finds in each model of bitlinear_models.py
    ternary_layers.py OUT_DIR --run      each model compiled and run, against its PyTorch reference
    --only NAME ...                      some of the models
"""
import pathlib
import re
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import bitlinear_models  # noqa: E402
import model_checks  # noqa: E402

# A median by way of TopK stays as it is in the model, and its layer in float.
NOT_RAISED = set()
LAYER = re.compile(r"= tern\.bitlinear .* weights <(.*?)> (?:activations <(.*?)> )?\{tern\.origin = \"raised\"\}")


def fields(text):
    """`statistic = absmean, eps = 1.0E-8` as a dictionary; numbers as numbers."""
    result = {}
    for field in filter(None, text.split(", ")):
        name, value = field.split(" = ")
        try:
            result[name] = float(value)
        except ValueError:
            result[name] = value
    return result


def expected_weights(expect):
    if expect is None:
        return None
    if expect.startswith("statistic"):
        return fields(expect)
    # Ternary by its values: the largest is the scale.
    granularity, _, size = expect.partition(":")
    result = {"statistic": "absmax", "eps": 1e-30}
    if granularity != "tensor":
        result["granularity"] = granularity
    if size:
        result["group_size"] = float(size)
    return result


def expected_activations(name, model):
    if not model.activations:
        return None
    return {"eps_mode": "clamp_scale"} if name == "clamp-scale" else {}


def check_raised(name, model, path):
    """What is wrong with the model at the ternary level."""
    graph = subprocess.run(["tern-translate", "--import-onnx", path], capture_output=True, text=True)
    if graph.returncode:
        return graph.stderr
    ternary = subprocess.run(["tern-opt", "--tern-ternary-pipeline"], input=graph.stdout, capture_output=True, text=True)
    if ternary.returncode:
        return ternary.stderr
    layers = [(fields(weights), activations) for weights, activations in LAYER.findall(ternary.stdout)]
    matmuls = ternary.stdout.count("linalg.matmul")
    weights = None if name in NOT_RAISED else expected_weights(model.expect)
    if weights is None:
        return None if not layers and matmuls == 1 else f"expected no ternary layer, found {layers}"
    count = 2 if name in ("shared", "mlp") else 1
    floats = 1 if name == "mlp" else 0
    if len(layers) != count or matmuls != floats:
        return f"expected {count} ternary and {floats} float layers, found {layers} and {matmuls}"
    has_activations = ternary.stdout.count("> activations <")
    activations = expected_activations(name, model)
    if has_activations != (0 if activations is None else count):
        return f"{has_activations} of {count} layers have quantized activations"
    for found in layers:
        if found[0] != weights:
            return f"expected weights {weights}, found {found[0]}"
        if activations is not None and fields(found[1]) != activations:
            return f"expected activations {activations}, found {found[1]}"
    if activations is not None and "math.roundeven" in ternary.stdout:
        return "a quantization is left over"
    return None


def check_run(name, model, path):
    """How the compiled model differs from PyTorch."""
    library, x_path, y_path = path.with_suffix(".so"), path.with_suffix(".x.npy"), path.with_suffix(".y.npy")
    for command in (["ternc", path, "-o", library],
                    ["tern-run", library, "--input", f"x=@{x_path}", "--output", f"@{y_path}"]):
        if command[0] == "tern-run":
            x = bitlinear_models.sample(name)
            np.save(x_path, x)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return done.stderr
    got, want = np.load(y_path), model.reference(x)
    norm = np.linalg.norm(np.nan_to_num(want), axis=-1, keepdims=True)
    error = np.where((got == want) | (np.isnan(got) & np.isnan(want)), 0, np.abs(got - want)) / np.maximum(norm, 1e-30)
    if not error.max() <= 1e-5:
        return f"the largest error relative to its row's norm is {error.max()}"
    return None


def main():
    def check(name, model, path, is_run):
        return (check_run if is_run else check_raised)(name, model, path)

    names = [*bitlinear_models.FORMS, *bitlinear_models.INITIALIZERS]
    count, _ = model_checks.run(names, bitlinear_models.build, check)
    print(f"{count} models passed")


if __name__ == "__main__":
    main()
