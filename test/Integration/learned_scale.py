"""Learned scales of converted layers: initial values, gradients against PyTorch, training, deployment."""
import pathlib
import subprocess
import sys

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import artifact
import randomness
import training
import training_models as models

torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
_, rng = randomness.start()
SIZES = [17, 67, 33, 10]
initial = models.save_mlp(folder / "mlp.onnx", SIZES, rng)
layers = [name.removesuffix(".weight") for name in initial if name.endswith(".weight")]
X = rng.normal(size=(257, SIZES[0])).astype(np.float32)
Y = (X @ rng.normal(size=(SIZES[0], SIZES[-1]))).argmax(1)
PRESET = "<statistic = learned, rule = strict_threshold, threshold = 0.05>"


def spread(alpha, w, groups):
    """The scale of each weight."""
    if alpha.ndim == 2:
        return alpha.repeat_interleave(groups, 1)[:, :w.shape[1]]
    return alpha[:, None] if alpha.ndim else alpha


def averages(w, granularity):
    """What a scale begins with."""
    magnitude = np.abs(w.astype(np.float64))
    if granularity == "group":
        return np.stack([magnitude[:, i:i + 32].mean(1) for i in range(0, w.shape[1], 32)], 1)
    return magnitude.mean(1 if granularity == "row" else None)


def reference(parameters, x, weight, t, scales):
    """Loss by numerics.md: a scale that is not detached, codes with a straight-through gradient. `scales` gets that of
    each weight, whose gradients are the terms of its scale's."""
    for name in layers:
        w, alpha = parameters[f"{name}.weight"], parameters[f"{name}.alpha"]
        codes = ((w > t).double() - (w < -t).double()).detach()
        codes = w + (codes - w).detach()
        scales[f"{name}.alpha"] = spread(alpha, w, 32).expand(w.shape).clone()
        scales[f"{name}.alpha"].retain_grad()
        w = w + weight * (scales[f"{name}.alpha"] * codes - w)
        x = F.linear(x, w, parameters[f"{name}.bias"])
        x = x if name == "head" else F.softplus(x)
    return x


# Without activations' codes, which would flip, gradients are as close as sums in f32 are: with lr 1 and no momentum a
# gradient is w - w'.
for granularity in ("tensor", "row", "group"):
    place = {"tensor": "", "row": "granularity = row, ", "group": "granularity = group, group_size = 32, "}[granularity]
    step = models.compile_training(
        folder / "mlp.onnx", folder / f"{granularity}.so", "--ternarize=all", "--activations=float", "--optimizer=sgd",
        f"--quantizer=<statistic = learned, {place}rule = strict_threshold, threshold = 0.05>")
    expected_state = {*initial, *(f"{name}.alpha" for name in layers)}
    assert expected_state == {s["name"] for s in step.signature["tensors"] if s["role"] == "parameter"}, step.signature["tensors"]
    assert all(s["trainable"] for s in step.signature["tensors"] if s["role"] == "parameter")
    for name in layers:
        want = averages(initial[f"{name}.weight"], granularity)
        got = step.state[f"{name}.alpha"]
        assert got.shape == want.shape and np.allclose(got, want, rtol=2**-22, atol=0), (name, got, want)
    start = {name: value.copy() for name, value in step.state.items()}
    for weight in (0.0, 0.3, 1.0):
        for batch in (1, 17, 257):
            step.reset()
            # Elsewhere than at the average: whatever the scale is.
            for name in layers:
                shape = step.state[f"{name}.alpha"].shape
                step.state[f"{name}.alpha"] = rng.uniform(0.05, 0.3, shape).astype(np.float32)
            before = {name: step.state[name].copy() for name in expected_state}
            loss = step.step({"x": X[:batch], "labels": Y[:batch]}, 1, "train_step" if weight == 1 else "train_step_float",
                             lr=1.0, **{"lambda": weight})["loss"]
            parameters = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in before.items()}
            scales = {}
            logits = reference(parameters, torch.tensor(X[:batch]).double(), weight, np.float32(0.05), scales)
            want = F.cross_entropy(logits, torch.tensor(Y[:batch]))
            want.backward()
            # A difference of logits has their rounding, however small it is.
            rounding = 2**-23 * float(logits.abs().max())
            assert abs(loss - want.item()) < 1e-5 * want.item() + rounding, (granularity, weight, batch, loss, want.item())
            for name, p in parameters.items():
                gradient, norm = before[name] - step.state[name], np.linalg.norm(p.grad.numpy())
                error = np.linalg.norm(gradient - p.grad.numpy())
                # One number may cancel to nothing: it adds up the errors of its terms.
                size = norm if p.ndim else np.linalg.norm(scales[name].grad.numpy())
                # The difference of two f32 has the rounding of the larger.
                assert error <= 1e-5 * size + np.linalg.norm(before[name]) * 2**-23, (granularity, weight, batch, name, error, norm)
                if name.endswith("alpha"):
                    assert (norm > 0) == (weight > 0), (name, weight)

# Training moves scales and helps; what is deployed computes what was validated.
options = ("--ternarize=all", f"--quantizer={PRESET}")
step = models.compile_training(folder / "mlp.onnx", folder / "step.so", *options)
losses, start = [], step.state["fc1.alpha"].copy()
for number in range(1, 201):
    chosen = rng.integers(0, len(X), 33)
    losses.append(float(step.step({"x": X[chosen], "labels": Y[chosen]}, number, lr=3e-3)["loss"]))
print("loss", np.mean(losses[:20]), np.mean(losses[-20:]), "alpha", start, step.state["fc1.alpha"])
assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:20])
assert step.state["fc1.alpha"] != start
training.write_safetensors(folder / "checkpoint.safetensors", step.state)


def deploy(name, *arguments):
    subprocess.run(["ternc", folder / "mlp.onnx", *options, *arguments, "-o", folder / name], check=True)
    return artifact.Artifact(folder / name, chunk=1), artifact.read_safetensors((folder / name).with_suffix(".safetensors"))[0]


def check_deployed(deployed, packed):
    for batch in (1, 33):
        logits = deployed({"x": X[:batch]}, packed)["logits"]
        for function, extra in (("forward", {}), ("eval_step", {"labels": Y[:batch]})):
            assert step.run(function, {"x": X[:batch], **extra})["logits"].tobytes() == logits.tobytes(), (function, batch)


check_deployed(*deploy("trained.so", f"--weights={folder / 'checkpoint.safetensors'}"))
# The model has no scales: they are computed from its weights.
step.reset()
check_deployed(*deploy("plain.so"))

# Calibration knows the scale.
np.save(folder / "x.npy", X)
table = subprocess.run(["ternc", folder / "mlp.onnx", *options, f"--calibrate={folder / 'x.npy'}", "-o", folder / "measured.so"],
                       check=True, capture_output=True, text=True)
rows = {line.split()[0]: line.split() for line in (table.stdout + table.stderr).splitlines() if line.strip()}
for name in layers:
    w, t = initial[f"{name}.weight"].astype(np.float64), np.float32(0.05)
    codes = (w > t).astype(float) - (w < -t)
    assert abs(float(rows[name][1]) - 100 * (codes == 0).mean()) < 0.06, rows[name]
    error = np.linalg.norm(np.abs(w).mean() * codes - w) / np.linalg.norm(w)
    assert abs(float(rows[name][3]) - error) < 1e-4, (rows[name], error)

# Dequantized, a scale is part of the weights.
subprocess.run(["ternc", folder / "mlp.onnx", *options, f"--weights={folder / 'checkpoint.safetensors'}",
                "--export=dequantized", "-o", folder / "floats.safetensors"], check=True)
floats = artifact.read_safetensors(folder / "floats.safetensors")[0]
trained = artifact.read_safetensors(folder / "checkpoint.safetensors")[0]
assert set(floats) == set(initial)
for name in layers:
    w, t = trained[f"{name}.weight"], np.float32(0.05)
    want = trained[f"{name}.alpha"] * ((w > t).astype(np.float32) - (w < -t))
    assert (floats[f"{name}.weight"] == want).all(), name

# Weights drawn anew have scales of their own.
fresh = models.compile_training(folder / "mlp.onnx", folder / "fresh.so", *options, "-O0", "--init=7")
for name in layers:
    w = fresh.state[f"{name}.weight"]
    assert (w != initial[f"{name}.weight"]).any()
    assert np.allclose(fresh.state[f"{name}.alpha"], averages(w, "tensor"), rtol=2**-22, atol=0), name
print("passed")
