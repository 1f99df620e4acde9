# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A multi-layer perceptron as ONNX and as PyTorch, with quantizers or without."""
import subprocess

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

import training


def save_mlp(path, sizes, rng):
    """Gemm layers fc1, fc2, ... and head, Softplus between; returns the parameters.

    A smooth function: of enough random values before a Relu one is so close to zero that rounding decides its gradient.
    """
    names = [f"fc{i + 1}" for i in range(len(sizes) - 2)] + ["head"]
    parameters, nodes, value = {}, [], "x"
    for name, k, n in zip(names, sizes, sizes[1:]):
        bound = 1 / np.sqrt(k)
        parameters[f"{name}.weight"] = rng.uniform(-bound, bound, (n, k)).astype(np.float32)
        parameters[f"{name}.bias"] = rng.uniform(-bound, bound, n).astype(np.float32)
        result = "logits" if name == "head" else f"{name}.out"
        nodes.append(helper.make_node("Gemm", [value, f"{name}.weight", f"{name}.bias"], [result], name, transB=1))
        if name != "head":
            nodes.append(helper.make_node("Softplus", [result], [f"{name}.softplus"], f"{name}.softplus"))
            value = f"{name}.softplus"
    graph = helper.make_graph(
        nodes, "mlp", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", sizes[0]])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", sizes[-1]])],
        [numpy_helper.from_array(value, name) for name, value in parameters.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return parameters


def ternarize(w):
    """absmean, with a straight-through gradient."""
    scale = w.detach().abs().double().mean().float().clamp(min=1e-5)
    return w + ((w * (1 / scale)).round().clamp(-1, 1) * scale - w).detach()


def quantize(x):
    """int8 for each token, with a straight-through gradient."""
    g = x.detach().abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return x + ((x * (127 / g)).round().clamp(-128, 127) * (g / 127) - x).detach()


def forward(parameters, x, ternary=False):
    names = [name[:-len(".weight")] for name in parameters if name.endswith(".weight")]
    for name in names:
        w = parameters[f"{name}.weight"]
        if ternary:
            x, w = quantize(x), ternarize(w)
        x = torch.nn.functional.linear(x, w, parameters[f"{name}.bias"])
        if name != "head":
            x = torch.nn.functional.softplus(x)
    return x


def compile_training(model, output, *options):
    subprocess.run(["ternc", model, "--train", *options, "-o", output], check=True)
    weights = str(output).replace(".so", ".safetensors")
    return training.TrainingArtifact(output, weights, chunk=1, reverse=True)


def as_parameters(arrays):
    return {name: torch.tensor(value, requires_grad=True) for name, value in arrays.items()}


def relative(actual, expected):
    """The greatest difference, relative to the norm of what is expected."""
    expected = np.asarray(expected, np.float64)
    return np.linalg.norm(np.asarray(actual, np.float64) - expected) / max(np.linalg.norm(expected), 1e-30)
