# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A checkpoint says by which options its layers were ternary, and ternc --weights heeds it.

    deploy_trained.py FOLDER
"""
import json
import os
import pathlib
import struct
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import training_models as models  # noqa: E402

os.chdir(sys.argv[1])
RNG = np.random.default_rng(7)
models.save_mlp("mlp.onnx", [17, 33, 10], RNG)
np.save("x.npy", RNG.standard_normal((32, 17)).astype(np.float32))
np.save("y.npy", RNG.integers(0, 10, 32))


def ternc(*arguments):
    return subprocess.run(["ternc", *arguments, "-O0"], capture_output=True, text=True, check=False)


def good(*arguments):
    done = ternc(*arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def bad(message, *arguments):
    done = ternc(*arguments, "-o", "bad.so")
    assert (done.returncode, done.stderr) == (1, f"error: {message}\n"), done
    assert not os.path.exists("bad.so")


def train(name, *options):
    assert ternc("mlp.onnx", "--emit=train-step", *options, "-o", name).returncode == 0
    subprocess.run([f"./{name}", "--data=x.npy", "--labels=y.npy", "--batch=16", "--steps=3", f"--checkpoint={name}.ckpt.safetensors"],
                   check=True, capture_output=True)
    with open(f"{name}.ckpt.safetensors", "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(size))["__metadata__"]


def same(one, two):
    return pathlib.Path(one).read_bytes() == pathlib.Path(two).read_bytes()


options = ["--ternarize=all", "--quantizer=absmedian", "--activations=float", "--exclude=^head", "--exclude=x\"y"]
record = train("t", *options)
assert {key: record.get(f"tern_{key}") for key in ("ternarize", "quantizer", "activations")} == \
    {"ternarize": "all", "quantizer": "absmedian", "activations": "float"}, record
assert json.loads(record["tern_exclude"]) == ["^head", 'x"y'], record

# Without the options, with all of them, and with each alone the product is the same. (The pattern that matches nothing is
# a warning.)
ternc("mlp.onnx", "--weights=t.ckpt.safetensors", "-o", "deployed.so")
for given in [options, options[:1], options[1:2], options[2:3], options[:2:-1]]:
    ternc("mlp.onnx", "--weights=t.ckpt.safetensors", *given, "-o", "other.so")
    assert same("deployed.so", "other.so") and same("deployed.safetensors", "other.safetensors"), given
ternc("mlp.onnx", *options, "-o", "untrained.so")
assert not same("deployed.safetensors", "untrained.safetensors")
# It is ternary where it was in training, and nowhere else.
text = ternc("mlp.onnx", "--weights=t.ckpt.safetensors", "--emit=ternary").stdout
assert text.count("tern.bitlinear") == ternc("mlp.onnx", *options, "--emit=ternary").stdout.count("tern.bitlinear") > 0

# What contradicts the record is an error, whatever the order.
what = "contradicts 't.ckpt.safetensors', which was trained with"
bad(f"--ternarize=none {what} --ternarize=all", "mlp.onnx", "--weights=t.ckpt.safetensors", "--ternarize=none")
bad(f"--ternarize=auto {what} --ternarize=all", "--ternarize=auto", "mlp.onnx", "--weights=t.ckpt.safetensors")
bad(f"--quantizer=absmean {what} --quantizer=absmedian", "mlp.onnx", "--quantizer=absmean", "--weights=t.ckpt.safetensors")
bad(f"--activations=int8 {what} --activations=float", "mlp.onnx", "--activations=int8", "--weights=t.ckpt.safetensors")
bad(f'--exclude=fc1 {what} the patterns ["^head","x\\"y"]', "mlp.onnx", "--exclude=fc1", "--weights=t.ckpt.safetensors")
bad(f"--ternarize=none {what} --ternarize=all", "mlp.onnx", "--train", "--ternarize=none", "--weights=t.ckpt.safetensors")

# IR that is ternary already says how it became so.
good("mlp.onnx", "--emit=ternary", "-o", "float.mlir")
bad(f"--ternarize=auto {what} --ternarize=all", "float.mlir", "--weights=t.ckpt.safetensors")
ternc("mlp.onnx", *options, "--emit=ternary", "-o", "ternary.mlir")
ternc("ternary.mlir", "--weights=t.ckpt.safetensors", "-o", "other.so")
assert same("deployed.safetensors", "other.safetensors")
good("ternary.mlir", "--train", "-o", "from-ternary.so")
text = subprocess.run(["tern-train", "from-ternary.so", "--info=json"], capture_output=True, text=True, check=True).stdout
assert json.loads(text)["signature"]["conversion"] == {"ternarize": "all", "quantizer": "absmedian", "activations": "float",
                                                       "exclude": ["^head", 'x"y']}, text

# A float network stays one, unless it is to be converted now. What was trained in float on purpose is not.
record = train("f")
assert record["tern_ternarize"] == "auto" and record["tern_exclude"] == "[]", record
good("mlp.onnx", "--weights=f.ckpt.safetensors", "-o", "deployed.so")
good("mlp.onnx", "--weights=f.ckpt.safetensors", *options[:3], "-o", "deployed.so")
train("n", "--ternarize=none")
good("mlp.onnx", "--weights=n.ckpt.safetensors", "-o", "deployed.so")
bad("--ternarize=all contradicts 'n.ckpt.safetensors', which was trained with --ternarize=none",
    "mlp.onnx", "--weights=n.ckpt.safetensors", "--ternarize=all")
# Files that do not say, of other programs or earlier versions, change nothing.
good("mlp.onnx", "--weights=f.safetensors", "--ternarize=all", "-o", "deployed.so")
