# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A step of training of networks whose weights and activations are fake-quantized, against PyTorch in float64."""
import pathlib
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import gradients  # noqa: E402
import training_models as models  # noqa: E402

FLOAT = TensorProto.FLOAT
folder = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(20)
W1 = (rng.standard_normal((9, 7)) / 2).astype(np.float32)
W2 = (rng.standard_normal((3, 9)) / 2).astype(np.float32)
S1, SW, S2 = np.float32(0.015625), np.float32(0.0078125), np.float32(0.03125)


def node(op, operands, results, **attributes):
    return helper.make_node(op, operands.split(), results.split(), f"{op}/{results.split()[0]}", **attributes)


def pair(x, scale, zero, y, **attributes):
    return [node("QuantizeLinear", f"{x} {scale} {zero}", f"{y}.q", **attributes),
            node("DequantizeLinear", f"{y}.q {scale} {zero}", y, **attributes)]


# Pairs on the activations between two layers and on both weights, one by channel; integer products of what is quantized in
# the graph, weights included.
STATIC = [node("Gemm", "x w1q", "h", transB=1), *pair("w1", "sw", "z", "w1q"), *pair("h", "s1", "z", "a"),
          *pair("w2", "s2", "zs", "w2q", axis=0), node("Gemm", "a w2q", "logits", transB=1)]
DYNAMIC = [node("Gemm", "x w1", "h", transB=1), node("DynamicQuantizeLinear", "h", "hq hs hz"), node("Transpose", "w2", "t", perm=[1, 0]),
           node("DynamicQuantizeLinear", "t", "tq ts tz"), node("MatMulInteger", "hq tq hz tz", "i"),
           node("Cast", "i", "f", to=FLOAT), node("Mul", "hs ts", "st"), node("Mul", "f st", "logits")]
CONSTANTS = {"static": {"s1": S1, "sw": SW, "s2": np.full(3, S2), "z": np.int8(0), "zs": np.zeros(3, np.int8)}, "dynamic": {}}


def save(name, nodes):
    order, known = [], {"x", "w1", "w2", *CONSTANTS[name]}
    while nodes:  # In the order of their operands.
        ready = [n for n in nodes if known.issuperset(n.input)]
        order += ready
        known.update(*[n.output for n in ready])
        nodes = [n for n in nodes if n not in ready]
    parameters = {"w1": W1, "w2": W2, **CONSTANTS[name]}
    graph = helper.make_graph(order, name, [helper.make_tensor_value_info("x", FLOAT, ["n", 7])],
                              [helper.make_tensor_value_info("logits", FLOAT, ["n", 3])],
                              [numpy_helper.from_array(np.array(value), key) for key, value in parameters.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / f"{name}.onnx")
    return folder / f"{name}.onnx"


def static(x, w1, w2):
    a = torch.fake_quantize_per_tensor_affine(x @ torch.fake_quantize_per_tensor_affine(w1, float(SW), 0, -128, 127).T, float(S1), 0, -128, 127)
    w = torch.fake_quantize_per_channel_affine(w2, torch.full((3,), float(S2)), torch.zeros(3, dtype=torch.int32), 0, -128, 127)
    return a @ w.T


def through_range(v):
    low, high = min(v.min().item(), 0.0), max(v.max().item(), 0.0)
    scale = (high - low) / 255
    zero = min(max(round(-low / scale), 0), 255)
    codes = ((v.detach() / scale).round() + zero).clamp(0, 255)
    return v + ((codes - zero) * scale - v).detach()


def dynamic(x, w1, w2):
    return through_range(x @ w1.T) @ through_range(w2).T


failures = gradients.Failures()
for name, nodes, function in (("static", STATIC, static), ("dynamic", DYNAMIC, dynamic)):
    path = save(name, nodes)
    for mode in ("none", "auto"):
        step = models.compile_training(path, folder / f"{name}-{mode}.so", "--optimizer=sgd", "--clip=false", f"--ternarize={mode}")
        trained = {s["name"] for s in step.signature["tensors"] if s.get("trainable")}
        failures.check(f"{name} {mode}: what is trained is {trained}", np.array(trained == {"w1", "w2"}), np.array(1.0))
        for n in (1, 5, 33):
            x, labels = (rng.standard_normal((n, 7)) * 2).astype(np.float32), rng.integers(0, 3, n)
            step.reset()
            loss = step.step({"x": x, "labels": labels}, 1, lr=1.0)["loss"]
            w1, w2 = torch.tensor(W1, requires_grad=True), torch.tensor(W2, requires_grad=True)
            want = F.cross_entropy(function(torch.tensor(x), w1, w2), torch.tensor(labels))
            want.backward()
            failures.check(f"{name} {mode} loss at {n}", np.array(loss).reshape(()), want.detach().double().numpy())
            for key, before, w in (("w1", W1, w1), ("w2", W2, w2)):
                # The step is read from a difference of weights, which are rounded.
                failures.check(f"{name} {mode} {key} at {n}", before.astype(np.float64) - step.state[key], w.grad.double().numpy(), 2e-5)
failures.finish("results and gradients")
