"""One network under many names: the same numbers, whatever it calls its inputs, outputs and parameters."""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import tern

folder = pathlib.Path(sys.argv[1])
seed = int(np.random.SeedSequence().entropy % 2**32)
print("seed", seed)
rng = np.random.default_rng(seed)
K, N, C, BATCH = 17, 33, 5, 7
VALUES = {"fc.weight": rng.normal(size=(N, K)) / 4, "fc.bias": rng.normal(size=N), "head.weight": rng.normal(size=(C, N)) / 4,
          "head.bias": rng.normal(size=C)}
VALUES = {name: value.astype(np.float32) for name, value in VALUES.items()}
X = rng.normal(size=(4 * BATCH, K)).astype(np.float32)
GAIN = rng.normal(size=(4 * BATCH, 1)).astype(np.float32)
Y = rng.integers(0, C, 4 * BATCH)
np.save(folder / "x.npy", X)
np.save(folder / "gain.npy", GAIN)
np.save(folder / "y.npy", Y)


def save(path, names, idle=()):
    """`names`: what the network calls x, gain, scaled, logits and its parameters; `idle`: scalars that it also has."""
    n = lambda name: names.get(name, name)
    info = lambda name, shape: helper.make_tensor_value_info(n(name), TensorProto.FLOAT, shape)
    initializers = [numpy_helper.from_array(value, n(name)) for name, value in VALUES.items()]
    nodes = [helper.make_node("Gemm", [n("x"), n("fc.weight"), n("fc.bias")], ["h"], "fc", transB=1), helper.make_node("Tanh", ["h"], ["t"]),
             helper.make_node("Mul", ["t", n("gain")], [n("scaled")]),
             helper.make_node("Gemm", [n("scaled"), n("head.weight"), n("head.bias")], [n("logits")], "head", transB=1)]
    initializers += [numpy_helper.from_array(np.float32(7), name) for name in idle]
    graph = helper.make_graph(nodes, "net", [info("x", ["b", K]), info("gain", ["b", 1])], [info("logits", ["b", C]), info("scaled", ["b", N])],
                              initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def run(label, names, *options, idle=()):
    """Everything that the network computes, under neutral names."""
    model, so = folder / f"{label}.onnx", folder / f"{label}.so"
    save(model, names, idle)
    subprocess.run(["ternc", model, "--train", "-O0", *options, "-o", so], check=True)
    trainer = tern.Trainer(so)
    assert [i.name for i in trainer.inputs[:2]] == [names.get("x", "x"), names.get("gain", "gain")]
    assert [i.name for i in trainer.outputs] == [names.get("logits", "logits"), names.get("scaled", "scaled")]
    losses = [trainer.step(X[i * BATCH:][:BATCH], GAIN[i * BATCH:][:BATCH], Y[i * BATCH:][:BATCH], lr=0.05, weight_decay=0.1)
              for i in range(4)]
    loss, logits, scaled = trainer.evaluate(X, GAIN, Y)
    checkpoint = folder / f"{label}-trained.safetensors"
    trainer.save(checkpoint)
    other = tern.Trainer(so)
    other.restore(checkpoint)
    by_name = {i.name: value for i, value in zip(trainer.inputs, (X, GAIN, Y))}
    assert other.step(by_name, lr=0.05) == trainer.step(by_name)
    state = {name: trainer.state[names.get(name, name)].tobytes() for name in VALUES}
    # Deployed, it computes what it did.
    ternarize = [option for option in options if option.startswith(("--ternarize", "--quantizer"))]
    trainer.restore(checkpoint)
    subprocess.run(["ternc", model, "-O0", *ternarize, "--weights", checkpoint, "-o", folder / f"{label}-model.so"], check=True)
    deployed = tern.Program(folder / f"{label}-model.so")(X, GAIN)
    assert deployed[0].tobytes() == logits.tobytes() and deployed[1].tobytes() == scaled.tobytes(), label
    return losses, loss, logits.tobytes(), scaled.tobytes(), state


adamw = ("--ternarize=none", "--accumulate")
learned = ("--ternarize=all", "--quantizer=threshold", "--optimizer=sgd")
want = run("neutral", {}, *adamw)
# Names of states, of scalars, of inputs and outputs of steps, for each kind of tensor of the model.
assert run("states", {"fc.weight": "w", "fc.bias": "w/exp_avg", "head.weight": "w/exp_avg/exp_avg", "head.bias": "w/gradient",
                      "x": "lr", "gain": "labels", "logits": "loss", "scaled": "loss.2"}, *adamw) == want
assert run("steps", {"fc.weight": "loss", "fc.bias": "lr", "head.weight": "input 0", "head.bias": "scalar lr",
                     "x": "step", "gain": "teacher", "logits": "labels", "scaled": "grad_norm"}, *adamw) == want
want = run("learned", {}, *learned)
# A scalar of the model that is a constant of the code is not what a scale begins with.
assert run("alphas", {"fc.bias": "fc.alpha", "head.bias": "fc.alpha.2", "x": "lambda"}, *learned, idle=["head.alpha"]) == want
# Packed weights, too.
programs = []
for label, names in (("plain", {}), ("packed", {"fc.bias": "fc.weight.packed", "head.bias": "fc.weight.scale", "head.weight": "fc.weight.packed.2"})):
    save(folder / f"{label}.onnx", names)
    subprocess.run(["ternc", folder / f"{label}.onnx", "--ternarize=all", "-O0", "-o", folder / f"{label}.so"], check=True)
    programs.append(tern.Program(folder / f"{label}.so")(X, GAIN))
assert all(a.tobytes() == b.tobytes() for a, b in zip(*programs))

# The executable's options are those of the roles: --lr is the scalar's, --labels the last input's.
lines = []
for label, names in (("usual", {}), ("roles", {"x": "lr", "gain": "labels", "logits": "loss", "fc.weight": "step"})):
    save(folder / f"{label}.onnx", names)
    subprocess.run(["ternc", folder / f"{label}.onnx", "--emit=train-step", "-O0", "-o", folder / label], check=True)
    for steps, resume in ((3, []), (8, ["--resume"])):
        subprocess.run([folder / label, "--data", f"{names.get('x', 'x')}={folder / 'x.npy'}", "--data", f"{names.get('gain', 'gain')}={folder / 'gain.npy'}",
                        "--labels", folder / "y.npy", "--batch", str(BATCH), "--steps", str(steps), "--lr", "0.01", "--weight-decay", "0.1", "--checkpoint",
                        folder / f"{label}.ckpt.safetensors", "--metrics", folder / f"{label}.jsonl", *resume], check=True, stdout=subprocess.DEVNULL)
    lines.append([line.split(', "seconds"')[0].split(', "items')[0] for line in (folder / f"{label}.jsonl").read_text().splitlines()])
assert lines[0] == lines[1], lines

# A dimension without a name is not another's that is called as Tern would call it, and converters write "?" for any.
x, y = rng.normal(size=(2, 3)).astype(np.float32), rng.normal(size=(3, 5)).astype(np.float32)
for label, rows, columns in (("nameless", None, "x.0"), ("asked", "?", "?"), ("none", "None", "None")):
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "y"], ["z"])], "dims",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 3]),
                               helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, columns])],
                              [helper.make_tensor_value_info("z", TensorProto.FLOAT, [None, None])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / f"{label}.onnx")
    subprocess.run(["ternc", folder / f"{label}.onnx", "-O0", "-o", folder / f"{label}.so"], check=True)
    assert np.allclose(tern.Program(folder / f"{label}.so")(x, y), x @ y, atol=1e-5), label
print("passed")
