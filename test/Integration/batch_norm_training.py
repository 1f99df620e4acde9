"""Batch normalization in training mode: gradients and running statistics against PyTorch, and what is deployed."""
import copy
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import artifact
import randomness
import training
import training_models as models

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
seed, rng = randomness.start()
torch.manual_seed(seed)


class Net(nn.Module):
    """Smooth, for rounding not to decide gradients. `shared` runs twice a pass."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 17, 3, stride=2, bias=False)
        self.bn2 = nn.BatchNorm2d(17, momentum=0.3, eps=1e-3)
        self.fc = nn.Linear(17 * 9, 33, bias=False)
        self.fc2 = nn.Linear(33, 33, bias=False)
        self.shared = nn.BatchNorm1d(33)
        self.head = nn.Linear(33, 5)

    def forward(self, x):
        x = F.softplus(self.bn1(self.conv1(x)))
        x = F.softplus(self.bn2(self.conv2(x)))
        x = F.softplus(self.shared(self.fc(x.flatten(1))))
        x = F.softplus(self.shared(self.fc2(x)))
        return self.head(x)


def export(net, path, **options):
    torch.onnx.export(net, torch.zeros(2, 3, 7, 7), path, input_names=["x"], output_names=["logits"],
                      dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}}, do_constant_folding=False, **options)


net = Net()
with torch.no_grad():
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        if "bn" in name or "shared" in name:
            if name.endswith(("weight", "var")):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith(("bias", "mean")):
                tensor.uniform_(-0.5, 0.5)
export(net, folder / "net.onnx", training=torch.onnx.TrainingMode.TRAINING, opset_version=14)
X = rng.normal(size=(97, 3, 7, 7)).astype(np.float32)
Y = rng.integers(0, 5, 97)
norms = {"bn1": net.bn1, "bn2": net.bn2, "shared": net.shared}
buffers = {f"{name}.running_{kind}" for name in norms for kind in ("mean", "var")}


class Reference:
    """The net in float64. PyTorch's running variance is that of a sample, ONNX's that of the population."""

    def __init__(self, state):
        self.net = copy.deepcopy(net).double()
        self.net.load_state_dict({name: torch.tensor(value) for name, value in state.items()}, strict=False)
        for name in norms:
            getattr(self.net, name).register_forward_hook(self.correct)
            getattr(self.net, name).register_forward_pre_hook(self.remember)

    def remember(self, norm, _):
        self.old = norm.running_var.clone()

    def correct(self, norm, inputs, _):
        if not norm.training:
            return
        count = inputs[0].numel() / inputs[0].shape[1]
        kept = self.old * (1 - norm.momentum)
        norm.running_var = kept + (norm.running_var - kept) * (count - 1) / count


def check(actual, expected, what, bound=1e-5, rounding=0.0):
    error, norm = np.linalg.norm(actual - expected), np.linalg.norm(expected)
    assert error <= bound * norm + rounding, (what, error, norm)


step = models.compile_training(folder / "net.onnx", folder / "step.so", "--ternarize=none", "--optimizer=sgd")
roles = {s["name"]: (s["role"], s.get("trainable")) for s in step.signature["tensors"]}
assert {name for name, (role, _) in roles.items() if role == "buffer"} == buffers, roles
assert all(roles[name] == ("buffer", False) for name in buffers)
assert buffers <= set(step.signature["functions"]["train_step"]["donated"])
assert not any(name.startswith(tuple(buffers)) and "/" in name for name in roles)
initial = {name: value.copy() for name, value in step.state.items() if "/" not in name}

# A step of training normalizes by the batch: with lr 1 and no momentum a gradient is w - w'.
# The largest batch has long sums, of values far from zero.
for batch in (7, 33, 97, 700):
    x, y = (X[:batch], Y[:batch]) if batch <= len(X) else (
        (rng.normal(size=(batch, 3, 7, 7)) + 3).astype(np.float32), rng.integers(0, 5, batch))
    step.reset()
    reference = Reference(initial)
    loss = step.step({"x": x, "labels": y}, 1, lr=1.0)["loss"]
    want = F.cross_entropy(reference.net.train()(torch.tensor(x).double()), torch.tensor(y))
    want.backward()
    assert abs(loss - want.item()) < 1e-5 * want.item(), (batch, loss, want.item())
    for name, p in reference.net.named_parameters():
        check(initial[name] - step.state[name], p.grad.numpy(), (batch, name),
              rounding=np.linalg.norm(initial[name]) * 2**-23)
    for name in buffers:
        assert (step.state[name] != initial[name]).any(), name
        check(step.state[name], reference.net.get_buffer(name).numpy(), (batch, name))

# It learns; validation and what is deployed normalize by the running statistics, and leave them alone.
losses = []
for number in range(1, 101):
    chosen = rng.integers(0, len(X), 33)
    losses.append(float(step.step({"x": X[chosen], "labels": Y[chosen]}, number, lr=0.05, momentum=0.9)["loss"]))
print("loss", np.mean(losses[:10]), np.mean(losses[-10:]))
assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
trained = {name: value.copy() for name, value in step.state.items() if "/" not in name}
training.write_safetensors(folder / "checkpoint.safetensors", step.state)
subprocess.run(["ternc", folder / "net.onnx", "--ternarize=none", f"--weights={folder / 'checkpoint.safetensors'}",
                "-o", folder / "model.so"], check=True)
deployed = artifact.Artifact(folder / "model.so", chunk=1)
packed = artifact.read_safetensors(folder / "model.safetensors")[0]
reference = Reference(trained).net.eval()
for batch in (1, 3, 97):
    logits = deployed({"x": X[:batch]}, packed)["logits"]
    for function, extra in (("forward", {}), ("eval_step", {"labels": Y[:batch]})):
        outputs = step.run(function, {"x": X[:batch], **extra})
        assert outputs["logits"].tobytes() == logits.tobytes(), (function, batch)
    check(logits, reference(torch.tensor(X[:batch]).double()).detach().numpy(), batch)
assert all(value.tobytes() == step.state[name].tobytes() for name, value in trained.items())

# Frozen statistics stay; ternary layers between them train, too, and deploy exactly.
frozen = models.compile_training(folder / "net.onnx", folder / "ternary.so", "-O1", "--ternarize=all", "--activations=int8",
                                 "--freeze=bn1.running")
for number in range(1, 4):
    frozen.step({"x": X[:33], "labels": Y[:33]}, number, "train_step" if number > 1 else "train_step_float", lr=1e-3,
                **{"lambda": 1.0 if number > 1 else 0.5})
for name in buffers:
    assert (frozen.state[name] == initial[name]).all() == name.startswith("bn1"), name
training.write_safetensors(folder / "ternary-checkpoint.safetensors", frozen.state)
subprocess.run(["ternc", folder / "net.onnx", "--ternarize=all", "--activations=int8",
                f"--weights={folder / 'ternary-checkpoint.safetensors'}", "-o", folder / "ternary-model.so"], check=True)
deployed = artifact.Artifact(folder / "ternary-model.so", chunk=1)
packed = artifact.read_safetensors(folder / "ternary-model.safetensors")[0]
assert (frozen.run("eval_step", {"x": X, "labels": Y})["logits"].tobytes() == deployed({"x": X}, packed)["logits"].tobytes())

# Dequantized, convolutions' weights are codes times scales, too, and statistics are what they are.
subprocess.run(["ternc", folder / "net.onnx", "--ternarize=all", "--activations=int8", "--export=dequantized",
                f"--weights={folder / 'ternary-checkpoint.safetensors'}", "-o", folder / "floats.safetensors"], check=True)
floats = artifact.read_safetensors(folder / "floats.safetensors")[0]
assert set(floats) == set(initial)
for name, value in initial.items():
    want = frozen.state[name]
    if name.startswith(("conv", "fc", "head")) and name.endswith("weight"):
        want = models.ternarize(torch.tensor(want)).numpy()
        assert (np.sign(floats[name]) == np.sign(want)).all(), name
    assert floats[name].shape == want.shape and np.allclose(floats[name], want, rtol=2**-22, atol=0), name

# A run that stops and resumes has the weights and statistics of one that does not.
np.save(folder / "x.npy", X)
np.save(folder / "y.npy", Y)
subprocess.run(["ternc", folder / "net.onnx", "-O1", "--ternarize=none", "--emit=train-step", "-o", folder / "train"], check=True)


def train(name, steps, *options):
    checkpoint = folder / f"{name}.safetensors"
    subprocess.run([folder / "train", "--data", folder / "x.npy", "--labels", folder / "y.npy", "--batch", "17", "--steps",
                    str(steps), "--lr", "0.01", "--checkpoint", checkpoint, *options], check=True, stdout=subprocess.DEVNULL)
    return {key: value.tobytes() for key, value in artifact.read_safetensors(checkpoint)[0].items()}


whole = train("whole", 20, "--threads", "1")
train("parts", 7, "--threads", "2")
assert whole == train("parts", 20, "--threads", "2", "--resume")
assert all(whole[name] != initial[name].tobytes() for name in buffers)

# Before opset 14 training mode is a matter of outputs. A net exported for inference keeps its statistics.
export(net, folder / "old.onnx", training=torch.onnx.TrainingMode.TRAINING, opset_version=13)
text = subprocess.run(["ternc", folder / "old.onnx", "--emit=graph", "-o", "-"], check=True, capture_output=True, text=True).stdout
assert text.count("tern.update_parameter") == 8 and text.count("tern.in_training") == 4 and text.count("tern.buffer") == 6
export(net.eval(), folder / "eval.onnx", training=torch.onnx.TrainingMode.PRESERVE, opset_version=14)
text = subprocess.run(["ternc", folder / "eval.onnx", "--train", "--ternarize=none", "--emit=training", "-o", "-"], check=True,
                      capture_output=True, text=True).stdout
assert "tern.update" not in text and "running_mean/" not in text and 'tern.buffer, tern.donated' not in text
print("passed")
