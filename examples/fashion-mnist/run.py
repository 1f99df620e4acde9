#!/usr/bin/env python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile the Fashion-MNIST classifier with ternc, run it on the 10,000 test images, and compare with PyTorch.

Fails when the accuracy is further than 0.2 points from what PyTorch measured for the same model (model.json). Needs
nothing but Python's standard library, the data set (Debian: dataset-fashion-mnist) and a built ternc.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

TOLERANCE_POINTS = 0.2
HERE = pathlib.Path(__file__).resolve().parent


def fail(message):
    sys.exit(f"error: {message}")


def run(command):
    """Run a command, shown first; its standard output. A failing command has explained itself on standard error."""
    command = [str(part) for part in command]
    print("$", " ".join(command), flush=True)
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    except OSError as error:
        fail(f"{command[0]}: {error.strerror}")
    except subprocess.CalledProcessError as error:
        fail(f"{command[0]} failed with exit status {error.returncode}")


def find_number(pattern, text, what):
    match = re.search(pattern, text)
    if not match:
        fail(f"no {what} in what the executable printed:\n{text}")
    return float(match.group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ternc", default="build/bin/ternc")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/demo"), help="folder for the products")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--batch", type=int, default=256)
    args = parser.parse_args()

    images = args.data / "t10k-images-idx3-ubyte.gz"
    labels = args.data / "t10k-labels-idx1-ubyte.gz"
    for path in (images, labels):
        if not path.exists():
            fail(f"{path} is missing; install dataset-fashion-mnist or name its folder with --data")
    record = json.loads((HERE / "model.json").read_text())

    args.out.mkdir(parents=True, exist_ok=True)
    executable = (args.out / "fashion-mnist").resolve()
    stats_path = args.out / "stats.json"
    run([args.ternc, HERE / record["model"], "-o", executable, f"--stats={stats_path}"])
    output = run([executable, "--input", f"image=@{images}", "--labels", labels, "--batch", args.batch])

    stats = json.loads(stats_path.read_text())
    accuracy = find_number(r"accuracy: *([0-9.]+) *%", output, "accuracy in percent")
    speed = find_number(r"([0-9.e+]+) *(?:items|images)/s", output, "items/s")
    expected = record["pytorch_test_accuracy_percent"]
    ternary, packed = stats["ternary_parameters"], stats["bytes"]["ternary"]

    print(f"test accuracy:   {accuracy:.2f} %  (PyTorch, the same model: {expected:.2f} %)")
    print(f"ternary weights: {packed} bytes packed, {4 * ternary} bytes as f32 ({4 * ternary / packed:.1f}x smaller)")
    print(f"speed:           {speed:.0f} images/s")
    if ternary != record["ternary_parameters"]:
        fail(f"{ternary} ternary weights, but the model has {record['ternary_parameters']}")
    if abs(accuracy - expected) > TOLERANCE_POINTS + 1e-9:
        fail(f"the accuracy is more than {TOLERANCE_POINTS} points from PyTorch's")


if __name__ == "__main__":
    main()
