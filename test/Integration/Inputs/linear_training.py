"""Writes the initial parameters; then compares 20 steps with NumPy in f64."""
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "python"))
import training

seed = 7
rng = np.random.default_rng(seed)
w0 = rng.normal(size=33).astype(np.float32)
if len(sys.argv) == 2:
    header = b'{"w":{"dtype":"F32","shape":[33],"data_offsets":[0,132]}}'
    pathlib.Path(sys.argv[1]).write_bytes(len(header).to_bytes(8, "little") + header + w0.tobytes())
    sys.exit()

artifact = training.TrainingArtifact(sys.argv[2], sys.argv[2].replace(".so", ".safetensors"), chunk=1, reverse=True)
signature = artifact.signature
assert list(signature) == ["abi", "tern", "model", "triple", "features", "weights", "weights_id", "weights_bytes", "loss",
                           "optimizer", "fingerprint", "spaces", "tensors", "scalars", "functions"], list(signature)
assert signature["tensors"] == [
    {"name": "w", "role": "parameter", "space": "host", "dtype": "f32", "shape": [33], "trainable": True},
    {"name": "w/momentum", "role": "state", "space": "host", "dtype": "f32", "shape": [33], "init": 0.0}], signature["tensors"]
assert signature["scalars"] == [
    {"name": "lr", "role": "scalar", "space": "host", "dtype": "f32", "shape": [], "default": 0.1}], signature["scalars"]
assert signature["functions"]["train_step"] == {
    "dims": ["batch"],
    "checks": ["the model would need more bytes than 64 bits can count"],
    "inputs": [{"name": "x", "role": "input", "space": "host", "dtype": "f32", "shape": ["batch", 33]},
               {"name": "target", "role": "input", "space": "host", "dtype": "f32", "shape": ["batch"]}],
    "scalars": ["lr"], "params": ["w", "w/momentum"], "donated": ["w", "w/momentum"],
    "outputs": [{"name": "loss", "role": "output", "space": "host", "dtype": "f32", "shape": []}]}, signature["functions"]["train_step"]
assert signature["functions"]["forward"]["donated"] == []

w, m = w0.astype(np.float64), np.zeros(33)
for batch in [1, 17, 257] * 7:
    x = rng.normal(size=(batch, 33)).astype(np.float32)
    t = rng.normal(size=batch).astype(np.float32)
    y = artifact.run("forward", {"x": x})["y"]
    np.testing.assert_allclose(y, x @ w, atol=2e-3)
    lr = 0.01
    loss = artifact.run("train_step", {"x": x, "target": t}, lr=np.float32(lr))["loss"]
    d = x @ w - t
    np.testing.assert_allclose(loss, (d * d).mean(), rtol=2e-3)
    m = 0.9 * m + 2 * d @ x / batch
    w = w - lr * m
    np.testing.assert_allclose(artifact.state["w"], w, atol=1e-4 * np.abs(w).max())
    np.testing.assert_allclose(artifact.state["w/momentum"], m, atol=1e-4 * np.abs(m).max())
print("passed")
