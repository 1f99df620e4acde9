# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Training steps whose learning rate and number of rows change, by ordinary calls and by a recorded one.

    recorded_steps.py FOLDER --cc CC --runtime FOLDER --include FOLDER [--seed N]
"""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "python"))
import randomness  # noqa: E402
import training  # noqa: E402
from run_time_length import agree, bitlinear  # noqa: E402

STEPS = 100


def forward(x, weights):
    h = np.maximum(bitlinear(x, weights["fc1.weight"]), 0).astype(np.float32)
    return h.mean(axis=0, dtype=np.float64, keepdims=True).astype(np.float32)


def main():
    parser = argparse.ArgumentParser()
    for option in ("--cc", "--runtime", "--include"):
        parser.add_argument(option, required=True)
    arguments, rng = randomness.parse(parser)
    folder = arguments.folder
    weights = {"fc1.weight": rng.normal(size=(33, 17)).astype(np.float32),
               "fc2.weight": rng.normal(size=(5, 33)).astype(np.float32)}
    training.write_safetensors(folder / "weights.safetensors", weights)
    x = rng.normal(size=(64, 17)).astype(np.float32)
    x.tofile(folder / "x.bin")
    lengths = rng.integers(1, 65, STEPS)
    lengths[:2] = 1, 64
    rates = rng.uniform(1e-4, 1e-2, STEPS).astype(np.float32)
    (folder / "steps.txt").write_text("".join(f"{rate:.9g} {length}\n" for rate, length in zip(rates, lengths)))
    subprocess.run([arguments.cc, "-Wall", "-Werror", "-O1", f"-I{arguments.include}", HERE / "Inputs" / "replay.c",
                    f"-L{arguments.runtime}", "-ltern_rt", f"-Wl,-rpath,{arguments.runtime}", "-ldl", "-o", folder / "replay"],
                   check=True)
    for target in ("generic", "host"):
        path = folder / f"{target}.so"
        subprocess.run(["ternc", HERE / "Inputs" / "run-time-rows.mlir", "--train", f"--weights={folder}/weights.safetensors",
                        f"--target={target}", "-o", path], check=True)
        artifact = training.TrainingArtifact(path, str(path).replace(".so", ".safetensors"))
        step = artifact.signature["functions"]["train_step"]
        assert step["scalar_checks"] == 1 and step["dims"] == [], json.dumps(step)
        assert [spec["bound"] for spec in artifact.signature["scalars"] if spec["name"] == "length"] == [[1, 64]]
        places = [step["scalars"].index(name) for name in ("lr", "step", "length")]
        count = len(step["inputs"]) + len(step["scalars"]) + len(step["params"]) + len(step["outputs"])
        # The block has all scalars; the step takes them in the block's order.
        assert step["scalars"] == [spec["name"] for spec in artifact.signature["scalars"]]
        numbers = ",".join(map(str, [*places, len(step["scalars"]), count]))
        out = subprocess.run([folder / "replay", path, str(path).replace(".so", ".safetensors"), folder / "x.bin",
                              folder / "steps.txt", numbers], capture_output=True, text=True)
        print(f"{target}: {out.stdout}{out.stderr}", end="", flush=True)
        if out.returncode:
            sys.exit(1)
        # What the lengths mean. A code of the second layer may be off by one: its input is a mean.
        for length in (1, 2, 3, 17, 33, 64):
            y = artifact.run("forward", {"x": x}, length=np.int64(length))["y"]
            agree(f"y of {length} rows", y, bitlinear(forward(x[:length], weights), weights["fc2.weight"]), 2e-2)
    print("lengths agree with NumPy")


if __name__ == "__main__":
    main()
