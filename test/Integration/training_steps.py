"""Whole training steps against PyTorch, every loss, and what is deployed."""
import json
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
SIZES = [17, 33, 31, 10]
initial = models.save_mlp(folder / "mlp.onnx", SIZES, rng)
teacher = rng.normal(size=(SIZES[0], SIZES[-1]))
X = rng.normal(size=(257, SIZES[0])).astype(np.float32)
Y = (X @ teacher).argmax(1)


def batches(count):
    for step in range(1, count + 1):
        chosen = rng.integers(0, len(X), [33, 17, 64, 1, 3][step % 5])
        yield step, X[chosen], Y[chosen]


def free_run(label, step_artifact, ternary, function="train_step"):
    """50 steps of both, each on its own; returns the relative differences."""
    step_artifact.reset()
    parameters = models.as_parameters(initial)
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-3, weight_decay=0.1)
    ours, theirs = [], []
    for step, x, y in batches(50):
        ours.append(float(step_artifact.step({"x": x, "labels": y}, step, function, lr=1e-3, weight_decay=0.1)["loss"]))
        optimizer.zero_grad()
        loss = F.cross_entropy(models.forward(parameters, torch.tensor(x), ternary), torch.tensor(y))
        loss.backward()
        optimizer.step()
        theirs.append(loss.item())
    latents = max(models.relative(step_artifact.state[name], p.detach().numpy()) for name, p in parameters.items())
    losses = abs(np.mean(ours) - np.mean(theirs)) / np.mean(theirs)
    print(f"{label}: loss {losses:.1e}, latents {latents:.1e}")
    return losses, latents


# Floats: sums in another order are all that differs.
floats = models.compile_training(folder / "mlp.onnx", folder / "float.so", "--ternarize=none")
assert "train_step_float" not in floats.signature["functions"]
losses, latents = free_run("float", floats, ternary=False)
assert latents < 1e-4

# Ternary: a code that flips changes more, so the loss is what is compared.
ternary = models.compile_training(folder / "mlp.onnx", folder / "ternary.so", "--ternarize=all",
                                  f"--stats={folder / 'stats.json'}", "--stats-dim=batch=33")
assert free_run("ternary, blended", ternary, True, "train_step_float")[0] < 0.01
assert free_run("ternary", ternary, True)[0] < 0.01

# Between float and ternary.
for weight in (0.0, 0.3):
    ternary.reset()
    blend = {name: torch.tensor(value) for name, value in initial.items()}
    x = torch.tensor(X[:17])
    for name in ("fc1", "fc2", "head"):
        mix = lambda plain, quantized: plain + weight * (quantized - plain)
        w = blend[f"{name}.weight"]
        x = F.linear(mix(x, models.quantize(x)), mix(w, models.ternarize(w)), blend[f"{name}.bias"])
        x = x if name == "head" else F.softplus(x)
    loss = ternary.step({"x": X[:17], "labels": Y[:17]}, 1, "train_step_float", **{"lambda": weight})["loss"]
    expected = F.cross_entropy(x, torch.tensor(Y[:17])).item()
    assert abs(loss - expected) < 1e-4 * expected, (weight, loss, expected)

# Neither the pieces of loops nor their order changes a bit.
other = training.TrainingArtifact(folder / "ternary.so", folder / "ternary.safetensors")
ternary.reset()
for step, x, y in batches(5):
    for one in (ternary, other):
        one.step({"x": x, "labels": y}, step, clip_norm=1.0)
for name, value in ternary.state.items():
    assert value.tobytes() == other.state[name].tobytes(), name

# Neither does what is recomputed, nor when parameters are updated. Less memory is needed.
kept = models.compile_training(folder / "mlp.onnx", folder / "kept.so", "--ternarize=all", "--remat=false")
unclipped = models.compile_training(folder / "mlp.onnx", folder / "unclipped.so", "--ternarize=all", "--clip=false")
assert "clip_norm" not in [scalar["name"] for scalar in unclipped.signature["scalars"]]
for function in ("train_step", "train_step_float"):
    for one in (ternary, kept, unclipped):
        one.reset()
        for step in (1, 2, 3):
            one.step({"x": X[:257], "labels": Y[:257]}, step, function)
    for name, value in ternary.state.items():
        assert value.tobytes() == kept.state[name].tobytes() == unclipped.state[name].tobytes(), (function, name)
    sizes = [one.arena_bytes[function] for one in (unclipped, ternary, kept)]
    print(f"{function}: arenas of {sizes} bytes without clipping, with it, and without recomputing")
    assert sizes[0] < sizes[1] <= sizes[2], sizes

# Batches of equal size, averaged, are one batch. Between updates only sums change. Each update begins with one state: AdamW divides
# gradients by their size, so that what is lost in those that cancel would be in all that follows, and such weights are not compared.
averaged = models.compile_training(folder / "mlp.onnx", folder / "averaged.so", "--ternarize=none", "--accumulate")
floats.reset()
for update in range(1, 6):
    chosen = rng.integers(0, len(X), (3, 17))
    before = {name: value.copy() for name, value in averaged.state.items()}
    for name in floats.state:
        floats.state[name][...] = before[name]
    for micro, rows in enumerate(chosen):
        averaged.step({"x": X[rows], "labels": Y[rows]}, 3 * update - 2 + micro, lr=1e-3, clip_norm=0.5, accumulate=3)
        for name, value in averaged.state.items():
            changed = (value != before[name]).any()
            assert changed == (micro == 2 and not name.endswith("/gradient") or
                               micro < 2 and name.endswith("/gradient")), (name, micro)
    floats.step({"x": X[chosen.ravel()], "labels": Y[chosen.ravel()]}, update, lr=1e-3, clip_norm=0.5)
    for name, value in floats.state.items():
        moments = floats.state.get(name + "/exp_avg_sq")
        told = value == value if moments is None else moments >= 1e-8 * moments.max()
        assert models.relative(averaged.state[name][told], value[told]) < 1e-5, (name, update)
        assert told.mean() > .5, (name, update)
        assert update > 1 or not (value == 0).all(), name

# What is deployed computes what was validated, bit for bit.
checkpoint = {name: value for name, value in ternary.state.items() if "/" not in name}
training.write_safetensors(folder / "checkpoint.safetensors", ternary.state)
subprocess.run(["ternc", folder / "mlp.onnx", "--ternarize=all", f"--weights={folder / 'checkpoint.safetensors'}",
                "-o", folder / "deployed.so"], check=True)
deployed = artifact.Artifact(folder / "deployed.so", chunk=1, reverse=True)
packed = artifact.read_safetensors(folder / "deployed.safetensors")[0]
for batch in (1, 3, 33, 257):
    logits = deployed({"x": X[:batch]}, packed)["logits"]
    for function, extra in (("forward", {}), ("eval_step", {"labels": Y[:batch]})):
        trained = ternary.run(function, {"x": X[:batch], **extra})["logits"]
        assert trained.tobytes() == logits.tobytes(), (function, batch)

# The option of the executable, and what it refuses.
subprocess.run(["ternc", folder / "mlp.onnx", "--ternarize=all", "--accumulate", "--emit=train-step", "-o", folder / "sums"],
               check=True)
np.save(folder / "x.npy", X)
np.save(folder / "y.npy", Y)
train = [folder / "sums", "--data", folder / "x.npy", "--labels", folder / "y.npy", "--batch", "32", "--steps", "6"]
subprocess.run([*train, "--accumulate", "3", "--checkpoint", folder / "sums-trained.safetensors"], check=True,
               stdout=subprocess.DEVNULL)
assert not artifact.read_safetensors(folder / "sums-trained.safetensors")[0]["fc1.weight/gradient"].any()
for bad in ("0", "-1", "nan", "1.5"):
    result = subprocess.run([*train, f"--accumulate={bad}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 1 and "--accumulate: scalar 'accumulate' is" in result.stdout, result.stdout

# The same as a user does it: a training executable, its checkpoint, a packed
# executable.
np.save(folder / "x.npy", X)
np.save(folder / "y.npy", Y)
subprocess.run(["ternc", folder / "mlp.onnx", "--ternarize=all", "--emit=train-step", "-o", folder / "train"], check=True)
subprocess.run([folder / "train", "--data", folder / "x.npy", "--labels", folder / "y.npy", "--batch", "32", "--steps", "20",
                "--lr", "0.01", "--checkpoint", folder / "trained.safetensors"], check=True, stdout=subprocess.DEVNULL)
subprocess.run(["ternc", folder / "mlp.onnx", "--ternarize=all", f"--weights={folder / 'trained.safetensors'}",
                "-o", folder / "model"], check=True)
subprocess.run([folder / "model", "--input", f"x=@{folder / 'x.npy'}", "--output", f"logits=@{folder / 'logits.npy'}"],
               check=True, stdout=subprocess.DEVNULL)
trained = artifact.read_safetensors(folder / "trained.safetensors")[0]
ternary.state.update({name: value.copy() for name, value in trained.items() if name in ternary.state})
assert any((ternary.state[name] != value).any() for name, value in initial.items())
logits = ternary.run("forward", {"x": X})["logits"]
assert np.load(folder / "logits.npy").tobytes() == logits.tobytes()

# The memory that was announced is what is used.
memory = json.loads((folder / "stats.json").read_text())["memory"]
assert memory["dims"] == {"batch": 33}, memory
assert memory["parameters"] == sum(value.nbytes for value in initial.values())
assert memory["optimizer_state"] == 2 * memory["parameters"]
for function, size in memory["arenas"].items():
    ternary.run(function, {"x": X[:33], "labels": Y[:33]}, step=1)
    assert ternary.arena_bytes[function] == size, (function, size)
assert set(memory["arenas"]) == {"forward", "eval_step", "train_step", "train_step_float"}

# Weights as the layers see them, in floats.
for kind, dtype, bound in (("dequantized", np.float32, 2**-23), ("dequantized-f16", np.float16, 2**-11)):
    subprocess.run(["ternc", folder / "mlp.onnx", "--ternarize=all", f"--weights={folder / 'checkpoint.safetensors'}",
                    f"--export={kind}", "-o", folder / "plain.safetensors"], check=True)
    plain = artifact.read_safetensors(folder / "plain.safetensors")[0]
    assert set(plain) == set(checkpoint)
    for name, value in checkpoint.items():
        assert plain[name].dtype == dtype, name
        if name.endswith("bias"):
            # Rounded once: f16 holds few digits of one that is next to 0.
            assert np.array_equal(plain[name], value.astype(dtype)), name
            continue
        expected = models.ternarize(torch.tensor(value)).numpy()
        assert (np.sign(plain[name]) == np.sign(expected)).all()
        expected = np.sign(expected) * np.abs(expected).max()
        assert (np.abs(plain[name] - expected) <= 2 * bound * np.abs(expected)).all(), name

# Weights drawn anew: by the seed, uniform, and nothing but weights of layers.
drawn = []
for seed in (1, 1, 2):
    fresh = models.compile_training(folder / "mlp.onnx", folder / "fresh.so", "--ternarize=all", "-O0", f"--init={seed}")
    drawn.append(fresh.state)
for name, value in initial.items():
    first, again, another = (state[name] for state in drawn)
    assert first.tobytes() == again.tobytes()
    if name.endswith("bias"):
        assert first.tobytes() == value.tobytes()
        continue
    assert (first != another).mean() > 0.9
    inside = first * np.sqrt(value.shape[1])
    assert np.abs(inside).max() <= 1 and abs(inside.mean()) < 0.2 and abs(inside.std() - 3**-0.5) < 0.1, name

# A checkpoint of another model.
for broken, message in (({k: v for k, v in checkpoint.items() if k != "fc2.bias"}, "no parameter 'fc2.bias' in"),
                        ({**checkpoint, "fc2.bias": np.zeros(7, np.float32)}, "parameter 'fc2.bias' in")):
    training.write_safetensors(folder / "other.safetensors", broken)
    failed = subprocess.run(["ternc", folder / "mlp.onnx", "--ternarize=all", f"--weights={folder / 'other.safetensors'}",
                             "-o", folder / "broken.so"], capture_output=True, text=True)
    assert failed.returncode == 1 and message in failed.stderr and len(failed.stderr.splitlines()) == 1, failed.stderr
    assert not (folder / "broken.so").exists()

# Every loss, and its gradient: with lr 1 and no momentum that is w - w'.
T, SMOOTHING, IGNORED = 2.0, 0.1, 3
summed = models.compile_training(
    folder / "mlp.onnx", folder / "losses.so", "--ternarize=none", "--optimizer=sgd",
    "--loss=0.7*softmax-cross-entropy+0.2*kl+0.3*bce-with-logits+0.1*mse+0.4*l1",
    f"--temperature={T}", f"--label-smoothing={SMOOTHING}", f"--ignore-index={IGNORED}")
assert summed.signature["ignore_index"] == IGNORED and summed.signature["classes"] == SIZES[-1]
for scale in (1.0, 300.0):
    for batch in (1, 17, 257):
        x = (X[:batch] * scale).astype(np.float32)
        labels = np.where(np.arange(batch) % 4 == 2, IGNORED, (Y[:batch] + 4) % SIZES[-1])
        labels[0] = 5  # If all are ignored the loss is NaN, here as there.
        target = rng.uniform(size=(batch, SIZES[-1])).astype(np.float32)
        logits = rng.normal(size=(batch, SIZES[-1])).astype(np.float32) * 3
        summed.reset()
        outputs = summed.step({"x": x, "teacher": logits, "target": target, "labels": labels}, 1, lr=1.0)
        parameters = {name: p.double().detach().requires_grad_() for name, p in models.as_parameters(initial).items()}
        y, t = models.forward(parameters, torch.tensor(x).double()), torch.tensor(target).double()
        kl = F.kl_div(F.log_softmax(y / T, -1), F.softmax(torch.tensor(logits).double() / T, -1), reduction="batchmean")
        loss = (0.7 * F.cross_entropy(y, torch.tensor(labels), ignore_index=IGNORED, label_smoothing=SMOOTHING)
                + 0.2 * T * T * kl + 0.3 * F.binary_cross_entropy_with_logits(y, t)
                + 0.1 * F.mse_loss(y, t) + 0.4 * F.l1_loss(y, t))
        loss.backward()
        assert abs(outputs["loss"] - loss.item()) < 1e-5 * loss.item(), (scale, batch, outputs["loss"], loss.item())
        for name, p in parameters.items():
            gradient = initial[name] - summed.state[name]
            error = models.relative(gradient, p.grad.numpy())
            # The difference of two f32 has the rounding of the larger.
            rounding = np.linalg.norm(initial[name]) * 2**-23 / np.linalg.norm(p.grad.numpy())
            assert error < 1e-5 + rounding, (scale, batch, name, error, rounding)
# A loss of the user's, beside one of Tern's: a step with lr 1.
file = pathlib.Path(__file__).parent / "Inputs/smooth-l1.mlir"
summed = models.compile_training(folder / "mlp.onnx", folder / "users.so", "--ternarize=none", "--optimizer=sgd",
                                 f"--loss=softmax-cross-entropy+2*{file}", "--loss-option=beta=0.3", "--loss-option=label-smoothing=0.1")
assert summed.signature["loss"] == "softmax-cross-entropy+2*smooth-l1", summed.signature["loss"]
labels, target = rng.integers(0, SIZES[-1], 17), rng.normal(size=(17, SIZES[-1])).astype(np.float32)
outputs = summed.step({"x": X[:17], "target": target, "labels": labels}, 1, lr=1.0)
parameters = {name: p.double().detach().requires_grad_() for name, p in models.as_parameters(initial).items()}
y = models.forward(parameters, torch.tensor(X[:17]).double())
loss = (F.cross_entropy(y, torch.tensor(labels), label_smoothing=0.1)
        + 2 * F.smooth_l1_loss(y, torch.tensor(target).double(), beta=0.3))
loss.backward()
assert abs(outputs["loss"] - loss.item()) < 1e-5 * loss.item(), (outputs["loss"], loss.item())
for name, p in parameters.items():
    error = models.relative(initial[name] - summed.state[name], p.grad.numpy())
    rounding = np.linalg.norm(initial[name]) * 2**-23 / np.linalg.norm(p.grad.numpy())
    assert error < 1e-5 + rounding, (name, error, rounding)
print("passed")
