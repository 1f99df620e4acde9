"""Windows of steps whose gradients are averaged to one update.

Usage: accumulation.py TERN_BIN
"""

import os
import signal
import subprocess
import sys
import time
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import tern

BIN = sys.argv[1]
RNG = np.random.default_rng(8)
BATCH, ROWS, LR, CLIP = 3, 33, 0.5, 0.2
X = RNG.normal(size=(ROWS, 17)).astype(np.float32)
Y = RNG.integers(0, 3, ROWS)
W = (RNG.normal(size=(3, 17)) / 4).astype(np.float32)


def write_model():
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)], "linear",
        [info("x", TensorProto.FLOAT, ["batch", 17])],
        [info("y", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(W, "w")])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), "linear.onnx")


np.save("x.npy", X)
np.save("y.npy", Y)
write_model()
# The optimizer counts updates, so AdamW tells how many there were.
tern.compile("linear.onnx", "linear.so", train=True, ternarize="none",
             optimizer="adamw", accumulate=True)
tern.compile("linear.onnx", "linear", train=True, ternarize="none",
             optimizer="adamw", accumulate=True)


def gradient(w, rows):
    x = X[rows].astype(np.float64)
    p = np.exp(x @ w.T)
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(rows)), Y[rows]] -= 1
    return p.T @ x / len(rows)


class Reference:
    """AdamW without decay, on means of gradients that are clipped."""

    def __init__(self):
        self.w, self.m, self.v = W.astype(np.float64), 0, 0
        self.updates, self.window = 0, []

    def step(self, rows, ends):
        self.window.append(gradient(self.w, rows))
        if not ends:
            return
        g = np.mean(self.window, axis=0)
        g *= min(1, CLIP / np.linalg.norm(g))
        self.window = []
        self.updates += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g * g
        self.w = self.w - LR * (self.m / (1 - 0.9**self.updates)) / (
            np.sqrt(self.v / (1 - 0.999**self.updates)) + 1e-8)


def command(steps, every, name, *more, tool=None):
    return ([tool] if tool else [os.path.join(BIN, "tern-train"), "linear.so"]
            ) + list(map(str, [
                "--data", "x.npy", "--labels", "y.npy", "--batch", BATCH,
                "--lr", LR, "--clip-norm", CLIP, "--weight-decay", 0,
                "--threads", 1, "--steps", steps, "--accumulate", every,
                "--checkpoint", name + ".safetensors", *more]))


def train(*arguments, **options):
    return subprocess.run(command(*arguments, **options), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)


def read(name):
    with open(name + ".safetensors", "rb") as file:
        return file.read()


class Accumulation(unittest.TestCase):
    def good(self, *arguments, **options):
        result = train(*arguments, **options)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def bad(self, message, *arguments):
        result = train(*arguments)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(message, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def trainer(self):
        trainer = tern.Trainer("linear.so", threads=1)
        for name, value in (("lr", LR), ("clip_norm", CLIP),
                            ("weight_decay", 0)):
            trainer.scalars[name] = value
        return trainer

    def check(self, trainer, reference):
        np.testing.assert_allclose(trainer.state["w"], reference.w, rtol=1e-4,
                                   atol=1e-5)

    def test_every_tail(self):
        """Windows, ended by their length or by the caller, against NumPy."""
        for every in (1, 2, 3, 4, 7):
            for steps in (1, 7, 9, 10):
                reference, trainer = Reference(), self.trainer()
                for t in range(1, steps + 1):
                    rows = RNG.integers(0, ROWS, BATCH)
                    ends = t % every == 0 or t == steps
                    reference.step(rows, ends)
                    trainer.step(X[rows], Y[rows], accumulate=every,
                                 close_window=t == steps)
                    self.assertEqual(trainer.window, 0 if ends else t % every)
                self.check(trainer, reference)
                self.assertFalse(trainer.state["w/gradient"].any())

    def test_windows_follow_what_ended(self):
        """After an early end windows begin anew, and updates are counted on."""
        reference, trainer = Reference(), self.trainer()
        ends = {4: False, 6: True, 10: False, 11: True, 15: False, 18: False,
                21: False, 22: True}
        for t in range(1, 23):
            rows = RNG.integers(0, ROWS, BATCH)
            every = 4 if t <= 15 else 3
            if t == 13:
                trainer.save("middle.safetensors")
                other = self.trainer()
                other.restore("middle.safetensors")
                self.assertEqual((other.steps, other.window), (12, 1))
                trainer = other
            reference.step(rows, t in ends)
            trainer.step(X[rows], Y[rows], accumulate=every,
                         close_window=ends.get(t, False))
            self.check(trainer, reference)
        self.assertEqual(trainer.scalars["accumulate_updates"], 8)

    def test_interval_is_kept(self):
        trainer = self.trainer()
        trainer.step(X[:3], Y[:3], accumulate=4)
        before = trainer.state["w/gradient"].copy()
        with self.assertRaisesRegex(
                tern.InvalidArgument, "'accumulate' is 3 inside a window of 4 "
                                      "steps, of which 1 is done"):
            trainer.step(X[:3], Y[:3], accumulate=3)
        np.testing.assert_array_equal(trainer.state["w/gradient"], before)
        self.assertEqual(trainer.steps, 1)
        trainer.step(X[:3], Y[:3], accumulate=4, close_window=True)
        trainer.step(X[:3], Y[:3], accumulate=3)
        with self.assertRaisesRegex(ValueError, "is counted"):
            trainer.scalars["accumulate_start"] = 1
        trainer.initialize()
        self.assertEqual(trainer.window, 0)
        trainer.step(X[:3], Y[:3], accumulate=2)

    def test_runs_end_their_window(self):
        for tool in (None, "./linear"):
            self.good(8, 4, "eight", tool=tool)
            self.good(10, 4, "ten", tool=tool)
            trainer = self.trainer()
            trainer.restore("ten.safetensors")
            self.assertEqual((trainer.steps, trainer.window), (10, 0))
            self.assertFalse(trainer.state["w/gradient"].any())
            eight = self.trainer()
            eight.restore("eight.safetensors")
            self.assertTrue((eight.state["w"] != trainer.state["w"]).all())
        # What went before is the same: periodic checkpoints keep the window.
        self.good(9, 4, "nine", "--checkpoint-every", 5)
        self.good(10, 4, "ten", "--checkpoint-every", 3)
        self.good(14, 4, "ten", "--resume")
        self.good(14, 4, "ten", "--resume")
        # At the end of a window another interval may begin.
        self.good(15, 3, "nine", "--resume")

    def test_refused(self):
        for every, steps in ((4, 3), (16, 11), (10**12, 4)):
            self.bad(f"--accumulate: {every} is more than the {steps} steps of "
                     "the run", steps, every, "long")
        epoch = command("one", 12, "long", "--epochs", 1)
        at = epoch.index("--steps")
        result = subprocess.run(epoch[:at] + epoch[at + 2:], text=True,
                                stderr=subprocess.PIPE, check=False)
        self.assertIn("12 is more than the 11 steps", result.stderr)
        self.assertFalse(os.path.exists("long.safetensors"))

    def test_damaged(self):
        self.good(10, 4, "good")
        data = read("good")
        self.assertIn(b'"tern_window":"10 3 4"', data)
        for window in (b"11 3 4", b"10 11 4", b"-1 3 4", b"10 3", b"10 3 4x",
                       b"10 3 -4", b"", b"1 1 99999999999999999999"):
            # The header has room at its end.
            new = data.replace(b'"10 3 4"', b'"' + window + b'"')
            grown = len(new) - len(data)
            end = 8 + int.from_bytes(data[:8], "little")
            head = new[:end + grown].rstrip(b" ")
            head += b" " * ((8 - len(head)) % 64 or 64)
            with open("bad.safetensors", "wb") as file:
                file.write((len(head) - 8).to_bytes(8, "little") + head[8:] +
                           new[end + grown:])
            with self.assertRaisesRegex(tern.WeightsError, "bad tern_window"):
                self.trainer().restore("bad.safetensors")

    def test_interrupted(self):
        """Stopped or killed within windows, on the way to the same bits."""
        whole = command(30011, 7, "whole")
        subprocess.run(whole, check=True, stdout=subprocess.DEVNULL)
        inside = 0
        for stop in (signal.SIGINT, signal.SIGKILL) * 3:
            process = subprocess.Popen(
                command(30011, 7, "parts", "--resume=auto",
                        "--checkpoint-every", 50),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            before = os.path.exists("parts.safetensors") and read("parts")
            while process.poll() is None and (
                    not os.path.exists("parts.safetensors") or
                    read("parts") == before):
                time.sleep(0.002)
            process.send_signal(stop)
            if process.wait() == 0:
                break
            trainer = self.trainer()
            trainer.restore("parts.safetensors")
            self.assertEqual(trainer.window, trainer.steps % 7)
            if trainer.window:
                inside += 1
                self.assertTrue(trainer.state["w/gradient"].any())
                self.bad(f"is inside a window of 7 steps, of which "
                         f"{trainer.window} {'is' if trainer.window == 1 else 'are'} "
                         "done; give --accumulate 7", 30011, 5, "parts",
                         "--resume")
                self.bad("no step is left that could end it", trainer.steps, 7,
                         "parts", "--resume")
        self.assertGreater(inside, 0)
        self.good(30011, 7, "parts", "--resume=auto")
        self.assertEqual(read("whole"), read("parts"))


unittest.main(argv=[sys.argv[0]])
