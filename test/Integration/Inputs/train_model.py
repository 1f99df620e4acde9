"""Training artifacts of the real compiler under tern-train and the package.

Usage: train_model.py TERN_BIN OPTIMIZER LR
"""

import os
import random
import signal
import subprocess
import sys
import time
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import tern

BIN, OPTIMIZER, LR = sys.argv[1:4]
DIMS = [33, 65, 17, 5]
RNG = np.random.default_rng(11)


def write_model():
    info, nodes, weights, previous = helper.make_tensor_value_info, [], [], "x"
    for i, (k, n) in enumerate(zip(DIMS, DIMS[1:])):
        w = (RNG.uniform(-1, 1, (n, k)) / np.sqrt(k)).astype(np.float32)
        weights += [numpy_helper.from_array(w, f"fc{i}.weight"),
                    numpy_helper.from_array(np.zeros(n, np.float32),
                                            f"fc{i}.bias")]
        out = "logits" if i == len(DIMS) - 2 else f"h{i}"
        nodes.append(helper.make_node(
            "Gemm", [previous, f"fc{i}.weight", f"fc{i}.bias"], [out],
            transB=1, name=f"fc{i}"))
        if out != "logits":
            nodes.append(helper.make_node("Relu", [out], [f"r{i}"]))
            previous = f"r{i}"
    graph = helper.make_graph(
        nodes, "mlp", [info("x", TensorProto.FLOAT, ["batch", DIMS[0]])],
        [info("logits", TensorProto.FLOAT, ["batch", DIMS[-1]])], weights)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), "mlp.onnx")


X = RNG.normal(size=(301, DIMS[0])).astype(np.float32)
Y = (X @ RNG.normal(size=(DIMS[0], DIMS[-1]))).argmax(1).astype(np.int64)
np.save("x.npy", X)
np.save("y.npy", Y)
write_model()
TERNARIZE = {"ternarize": "all", "exclude": "fc2"}
tern.compile("mlp.onnx", "mlp.so", train=True, optimizer=OPTIMIZER, **TERNARIZE)


def command(*arguments, tool=None, threads=1, lr=LR):
    return ([tool] if tool else [os.path.join(BIN, "tern-train"), "mlp.so"]) + [
        "--data", "x.npy", "--labels", "y.npy", "--lr", lr, "--threads",
        str(threads), *map(str, arguments)]


def train(*arguments, **options):
    result = subprocess.run(command(*arguments, **options), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            check=False)
    assert result.returncode == 0 and not result.stderr, result.stderr
    return result.stdout


def read(name):
    with open(name, "rb") as file:
        return file.read()


class Training(unittest.TestCase):
    def test_learns(self):
        out = train("--val", "x.npy", "--val-labels", "y.npy", "--batch", 32,
                    "--steps", 600, "--warmup", 20, "--schedule", "cosine",
                    "--checkpoint", "learned.safetensors")
        accuracy = float(out.split("accuracy ")[1].split(" ")[0])
        self.assertGreater(accuracy, 85, out)

        # What is deployed gives the logits of eval_step to the last bit.
        tern.compile("mlp.onnx", "deployed.so", weights="learned.safetensors",
                     **TERNARIZE)
        trainer = tern.Trainer("mlp.so", threads=2)
        trainer.restore("learned.safetensors")
        deployed = tern.load("deployed.so", threads=1)
        for rows in (1, 3, 17, 301):
            _, logits = trainer.evaluate(X[:rows], Y[:rows])
            np.testing.assert_array_equal(deployed(X[:rows]), logits)
            np.testing.assert_array_equal(trainer.forward(X[:rows]), logits)
        right = (logits.argmax(1) == Y).mean() * 100
        self.assertAlmostEqual(right, accuracy, 2)

    def test_runs_are_the_same(self):
        run = ["--batch", 33, "--lambda-warmup", 20]
        train(*run, "--steps", 60, "--checkpoint", "one.safetensors")
        train(*run, "--steps", 60, "--checkpoint", "two.safetensors", threads=2)
        self.assertEqual(read("one.safetensors"), read("two.safetensors"))
        for steps in (13, 41, 60):
            train(*run, "--steps", steps, "--checkpoint", "part.safetensors",
                  "--resume=auto", threads=1 + steps % 2)
        self.assertEqual(read("one.safetensors"), read("part.safetensors"))
        # Lambda matters: 20 of these steps were float.
        train("--batch", 33, "--steps", 60, "--checkpoint", "int.safetensors")
        self.assertNotEqual(read("one.safetensors"), read("int.safetensors"))

    def test_executable(self):
        tern.compile("mlp.onnx", "mlp", train=True, optimizer=OPTIMIZER,
                     **TERNARIZE)
        train("--steps", 20, "--checkpoint", "a.safetensors", tool="./mlp")
        train("--steps", 20, "--checkpoint", "b.safetensors")
        self.assertEqual(read("a.safetensors"), read("b.safetensors"))

    def test_kill(self):
        def run(name):
            return command("--batch", 32, "--steps", 6000, "--checkpoint", name,
                           "--checkpoint-every", 300, "--resume=auto")
        start = time.monotonic()
        subprocess.run(run("whole.safetensors"), check=True,
                       stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - start
        dice, kills = random.Random(5), 0
        while kills < 20:
            process = subprocess.Popen(run("killed.safetensors"),
                                       stdout=subprocess.DEVNULL)
            time.sleep(dice.uniform(0, seconds / 10))
            if process.poll() is None:
                process.kill()
            kills += process.wait() == -signal.SIGKILL
            if process.returncode == 0:
                os.unlink("killed.safetensors")
        subprocess.run(run("killed.safetensors"), check=True,
                       stdout=subprocess.DEVNULL)
        self.assertEqual(read("whole.safetensors"), read("killed.safetensors"))

    def test_package(self):
        trainer = tern.Trainer("mlp.so")
        first = trainer.step(X[:64], Y[:64], lr=float(LR))
        for _ in range(50):
            last = trainer.step(X[:64], Y[:64])
        self.assertLess(last, 0.7 * first)
        self.assertEqual(trainer.steps, 51)
        self.assertEqual(trainer.state["fc0.weight"].shape, (65, 33))
        memory = trainer.memory(batch=64)
        self.assertGreater(memory["train_step"], memory["eval_step"])
        # Labels are checked before anything happens.
        before = {k: v.copy() for k, v in trainer.state.items()}
        with self.assertRaisesRegex(ValueError, "label 5 at index 1 is out of"):
            trainer.step(X[:2], np.array([0, 5]))
        for name, value in before.items():
            np.testing.assert_array_equal(trainer.state[name], value)

    def test_nan(self):
        trainer = tern.Trainer("mlp.so")
        trainer.state["fc1.bias"][3] = np.nan
        loss = trainer.step(X[:32], Y[:32], lr=float(LR))
        self.assertTrue(np.isnan(loss))
        result = subprocess.run(
            command("--steps", 50, "--batch", 32, lr="1e38"), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^error: step \d+: ")
        self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_other_checkpoints(self):
        train("--steps", 1, "--checkpoint", "c.safetensors")
        other = "sgd" if OPTIMIZER != "sgd" else "adamw"
        tern.compile("mlp.onnx", "other.so", train=True, optimizer=other,
                     **TERNARIZE)
        with self.assertRaisesRegex(tern.WeightsError, "is a checkpoint of an"):
            tern.Trainer("other.so").restore("c.safetensors")
        # Its parameters are welcome.
        trainer = tern.Trainer("other.so", weights="c.safetensors")
        mine = tern.Trainer("mlp.so")
        mine.restore("c.safetensors")
        np.testing.assert_array_equal(trainer.state["fc0.weight"],
                                      mine.state["fc0.weight"])


unittest.main(argv=[sys.argv[0]])
