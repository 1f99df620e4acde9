# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models whose weights are quantized are tuned: they begin as what was dequantized, in f32; gradients pass straight through."""
import pathlib
import subprocess
import sys

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import artifact  # noqa: E402
import quantized_models  # noqa: E402
import randomness  # noqa: E402
import training  # noqa: E402
import training_models as models  # noqa: E402

folder = pathlib.Path(sys.argv[1])
_, rng = randomness.start()


def quantized(x, model):
    if not model.activations:
        return x.astype(np.float64)
    q, scale = quantized_models.fake_u8(x)
    return q.astype(np.float64) * scale


def softmax(y):
    e = np.exp(y - y.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


# Codes by columns; packed, in groups, [N, K]; and with activations by their range.
for name in ("dq-columns", "nbits2-64", "dynamic-u8"):
    model = quantized_models.MODELS[name]()
    path = folder / f"{name}.onnx"
    onnx.save(model.proto, str(path))
    k = model.proto.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    w = model.reference(np.eye(k, dtype=np.float32)) if not model.activations else None
    step = models.compile_training(path, folder / f"{name}-step.so", "--optimizer=sgd")
    state = {s["name"]: s for s in step.signature["tensors"] if s["role"] == "parameter"}
    assert list(state) == ["W"] and state["W"]["trainable"], state
    start = step.state["W"].copy()
    transposed = name.startswith("nbits")
    latent = start.T if transposed else start
    if w is not None:
        assert np.abs(latent - w).max() <= 2**-22 * np.abs(w).max(), name
    n = latent.shape[1]
    for batch in (1, 3, 33):
        x = rng.normal(size=(batch, k)).astype(np.float32) + np.float32(0.3)
        labels = rng.integers(0, n, batch)
        step.reset()
        y = step.run("forward", {"x": x})["y"]
        want = model.reference(x)
        assert np.linalg.norm(y - want) <= 2e-6 * np.linalg.norm(want), (name, batch)
        for weight in (0.0, 0.3, 1.0):
            step.reset()
            loss = step.step({"x": x, "labels": labels}, 1, "train_step" if weight == 1 else "train_step_float", lr=1.0,
                             **{"lambda": weight})["loss"]
            blended = x + weight * (quantized(x, model) - x.astype(np.float64))
            logits = blended @ latent.astype(np.float64)
            p = softmax(logits)
            expected = -np.log(p[np.arange(batch), labels]).mean()
            # A difference of logits has their rounding, however small it is.
            assert abs(loss - expected) <= 1e-5 * expected + 2**-23 * np.abs(logits).max(), (name, batch, weight, loss, expected)
            p[np.arange(batch), labels] -= 1
            gradient = blended.T @ p / batch
            got = latent - (step.state["W"].T if transposed else step.state["W"])
            error = np.linalg.norm(got - gradient)
            assert error <= 1e-5 * np.linalg.norm(gradient) + 2**-23 * np.linalg.norm(latent), (name, batch, weight, error)

    # What was tuned is deployed under the same name.
    step.reset()
    x, labels = rng.normal(size=(97, k)).astype(np.float32), rng.integers(0, n, 97)
    losses = [float(step.step({"x": x, "labels": labels}, number, lr=0.1)["loss"]) for number in range(1, 31)]
    assert losses[-1] < losses[0], (name, losses)
    training.write_safetensors(folder / f"{name}-tuned.safetensors", step.state)
    subprocess.run(["ternc", path, f"--weights={folder / f'{name}-tuned.safetensors'}", "-o", folder / f"{name}.so"], check=True)
    deployed = artifact.Artifact(folder / f"{name}.so", chunk=1)
    packed = artifact.read_safetensors(folder / f"{name}.safetensors")[0]
    assert all(value.dtype == np.int8 or value.ndim < 2 or value.size * 16 <= start.size for value in packed.values()), packed
    assert deployed({"x": x}, packed)["y"].tobytes() == step.run("forward", {"x": x})["y"].tobytes(), name
print("tuned")
