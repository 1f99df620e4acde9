#!/usr/bin/env python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tests of the Python package on artifacts written by hand (runtime/test).

TERN_FAKES is their folder.
"""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np

import tern

FAKES = os.environ["TERN_FAKES"]
W = np.array([[1, 2], [3, 4], [5, 6]], np.float32)


def fake(name):
    return os.path.join(FAKES, name)


class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(0)
        self.model = tern.load(fake("fake.so"), threads=2)

    def data(self, batch):
        return (self.rng.normal(size=(batch, 3)).astype(np.float32),
                self.rng.integers(0, 2, (batch, 4)).astype(bool))

    def test_describes(self):
        self.assertEqual(self.model.inputs[1],
                         ("mask", np.dtype(bool), ("batch", 4)))
        self.assertEqual(self.model.outputs[0].dtype, np.float32)
        self.assertEqual(self.model.signature["model"], "fake")
        self.assertEqual(self.model.threads, 2)
        self.assertRegex(tern.runtime_version(), r"^\d+\.\d+\.\d+$")

    def test_calls(self):
        for batch in (0, 1, 3, 17, 257):
            x, mask = self.data(batch)
            y, count = self.model(x, mask)
            np.testing.assert_allclose(y, x @ W, rtol=1e-5, atol=1e-5)
            np.testing.assert_array_equal(count, mask.sum(1))
        named = self.model(mask=mask, x=x)
        np.testing.assert_array_equal(named[0], y)
        mixed = self.model(x, mask=mask)
        np.testing.assert_array_equal(mixed[0], y)
        results = self.model.run({"x": x, "mask": mask})
        self.assertEqual(list(results), ["y", "count"])
        np.testing.assert_array_equal(results["y"], y)

    def test_array_kinds(self):
        x, mask = self.data(33)
        expected = self.model(x, mask)[0]
        # Strided, unaligned, read-only, lists.
        wide = np.zeros((33, 6), np.float32)
        wide[:, ::2] = x
        raw = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:]
        unaligned = raw.view(np.float32).reshape(33, 3)
        frozen = x.copy()
        frozen.flags.writeable = False
        for value in (wide[:, ::2], np.asfortranarray(x), unaligned, frozen,
                      x.tolist()):
            np.testing.assert_array_equal(self.model(value, mask)[0], expected)

    def test_dlpack(self):
        try:
            import torch
        except ImportError:
            self.skipTest("no PyTorch")
        x, mask = self.data(5)
        y, _ = self.model(torch.from_numpy(x), torch.from_numpy(mask))
        np.testing.assert_array_equal(y, self.model(x, mask)[0])
        np.testing.assert_array_equal(torch.from_dlpack(y).numpy(), y)

    def test_refuses(self):
        x, mask = self.data(4)

        def bad(message, *inputs, **named):
            with self.assertRaisesRegex(tern.InvalidArgument, message):
                self.model(*inputs, **named)

        bad("input 'x' has dtype f64, expected f32", x.astype(float), mask)
        bad("input 'x' has dtype >f4", x.astype(">f4"), mask)
        bad("input 'x' has dtype complex64", x.astype(complex).astype("c8"),
            mask)
        bad("'batch' is 4 elsewhere", x, mask[:3])
        bad("input 'mask' is missing", x)
        bad("input 'x' is given twice", x, mask, x=x)
        bad("there is no input 'z' among x, mask", x, z=mask)
        bad("takes 2 inputs", x, mask, x)
        with self.assertRaises(ValueError):
            self.model(x[:, :2], mask)

    def test_files(self):
        with self.assertRaisesRegex(OSError, "cannot read"):
            tern.load("none.so")
        with self.assertRaisesRegex(tern.ArtifactError, "artifact ABI 99"):
            tern.load(fake("fake-abi.so"))
        with self.assertRaisesRegex(tern.ArtifactError, "is a training art"):
            tern.load(fake("fake-train.so"))
        with self.assertRaisesRegex(tern.WeightsError, "another model"):
            tern.load(fake("fake-id.so"), weights=fake("fake.safetensors"))
        with self.assertRaisesRegex(ValueError, "threads"):
            tern.load(fake("fake.so"), threads=10**6)

    def test_devices(self):
        model = tern.load(fake("fake-kernel.so"), fake("fake.safetensors"),
                          device=fake("fake-device.so"))
        self.assertEqual(model([[1, 0, 2]], [[1, 0, 1, 0]])[0].tolist(),
                         [[11, 14]])
        with self.assertRaisesRegex(ValueError, "kernels of kind 'fake'"):
            tern.load(fake("fake-kernel.so"), fake("fake.safetensors"))

    def test_replaced_files(self):
        """A file is what it is when it is loaded, whatever is alive."""
        with tempfile.TemporaryDirectory() as folder:
            def put(name, weights="fake.safetensors"):
                for suffix, source in ((".so", name),
                                       (".safetensors", weights)):
                    new = os.path.join(folder, "new")
                    shutil.copy(fake(source), new)
                    os.replace(new, os.path.join(folder, "m" + suffix))

            path = os.path.join(folder, "m.so")
            x, mask = self.data(3)
            put("fake.so")
            first = tern.load(path)
            put("fake-fails.so")
            second = tern.load(path)
            put("fake-abi.so")
            with self.assertRaisesRegex(tern.ArtifactError, "artifact ABI 99"):
                tern.load(path)
            put("fake-train.so")
            with self.assertRaisesRegex(tern.ArtifactError, "tern-train runs"):
                tern.load(path)
            put("fake-train.so", "fake-train.safetensors")
            third = tern.Trainer(path)
            put("fake.so")
            fourth = tern.load(path)
            for model in (first, fourth):
                np.testing.assert_array_equal(model(x, mask)[1], mask.sum(1))
            with self.assertRaisesRegex(tern.InvalidArgument, "row 3 is one"):
                second(x, mask)
            self.assertIn("train_step", third.signature["functions"])

    def test_files_that_were_cut(self):
        with tempfile.TemporaryDirectory() as folder:
            weights = os.path.join(folder, "w.safetensors")
            shutil.copy(fake("fake.safetensors"), weights)
            model = tern.load(fake("fake.so"), weights=weights)
            x, mask = self.data(3)
            model(x, mask)
            os.truncate(weights, os.path.getsize(weights) - 1)
            with self.assertRaisesRegex(tern.FileError,
                                        "w.safetensors' was written to"):
                model(x, mask)

    def test_threads(self):
        x, mask = self.data(100)
        expected, failures = x @ W, []

        def work():
            for _ in range(50):
                y, _ = self.model(x, mask)
                if not np.allclose(y, expected, rtol=1e-5, atol=1e-5):
                    failures.append(y)

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(failures, [])


class StateTest(unittest.TestCase):
    def setUp(self):
        self.model = tern.load(fake("fake-cache.so"),
                               state_dims={"capacity": 3})
        self.append = self.model.functions["append"]

    def test_outlives_calls(self):
        np.testing.assert_array_equal(self.model.state["cache"], [0.5] * 3)
        for length in (1, 2, 3):
            self.model.scalars["length"] = length
            self.assertEqual(self.append(length), length * (length + 1) / 2)
        self.model.state["cache"][1] = 7
        self.assertEqual(self.model.functions["sum"].run({})["total"], 11)
        self.model.reset()
        self.assertEqual(self.model.functions["sum"](), 1.5)

    def test_describes(self):
        self.assertEqual(sorted(self.model.functions), ["append", "sum"])
        self.assertEqual(self.append.inputs,
                         [("x", np.dtype(np.float32), ())])
        self.assertEqual(self.model.inputs, [])
        self.assertEqual(list(self.model.scalars), ["length"])

    def test_refuses(self):
        with self.assertRaisesRegex(ValueError, "'capacity' is not given"):
            tern.load(fake("fake-cache.so"))
        with self.assertRaisesRegex(ValueError, "no function 'main'"):
            self.model(1)
        with self.assertRaisesRegex(ValueError, "'length' has no value"):
            self.append(1)
        self.model.scalars["length"] = 4
        with self.assertRaisesRegex(ValueError, "'capacity', which is 3"):
            self.append(1)
        np.testing.assert_array_equal(self.model.state["cache"], [0.5] * 3)

    def test_state_outlives_the_program(self):
        cache = self.model.state["cache"]
        del self.model, self.append
        gc.collect()
        np.testing.assert_array_equal(cache, [0.5] * 3)


class TrainerTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.rng = np.random.default_rng(0)
        self.x = self.rng.normal(size=(64, 6)).astype(np.float32)
        self.y = (self.x @ self.rng.normal(size=(6, 3))).argmax(1)
        self.trainer = tern.Trainer(fake("fake-train.so"), threads=1)

    def path(self, name):
        return os.path.join(self.dir, name)

    def test_describes(self):
        trainer = self.trainer
        self.assertEqual([i.name for i in trainer.inputs], ["x", "labels"])
        self.assertEqual(trainer.outputs[0].shape, ("batch", 3))
        self.assertEqual(trainer.parameters, ["w", "b", "gain"])
        self.assertEqual(list(trainer.state), ["w", "b", "gain", "w/m", "b/m"])
        self.assertEqual(trainer.state["gain"].shape, ())
        self.assertAlmostEqual(trainer.scalars["lr"], 0.1)
        self.assertEqual(set(trainer.scalars),
                         {"lr", "weight_decay", "step", "lambda"})
        memory = trainer.memory(batch=10)
        self.assertEqual(memory["state"], 448)
        self.assertEqual(memory["train_step"], 120)
        self.assertEqual(trainer.signature["optimizer"], "momentum")

    def test_steps(self):
        trainer = self.trainer
        w, b = trainer.state["w"].astype(float), np.zeros(3)
        wm, bm = 0 * w, 0 * b
        for step in range(20):
            p = np.exp(self.x @ w + b)
            p /= p.sum(1, keepdims=True)
            expected = -np.log(p[np.arange(64), self.y]).mean()
            p[np.arange(64), self.y] -= 1
            dw, db = self.x.T @ p / 64, p.mean(0)
            wm, bm = 0.9 * wm + dw, 0.9 * bm + db
            w, b = (1 - 0.05 * 0.1) * w - 0.05 * wm, b - 0.05 * bm
            loss = trainer.step(self.x, self.y, lr=0.05, weight_decay=0.1)
            self.assertAlmostEqual(loss, expected, 4)
            self.assertAlmostEqual(trainer.measurements["grad_norm"],
                                   np.sqrt((dw**2).sum()), 4)
        np.testing.assert_allclose(trainer.state["w"], w, rtol=1e-4, atol=1e-5)
        self.assertEqual(trainer.steps, 20)
        self.assertEqual(trainer.scalars["step"], 20)
        loss, logits = trainer.evaluate(self.x, self.y)
        np.testing.assert_allclose(logits, self.x @ w + b, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(trainer.forward(self.x), logits)
        self.assertEqual(
            trainer.step({"labels": self.y, "x": self.x}), loss)

    def test_lambda(self):
        other = tern.Trainer(fake("fake-train.so"))
        self.trainer.step(self.x, self.y)
        other.step(self.x, self.y, **{"lambda": 0.5})
        np.testing.assert_allclose(other.state["b"],
                                   1.5 * self.trainer.state["b"], rtol=1e-5)

    def test_checkpoints(self):
        trainer, file = self.trainer, self.path("c.safetensors")
        trainer.step(self.x, self.y)
        trainer.save(file, {"note": "\u00fcber"})
        trainer.step(self.x, self.y)
        expected = {k: v.copy() for k, v in trainer.state.items()}
        trainer.initialize()
        self.assertEqual(trainer.steps, 0)
        self.assertEqual(trainer.state["b"].tolist(), [0, 0, 0])
        trainer.restore(file)
        self.assertEqual(trainer.steps, 1)
        self.assertEqual(trainer.metadata("note"), "\u00fcber")
        self.assertIsNone(trainer.metadata("lost"))
        trainer.step(self.x, self.y)
        for name, value in expected.items():
            np.testing.assert_array_equal(trainer.state[name], value)
        with self.assertRaisesRegex(tern.WeightsError, "another model"):
            tern.Trainer(fake("fake-train-other.so"),
                         weights=file).restore(file)
        with self.assertRaisesRegex(OSError, "cannot write"):
            trainer.save(self.path("no/c.safetensors"))
        trainer.state["w"][0, 0] = np.nan
        with self.assertRaisesRegex(ValueError, "'w' has a NaN"):
            trainer.save(file)

    def test_state_outlives_the_trainer(self):
        w = self.trainer.state["w"]
        before = w.copy()
        self.trainer = None
        gc.collect()
        np.testing.assert_array_equal(w, before)
        w[:] = 1

    def test_refuses(self):
        trainer = self.trainer
        before = trainer.state["w"].copy()
        with self.assertRaisesRegex(ValueError, "label 3 at index 0"):
            trainer.step(self.x[:1], [3])
        with self.assertRaisesRegex(ValueError, "dtype i32, expected i64"):
            trainer.step(self.x, self.y.astype(np.int32))
        with self.assertRaisesRegex(ValueError, "'lr' is -1"):
            trainer.step(self.x, self.y, lr=-1)
        with self.assertRaisesRegex(ValueError, "no scalar 'mu'"):
            trainer.step(self.x, self.y, mu=1)
        with self.assertRaises(KeyError):
            trainer.scalars["mu"]
        np.testing.assert_array_equal(trainer.state["w"], before)
        self.assertEqual(trainer.steps, 0)


class CompileTest(unittest.TestCase):
    """The compiler is a script here."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.tool = os.path.join(self.dir, "ternc")
        os.environ["TERNC"] = self.tool
        self.addCleanup(os.environ.pop, "TERNC")

    def script(self, text):
        with open(self.tool, "w") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(self.tool, 0o755)

    def test_arguments(self):
        log = os.path.join(self.dir, "log")
        self.script(f'printf "%s\\n" "$@" > {log}\n')
        output = tern.compile("a b.onnx", train=True, ternarize="all",
                              embed_weights=True, stats=None, verbose=False,
                              dim=["n=1", "m=2"], options=["-v"])
        self.assertEqual(output, "a b.so")
        with open(log) as file:
            self.assertEqual(file.read().splitlines(), [
                "a b.onnx", "-o", "a b.so", "--train", "--ternarize=all",
                "--embed-weights", "--dim=n=1", "--dim=m=2", "-v"])

    def test_errors(self):
        self.script('echo "warning: hm" >&2; echo "error: m.onnx: bad" >&2; '
                    'echo "note: more" >&2; exit 1')
        with self.assertRaisesRegex(tern.CompileError, "^m.onnx: bad$") as e:
            tern.compile("m.onnx")
        self.assertIn("note: more", e.exception.stderr)
        self.script("kill -SEGV $$")
        with self.assertRaisesRegex(tern.CompileError, "ended by SIGSEGV"):
            tern.compile("m.onnx")
        os.unlink(self.tool)
        with self.assertRaisesRegex(tern.CompileError, "cannot run"):
            tern.compile("m.onnx")


class LocateTest(unittest.TestCase):
    def test_no_runtime(self):
        result = subprocess.run(
            [sys.executable, "-c", "import tern; tern.load('x.so')"],
            env={**os.environ, "TERN_RUNTIME": "/nonexistent.so"}, text=True,
            stderr=subprocess.PIPE, check=False)
        self.assertIn("tern._errors.Error: cannot load the runtime "
                      "'/nonexistent.so'", result.stderr)


if __name__ == "__main__":
    unittest.main()
