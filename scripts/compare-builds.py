#!/usr/bin/python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compare what two builds of Tern compute and pack, bit for bit.

    compare-builds.py OLD NEW [--filter REGEX] [--out FOLDER]      OLD and NEW are build folders, each beside its sources
    compare-builds.py --hashes FILE NEW [--filter REGEX]           the packed weights of NEW against the hashes in FILE
    compare-builds.py --write-hashes FILE NEW                      writes them

A case is a model and ternc's options. Each build compiles it with its own ternc and runs it with its own Python package on the same
inputs: of inference every output; of training the loss, every output and the whole state after three steps, with --accumulate the
gradients in it. Weights files are compared tensor by tensor. A line for each case that differs, then `N of M cases, K differences`;
exit status 0 if there are none.

The models are Fashion-MNIST's and the small exports of test/Integration; a change that is to change no bit must print 0 differences
after each step. Hashes are for the layouts of generic and of x86:avx2,fma, whose packing no processor changes.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
EXPORTS = ROOT / "test/Integration/Inputs/exports"
FASHION = ROOT / "examples/fashion-mnist/fashion-mnist.onnx"
TARGETS = ("generic", "x86:avx2,fma")
PACKED = {"int8": [], "float": ["--activations=float"], "absmedian": ["--quantizer=absmedian"]}
# Of exports: what trains, with losses of floats.
TRAINED = {"vit": [], "unet": [], "gpt2": ["--optimizer=muon"], "recurrent": ["--optimizer=sgd"], "bitnet": ["--accumulate"],
           "norms": ["--optimizer=grokfast+adamw"]}
STEPS = 3


def list_cases():
    """Names, with the model and ternc's options; names of training begin with train/."""
    cases = {}
    for target in TARGETS:
        for path in [FASHION, *sorted(EXPORTS.glob("*.onnx"))]:
            for form, options in {"float": [], "ternary": ["--ternarize=all"]}.items():
                cases[f"run/{target}/{path.stem}/{form}"] = (path, [f"--target={target}", *options])
        for form, options in PACKED.items():
            cases[f"pack/{target}/{form}"] = (EXPORTS / "vit.onnx", [f"--target={target}", "--ternarize=all", *options])
    for name, options in TRAINED.items():
        cases[f"train/{name}"] = (EXPORTS / f"{name}.onnx", ["--target=x86:avx2,fma", "--ternarize=all", "--loss=mse", *options])
    cases["train/fashion-mnist"] = (FASHION, ["--target=x86:avx2,fma", "--ternarize=all"])
    return cases


def read_safetensors(path):
    """Each tensor's bytes, with its type and shape before them."""
    data = path.read_bytes()
    length = struct.unpack_from("<Q", data)[0]
    tensors = {}
    for name, about in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = about["data_offsets"]
            tensors[name] = f"{about['dtype']}{about['shape']}:".encode() + data[8 + length + begin:8 + length + end]
    return tensors


def draw(infos, rng, classes=None):
    """Inputs; unknown extents are 3 for the first, 5 for the next, the same for one name."""
    extents, arrays = {}, {}
    for info in infos:
        shape = [extent if isinstance(extent, int) and extent >= 0 else extents.setdefault(str(extent), (3, 5, 7)[len(extents) % 3])
                 for extent in info.shape]
        dtype = np.dtype(info.dtype)
        if dtype.kind == "f":
            arrays[info.name] = rng.standard_normal(shape).astype(dtype)
        else:
            arrays[info.name] = rng.integers(0, classes or 2, shape).astype(dtype)
    return arrays


def read_runs(path):
    runs = {}
    with np.load(path) as file:
        for key in file.files:
            run, _, name = key.partition("/")
            runs.setdefault(run, {})[name] = file[key]
    return list(runs.values())


def work(build, name, out, is_run):
    """One case of one build, in its own process: leaves the weights, and writes OUT.npz if it is run."""
    sys.path.insert(0, str(find_sources(build) / "python"))
    import tern  # pylint: disable=import-outside-toplevel
    model, options = list_cases()[name]
    artifact = out.with_suffix(".so")
    found, rng = {}, np.random.default_rng(1)
    tern.compile(model, artifact, train=name.startswith("train/"), options=options)
    if not is_run:
        return
    inputs = model.with_suffix(".npz")
    if not name.startswith("train/"):
        program = tern.load(artifact, threads=2)
        runs = read_runs(inputs) if inputs.exists() else [draw(program.inputs, rng)]
        for i, feeds in enumerate(runs):
            results = program.run({info.name: feeds[info.name] for info in program.inputs})
            found.update({f"{i}/{key}": value for key, value in results.items()})
    else:
        trainer = tern.Trainer(artifact, threads=2)
        feeds = read_runs(inputs)[0] if inputs.exists() else {}
        known = {info.name: feeds[info.name] for info in trainer.inputs if info.name in feeds}
        if len(known) < len(trainer.inputs) - 1:
            known = draw(trainer.inputs[:-1], rng)
        forward = trainer.forward(known)
        forward = forward if isinstance(forward, tuple) else (forward,)
        label, shape = trainer.inputs[-1], forward[0].shape
        known[label.name] = (rng.standard_normal(shape).astype(label.dtype) if np.dtype(label.dtype).kind == "f" else
                             rng.integers(0, shape[-1], shape[:-1]).astype(label.dtype))
        found.update({f"forward/{i}": value for i, value in enumerate(forward)})
        for step in range(STEPS):
            found[f"loss/{step}"] = np.float32(trainer.step(known, lr=1e-3))
            found.update({f"measured/{step}/{key}": np.float64(value) for key, value in trainer.measurements.items()})
        found.update({f"state/{key}": value for key, value in trainer.state.items()})
    np.savez(out.with_suffix(".npz"), **{key.replace("/", "|"): value for key, value in found.items()})


def find_sources(build):
    """The tree that CMake made a build folder of."""
    cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    return pathlib.Path(re.search("^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$", cache, re.M)[1])


def run_case(build, name, out, is_run=True):
    """What a build makes of a case: tensors by name as bytes, or the error as the only one."""
    out.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TERN_HOME": str(build), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, __file__, "--worker", name, "--out", str(out), str(build), *["--compile-only"] * (not is_run)]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1].encode()}
    weights = out.with_suffix(".safetensors")
    tensors = {f"weights/{key}": value for key, value in read_safetensors(weights).items()} if weights.exists() else {}
    if is_run:
        with np.load(out.with_suffix(".npz")) as file:
            tensors.update({key.replace("|", "/"): f"{file[key].dtype}{file[key].shape}:".encode() + file[key].tobytes()
                            for key in file.files})
    for suffix in (".so", ".npz", ".safetensors"):
        out.with_suffix(suffix).unlink(missing_ok=True)
    return tensors


def compare(old, new, cases, out):
    differences = 0
    for number, name in enumerate(cases):
        first, second = run_case(old, name, out / f"old{number}"), run_case(new, name, out / f"new{number}")
        wrong = sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))
        if "error" in first and "error" in second:
            wrong = ["error in both: " + second["error"].decode(errors="replace")]
        elif "error" in second:
            wrong = ["error: " + second["error"].decode(errors="replace")]
        differences += len(wrong)
        print(f"{name}: " + (f"{len(wrong)} differ: {', '.join(wrong[:4])}" if wrong else f"{len(first)} tensors are equal"), flush=True)
    print(f"{len(cases)} of {len(cases)} cases, {differences} differences")
    return 1 if differences else 0


def hash_packed(new, cases, out):
    """A line for each packed weight and scale: case, tensor, hash."""
    for number, name in enumerate(cases):
        tensors = run_case(new, name, out / f"new{number}", is_run=False)
        if "error" in tensors:
            sys.exit(f"error: {name}: {tensors['error'].decode(errors='replace')}")
        for key, value in sorted(tensors.items()):
            if re.fullmatch(r"weights/.*\.(packed|scale)", key):
                yield f"{name} {key.removeprefix('weights/')} {hashlib.sha256(value).hexdigest()[:32]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="+", type=pathlib.Path, metavar="BUILD")
    parser.add_argument("--filter", default="", help="only cases that match")
    parser.add_argument("--out", type=pathlib.Path, help="folder for what is compiled (default: NEW/compare)")
    parser.add_argument("--hashes", type=pathlib.Path)
    parser.add_argument("--write-hashes", type=pathlib.Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--compile-only", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    builds = [path.resolve() for path in arguments.builds]
    if arguments.worker:
        work(builds[0], arguments.worker, arguments.out, not arguments.compile_only)
        return 0
    file = arguments.hashes or arguments.write_hashes
    if len(builds) != (1 if file else 2):
        parser.error("two builds are compared, or one with hashes")
    out = arguments.out or builds[-1] / "compare"
    cases = [name for name in list_cases() if re.search(arguments.filter, name) and (not file or name.startswith("pack/"))]
    if not file:
        return compare(*builds, cases, out)
    found = list(hash_packed(builds[0], cases, out))
    if arguments.write_hashes:
        file.write_text("\n".join(found) + "\n", encoding="utf-8")
        return 0
    wanted = {line for line in file.read_text(encoding="utf-8").splitlines() if line.split(" ", 1)[0] in cases}
    wrong = sorted(wanted.symmetric_difference(found))
    for line in wrong:
        print(("missing " if line in wanted else "new ") + line)
    print(f"{len(wanted & set(found))} of {len(wanted)} packed tensors have their hash")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
