"""Initializers that are no weights: steps leave them alone, artifacts and checkpoints have them; those that are get PyTorch's gradients."""
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import artifact
import randomness
import training
import training_models as models

torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
_, rng = randomness.start()
K, N, C, BATCH = 17, 33, 3, 5
node = helper.make_node


def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)


def save(path, nodes, inputs, outputs, initializers, external=False):
    info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "net", [info(*i) for i in inputs], [info(*o) for o in outputs],
                              [numpy_helper.from_array(np.asarray(value), name) for name, value in initializers.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if external:
        onnx.save(model, str(path), save_as_external_data=True, location=path.name + ".data", size_threshold=0)
    else:
        onnx.save(model, path)


def ternc(*arguments):
    return subprocess.run(["ternc", *map(str, arguments)], check=True, capture_output=True, text=True)


def describe(signature):
    return {entry["name"]: entry.get("trainable", False) for entry in signature["tensors"] if entry["role"] == "parameter"}


# One network with its constants as initializers, and as Constant nodes, which nobody takes for weights.
fixed = {"two": 2.0, "eps": 1e-5, "root": 2**.5, "one": 1.0, "half": .5, "low": -2.0, "high": 3.0, "slope": .2, "temperature": .5}
X, Y = normal(BATCH, K), rng.integers(0, C, BATCH)
W = {"fc.weight": normal(N, K) / 4, "head.weight": normal(C, N) / 4}


def network(path, as_nodes, shape):
    values = {name: np.full(() if name in ("low", "high") else shape, value, np.float32) for name, value in fixed.items()}
    nodes = [node("Constant", [], [name], value=numpy_helper.from_array(value)) for name, value in values.items()] if as_nodes else []
    nodes += [node("Gemm", ["x", "fc.weight"], ["h"], "fc", transB=1),
              node("ReduceMean", ["h"], ["mean"], axes=[-1]), node("Sub", ["h", "mean"], ["d"]), node("Pow", ["d", "two"], ["squared"]),
              node("ReduceMean", ["squared"], ["variance"], axes=[-1]), node("Add", ["variance", "eps"], ["kept"]),
              node("Sqrt", ["kept"], ["deviation"]), node("Div", ["d", "deviation"], ["normal"]),
              node("Div", ["normal", "root"], ["q"]), node("Erf", ["q"], ["erf"]), node("Add", ["erf", "one"], ["e1"]),
              node("Mul", ["normal", "e1"], ["twice"]), node("Mul", ["twice", "half"], ["gelu"]),
              node("Clip", ["gelu", "low", "high"], ["clipped"]), node("Mul", ["clipped", "slope"], ["less"]),
              node("Max", ["clipped", "less"], ["leaky"]), node("Gemm", ["leaky", "head.weight"], ["scores"], "head", transB=1),
              node("Div", ["scores", "temperature"], ["logits"])]
    save(path, nodes, [("x", ["batch", K])], [("logits", ["batch", C])], W if as_nodes else {**W, **values}, external=not as_nodes)


runs = []
for name, as_nodes, shape in (("nodes", True, (1,)), ("initializers", False, (1, 1))):
    network(folder / f"{name}.onnx", as_nodes, shape)
    step = models.compile_training(folder / f"{name}.onnx", folder / f"{name}.so", "--ternarize=all", "--optimizer=adamw")
    before = {key: value.copy() for key, value in step.state.items()}
    results = [step.step({"x": X, "labels": Y}, i + 1, lr=1e-2, weight_decay=.1, clip_norm=1.0, **{"function": function})
               for i, function in enumerate(["train_step"] * 3 + ["train_step_float"] * 2)]
    runs.append([(float(r["loss"]), float(r["grad_norm"])) for r in results])
    for key, trained in describe(step.signature).items():
        assert trained == (key in W) == (before[key].tobytes() != step.state[key].tobytes()), (name, key, trained)
    assert not any(key.split("/")[0] in fixed for key in step.state if "/" in key)
# Bounds of Clip and exponents known when compiling change the code, but no constant changes a bit of the numbers.
assert np.allclose(runs[0], runs[1], rtol=1e-6), runs

# A causal mask, sliced and expanded, its data outside the model. The lowest float and -1e4 are masks as -inf is.
D, T, LONG = 6, 4, 16
for number, low in enumerate((-np.inf, np.finfo(np.float32).min, -1e4)):
    mask = np.where(np.tri(LONG, dtype=bool), 0, low).astype(np.float32)
    weights = {name: normal(D, D) / 2 for name in ("q", "k", "v")}
    bias = normal(T, T)
    save(folder / "causal.onnx",
         [node("MatMul", ["x", "q"], ["xq"], "q"), node("MatMul", ["x", "k"], ["xk"], "k"), node("MatMul", ["x", "v"], ["xv"], "v"),
          node("Transpose", ["xk"], ["kt"], perm=[0, 2, 1]), node("MatMul", ["xq", "kt"], ["raw"]),
          node("Slice", ["mask", "start", "end", "axes"], ["part"]), node("Identity", ["part"], ["same"]),
          node("Unsqueeze", ["same", "first"], ["one"]), node("Expand", ["one", "size"], ["wide"]),
          node("Add", ["bias", "wide"], ["both"]), node("Add", ["raw", "both"], ["scores"]),
          node("Softmax", ["scores"], ["p"], axis=-1), node("MatMul", ["p", "xv"], ["y"])],
         [("x", ["b", T, D])], [("y", ["b", T, D])],
         {"mask": mask, "bias": bias, "start": np.int64([0, 0]), "end": np.int64([T, T]), "axes": np.int64([0, 1]),
          "first": np.int64([0]), "size": np.int64([1, T, T]), **weights}, external=True)
    step = models.compile_training(folder / "causal.onnx", folder / f"causal{number}.so", "--ternarize=none", "--optimizer=sgd", "--loss=mse")
    assert describe(step.signature) == {"mask": False, "bias": True, "q": True, "k": True, "v": True}
    x, target = normal(2, T, D), normal(2, T, D)
    got = step.step({"x": x, "target": target}, lr=1.0, weight_decay=0.5)
    p = models.as_parameters({"bias": bias, **weights})
    xt = torch.tensor(x)
    scores = xt @ p["q"] @ (xt @ p["k"]).transpose(1, 2) + p["bias"] + torch.tensor(mask[:T, :T])
    want = F.mse_loss(scores.softmax(-1) @ (xt @ p["v"]), torch.tensor(target))
    want.backward()
    assert abs(got["loss"] - want.item()) < 1e-5 * want.item()
    norm = np.sqrt(sum(float((value.grad**2).sum()) for value in p.values()))
    assert abs(got["grad_norm"] - norm) < 1e-4 * norm
    for name, value in p.items():
        initial = value.detach().numpy()
        error = models.relative(initial - step.state[name], value.grad.numpy() + 0.5 * initial)
        assert error < 1e-4, (low, name, error)
    assert step.state["mask"].tobytes() == mask.tobytes()

# The executable keeps the mask in its checkpoints, goes on from them, and what it trained deploys.
mask = np.where(np.tri(LONG, dtype=bool), 0, -np.inf).astype(np.float32)
model = onnx.load(str(folder / "causal.onnx"))
for initializer in model.graph.initializer:
    if initializer.name == "mask":
        initializer.CopyFrom(numpy_helper.from_array(mask, "mask"))
onnx.save(model, str(folder / "causal.onnx"))
np.save(folder / "x.npy", normal(12, T, D))
np.save(folder / "t.npy", normal(12, T, D))
ternc(folder / "causal.onnx", "--emit=train-step", "--loss=mse", "--ternarize=all", "-o", folder / "train")


def train(name, steps, *options):
    checkpoint = folder / f"{name}.safetensors"
    subprocess.run([folder / "train", "--data", folder / "x.npy", "--labels", folder / "t.npy", "--batch", "4", "--steps", str(steps),
                    "--lr", "0.01", "--checkpoint", checkpoint, *options], check=True, stdout=subprocess.DEVNULL)
    return artifact.read_safetensors(checkpoint)[0]


whole = train("whole", 6)
train("parts", 2)
parts = train("parts", 6, "--resume")
assert {k: v.tobytes() for k, v in whole.items()} == {k: v.tobytes() for k, v in parts.items()}
assert whole["mask"].tobytes() == mask.tobytes() and not any(name.startswith("mask/") for name in whole)
# A NaN is never meant.
broken = {**whole, "mask": np.where(mask < 0, np.nan, mask)}
training.write_safetensors(folder / "broken.safetensors", broken)
failed = subprocess.run([folder / "train", "--data", folder / "x.npy", "--labels", folder / "t.npy", "--batch", "4", "--steps", "1", "--weights",
                         folder / "broken.safetensors", "--checkpoint", folder / "no.safetensors"], capture_output=True, text=True)
assert failed.returncode == 1 and "has a NaN or an infinity in 'mask'" in failed.stderr, failed.stderr
ternc(folder / "causal.onnx", "--ternarize=all", "--weights", folder / "whole.safetensors", "-o", folder / "deployed.so")
ternc(folder / "causal.onnx", "--train", "--loss=mse", "--ternarize=all", "-o", folder / "trainer.so")
trainer = training.TrainingArtifact(folder / "trainer.so", folder / "whole.safetensors", chunk=1)
x = normal(3, T, D)
deployed = artifact.Artifact(folder / "deployed.so", chunk=1)({"x": x}, artifact.read_safetensors(folder / "deployed.safetensors")[0])["y"]
assert trainer.run("forward", {"x": x})["y"].tobytes() == deployed.tobytes() and np.isfinite(deployed).all()
ternc(folder / "causal.onnx", "--ternarize=all", "--weights", folder / "whole.safetensors", "--export=dequantized", "-o",
      folder / "plain.safetensors")
assert artifact.read_safetensors(folder / "plain.safetensors")[0]["mask"].tobytes() == mask.tobytes()

# Parameters of one element, as vectors and scalars; scalars that are trained on request. What a checkpoint has counts when deploying.
for name, shape in (("scalars", ()), ("vectors", (1,))):
    model, so = folder / f"{name}.onnx", folder / f"{name}.so"
    values = {"fc.weight": normal(1, K), "fc.bias": normal(1).reshape(shape), "act.slope": np.full(shape, .25, np.float32),
              "norm.scale": normal(1), "norm.bias": normal(1), "linear.weight": normal(1, 1), "linear.bias": normal(1),
              "log_scale": np.full(shape, .5, np.float32), "offset": np.full(shape, .125, np.float32), "square": np.full(shape, 2, np.float32)}
    save(model,
         [node("Gemm", ["x", "fc.weight", "fc.bias"], ["h"], "fc", transB=1), node("PRelu", ["h", "act.slope"], ["a"], "act"),
          node("Reshape", ["a", "shape"], ["a3"]), node("InstanceNormalization", ["a3", "norm.scale", "norm.bias"], ["n3"], "norm"),
          node("Add", ["n3", "a3"], ["r"]), node("MatMul", ["r", "linear.weight"], ["m"], "linear"), node("Add", ["m", "linear.bias"], ["b"]),
          node("Neg", ["log_scale"], ["scale"]), node("Mul", ["b", "scale"], ["s"]), node("Add", ["s", "offset"], ["o"]),
          node("Pow", ["o", "square"], ["y"])],
         [("x", [8, K])], [("y", [1, 1, 8, 1])], {**values, "shape": np.int64([1, 1, 8, 1])})
    options = ("--ternarize=none", "--optimizer=sgd", "--loss=mse", "--train-also=log_", "--freeze=norm.bias")
    stats = json.loads(ternc(model, "--train", *options, "--train-also=square", "--stats", "-o", folder / "s.so").stdout)
    step = models.compile_training(model, so, *options)
    learned = ["fc.weight", "fc.bias", "act.slope", "norm.scale", "linear.weight", "linear.bias", "log_scale"]
    names = describe(step.signature)
    assert sorted(name for name in names if names[name]) == sorted(learned), names
    reasons = {entry["name"]: entry["reason"] for entry in stats["trained"]}
    assert reasons["act.slope"] == "slope of 'act' (PRelu)" and reasons["fc.weight"] == "parameter", reasons
    assert sorted(reasons) == sorted(learned)
    reasons = {entry["name"]: entry["reason"] for entry in stats["not_trained"]}
    assert reasons.pop("norm.bias") == "frozen"
    # The others are no parameters; one that is asked for says why not.
    assert reasons == ({} if shape == () else {"square": "exponent of 'Op_10' (Pow)"}), reasons
    x, target = normal(8, K), normal(1, 1, 8, 1)
    got = step.step({"x": x, "target": target}, lr=0.25)
    p = models.as_parameters(values)
    h = F.linear(torch.tensor(x), p["fc.weight"], p["fc.bias"].reshape(1))
    a = F.prelu(h, p["act.slope"].reshape(1)).reshape(1, 1, 8, 1)
    a = F.instance_norm(a, weight=p["norm.scale"], bias=p["norm.bias"]) + a
    y = ((a * p["linear.weight"] + p["linear.bias"]) * -p["log_scale"] + p["offset"])**2
    want = F.mse_loss(y, torch.tensor(target))
    want.backward()
    assert abs(got["loss"] - want.item()) < 1e-4 * want.item(), (got, want)
    for key in learned:
        error = models.relative((values[key] - step.state[key]) / 0.25, p[key].grad.numpy())
        assert error < 2e-2, (shape, key, error)
    training.write_safetensors(folder / "trained.safetensors", {name: step.state[name] for name in names})
    ternc(model, "--ternarize=none", "--weights", folder / "trained.safetensors", "-o", folder / f"{name}-d.so")
    weights = artifact.read_safetensors(folder / f"{name}-d.safetensors")[0]
    deployed = artifact.Artifact(folder / f"{name}-d.so", chunk=1)({"x": x}, weights)["y"]
    assert deployed.tobytes() == step.run("forward", {"x": x})["y"].tobytes()

# To ask for what is never trained is a mistake, and says so.
said = ternc(model, "--train", *options, "--train-also=square", "-o", folder / "s.so").stderr
assert said == ("warning: parameter 'square' is not trained though it is asked for: it is the exponent of 'Op_10' (Pow)\n"), said
print("passed")
