# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a compiled training executable does with a full disk, foreign checkpoints and bad data.

    trust.py FOLDER

Every mistake is one line of error and exit status 1, and leaves all files as they were.
"""
import os
import pathlib
import resource
import struct
import subprocess
import sys
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import training_models as models  # noqa: E402

FOLDER = pathlib.Path(sys.argv.pop(1))
os.chdir(FOLDER)
SEED = int(np.random.SeedSequence().entropy % 2**32)
RNG = np.random.default_rng(SEED)
SIZES = [17, 33, 10]
X = RNG.standard_normal((101, SIZES[0])).astype(np.float32)
Y = RNG.integers(0, SIZES[-1], 101)
DATA = ["--data", "x.npy", "--labels", "y.npy"]


def compile_executable(model, name, *options):
    subprocess.run(["ternc", model, "--emit=train-step", "-O0", *options, "-o", name], check=True)


def setUpModule():
    np.save("x.npy", X)
    np.save("y.npy", Y)
    models.save_mlp("mlp.onnx", SIZES, RNG)
    models.save_mlp("wider.onnx", [17, 35, 10], RNG)
    compile_executable("mlp.onnx", "train", "--ternarize=all")
    compile_executable("mlp.onnx", "train-sgd", "--ternarize=all", "--optimizer=sgd")
    compile_executable("wider.onnx", "train-wider", "--ternarize=all")


def run(*arguments, tool="train", limit=None):
    def limit_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run([f"./{tool}", *map(str, arguments)], capture_output=True, text=True, check=False,
                          preexec_fn=limit_files if limit else None)


class Trust(unittest.TestCase):
    def good(self, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def bad(self, expected, *arguments, **options):
        before = {path.name: path.read_bytes() for path in pathlib.Path().iterdir() if path.is_file()}
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("error: "), done.stderr)
        self.assertIn(expected, done.stderr)
        after = {path.name: path.read_bytes() for path in pathlib.Path().iterdir() if path.is_file()}
        self.assertEqual(before.keys(), after.keys())
        for name, content in before.items():
            self.assertEqual(content, after[name], name)

    def resume(self, checkpoint):
        return [*DATA, "--batch", 32, "--steps", 9, "--lr", 0.01, "--checkpoint", checkpoint, "--resume"]

    def checkpoint(self, name, tool="train"):
        path = pathlib.Path(name)
        if not path.exists():
            self.good(*DATA, "--batch", 32, "--steps", 5, "--lr", 0.01, "--checkpoint", name, tool=tool)
        return path.read_bytes()

    def test_full_disk(self):
        """At every size at which the file may stop growing."""
        before = self.checkpoint("disk.safetensors")
        for limit in (1, 1000, len(before) // 2, len(before) - 1):
            self.bad("cannot write 'disk.safetensors': File too large", *self.resume("disk.safetensors"), limit=limit)
        # What is left goes on, and as if nothing had been.
        self.good(*self.resume("disk.safetensors"))
        self.good(*DATA, "--batch", 32, "--steps", 9, "--lr", 0.01, "--checkpoint", "whole.safetensors")
        self.assertEqual(pathlib.Path("disk.safetensors").read_bytes(), pathlib.Path("whole.safetensors").read_bytes())

    def test_other_checkpoints(self):
        self.checkpoint("mine.safetensors")
        self.checkpoint("sgd.safetensors", "train-sgd")
        for tool, checkpoint, other in (("train", "sgd", "sgd"), ("train-sgd", "mine", "adamw"), ("train-wider", "mine", "adamw")):
            self.bad(f"is a checkpoint of another model, loss or optimizer ('mlp', softmax-cross-entropy, {other})",
                     *self.resume(f"{checkpoint}.safetensors"), tool=tool)

    def test_broken_checkpoints(self):
        whole = self.checkpoint("kept.safetensors")
        for size in (0, 1, 7, 8, 100, len(whole) // 2, len(whole) - 1):
            pathlib.Path("cut.safetensors").write_bytes(whole[:size])
            self.bad("'cut.safetensors' is malformed", *self.resume("cut.safetensors"))
        header = 8 + int.from_bytes(whole[:8], "little")
        for at in (header, header + (len(whole) - header) // 8 * 4, len(whole) - 4):
            for value in (np.nan, np.inf):
                pathlib.Path("nan.safetensors").write_bytes(whole[:at] + struct.pack("<f", value) + whole[at + 4:])
                self.bad("has a NaN or an infinity in '", *self.resume("nan.safetensors"))
        self.bad("cannot read 'none.safetensors'", *self.resume("none.safetensors"))
        self.bad("would replace what is read, its initial parameters", *self.resume("train.safetensors"))
        pathlib.Path("initial.safetensors").write_bytes(pathlib.Path("train.safetensors").read_bytes())
        self.bad("is not a checkpoint of Tern", *self.resume("initial.safetensors"))

    def test_labels(self):
        for value in (10, -1, 2**40):
            labels = Y.copy()
            labels[7] = value
            np.save("labels.npy", labels)
            self.bad(f"label {value} at [7] is out of range for 10 classes", "--data", "x.npy", "--labels", "labels.npy", "--steps", 1)
        np.save("labels.npy", Y.astype(np.float32))
        self.bad("'labels.npy': it holds f32, the model's labels are i64", "--data", "x.npy", "--labels", "labels.npy", "--steps", 1)
        np.save("labels.npy", Y[:-1])
        self.bad("'labels.npy' has 100 rows, 'x.npy' has 101", "--data", "x.npy", "--labels", "labels.npy", "--steps", 1)
        # What PyTorch's losses leave out is no mistake.
        labels = Y.copy()
        labels[7] = -100
        np.save("labels.npy", labels)
        self.good("--data", "x.npy", "--labels", "labels.npy", "--steps", 1)

    def test_classes_of_the_data(self):
        """Logits as wide as the input: the number of classes is known when there is data."""
        graph = helper.make_graph(
            [helper.make_node("Mul", ["x", "scale"], ["logits"])], "wide",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "positions"])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "positions"])],
            [onnx.numpy_helper.from_array(np.ones(1, np.float32), "scale")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "wide.onnx")
        compile_executable("wide.onnx", "train-wide", "--train-also=scale")
        labels = np.arange(101) % 17
        np.save("positions.npy", labels)
        self.good("--data", "x.npy", "--labels", "positions.npy", "--steps", 9, tool="train-wide")
        for value in (17, -1):
            labels[7] = value
            np.save("positions.npy", labels)
            self.bad(f"label {value} at ", "--data", "x.npy", "--labels", "positions.npy", "--batch", 101, "--steps", 1, tool="train-wide")

    def test_data(self):
        labels = ["--labels", "y.npy", "--steps", 1]
        for value in (np.nan, np.inf):
            x = X.copy()
            x[3, 5] = value
            np.save("bad.npy", x)
            self.bad("'bad.npy': it has a NaN or an infinity at [3, 5]", "--data", "bad.npy", *labels)
        np.save("bad.npy", X[:0])
        self.bad("'bad.npy': it is empty", "--data", "bad.npy", *labels)
        np.save("bad.npy", X[:, :-1])
        self.bad("its type 101x16xf32 does not fit the model's 'x', batchx17xf32", "--data", "bad.npy", *labels)
        np.save("bad.npy", X.astype(np.complex64))
        self.bad("bad.npy", "--data", "bad.npy", *labels)
        self.bad("a batch of 102 is larger than the 101 rows", *DATA, "--steps", 1, "--batch", 102)

    def test_rates(self):
        for value, why in ((-0.1, "is negative"), ("nan", "is not a finite number"), ("inf", "is not a finite number")):
            self.bad(f"--lr: {value} {why}", *DATA, "--steps", 1, f"--lr={value}")
        # Too much is seen when the numbers run away, with what went first; the checkpoint is the last good one.
        before = self.checkpoint("rate.safetensors")
        self.bad("; the first bad tensor ", *DATA, "--batch", 32, "--steps", 60, "--lr", "1e38", "--checkpoint", "rate.safetensors",
                 "--resume")
        self.assertEqual(pathlib.Path("rate.safetensors").read_bytes(), before)


if __name__ == "__main__":
    print("seed", SEED)
    unittest.main(argv=[sys.argv[0]])
