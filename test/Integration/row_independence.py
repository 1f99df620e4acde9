# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A row's result depends on neither its batch nor how loops are split.

The Fashion-MNIST model on random images: every row of a batch is bit for bit
what the row alone gives, whatever pieces the parallel loops come in and in
whatever order they run. With all layers ternary it is the same for the generic
target; sums of the float layer are rounded more often there, where nothing
multiplies and adds at once.

    row_independence.py MODEL.onnx OUT_DIR
"""
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
from artifact import Artifact, read_safetensors  # noqa: E402


def main():
    model, out = sys.argv[1], pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng()
    batch = 131
    images = rng.integers(0, 256, (batch, 28, 28), np.uint8)
    images[1] = 0  # a token of equal values after normalization
    images[2] = 255
    results, ternary = {}, {}
    for target in ("host", "generic"):
        library = out / f"{target}.so"
        subprocess.run(["ternc", model, "-o", str(library), f"--target={target}"], check=True)
        params, _ = read_safetensors(library.with_suffix(".safetensors"))
        whole = Artifact(library)(dict(image=images), params)["logits"]
        assert np.isfinite(whole).all()
        for chunk, reverse in ((1, False), (3, True), (7, False)):
            again = Artifact(library, chunk, reverse)(dict(image=images), params)["logits"]
            assert np.array_equal(whole, again), f"{target}: pieces of {chunk} change the result"
        one = Artifact(library)
        for row in range(batch):
            alone = one(dict(image=images[row:row + 1]), params)["logits"]
            assert np.array_equal(whole[row:row + 1], alone), f"{target}: row {row} depends on its batch"
        for size in (2, 33, 64, 65):
            part = one(dict(image=images[5:5 + size]), params)["logits"]
            assert np.array_equal(whole[5:5 + size], part), f"{target}: batch {size} changes its rows"
        results[target] = whole
        library = out / f"{target}-ternary.so"
        subprocess.run(["ternc", model, "--ternarize=all", "-o", str(library), f"--target={target}"], check=True)
        params, _ = read_safetensors(library.with_suffix(".safetensors"))
        ternary[target] = Artifact(library)(dict(image=images), params)["logits"]
    assert np.array_equal(ternary["host"], ternary["generic"]), "targets differ"
    # Each of the 128 terms and sums of the last layer has a rounding of 2^-24.
    rounding = 128 * 2**-24 * np.linalg.norm(results["host"], axis=1, keepdims=True)
    assert (np.abs(results["host"] - results["generic"]) <= rounding).all(), "targets differ by more than rounding"
    print("rows are independent")


if __name__ == "__main__":
    sys.exit(main())
