#!/usr/bin/env python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs tern-run and stand-alone executables on the hand-written artifact.

The artifact computes y = x . w and count = the number of true elements in each
row of mask; see fake-artifact.c.
"""

import argparse
import gzip
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import unittest

import numpy as np

from tool_case import ToolCase

ARGS = None
W = np.array([[1, 2], [3, 4], [5, 6]], np.float32)


def safetensors(tensors, metadata):
    """A minimal writer, independent of the one under test."""
    header, data = {"__metadata__": metadata}, b""
    for name, array in tensors.items():
        dtype = {"float32": "F32", "int8": "I8"}[str(array.dtype)]
        begin = len(data)
        data += array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return struct.pack("<Q", len(text)) + text + data


class Case(ToolCase):
    def data(self, batch):
        x = self.rng.integers(-8, 8, (batch, 3)).astype(np.float32)
        mask = self.rng.integers(0, 2, (batch, 4)).astype(bool)
        self.x, self.mask = x, mask
        self.y, self.count = x @ W, mask.sum(1)
        return ["--input", "x=" + self.save("x.npy", x),
                "--input", "mask=" + self.save("mask.npy", mask)]

    def run_tool(self, *arguments, tool=None, env=None):
        command = [tool] if tool else [ARGS.tern_run]
        return subprocess.run(
            command + list(arguments), cwd=self.dir, text=True,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def fake(name):
    return os.path.join(ARGS.fakes, name)


class Running(Case):
    def test_outputs(self):
        for batch in (1, 2, 33):
            inputs = self.data(batch)
            for threads in ("1", "2", "5"):
                self.good(fake("fake.so"), *inputs, "--threads", threads,
                          "--output", "y=@y.npy", "--output", "count=@c.npy")
                np.testing.assert_array_equal(np.load(self.path("y.npy")),
                                              self.y)
                np.testing.assert_array_equal(np.load(self.path("c.npy")),
                                              self.count)

    def test_prints(self):
        out = self.good(fake("fake.so"), "--input", "1x3xf32=1,0,2",
                        "--input", "1x4xbool=1,0,true,false")
        self.assertEqual(out, "y: 1x2xf32 [[11, 14]]\ncount: 1xi64 [2]\n")

    def test_options_before_the_artifact(self):
        out = self.good("--input", "1x3xf32=1", "--input", "mask=1x4xi1=1",
                        fake("fake.so"))
        self.assertEqual(out, "y: 1x2xf32 [[9, 12]]\ncount: 1xi64 [4]\n")

    def test_empty_batch(self):
        out = self.good(fake("fake.so"), "--input", "0x3xf32", "--input",
                        "0x4xbool")
        self.assertEqual(out, "y: 0x2xf32 []\ncount: 0xi64 []\n")

    def test_batches(self):
        inputs = self.data(10)
        for size in (1, 3, 5, 10, 99):
            self.good(fake("fake.so"), *inputs, "--batch", str(size),
                      "--output", "@y.npy", "--output", "@c.npy")
            np.testing.assert_array_equal(np.load(self.path("y.npy")), self.y)
            np.testing.assert_array_equal(np.load(self.path("c.npy")),
                                          self.count)

    def test_expect(self):
        inputs = self.data(4)
        wrong = self.y.copy()
        wrong[2, 1] += 0.5
        off = self.y + 0.9e-4 * abs(self.y).max()
        text = self.good(fake("fake.so"), *inputs, "--expect",
                         "y=" + self.save("y.npy", off.astype(np.float32)),
                         "--expect",
                         "count=" + self.save("c.npy", self.count))
        self.assertRegex(text, r"^y: ok, 8 elements, largest error [\d.e-]+ "
                         r"\(allowed: .* \+ 1e-05 \* \|expected\|\)\n"
                         r"count: ok, \d+ elements, largest error 0 ")
        # Not where tolerances are given.
        self.bad("8 of 8 elements differ (rtol 1e-05, atol 0)",
                 fake("fake.so"), *inputs, "--expect", "y=@y.npy", "--atol",
                 "0")
        expect = ["--expect", "y=" + self.save("wrong.npy", wrong)]
        self.bad("output 'y' 1 of 8 elements differ (rtol 1e-05, atol ",
                 fake("fake.so"), *inputs, *expect)
        self.bad("(rtol 1e-05, atol 1e-06): largest error 0.5; first at [2, 1]: "
                 "got ", fake("fake.so"), *inputs, *expect, "--atol", "1e-6")
        self.good(fake("fake.so"), *inputs, *expect, "--atol", "0.5")
        self.bad("has type 4x2xf32, expected 4x2xf64", fake("fake.so"),
                 *inputs, "--expect",
                 "y=" + self.save("f64.npy", self.y.astype(np.float64)))

    def test_labels(self):
        inputs = self.data(200)
        labels = self.y.argmax(1).astype(np.uint8)
        labels[:50] ^= 1
        right = int((labels == self.y.argmax(1)).sum())
        want = f"accuracy: {right / 2:.2f} % ({right} of 200)\n"
        idx = struct.pack(">BBBBI", 0, 0, 8, 1, 200) + labels.tobytes()
        with gzip.open(self.path("labels-idx1-ubyte.gz"), "wb") as file:
            file.write(idx)
        for name in ("y=@labels-idx1-ubyte.gz", "labels-idx1-ubyte.gz",
                     self.save("labels.npy", labels.astype(np.int64))):
            out = self.good(fake("fake.so"), *inputs, "--labels", name,
                            "--batch", "64")
            self.assertTrue(out.startswith(want), out)
            self.assertRegex(out, r"throughput: [0-9.]+ items/s \(200 items")
        labels[7] = 2
        self.bad("label 2 at index 7 is out of range for 2 classes",
                 fake("fake.so"), *inputs, "--labels",
                 self.save("bad.npy", labels))
        self.bad("199 labels for 200 predictions", fake("fake.so"), *inputs,
                 "--labels", self.save("short.npy", labels[1:]))

    def test_benchmark_and_profile(self):
        out = self.good("--benchmark=0.01", fake("fake.so"), "--batch", "8")
        self.assertIn(" of 8 items", out)
        self.assertIn("median ms", out)
        inputs = self.data(64)
        self.good(fake("fake.so"), *inputs, "--threads", "2", "--profile",
                  "trace.json", "--output", "@y.npy")
        with open(self.path("trace.json")) as file:
            events = json.load(file)["traceEvents"]
        for label in ("products", "counts"):
            spans = [e for e in events if e["name"] == label]
            self.assertEqual(sum(e["args"]["items"] for e in spans), 64)
        self.assertEqual(len([e for e in events if e["name"] == "invoke"]), 1)

    def test_info(self):
        out = self.good("--info", fake("fake.so"))
        self.assertIn("x: batchx3xf32", out)
        self.assertIn("scratch memory: 8 bytes (batch = 1)", out)
        info = json.loads(self.good("--info=json", fake("fake.so"), "--batch",
                                    "4"))
        self.assertEqual(info["signature"]["model"], "fake")
        self.assertEqual(info["param_bytes"], 24)
        self.assertEqual(info["arena_bytes"], 32)
        self.assertIsNone(info["problem"])
        # A model that cannot run here can still be described.
        info = json.loads(self.good("--info=json", fake("fake-feature.so")))
        self.assertIn("avx1024", info["problem"])

    def test_threads(self):
        inputs = self.data(8)
        for env, options in (("3", []), ("5", ["--threads", "3"])):
            result = self.run_tool(fake("fake.so"), *inputs, "--verbose",
                                   *options, env={"TERN_NUM_THREADS": env})
            self.assertIn("3 threads", result.stderr)
        self.bad("TERN_NUM_THREADS is 'many'", fake("fake.so"), *inputs,
                 env={"TERN_NUM_THREADS": "many"})

    def test_version(self):
        self.assertRegex(self.good("--version"), r"^tern-run \d+\.\d+\.\d+\n$")

    def test_weights_are_read_only(self):
        shutil.copy(fake("fake.safetensors"), self.path("w"))
        result = self.run_tool(fake("fake-writes.so"), *self.data(1),
                               "--weights", "w")
        # Address sanitizer reports the fault and exits.
        self.assertIn(result.returncode, (-signal.SIGSEGV, 1))
        self.assertNotEqual(result.returncode, 0)

    def test_c_example(self):
        out = self.good(fake("fake.so"), tool=fake("c-api-example"))
        self.assertEqual(out, "y: 0 0\ncount: 0\n")


class OnnxData(Case):
    def setUp(self):
        super().setUp()
        try:
            import onnx.numpy_helper
        except ImportError:
            self.skipTest("needs the onnx package")
        self.to_proto = onnx.numpy_helper.from_array

    def write(self, folder, name, array, tensor_name=""):
        os.makedirs(self.path(folder), exist_ok=True)
        with open(os.path.join(self.path(folder), name), "wb") as file:
            file.write(self.to_proto(array, tensor_name).SerializeToString())

    def write_set(self, folder, batch, error=0):
        self.data(batch)
        self.write(folder, "input_0.pb", self.x, "x")
        self.write(folder, "input_1.pb", self.mask)
        self.write(folder, "output_0.pb", self.y + np.float32(error))
        self.write(folder, "output_1.pb", self.count)

    def test_sets(self):
        for i in range(11):
            self.write_set(f"case/test_data_set_{i}", i + 1)
        out = self.good(fake("fake.so"), "--onnx-test-data", "case")
        self.assertEqual(out.splitlines(),
                         [f"test_data_set_{i}: ok" for i in range(11)])
        self.good(fake("fake.so"), "--onnx-test-data=case/test_data_set_3")
        self.write_set("case/test_data_set_4", 2, error=1)
        self.bad("1 of 11 data sets in 'case' differ", fake("fake.so"),
                 "--onnx-test-data=case")

    def test_single_tensor(self):
        self.data(2)
        self.write(".", "x.pb", self.x)
        self.write(".", "mask.pb", self.mask)
        self.good(fake("fake.so"), "--input", "x=@x.pb", "--input",
                  "mask=@mask.pb", "--expect", "y=" + self.save("y", self.y)
                  + ".npy")
        self.bad("this executable reads no ONNX tensors", "--input", "x=@x.pb",
                 tool=fake("fake-exe-embed"))

    def test_bad(self):
        self.write_set("set", 2)
        with open(self.path("set/input_1.pb"), "r+b") as file:
            file.truncate(9)
        self.bad("input_1.pb'", fake("fake.so"), "--onnx-test-data=set")
        os.remove(self.path("set/input_1.pb"))
        self.bad("has no file for input 'mask'", fake("fake.so"),
                 "--onnx-test-data=set")
        # Packed elements: 4 bits, and 6 bits, which only raw data pack.
        for kind, fields, message in (
                (22, {"raw_data": b"12"}, "takes 3 bytes, but it has 2"),
                (22, {"int32_data": [1] * 5}, "takes 3 bytes, but it has 5"),
                (27, {"raw_data": b"12345"}, "takes 4 bytes, but it has 5"),
                (27, {"int32_data": [1] * 4}, "takes 5 bytes, but it has 4")):
            tensor = self.to_proto(np.zeros(5, np.float32))
            tensor.Clear()
            tensor.data_type = kind
            tensor.dims.append(5)
            for name, value in fields.items():
                if isinstance(value, bytes):
                    setattr(tensor, name, value)
                else:
                    getattr(tensor, name).extend(value)
            with open(self.path("set/input_1.pb"), "wb") as file:
                file.write(tensor.SerializeToString())
            self.bad(message, fake("fake.so"), "--onnx-test-data=set")
        os.mkdir(self.path("empty"))
        self.bad("'empty' is no ONNX test data", fake("fake.so"),
                 "--onnx-test-data=empty")


class StandAlone(Case):
    def test_weights(self):
        # Next to the executable, wherever that is.
        shutil.copy(fake("fake-exe"), self.path("model"))
        inputs = self.data(3)
        self.bad("model.safetensors': No such file or directory", *inputs,
                 tool=self.path("model"))
        shutil.copy(fake("fake.safetensors"), self.path("model.safetensors"))
        want = ["--expect", "y=" + self.save("y.npy", self.y)]
        self.good(*inputs, *want, tool=self.path("model"))
        self.good(*inputs, *want, tool=fake("fake-exe-embed"))
        self.good(*inputs, *want, "--weights", "model.safetensors",
                  tool=fake("fake-exe"))
        self.good(fake("fake-embed.so"), *inputs, *want)

    def test_structs_of_other_sizes(self):
        inputs = self.data(3)
        want = ["--expect", "y=" + self.save("y.npy", self.y)]
        self.good(fake("fake-later.so"), *inputs, *want, "--weights",
                  fake("fake.safetensors"))
        # What lies beyond the size is not looked at: the weights in it.
        self.bad("fake-earlier.safetensors': No such file or directory",
                 fake("fake-earlier.so"), *inputs)
        self.good(fake("fake-earlier.so"), *inputs, *want, "--weights",
                  fake("fake.safetensors"))

    def test_has_no_artifact_argument(self):
        self.bad("fake.so", fake("fake.so"), tool=fake("fake-exe-embed"))


class BadElements(Case):
    def test_fails(self):
        self.bad("the inputs' elements do not fit the model: row 3 is one too "
                 "many", fake("fake-fails.so"), *self.data(1), "--weights",
                 fake("fake.safetensors"))
        self.bad("a service of the host failed with status -3",
                 fake("fake-service.so"), *self.data(1), "--weights",
                 fake("fake.safetensors"))


class Devices(Case):
    """Models with kernels, and the libraries that run them."""

    def arguments(self, artifact, device):
        return [fake(artifact), *self.data(5), "--weights",
                fake("fake.safetensors"), "--device", device]

    def test_runs(self):
        self.good(*self.arguments("fake-kernel.so", fake("fake-device.so")),
                  "--output", "y=@y.npy", "--profile", "trace.json")
        np.testing.assert_array_equal(np.load(self.path("y.npy")), self.y)
        with open(self.path("trace.json")) as file:
            names = [event["name"] for event in json.load(file)["traceEvents"]]
        self.assertIn("fc1", names)

    def test_refuses(self):
        kernel = "fake-kernel.so"
        self.bad("has kernels of kind 'fake': name their device's library "
                 "(--device=FILE, device_path)",
                 *self.arguments(kernel, "")[:-2])
        self.bad("'none.so': No such file", *self.arguments(kernel, "none.so"))
        os.mkfifo(self.path("pipe"))
        self.bad("'pipe'", *self.arguments(kernel, "pipe"))
        with open(fake("fake-device.so"), "rb") as file:
            library = file.read()
        with open(self.path("cut.so"), "wb") as file:
            file.write(library[:len(library) // 2])
        self.bad("cut.so", *self.arguments(kernel, self.path("cut.so")))
        self.bad("fake.so' has no symbol tern_device",
                 *self.arguments(kernel, fake("fake.so")))
        self.bad("it is for artifact ABI 4, this runtime has 5; rebuild it",
                 *self.arguments(kernel, fake("fake-device-abi.so")))
        self.bad("fake.so' runs on this processor: it takes no device",
                 *self.arguments("fake.so", fake("fake-device.so")))
        self.bad("device fake failed with status -7 in 'fc1'",
                 *self.arguments("fake-kernel-fails.so",
                                 fake("fake-device.so")))

    def test_is_described(self):
        out = self.good(fake("fake-kernel.so"), "--info")
        self.assertIn("problem: ", out)


class State(Case):
    """An artifact of two functions over a cache; see fake-cache.c."""

    def append(self, *arguments, check=None):
        arguments = (fake("fake-cache.so"), "--function", "append", *arguments, "--input", "f32=2")
        return self.bad(check, *arguments) if check else self.good(*arguments)

    def test_runs(self):
        out = self.append("--state-dim", "capacity=4", "--set", "length=3")
        self.assertEqual(out, "total: f32 3\n")
        out = self.good(fake("fake-cache.so"), "--function=sum", "--state-dim=capacity=4", "--set=length=4")
        self.assertEqual(out, "total: f32 2\n")

    def test_bad(self):
        self.append(check="has state whose extent 'capacity' is not given")
        self.append("--state-dim", "capacity", check="--state-dim: 'capacity' is not NAME=VALUE")
        self.append("--state-dim", "capacity=2.5", check="--state-dim: 'capacity=2.5' is no extent")
        self.append("--state-dim", "capacity=0", check="is 0, which is not positive")
        self.append("--state-dim", "room=3", check="has no state with an extent 'room'; there are: capacity")
        self.append("--state-dim", "capacity=3", check="the scalar 'length' has no value")
        self.append("--state-dim", "capacity=3", "--set", "length=four", check="--set: 'four' is not a number")
        self.append("--state-dim", "capacity=3", "--set", "width=4", check="--set: there is no scalar 'width' among length")
        self.append("--state-dim", "capacity=3", "--set", "length=4",
                    check="scalar 'length' is 4, it must be from 1 to 'capacity', which is 3")
        self.bad("has no function 'main'; there are: append, sum (--function=NAME)",
                 fake("fake-cache.so"), "--state-dim", "capacity=3")
        self.bad("has no function 'appends'; there are: append, sum; did you mean 'append'?",
                 fake("fake-cache.so"), "--function", "appends", "--state-dim", "capacity=3")

    def test_is_described(self):
        out = self.good(fake("fake-cache.so"), "--info", "--state-dim", "capacity=5")
        self.assertIn("functions: append sum; of append:", out)
        self.assertIn("state:\n  cache: 5xf32\nscalars: length\nparameters: 0 tensors", out)
        self.assertIn("scratch memory: 40 bytes (capacity = 5)", out)
        out = self.good(fake("fake-cache.so"), "--info")
        self.assertIn("cache: capacityxf32", out)
        self.assertIn("problem: ", out)


class SpecialFiles(Case):
    """What is no regular file is refused, and nothing waits for a pipe."""

    def test_inputs(self):
        os.mkfifo(self.path("pipe"))
        os.mkdir(self.path("folder"))
        inputs = self.data(1)
        for suffix in ("", ".npy", ".pb", ".gz", "-idx1-ubyte"):
            name = "link" + suffix
            for target in ("pipe", "folder", "/dev/zero"):
                os.symlink(target, self.path(name))
                why = f"cannot read '{name}': it is " + (
                    "a folder" if target == "folder" else "not a regular file")
                for option in ("--input", "--expect"):
                    self.bad(why, fake("fake.so"), *inputs[2:], option,
                             ("x=@" if option == "--input" else "y=@") + name)
                self.bad(why, fake("fake.so"), *inputs, "--labels", name)
                os.unlink(self.path(name))
        for name in ("pipe", "folder", "/dev/zero"):
            why = f"cannot read '{name}': it is " + (
                "a folder; give a file in it" if name == "folder"
                else "not a regular file")
            self.bad(why, fake("fake.so"), *inputs, "--weights", name)
            self.bad(why, name, *inputs)

    def test_data_sets(self):
        os.makedirs(self.path("data/test_data_set_0"))
        os.mkfifo(self.path("data/test_data_set_0/input_0.pb"))
        self.bad("input_0.pb': it is not a regular file", fake("fake.so"),
                 "--onnx-test-data=data")


class CutFiles(Case):
    """The artifact cuts a file while it runs: no signal, one line of error."""

    def test_data(self):
        inputs = self.data(5000)
        weights = self.path("w.safetensors")
        for cut in ("x.npy", "mask.npy", "w.safetensors"):
            for threads in ("1", "3"):
                inputs = self.data(5000)
                shutil.copy(fake("fake.safetensors"), weights)
                self.bad(f"{cut}' was written to while it was in use",
                         fake("fake-cuts.so"), *inputs, "--weights", weights,
                         "--threads", threads, "--output", "y=@out.npy",
                         env={"FAKE_CUT": self.path(cut)})

    def test_compared_data(self):
        inputs = self.data(3000)
        self.bad("y.npy' was written to while it was in use",
                 fake("fake-cuts.so"), *inputs, "--weights",
                 fake("fake.safetensors"), "--expect",
                 "y=" + self.save("y.npy", self.y),
                 env={"FAKE_CUT": self.path("y.npy")})

    def test_code(self):
        inputs = self.data(5)
        shutil.copy(fake("fake-cuts.so"), self.path("m.so"))
        self.bad("a file whose code or data this process had in memory was cut",
                 "m.so", *inputs, "--weights", fake("fake.safetensors"),
                 env={"FAKE_CUT": self.path("m.so")})


class BadArtifacts(Case):
    def test_bad(self):
        inputs = self.data(1)
        self.bad("cannot read 'none.so': No such file or directory", "none.so",
                 *inputs)
        self.bad("has artifact ABI 99, this runtime has 5",
                 fake("fake-abi.so"), *inputs)
        self.bad("has artifact ABI 4, this runtime has 5; compile the model "
                 "again", fake("fake-abi-4.so"), *inputs)
        self.bad("cannot check for the processor feature avx1024",
                 fake("fake-feature.so"), *inputs)
        self.bad("has a bad signature: it is not valid JSON",
                 fake("fake-json.so"), *inputs)
        with open(self.path("text.so"), "w") as file:
            file.write("not an ELF file")
        self.bad("'text.so' is not a shared library", "text.so", *inputs)
        with open(fake("fake.so"), "rb") as file:
            start = file.read(200)
        with open(self.path("short.so"), "wb") as file:
            file.write(start)
        self.bad("cannot load 'short.so': it is truncated", "short.so",
                 *inputs)
        with open(fake("fake.so"), "rb") as file:
            whole = bytearray(file.read())
        whole[18] = 243  # RISC-V
        with open(self.path("foreign.so"), "wb") as file:
            file.write(whole)
        self.bad("cannot load 'foreign.so': it is for RISC-V, this machine is "
                 "another", "foreign.so", *inputs)
        other = "/usr/lib/x86_64-linux-gnu/libz.so.1"
        if os.path.exists(other):
            self.bad("it has no symbol tern_model (ternc -o NAME.so makes "
                     "one)", other, *inputs)
        self.bad("it has no symbol tern_model; it is a program: run it, or "
                 "compile with -o NAME.so", shutil.which("ls"), *inputs)
        with open(self.path("model.onnx"), "wb") as file:
            file.write(b"\x08\x08\x12\x04test")
        self.bad("'model.onnx' is not a shared library; if it is an ONNX model, "
                 "compile it: ternc MODEL.onnx -o MODEL.so", "model.onnx")

    def test_weights(self):
        inputs = self.data(1)
        good = {"tern_weights_id": "0123456789abcdef0123456789abcdef"}

        def check(expected, tensors, metadata, cut=None):
            with open(self.path("w"), "wb") as file:
                file.write(safetensors(tensors, metadata)[:cut])
            self.bad(expected, fake("fake.so"), *inputs, "--weights", "w")

        check("lacks the parameter 'w'", {}, good)
        check("has parameter 'w' as 2x3xf32", {"w": W.T}, good)
        check("has parameter 'w' as 3x2xi8", {"w": W.astype(np.int8)}, good)
        check("has no tern_weights_id", {"w": W}, {})
        check("holds the weights of another model: its id is 0",
              {"w": W}, {"tern_weights_id": "0" * 32})
        check("is it truncated?", {"w": W}, good, cut=-1)
        check("its header is truncated", {"w": W}, good, cut=20)
        check("shorter than", {"w": W}, good, cut=0)
        self.bad("holds the weights of another model", fake("fake-id.so"),
                 *inputs, "--weights", fake("fake.safetensors"))
        self.bad("cannot read 'none'", fake("fake.so"), *inputs, "--weights",
                 "none")
        # What remains is right.
        with open(self.path("w"), "wb") as file:
            file.write(safetensors({"w": W, "other": W}, good))
        self.good(fake("fake.so"), *inputs, "--weights", "w")


class BadTensors(Case):
    def test_inputs(self):
        x, mask = ["--input", "x=2x3xf32=1"], ["--input", "mask=2x4xbool=1"]
        so = fake("fake.so")
        self.good(so, *x, *mask)
        self.bad("input 'mask' (batchx4xbool) is missing", so, *x)
        self.bad("input 'mask' has extent 3 in dimension 0, but 'batch' is 2",
                 so, *x, "--input", "mask=3x4xbool=1")
        self.bad("input 'x' has extent 4 in dimension 1, expected 3", so, *mask,
                 "--input", "x=2x4xf32=1")
        self.bad("input 'x' has dtype f64, expected f32", so, *mask, "--input",
                 "x=2x3xf64=1")
        self.bad("input 'x' has rank 1, expected 2", so, *mask, "--input",
                 "x=3xf32=1")
        self.bad("there is no 'z' among x: batchx3xf32, mask", so, *mask,
                 "--input", "z=2x3xf32=1")
        self.bad("'x' is given twice", so, *x, *x)
        self.bad("more tensors than the model has", so, *x, *mask, "--input",
                 "f32=1")
        self.bad("has 6 elements, got 2", so, *mask, "--input", "x=2x3xf32=1,2")
        self.bad("'q' is not a value of f32", so, *mask, "--input",
                 "x=2x3xf32=q")
        self.bad("does not fit in memory", so, *mask, "--input",
                 "x=1099511627776x3xf32=1")
        self.bad("overflows", so, *mask, "--input",
                 "x=4611686018427387904x3xf32=1")
        self.bad("'x.npy' is not a type", so, *mask, "--input", "x=x.npy")
        self.bad("cannot read 'x.npy': No such file", so, *mask, "--input",
                 "x=@x.npy")

    def test_npy(self):
        mask = ["--input", "mask=2x4xbool=1"]
        for array, expected in (
                (np.ones((2, 3), ">f4"), "big-endian"),
                (np.asfortranarray(np.ones((2, 3), "f4")), "Fortran order"),
                (np.ones((2, 3), "c8"), "'<c8' is not supported"),
                (np.zeros(2, [("a", "f4")]), "structured")):
            self.bad(expected, fake("fake.so"), *mask, "--input",
                     "x=" + self.save("x.npy", array))
        with open(self.path("x.npy"), "r+b") as file:
            file.truncate(130)
        self.bad("cannot read 'x.npy'", fake("fake.so"), *mask, "--input",
                 "x=@x.npy")

    def test_outputs(self):
        inputs = self.data(1)
        so = fake("fake.so")
        self.bad("cannot write 'none/y.npy': No such file or directory", so,
                 *inputs, "--output", "y=@none/y.npy")
        self.bad("cannot write '/dev/full': it is not a regular file", so,
                 *inputs, "--output", "@/dev/full")
        self.bad("there is no 'z' among y", so, *inputs, "--output", "z=@z.npy")
        self.bad("is not [NAME=]@FILE", so, *inputs, "--output", "y=y.npy")
        with open("/dev/full", "w") as full:
            result = subprocess.run(
                [ARGS.tern_run, so, *inputs], stdout=full, text=True,
                stderr=subprocess.PIPE, check=False, cwd=self.dir)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr,
                         "error: cannot write to the standard output\n")

    def test_options(self):
        so = fake("fake.so")
        for arguments in (["--batch", "0"], ["--threads", "0"], ["--rtol", "-1"],
                          ["--info=xml"], ["--nonsense"], [so],
                          ["--benchmark=x"]):
            self.bad("(see --help)", so, *arguments)
        self.bad("ARTIFACT is required")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tern-run", required=True)
    parser.add_argument("--fakes", required=True)
    ARGS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0]] + rest)
