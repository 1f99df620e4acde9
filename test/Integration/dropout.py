"""Dropout in training: masks against Philox in NumPy, gradients against PyTorch, and runs that resume."""
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


def philox(counter, key):
    """Philox4x32-10 of arrays of counters (four words) by a key (two)."""
    c, key = [np.asarray(word, np.uint64) for word in counter], list(key)
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(q >> np.uint64(32)) ^ c[1] ^ np.uint64(key[0]), q & low,
             (p >> np.uint64(32)) ^ c[3] ^ np.uint64(key[1]), p & low]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


# Known answers of its authors (Random123, kat_vectors).
for counter, key, answer in (
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], "d16cfe09 94fdcceb 5001e420 24126ea1")):
    assert " ".join(f"{int(word):08x}" for word in philox(counter, key)) == answer


def keep(shape, ratio, stream, step, seed):
    place = np.arange(np.prod(shape), dtype=np.uint64)
    seed = seed & 0xFFFFFFFFFFFFFFFF
    word = philox([place & np.uint64(0xFFFFFFFF), place >> np.uint64(32), step, stream], [seed & 0xFFFFFFFF, seed >> 32])[0]
    return (word >= np.uint64(round(float(np.float32(ratio)) * 2**32))).reshape(shape)


def dropout(name, x, y, ratio, opset=13):
    if opset < 12:
        return helper.make_node("Dropout", [x], [y], name, ratio=ratio)
    return helper.make_node("Dropout", [x, f"{name}.ratio", "training"], [y], name)


def constants(ratios):
    return ([numpy_helper.from_array(np.float32(ratio), f"{name}.ratio") for name, ratio in ratios.items()]
            + [numpy_helper.from_array(np.bool_(True), "training")])


def save(path, nodes, inputs, outputs, initializers, opset=13):
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "dropout", [value(*i) for i in inputs], [value(*o) for o in outputs], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)


# The gradient of sum(x * dropout(w)) at w = 0 is what became of x: with lr 1, -w'.
RATIOS, SHAPE = {"a": 0.1, "b": 0.5, "c": 0.1, "d": 0.9}, (33, 257, 129)
COUNT = np.prod(SHAPE)
nodes = [dropout(name, f"w{name}", f"y{name}", ratio) for name, ratio in RATIOS.items()]
nodes += [helper.make_node("Sum", [f"y{name}" for name in RATIOS], ["sum"]), helper.make_node("Mul", ["sum", "x"], ["product"]),
          helper.make_node("ReduceSum", ["product"], ["loss"], keepdims=0)]
save(folder / "masks.onnx", nodes, [("x", SHAPE)], [("loss", ())],
     [numpy_helper.from_array(np.zeros(SHAPE, np.float32), f"w{name}") for name in RATIOS] + constants(RATIOS))
masks = models.compile_training(folder / "masks.onnx", folder / "masks.so", "--loss=graph", "--optimizer=sgd")
assert masks.scalars["seed"] == {"name": "seed", "role": "scalar", "space": "host", "dtype": "i64", "shape": [], "default": 0}
ones = np.ones(SHAPE, np.float32)


def draw(step, seed, artifact=masks):
    artifact.reset()
    artifact.step({"x": ones}, step, lr=1.0, seed=seed)
    return {name: -artifact.state[f"w{name}"] for name in RATIOS}


drawn = {}
for step, seed in ((1, 0), (2, 0), (1, 1), (2**31 + 5, -7), (1, 1 << 40)):
    drawn[step, seed] = draw(step, seed)
    for stream, (name, ratio) in enumerate(RATIOS.items()):
        got = drawn[step, seed][name]
        kept = got != 0
        # The very bits of the generator, and the scale.
        assert (kept == keep(SHAPE, ratio, stream, step, seed)).all(), (name, step, seed)
        assert (got[kept] == np.float32(1 / (1 - np.float64(np.float32(ratio))))).all()
        deviation = (kept.mean() - (1 - ratio)) / np.sqrt(ratio * (1 - ratio) / COUNT)
        assert abs(deviation) < 5, (name, step, seed, deviation)
        # Along each axis, too.
        for axis in range(3):
            means = kept.mean(tuple(i for i in range(3) if i != axis))
            sigma = np.sqrt(ratio * (1 - ratio) / (COUNT / SHAPE[axis]))
            assert np.abs(means - (1 - ratio)).max() < 6 * sigma, (name, axis)


def independent(first, second, ratio):
    """Two masks agree as often as chance has it."""
    chance = ratio**2 + (1 - ratio)**2
    deviation = (((first != 0) == (second != 0)).mean() - chance) / np.sqrt(chance * (1 - chance) / COUNT)
    assert abs(deviation) < 5, deviation


settings = list(drawn)
for i, first in enumerate(settings):
    independent(drawn[first]["a"], drawn[first]["c"], 0.1)
    for second in settings[:i]:
        independent(drawn[first]["a"], drawn[second]["a"], 0.1)
        independent(drawn[first]["b"], drawn[second]["b"], 0.5)
# Neither the pieces of loops nor their order changes a bit.
other = draw(2, 0, training.TrainingArtifact(folder / "masks.so", folder / "masks.safetensors"))
assert all(other[name].tobytes() == drawn[2, 0][name].tobytes() for name in RATIOS)

# In a network: gradients given the masks, and none of it outside training.
K, N, C = 17, 67, 5
# Small logits: a net that is sure of a label has next to no loss, and rounding makes much of that.
initial = {"fc1.weight": rng.normal(size=(N, K)) * 0.2, "fc1.bias": rng.normal(size=N),
           "head.weight": rng.normal(size=(C, N)) * 0.05, "head.bias": rng.normal(size=C) * 0.2}
initial = {name: value.astype(np.float32) for name, value in initial.items()}
X = rng.normal(size=(257, K)).astype(np.float32)
Y = rng.integers(0, C, 257)
NET = {"in": 0.25, "mid": 0.5}


def save_net(path, opset, with_dropout=True):
    nodes = [dropout("in", "x", "in.y", NET["in"], opset) if with_dropout else helper.make_node("Identity", ["x"], ["in.y"]),
             helper.make_node("Gemm", ["in.y", "fc1.weight", "fc1.bias"], ["fc1.y"], "fc1", transB=1),
             helper.make_node("Softplus", ["fc1.y"], ["soft"], "soft"),
             dropout("mid", "soft", "mid.y", NET["mid"], opset) if with_dropout else helper.make_node("Identity", ["soft"], ["mid.y"]),
             helper.make_node("Gemm", ["mid.y", "head.weight", "head.bias"], ["logits"], "head", transB=1)]
    save(path, nodes, [("x", ["batch", K])], [("logits", ["batch", C])],
         [numpy_helper.from_array(value, name) for name, value in initial.items()]
         + (constants(NET) if opset >= 12 and with_dropout else []), opset)


save_net(folder / "net.onnx", 13)
net = models.compile_training(folder / "net.onnx", folder / "net.so", "--ternarize=none", "--optimizer=sgd")
for step, batch in ((1, 1), (2, 17), (3, 257)):
    net.reset()
    loss = net.step({"x": X[:batch], "labels": Y[:batch]}, step, lr=1.0, seed=11)["loss"]
    p = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in initial.items()}
    x = torch.tensor(X[:batch]).double() * torch.tensor(keep((batch, K), NET["in"], 0, step, 11)) / (1 - NET["in"])
    x = F.softplus(F.linear(x, p["fc1.weight"], p["fc1.bias"]))
    x = x * torch.tensor(keep((batch, N), NET["mid"], 1, step, 11)) / (1 - NET["mid"])
    logits = F.linear(x, p["head.weight"], p["head.bias"])
    want = F.cross_entropy(logits, torch.tensor(Y[:batch]))
    want.backward()
    assert abs(loss - want.item()) < 1e-5 * want.item() + 2**-23 * float(logits.abs().max())
    for name, value in p.items():
        error = np.linalg.norm(initial[name] - net.state[name] - value.grad.numpy())
        assert error < 1e-5 * np.linalg.norm(value.grad.numpy()) + 2**-23 * np.linalg.norm(initial[name]), (name, error)
# Outside training the net is the net without them, to the last bit.
save_net(folder / "plain.onnx", 13, with_dropout=False)
for model in ("net", "plain"):
    subprocess.run(["ternc", folder / f"{model}.onnx", "--ternarize=none", "-o", folder / f"{model}-model.so"], check=True)
net.reset()
for batch in (1, 257):
    logits = [artifact.Artifact(folder / f"{model}-model.so", chunk=1)(
        {"x": X[:batch]}, artifact.read_safetensors(folder / f"{model}-model.safetensors")[0])["logits"] for model in ("net", "plain")]
    logits += [net.run("forward", {"x": X[:batch]})["logits"], net.run("eval_step", {"x": X[:batch], "labels": Y[:batch]})["logits"]]
    assert len({value.tobytes() for value in logits}) == 1, batch

# Training executables of ternary layers: threads and resuming change nothing, the seed does.
np.save(folder / "x.npy", X)
np.save(folder / "y.npy", Y)
subprocess.run(["ternc", folder / "net.onnx", "--ternarize=all", "--emit=train-step", "-o", folder / "train"], check=True)


def train(name, steps, *options):
    checkpoint = folder / f"{name}.safetensors"
    subprocess.run([folder / "train", "--data", folder / "x.npy", "--labels", folder / "y.npy", "--batch", "33", "--steps",
                    str(steps), "--lr", "0.01", "--checkpoint", checkpoint, *options], check=True, stdout=subprocess.DEVNULL)
    return {key: value.tobytes() for key, value in artifact.read_safetensors(checkpoint)[0].items()}


whole = train("whole", 20, "--seed", "3", "--threads", "1")
assert whole == train("threads", 20, "--seed", "3", "--threads", "2")
train("parts", 9, "--seed", "3", "--threads", "1")
assert whole == train("parts", 20, "--seed", "3", "--threads", "2", "--resume")
assert whole != train("other", 20, "--seed", "4", "--threads", "1")

# Before opset 12 a node drops by being there.
save_net(folder / "old.onnx", 11)
text = subprocess.run(["ternc", folder / "old.onnx", "--emit=graph", "-o", "-"], check=True, capture_output=True, text=True).stdout
assert text.count("tern.keep_mask") == 2 and "ratio 2.500000e-01 stream 0" in text and "ratio 5.000000e-01 stream 1" in text
for ratio in (1.0, -0.5, float("nan")):
    save(folder / "bad.onnx", [dropout("bad", "x", "y", ratio)], [("x", [3])], [("y", [3])], constants({"bad": ratio}))
    failed = subprocess.run(["ternc", folder / "bad.onnx", "-o", folder / "bad.so"], capture_output=True, text=True)
    assert failed.returncode == 1 and "the ratio must be" in failed.stderr and len(failed.stderr.splitlines()) == 1, failed.stderr
print("passed")
