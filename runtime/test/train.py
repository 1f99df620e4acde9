#!/usr/bin/env python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs tern-train and a training executable on the hand-written artifact.

The artifact is softmax regression with momentum; see fake-train.c. Batches,
their order and schedules are computed here a second time, in NumPy.
"""

import gzip
import json
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import time
import unittest
import xml.dom.minidom

import numpy as np

import train_case
from train_case import PROGRESS, Case, Reference, fake, permutation, read_safetensors


def has_terminals():
    try:
        for file in os.openpty():
            os.close(file)
    except OSError:
        return False
    return True


class Steps(Case):
    def check(self, reference, name="c.safetensors"):
        tensors, metadata = read_safetensors(self.path(name))
        for key, value in reference.state.items():
            np.testing.assert_allclose(tensors[key], value, rtol=1e-4,
                                       atol=1e-5, err_msg=key)
        self.assertEqual(tensors["gain"], 1)
        return metadata

    def simulate(self, reference, x, steps, batch, seed, rates):
        """Trains the reference; rates(t) = lr, decay, factor."""
        per_epoch, losses = len(x) // batch, []
        for step in range(steps):
            order = permutation(len(x), seed, step // per_epoch)
            first = step % per_epoch * batch
            rows = order[first:first + batch]
            losses.append(reference.step(x[rows], self.y[rows],
                                         *rates(step + 1)))
        return losses

    def test_epochs(self):
        # 101 rows: of 14 steps of 7 the last 3 rows are dropped.
        reference = Reference()
        losses = self.simulate(reference, self.x, 28, 7, 5,
                               lambda t: (0.05, 0.01, 1))
        out = self.good(*self.data, "--batch", 7, "--epochs", 2, "--lr", 0.05,
                        "--weight-decay", 0.01, "--seed", 5, "--checkpoint",
                        "c.safetensors", "--metrics", "m.jsonl")
        self.assertRegex(out, r"^trained 28 steps \(2.00 epochs\) in ")
        metadata = self.check(reference)
        self.assertEqual(metadata["epoch"], "2")
        self.assertEqual(metadata["tern_step"], "28")
        lines = self.metrics()
        self.assertEqual([m["step"] for m in lines], list(range(1, 29)))
        np.testing.assert_allclose([m["loss"] for m in lines], losses, rtol=1e-4)
        self.assertAlmostEqual(lines[13]["epoch"], 1)
        self.assertIn("grad_norm", lines[0])

    def test_schedules(self):
        def linear(t):
            if t <= 4:
                return 0.1 * t / 4, 0.2, 1
            p = (t - 1 - 10) / 10 if t > 10 else 0
            return 0.1 * (1 + (0.1 - 1) * p), 0.2, 1

        def cosine(t):
            p = (t - 1) / 20
            return (0.02 + 0.08 * (1 + math.cos(math.pi * p)) / 2), 0, 1

        def two_stage(t):
            return (0.1, 0.2, 1) if t <= 10 else (0.05, 0, 1)

        def lambdas(t):
            # The float step runs for lambda < 1.
            return 0.1, 0, 1 + (t - 1) / 5 if t <= 5 else 1

        for rates, options in (
                (linear, ["--schedule", "linear", "--warmup", 4, "--min-lr",
                          "10%", "--decay-start", 0.5, "--weight-decay", 0.2]),
                (cosine, ["--schedule", "cosine", "--min-lr", 0.02]),
                (two_stage, ["--schedule", "two-stage", "--stage-lr", 0.05,
                             "--weight-decay", 0.2]),
                (lambdas, ["--lambda-warmup", 5])):
            reference = Reference()
            self.simulate(reference, self.x, 20, 16, 0, rates)
            self.good(*self.data, "--batch", 16, "--steps", 20, "--lr", 0.1,
                      "--checkpoint", "c.safetensors", "--metrics", "m.jsonl",
                      *options)
            self.check(reference)
            np.testing.assert_allclose([m["lr"] for m in self.metrics()],
                                       [rates(t)[0] for t in range(1, 21)],
                                       rtol=1e-6)

    def test_images(self):
        images = self.rng.integers(0, 256, (101, 2, 3)).astype(np.uint8)
        idx = struct.pack(">BBBBIII", 0, 0, 8, 3, 101, 2, 3) + images.tobytes()
        with gzip.open(self.path("i.gz"), "wb") as file:
            file.write(idx)
        labels = struct.pack(">BBBBI", 0, 0, 8, 1, 101)
        with open(self.path("l"), "wb") as file:
            file.write(labels + self.y.astype(np.uint8).tobytes())
        data = ["--data", "i.gz", "--labels", "l", "--batch", 33, "--steps", 9,
                "--checkpoint", "c.safetensors"]
        for artifact, scale, options, x in (
                ("fake-train-u8.so", 1e-5, ["--lr", 1e-5], images),
                ("fake-train.so", 0.1, ["--lr", 0.1, "--scale", "x=1/255"],
                 images / 255),
                ("fake-train.so", 0.1, ["--lr", 0.1, "--scale", 0.5,
                                        "--normalize", "64,30"],
                 (images / 2 - 64) / 30)):
            reference = Reference()
            self.simulate(reference, x, 9, 33, 0, lambda t: (scale, 0, 1))
            self.good(*data, *options, artifact=artifact)
            self.check(reference)
        self.bad("--scale is for inputs that take floats", *data, "--scale", 2, artifact="fake-train-u8.so")
        self.bad("'i.gz': it holds u8, the model's input is f32; say what its "
                 "numbers mean by --scale", *data)

    def test_dtypes(self):
        # float64 data and narrow labels become what the model takes.
        expected = None
        for x, y in ((np.float32, np.int64), (np.float64, np.uint8),
                     (np.float32, np.int16)):
            self.good("--data", self.save("x2.npy", self.x.astype(x)),
                      "--labels", self.save("y2.npy", self.y.astype(y)),
                      "--steps", 5, "--checkpoint", "c.safetensors")
            tensors, _ = read_safetensors(self.path("c.safetensors"))
            expected = expected or tensors["w"].tobytes()
            self.assertEqual(tensors["w"].tobytes(), expected)

    def test_ignored_labels(self):
        self.y[::3] = -100
        reference = Reference()
        self.simulate(reference, self.x, 9, 32, 0, lambda t: (0.1, 0, 1))
        self.good("--data", "x.npy", "--labels", self.save("y.npy", self.y),
                  "--steps", 9, "--checkpoint", "c.safetensors")
        self.check(reference)

    def test_executable(self):
        shutil.copy(fake("fake-train-exe"), self.path("exe"))
        self.bad("exe.safetensors", *self.data, "--steps", 5,
                 tool=self.path("exe"))
        shutil.copy(fake("fake-train.safetensors"),
                    self.path("exe.safetensors"))
        self.good(*self.data, "--steps", 5, "--checkpoint", "a.safetensors",
                  tool=self.path("exe"))
        self.good(*self.data, "--steps", 5, "--checkpoint", "b.safetensors")
        self.assertEqual(self.read("a.safetensors"), self.read("b.safetensors"))

    def test_nothing_quantized(self):
        exe = ["--weights", fake("fake-train.safetensors")]
        options = [*self.data, "--steps", 5, "--checkpoint", "c.safetensors"]
        self.good(*options)
        expected = self.read("c.safetensors")
        self.good(*options, artifact="fake-train-float.so")
        self.assertEqual(self.read("c.safetensors"), expected)
        self.good(*options, *exe, tool=fake("fake-train-float-exe"))
        self.assertEqual(self.read("c.safetensors"), expected)
        self.bad("--lambda-warmup: nothing in the model is quantized", *options,
                 "--lambda-warmup", 3, artifact="fake-train-float.so")
        self.bad("--lambda-warmup: nothing in the model is quantized", *options,
                 "--lambda-warmup", 3, *exe, tool=fake("fake-train-float-exe"))


class Validation(Case):
    def test_all_rows(self):
        # 20 rows of validation in batches of 8: the last has 4.
        out = self.good(*self.data, "--val", self.save("vx.npy", self.x[:20]),
                        "--val-labels", self.save("vy.npy", self.y[:20]),
                        "--batch", 8, "--steps", 30, "--checkpoint",
                        "c.safetensors", "--eval-every", 10, "--metrics",
                        "m.jsonl")
        tensors, metadata = read_safetensors(self.path("c.safetensors"))
        reference = Reference()
        reference.state = tensors
        loss, logits, _ = reference.forward(self.x[:20], self.y[:20])
        right = int((logits.argmax(1) == self.y[:20]).sum())
        self.assertIn(f"validation: loss {loss:.4f}"[:-1], out)
        self.assertIn(f"({right} of 20)", out)
        evaluations = [m for m in self.metrics() if "val_loss" in m]
        self.assertEqual([m["step"] for m in evaluations], [10, 20, 30])
        self.assertAlmostEqual(evaluations[-1]["val_loss"], loss, 5)
        best = min(evaluations, key=lambda m: m["val_loss"])
        self.assertAlmostEqual(float(metadata["best_val_loss"]),
                               best["val_loss"], 6)
        _, metadata = read_safetensors(self.path("c.best.safetensors"))
        self.assertEqual(int(metadata["tern_step"]), best["step"])
        again = self.good("--val", "vx.npy", "--val-labels", "vy.npy",
                          "--resume", "--checkpoint", "c.safetensors",
                          "--eval-only", "--eval-batch", 3)
        self.assertEqual(again.splitlines()[-1].split("accuracy")[1],
                         out.splitlines()[-1].split("accuracy")[1])

    def test_split(self):
        out = self.good(*self.data, "--val-split", 0.25, "--steps", 4,
                        "--eval-every", 2)
        self.assertIn(" of 26)", out)
        out = self.good(*self.data, "--val-split", 0.25, "--steps", 4,
                        "--eval-batches", 2, "--eval-batch", 5)
        self.assertIn(" of 10)", out)
        two = ["--data", self.save("x2.npy", self.x[:2]), "--labels",
               self.save("y2.npy", self.y[:2]), "--batch", 1, "--steps", 1]
        self.bad("--val-split leaves no rows to train on", *two, "--val-split",
                 0.999)
        self.bad("exclude each other", *self.data, "--val", "x.npy",
                 "--val-labels", "y.npy", "--val-split", 0.5, "--steps", 1)

    def test_only_ignored(self):
        self.bad("no labels but ignored ones", *self.data, "--val", "x.npy",
                 "--val-labels",
                 self.save("none.npy", np.full(101, -100, np.int64)),
                 "--steps", 1)


class Text(Case):
    """The bigram variant: 16 symbols, windows of 4."""

    def simulate(self, symbols, steps, batch):
        w = ((np.arange(256) % 7 - 3) / 8).reshape(16, 16)
        b, wm, bm = np.zeros(16), 0 * w, np.zeros(16)
        items = len(symbols) - 4
        for step in range(steps):
            order = permutation(items, 0, step // (items // batch))
            first = step % (items // batch) * batch
            starts = np.array(order[first:first + batch])
            x = symbols[starts[:, None] + np.arange(4)].reshape(-1)
            y = symbols[starts[:, None] + np.arange(1, 5)].reshape(-1)
            p = np.exp(w[x] + b)
            p /= p.sum(1, keepdims=True)
            p[np.arange(len(x)), y] -= 1
            p /= len(x)
            g = np.zeros_like(w)
            np.add.at(g, x, p)
            wm, bm = 0.9 * wm + g, 0.9 * bm + p.sum(0)
            w, b = w - 0.5 * wm, b - 0.5 * bm
        return w

    def test_characters(self):
        alphabet = "aäb\u20ac\U0001F600xyz0123456789"[:16]
        text = "".join(self.rng.choice(list(alphabet), 400))
        with open(self.path("t.txt"), "w", encoding="utf-8") as file:
            file.write(text)
        number = {c: i for i, c in enumerate(sorted(set(text)))}
        symbols = np.array([number[c] for c in text])
        w = self.simulate(symbols[:360], 50, 12)
        out = self.good("--text", "t.txt", "--vocab", "char", "--lr", 0.5,
                        "--batch", 12, "--steps", 50, "--checkpoint",
                        "c.safetensors", artifact="fake-text.so")
        tensors, metadata = read_safetensors(self.path("c.safetensors"))
        np.testing.assert_allclose(tensors["w"], w, rtol=1e-4, atol=1e-5)
        self.assertEqual(metadata["items"], "356")
        # Of 40 symbols 9 windows, each with 4 labels.
        self.assertIn(" of 36)", out)
        # Nothing but the state matters for validation.
        again = self.good("--text", "t.txt", "--vocab", "char", "--eval-only",
                          "--resume", "--checkpoint", "c.safetensors",
                          artifact="fake-text.so")
        self.assertEqual(again, out.splitlines()[-1] + "\n")
        self.bad("--lr is missing: the model has no default", "--text", "t.txt",
                 "--vocab", "char", "--steps", 1, artifact="fake-text.so")
        self.bad("it has the byte 240, the model takes symbols below 16",
                 "--text", "t.txt", "--steps", 1, artifact="fake-text.so")

    def test_bytes(self):
        symbols = self.rng.integers(0, 16, 300).astype(np.uint8)
        with open(self.path("t.bin"), "wb") as file:
            file.write(symbols.tobytes())
        w = self.simulate(symbols.astype(int), 20, 32)
        self.good("--text", "t.bin", "--lr", 0.5, "--steps", 20, "--val-split",
                  0, "--checkpoint", "c.safetensors", artifact="fake-text.so")
        tensors, _ = read_safetensors(self.path("c.safetensors"))
        np.testing.assert_allclose(tensors["w"], w, rtol=1e-4, atol=1e-5)

    def test_bad(self):
        def text(data):
            with open(self.path("t.txt"), "wb") as file:
                file.write(data)
        run = ["--text", "t.txt", "--steps", "1", "--vocab", "char"]
        text(b"ab\xff")
        self.bad("it is not UTF-8 at byte 2", *run, artifact="fake-text.so")
        text(b"")
        self.bad("too few for a context of 4", *run, artifact="fake-text.so")
        text(b"abab")
        self.bad("too few for a context of 4", *run, artifact="fake-text.so")
        text(bytes(range(65, 95)))
        self.bad("it has 30 different characters, the model takes symbols "
                 "below 16", *run, artifact="fake-text.so")
        text(b"ab" * 40)
        self.bad("--context is 8, 'x' of the model is", *run, "--context", 8,
                 artifact="fake-text.so")
        self.bad("a text is for models of an integer tensor", *run)
        self.bad("cannot read 'no.txt'", "--text", "no.txt", "--steps", 1,
                 artifact="fake-text.so")


class Trust(Case):
    def run_options(self, name, steps, every):
        return [*self.data, "--val-split", 0.2, "--batch", 8, "--steps", steps,
                "--lr", 0.01, "--schedule", "cosine", "--eval-every", every,
                "--checkpoint", name, "--checkpoint-every", every]

    def test_resume(self):
        run = [*self.data, "--batch", 8, "--lr", 0.01, "--weight-decay", 0.1]
        self.good(*run, "--steps", 60, "--checkpoint", "a.safetensors")
        for steps, threads in ((7, 1), (33, 2), (59, 1), (60, 2), (60, 1)):
            self.good(*run, "--steps", steps, "--checkpoint", "b.safetensors",
                      "--resume=auto", "--threads", threads)
        self.assertEqual(self.read("a.safetensors"), self.read("b.safetensors"))
        out = self.good(*run, "--steps", 60, "--checkpoint", "b.safetensors",
                        "--resume")
        self.assertEqual(out, "the checkpoint has all 60 steps\n")
        self.bad("'b.safetensors' has done 60 steps, more than the 59 asked "
                 "for", *run, "--steps", 59, "--checkpoint", "b.safetensors",
                 "--resume")
        self.assertEqual(self.read("a.safetensors"), self.read("b.safetensors"))

    def test_special_files(self):
        """Nothing waits for a pipe."""
        for name in ("pipe", "pipe.npy", "pipe.gz"):
            os.mkfifo(self.path(name))
            why = f"cannot read '{name}': it is not a regular file"
            self.bad(why, "--data", name, "--labels", "y.npy", "--steps", 1)
            self.bad(why, "--data", "x.npy", "--labels", name, "--steps", 1)
            self.bad(why, *self.data, "--weights", name, "--steps", 1)
            self.bad(why, "--text", name, "--steps", 1,
                     artifact="fake-text.so")

    def cut(self, name, *arguments, artifact="fake-train-cuts.so"):
        """The artifact cuts a file in its seventh step."""
        result = subprocess.run(
            self.command(*arguments, artifact=artifact), cwd=self.dir,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            check=False, env={**os.environ, "FAKE_CUT": self.path(name)})
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("error: "), result.stderr)
        return result.stderr

    def test_cut_data(self):
        """Data that are cut end the run, and cost nothing of it."""
        run = [*self.data, "--batch", 8, "--lr", 0.01, "--steps", 20]
        cuts = {"artifact": "fake-train-cuts.so"}
        self.good(*run, "--checkpoint", "a.safetensors", **cuts)
        for name, array in (("x.npy", self.x), ("y.npy", self.y)):
            error = self.cut(name, *run, "--checkpoint", "b.safetensors")
            self.assertIn(f"{name}' was written to while it was in use", error)
            self.assertIn("the checkpoint is of step 7 of 20", error)
            self.save(name, array)
            self.good(*run, "--checkpoint", "b.safetensors", "--resume", **cuts)
            self.assertEqual(self.read("a.safetensors"),
                             self.read("b.safetensors"))
        # In the middle of a validation.
        run += ["--val-split", 0.2, "--eval-every", 7]
        self.good(*run, "--checkpoint", "a.safetensors", **cuts)
        error = self.cut("x.npy", *run, "--checkpoint", "b.safetensors")
        self.assertIn("the checkpoint is of step 7 of 20", error)
        self.save("x.npy", self.x)
        self.good(*run, "--checkpoint", "b.safetensors", "--resume", **cuts)
        self.assertEqual(self.read("a.safetensors"), self.read("b.safetensors"))

    def test_cut_artifact(self):
        shutil.copy(fake("fake-train-cuts.so"), self.path("m.so"))
        shutil.copy(fake("fake-train.safetensors"), self.path("m.safetensors"))
        result = subprocess.run(
            [train_case.ARGS.tern_train, "m.so", *self.data, "--steps", "20",
             "--checkpoint", "c.safetensors", "--checkpoint-every", "5"],
            cwd=self.dir, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, check=False,
            env={**os.environ, "FAKE_CUT": self.path("m.so")})
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn("was cut", result.stderr)
        metadata = read_safetensors(self.path("c.safetensors"))[1]
        self.assertEqual(metadata["tern_step"], "5")

    def test_threads(self):
        for threads in (1, 2):
            self.good(*self.data, "--threads", threads, "--steps", 50,
                      "--checkpoint", f"{threads}.safetensors")
        self.assertEqual(self.read("1.safetensors"), self.read("2.safetensors"))

    def test_kill(self):
        def options(name):
            return self.run_options(name, 60000, 2000) + [
                "--metrics", name + ".jsonl", "--log-every", "500"]
        start = time.monotonic()
        self.good(*options("a.safetensors"))
        seconds = time.monotonic() - start
        dice = random.Random(1)
        kills = 0
        while kills < 20:
            process = subprocess.Popen(
                self.command(*options("b.safetensors"), "--resume=auto"),
                cwd=self.dir, stdout=subprocess.DEVNULL)
            time.sleep(dice.uniform(0, seconds / 12))
            if process.poll() is None:
                process.kill()
            kills += process.wait() == -signal.SIGKILL
            if process.returncode == 0:
                os.unlink(self.path("b.safetensors"))
        # What a killed run leaves behind is removed once it is old.
        for path in [n for n in os.listdir(self.dir) if ".tmp" in n]:
            os.unlink(self.path(path))
        for name, age in ((".b.safetensors.tmp1.0", 70),
                          (".b.safetensors.tmp0123456789abcdef", 70),
                          (".b.safetensors.tmpfedcba9876543210", 0)):
            with open(self.path(name), "w") as file:
                file.write("half")
            os.utime(self.path(name), (time.time() - age,) * 2)
        self.good(*options("b.safetensors"), "--resume=auto")
        self.assertEqual([name for name in os.listdir(self.dir) if ".tmp" in name],
                         [".b.safetensors.tmpfedcba9876543210"])
        self.assertEqual(self.read("a.safetensors"), self.read("b.safetensors"))
        self.assertEqual(self.read("a.best.safetensors"),
                         self.read("b.best.safetensors"))
        times = ("seconds", "items_per_second")
        a, b = ([{k: v for k, v in m.items() if k not in times}
                 for m in self.metrics(n + ".safetensors.jsonl")] for n in "ab")
        self.assertEqual(a, b)

    def test_progress_in_a_log(self):
        """Off a terminal a line every few seconds."""
        process = subprocess.Popen(
            self.command(*self.data, "--steps", 10**12, "--checkpoint=none"),
            cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        line = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertRegex(line, "^" + PROGRESS + "\n$")

    def test_interrupt(self):
        options = self.run_options("b.safetensors", 10**9, 1000)
        process = subprocess.Popen(
            self.command(*options, "--metrics", "m.jsonl", "--plot", "p.svg"),
            cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        while not os.path.exists(self.path("b.safetensors")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertRegex(errors, r"(?m)^stopped at step \d+ of 1000000000; "
                                 r"--resume goes on\n$")
        step = int(errors.split()[3])
        _, metadata = read_safetensors(self.path("b.safetensors"))
        self.assertEqual(int(metadata["tern_step"]), step)
        xml.dom.minidom.parse(self.path("p.svg"))
        trained = [m for m in self.metrics() if "loss" in m]
        self.assertEqual(trained[-1]["step"], step)

    def test_refused(self):
        run = [*self.data, "--batch", "8", "--checkpoint", "c.safetensors"]
        self.bad("cannot read 'c.safetensors'", *run, "--steps", 5, "--resume")
        self.good(*run, "--steps", 5)
        bytes_before = self.read("c.safetensors")
        self.bad("is a checkpoint of another model, loss or optimizer ('fake', "
                 "softmax-cross-entropy, momentum)", *run, "--steps", 9,
                 "--resume", artifact="fake-train-other.so")
        for changes, message in (
                (["--seed", 3], "it was written with --seed 0, not 3"),
                (["--batch", 4], "it was written with --batch 8, not 4"),
                (["--val-split", 0.5], "of 101, not 50")):
            options = run[:]
            if changes[0] == "--batch":
                del options[4:6]
            self.bad(message, *options, *changes, "--steps", 9, "--resume")
        with open(self.path("c.safetensors"), "wb") as file:
            file.write(bytes_before[:-5])
        self.bad("is malformed", *run, "--steps", 9, "--resume")
        self.bad("is not a checkpoint of Tern", *self.data, "--steps", 9,
                 "--checkpoint", shutil.copy(fake("fake-train.safetensors"),
                                             self.path("w.safetensors")),
                 "--resume")
        self.bad("--resume needs --checkpoint", *self.data, "--steps", 5,
                 "--resume")

    def test_full_disk(self):
        run = [*self.data, "--batch", "8", "--checkpoint", "c.safetensors"]
        self.good(*run, "--steps", 5)
        before = self.read("c.safetensors")
        self.bad("cannot write 'c.safetensors': File too large", *run,
                 "--steps", 9, limit=600)
        self.assertEqual(self.read("c.safetensors"), before)
        self.bad("cannot write 'no/c.safetensors'", *self.data, "--steps", 9,
                 "--checkpoint", "no/c.safetensors")

    def test_nan(self):
        run = [*self.data, "--steps", "20", "--batch", "8", "--checkpoint",
               "c.safetensors"]
        self.bad("step 7: the loss is nan; the first bad tensor after the step "
                 "is 'b', at element 1", *run, artifact="fake-train-nan.so")
        result = self.run_tool(*run, "--checkpoint-every", 5, artifact="fake-train-nan.so")
        self.assertEqual(result.returncode, 1)
        _, metadata = read_safetensors(self.path("c.safetensors"))
        self.assertEqual(metadata["tern_step"], "5")


    def test_bad_elements(self):
        self.bad("step 5: the inputs' elements do not fit the model", *self.data,
                 "--steps", "20", "--batch", "8", "--checkpoint", "c.safetensors",
                 artifact="fake-train-fails.so")


class Mistakes(Case):
    def test_data(self):
        steps = ["--steps", "1"]
        bad = self.x.copy()
        bad[3, 5] = np.nan
        self.save("n.npy", bad)
        self.bad("'n.npy': it has a NaN or an infinity at [3, 5]", "--data",
                 "n.npy", "--labels", "y.npy", *steps)
        labels = self.y.copy()
        labels[7] = 3
        self.save("l.npy", labels)
        self.bad("--labels: 'l.npy': label 3 at [7] is out of range for 3 "
                 "classes", "--data", "x.npy", "--labels", "l.npy", *steps)
        labels[7] = -1
        self.save("l.npy", labels)
        self.bad("label -1 at [7]", "--data", "x.npy", "--labels", "l.npy",
                 *steps)
        self.save("l.npy", self.y.astype(np.float32))
        self.bad("'l.npy': it holds f32, the model's labels are i64", "--data",
                 "x.npy", "--labels", "l.npy", *steps)
        self.save("l.npy", self.y[:-1])
        self.bad("'l.npy' has 100 rows, 'x.npy' has 101", "--data", "x.npy",
                 "--labels", "l.npy", *steps)
        self.save("e.npy", self.x[:0])
        self.bad("'e.npy': it is empty", "--data", "e.npy", "--labels",
                 "y.npy", *steps)
        self.save("w.npy", self.x[:, :5])
        self.bad("its type 101x5xf32 does not fit the model's 'x', batchx6xf32",
                 "--data", "w.npy", "--labels", "y.npy", *steps)
        self.bad("cannot read 'no.npy'", "--data", "no.npy", "--labels",
                 "y.npy", *steps)
        self.bad("--labels is missing for 'labels' (batchxi64)", "--data",
                 "x.npy", *steps)
        self.bad("--data is missing for 'x'", "--labels", "y.npy", *steps)
        self.bad("more files than the model has inputs", *self.data, "--data",
                 "x.npy", *steps)
        self.bad("'x' is given twice", "--data", "x=x.npy", "--data",
                 "x=x.npy", "--labels", "y.npy", *steps)
        self.bad("exclude each other", *self.data, "--text", "x.npy", *steps)

    def test_options(self):
        self.bad("a batch of 102 is larger than the 101 rows", *self.data,
                 "--steps", 1, "--batch", 102)
        self.bad("--lr: -0.1 is negative", *self.data, "--steps", 1,
                 "--lr=-0.1")
        self.bad("--lr: nan is not a finite number", *self.data, "--steps", 1,
                 "--lr", "nan")
        self.bad("--lr: inf is not a finite number", *self.data, "--steps", 1,
                 "--lr", "inf")
        self.bad("--weight-decay: -1 is negative", *self.data, "--steps", 1,
                 "--weight-decay=-1")
        self.bad("one of --steps and --epochs is needed", *self.data)
        self.bad("--min-lr: 1 is more than the learning rate", *self.data,
                 "--steps", 1, "--lr", 0.1, "--schedule", "cosine",
                 "--min-lr", 1)
        self.bad("--min-lr: 'x' is not a number", *self.data, "--steps", 1,
                 "--schedule", "cosine", "--min-lr", "x")
        self.bad("are for the schedules linear and cosine", *self.data,
                 "--steps", 1, "--min-lr", 0)
        self.bad("--set: there is no scalar 'mu' among lr, weight_decay",
                 *self.data, "--steps", 1, "--set", "mu=1")
        self.bad("--set: 'lr' has an option of its own", *self.data,
                 "--steps", 1, "--set", "lr=1")
        self.bad("--set: 'x' is not a number", *self.data, "--steps", 1,
                 "--set", "lambda=x")
        self.bad("--clip-norm: there is no scalar 'clip_norm'", *self.data,
                 "--steps", 1, "--clip-norm", 1)
        self.bad("--accumulate: the model was compiled without it; compile it "
                 "with 'ternc --train --accumulate'", *self.data,
                 "--steps", 1, "--accumulate", 2)
        self.bad("--set: 'accumulate' has an option of its own", *self.data,
                 "--steps", 1, "--set", "accumulate=2")
        self.bad("--scale: '1/0' is not", *self.data, "--steps", 1, "--scale",
                 "1/0")
        self.bad("--scale: 'y=1' is not", *self.data, "--steps", 1, "--scale",
                 "y=1")
        for bad in ("1", "1,", ",1", "1,2,3", "x=1,x"):
            self.bad("is not MEAN,DEVIATION", *self.data, "--steps", 1,
                     "--normalize", bad)
        self.bad("the deviation not 0", *self.data, "--steps", 1,
                 "--normalize", "1,0")
        self.bad("--eval-only needs --val", *self.data, "--eval-only")
        for arguments in (["--batch", "0"], ["--schedule", "odd"],
                          ["--steps", "-1"], ["--nonsense"],
                          ["--steps", "1", "--epochs", "1"],
                          ["--val-split", "1"]):
            self.bad("(see --help)", *self.data, *arguments)

    def test_artifacts(self):
        self.bad("is no training artifact", *self.data, "--steps", 1,
                 artifact="fake.so")
        self.bad("has artifact ABI 99, this runtime has 5", *self.data,
                 "--steps", 1, artifact="fake-abi.so")
        self.bad("cannot read", *self.data, "--steps", 1, artifact="no.so")
        shutil.copy(fake("fake-train.so"), self.path("alone.so"))
        self.bad("these are the initial parameters of", *self.data, "--steps",
                 1, artifact=self.path("alone.so"))
        header = json.dumps({"__metadata__": {}}).encode()
        with open(self.path("w.safetensors"), "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
        self.bad("lacks 'w'", *self.data, "--steps", 1, "--weights",
                 "w.safetensors")


class Reports(Case):
    def test_info(self):
        info = json.loads(self.good("--info=json", "--batch", 10))
        self.assertEqual(info["parameters"], 22)
        self.assertEqual(info["state_bytes"], 448)
        self.assertEqual(info["arena_bytes"]["train_step"], 120)
        self.assertEqual(info["signature"]["optimizer"], "momentum")
        self.assertIn("optimizer:  momentum", self.good("--info"))
        self.assertIn("--checkpoint-every", self.good("--help"))

    def test_log_and_plot(self):
        self.good(*self.data, "--steps", 20, "--metrics", "a.jsonl",
                  "--plot", "p.svg", "--val-split", 0.1)
        every = [m["loss"] for m in self.metrics("a.jsonl") if "loss" in m]
        self.good(*self.data, "--steps", 20, "--metrics", "b.jsonl",
                  "--log-every", 8, "--val-split", 0.1)
        lines = [m for m in self.metrics("b.jsonl") if "loss" in m]
        self.assertEqual([m["step"] for m in lines], [8, 16, 20])
        np.testing.assert_allclose(
            [m["loss"] for m in lines],
            [np.mean(every[:8]), np.mean(every[8:16]), np.mean(every[16:])],
            rtol=1e-6)
        svg = xml.dom.minidom.parse(self.path("p.svg"))
        self.assertEqual(len(svg.getElementsByTagName("polyline")), 3)
        self.assertIn("validation", self.read("p.svg").decode())

    def test_profile(self):
        self.good(*self.data, "--steps", 2, "--profile", "t.json")
        events = json.loads(self.read("t.json"))["traceEvents"]
        self.assertEqual(
            sum(e.get("name") == "train_step" for e in events), 2)

    @unittest.skipUnless(has_terminals(), "needs /dev/pts")
    def test_terminal(self):
        master, slave = os.openpty()
        process = subprocess.run(
            self.command(*self.data, "--steps", 20, "--val-split", 0.2),
            cwd=self.dir, stderr=slave, stdout=subprocess.PIPE, check=True)
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(master)
        self.assertIn(b"/20 [", shown)
        self.assertIn(b"ETA", shown)
        self.assertIn(b"step 20: validation loss", shown)
        self.assertIn(b"trained 20 steps", process.stdout)


if __name__ == "__main__":
    train_case.main()
