# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files of earlier versions: this one takes them, with the same numbers, or refuses them with a line that names the file and both versions.

    stored.py FOLDER STORED          runs every version's folder of STORED
    stored.py FOLDER --make STORED   adds a folder for this version, with the ternc, tern-run and tern-train on PATH

docs/compatibility.md says what is promised. A folder has a model (model.onnx), its artifact (model.so, model.safetensors), bytecode of each
level, a checkpoint, data (x.npy, labels.npy), what the artifact gave (y.npy), and of training (numbers.json) the losses before and
after the checkpoint.
"""
import argparse
import json
import pathlib
import platform
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

LEVELS = ["graph", "ternary", "packed", "tiled", "buffers", "llvm"]
STEPS = 4
TRAINING = ["--ternarize=all", "--train", "--optimizer=adamw", "-O1"]

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("stored", type=pathlib.Path)
parser.add_argument("--make", action="store_true")
args = parser.parse_args()
folder = args.folder.resolve()


def run(*command):
    return subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True)


def do(*command):
    done = run(*command)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    return done.stdout


def infer(artifact, *options):
    """Outputs, or the line of error."""
    done = run("tern-run", artifact, *options, "--input=x=@x.npy", "--output=@out.npy")
    return np.load(folder / "out.npy") if done.returncode == 0 else done.stderr


def train(checkpoint, log, steps, *options):
    """Losses of the steps, or the line of error."""
    done = run("tern-train", "train.so", "--data=x.npy", "--labels=labels.npy", "--batch=5", "--seed=3", "--lr=0.01", "--threads=1",
               f"--steps={steps}", f"--checkpoint={checkpoint}", f"--metrics={log}", *options)
    if done.returncode:
        return done.stderr
    lines = [json.loads(line) for line in (folder / log).read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def make():
    version = do("ternc", "--version").split()[1]
    rng = np.random.default_rng(22)
    sizes, nodes, weights, value = [17, 33, 5], [], [], "x"
    for i, (k, n) in enumerate(zip(sizes, sizes[1:])):
        weights += [numpy_helper.from_array((rng.standard_normal((n, k)) / 4).astype(np.float32), f"fc{i}.weight"),
                    numpy_helper.from_array(rng.standard_normal(n).astype(np.float32), f"fc{i}.bias")]
        last = i == len(sizes) - 2
        nodes.append(helper.make_node("Gemm", [value, f"fc{i}.weight", f"fc{i}.bias"], ["y" if last else f"h{i}"], f"fc{i}", transB=1))
        if not last:
            nodes.append(helper.make_node("Relu", [f"h{i}"], [f"r{i}"], f"relu{i}"))
            value = f"r{i}"
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "stored", [info("x", 1, ["batch", sizes[0]])], [info("y", 1, ["batch", sizes[-1]])], weights)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), folder / "model.onnx")
    np.save(folder / "x.npy", rng.standard_normal((7, sizes[0])).astype(np.float32))
    np.save(folder / "labels.npy", rng.integers(0, sizes[-1], 7))

    model = ["ternc", "model.onnx", "--ternarize=all", "--target=x86"]
    do(*model, "-o", "model.so")
    np.save(folder / "y.npy", infer("model.so"))
    for level in LEVELS:
        do(*model, f"--emit={level}", "-o", f"{level}.mlirbc")
    do("ternc", "model.onnx", *TRAINING, "-o", "train.so")
    before = train("checkpoint.safetensors", "before.jsonl", STEPS)
    (folder / "going-on.safetensors").write_bytes((folder / "checkpoint.safetensors").read_bytes())
    after = train("going-on.safetensors", "after.jsonl", 2 * STEPS, "--resume")
    do("ternc", "model.onnx", "--weights=checkpoint.safetensors", "-o", "deployed.so")
    (folder / "numbers.json").write_text(json.dumps({"before": before, "after": after, "deployed": infer("deployed.so").tolist()}) + "\n")

    target = args.stored / version
    target.mkdir(parents=True)
    for name in ["model.onnx", "model.so", "model.safetensors", "checkpoint.safetensors", "x.npy", "y.npy", "labels.npy", "numbers.json",
                 *(f"{level}.mlirbc" for level in LEVELS)]:
        shutil.copy(folder / name, target / name)


def check(version, what, result, expected, refusal, exact=False):
    """Compares numbers; for another version's file a refusal will do."""
    if isinstance(result, str):
        lines = result.splitlines()
        good = version != current and len(lines) == 1 and lines[0].startswith("error: ") and re.search(refusal, lines[0])
        print(f"{version} {what}: {'refused' if good else 'FAILED'}: {result.strip()}")
        return bool(good)
    same = np.array_equal(result, expected) if exact else np.allclose(result, expected, rtol=1e-5, atol=1e-6)
    print(f"{version} {what}: {'equal' if same else 'OTHER NUMBERS'}")
    return same


def check_version(stored):
    version = stored.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stored, folder)
    y, numbers = np.load(folder / "y.npy"), json.loads((folder / "numbers.json").read_text())
    good = []
    if platform.machine() == "x86_64":
        good.append(check(version, "artifact", infer("model.so", "--verify"), y, r"'model\.so' .*ABI \d+, .* \d+; compile", exact=True))
    for level in LEVELS:
        done = run("ternc", f"{level}.mlirbc", *(["--ternarize=all"] if level == "graph" else []), "-o", f"{level}.so")
        result = infer(f"{level}.so") if done.returncode == 0 else done.stderr
        good.append(check(version, f"{level}.mlirbc", result, y, rf"'{level}\.mlirbc'.* Tern {re.escape(version)}"))
    do("ternc", "model.onnx", *TRAINING, "-o", "train.so")
    shutil.copy(folder / "checkpoint.safetensors", folder / "going-on.safetensors")
    after = train("going-on.safetensors", "after.jsonl", 2 * STEPS, "--resume")
    good.append(check(version, "checkpoint", after, numbers["after"], rf"'going-on\.safetensors'.* Tern {re.escape(version)}, this is Tern"))
    # Parameters of a checkpoint are taken by their names, by every version.
    do("ternc", "model.onnx", "--weights=checkpoint.safetensors", "-o", "deployed.so")
    good.append(check(version, "checkpoint's parameters", infer("deployed.so"), np.float32(numbers["deployed"]), "never"))
    return good


def check_refusals(newest):
    """What this version says of a later one's files: those of the newest version that is stored with other names in them."""
    def alter(source, target, *changes):
        data = (folder / source).read_bytes()
        for old, new in changes:
            assert len(old) == len(new) and data.count(old) == 1, old
            data = data.replace(old, new)
        (folder / target).write_bytes(data)

    nines = "9" * len(newest)
    here, later = f"Tern {newest}".encode(), f"Tern {nines}".encode()
    alter("packed.mlirbc", "op.mlirbc", (b"packed_matmul", b"packed_matmux"), (here, later))
    alter("graph.mlirbc", "future.mlirbc", (b"ML\xefR\x0d", b"ML\xefR\xc7"))
    fingerprint = re.search(rb'"tern_fingerprint":"(\w+)"', (folder / "checkpoint.safetensors").read_bytes())[1]
    alter("checkpoint.safetensors", "later.safetensors", (fingerprint, fingerprint[::-1]),
          (f'"tern_version":"{newest}"'.encode(), f'"tern_version":"{nines}"'.encode()))
    results = []
    for result, expected in [(run("ternc", "op.mlirbc", "-o", "op.so").stderr, rf"'op\.mlirbc'.*tern\.packed_matmux.* Tern {nines}"),
                             (run("ternc", "future.mlirbc", "-o", "future.so").stderr, r"'future\.mlirbc': bytecode version 99 is newer"),
                             (train("later.safetensors", "later.jsonl", 2 * STEPS, "--resume"),
                              rf"'later\.safetensors'.* written by Tern {nines}, this is Tern {re.escape(current)}$")]:
        results.append(check("later", "file", result, None, expected))
    return results


shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
if args.make:
    make()
else:
    current = do("ternc", "--version").split()[1]
    versions = sorted(stored for stored in args.stored.resolve().iterdir() if stored.is_dir())
    results = [good for stored in versions for good in check_version(stored)]
    results += check_refusals(versions[-1].name)
    print(f"{sum(results)} of {len(results)} stored files are taken or refused by name")
    sys.exit(not all(results))
