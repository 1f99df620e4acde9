# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of training programs share: how to run one on the hand-written
artifact, fake-train.c, and the same computed in NumPy."""

import argparse
import json
import os
import re
import resource
import struct
import subprocess
import sys
import unittest

import numpy as np

from tool_case import ToolCase

ARGS = None
MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(value):
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def permutation(size, seed, stream):
    """The order of the rows, as docs/training-runtime.md describes it."""
    half = 4
    while 1 << 2 * half < size:
        half += 1
    key = mix((mix((seed + GOLDEN) & MASK) + stream) & MASK)
    keys = []
    for _ in range(8):
        key = key + GOLDEN & MASK
        keys.append(mix(key))
    order = []
    for index in range(size):
        while True:
            left, right = index >> half, index & (1 << half) - 1
            for key in keys:
                left, right = right, left ^ (
                    mix(key ^ right * GOLDEN & MASK) & (1 << half) - 1)
            index = left << half | right
            if index < size:
                break
        order.append(index)
    return order


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        assert info["dtype"] == "F32"
        tensors[name] = np.frombuffer(
            data[8 + size:][begin:end], np.float32).reshape(info["shape"])
    return tensors, metadata


class Reference:
    """Softmax regression in float64."""

    def __init__(self):
        w = ((np.arange(18) % 7 - 3) / 8).reshape(6, 3)
        self.state = {"w": w, "b": np.zeros(3), "w/m": 0 * w, "b/m": np.zeros(3)}

    def forward(self, x, labels):
        x = x.reshape(len(x), 6).astype(np.float64)
        logits = x @ self.state["w"] + self.state["b"]
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        used = labels != -100
        rows = np.arange(len(x))[used]
        loss = -np.log(p[rows, labels[used]]).mean()
        p[rows, labels[used]] -= 1
        p[~used] = 0
        return loss, logits, p / used.sum()

    def step(self, x, labels, lr, decay=0.0, factor=1.0):
        loss, _, g = self.forward(x, labels)
        s = self.state
        s["w/m"] = 0.9 * s["w/m"] + factor * (x.reshape(len(x), 6).T @ g)
        s["b/m"] = 0.9 * s["b/m"] + factor * g.sum(0)
        s["w"] = (1 - lr * decay) * s["w"] - lr * s["w/m"]
        s["b"] = s["b"] - lr * s["b/m"]
        return loss


# The line that a log gets every few seconds.
PROGRESS = (r"step \d+ of \d+: loss [-\w.+]+, lr [-\w.+]+, [-\w.+]+ items/s, "
            r"[\d:]+ left")


class Case(ToolCase):
    def setUp(self):
        super().setUp()
        self.x = self.rng.normal(size=(101, 6)).astype(np.float32)
        truth = self.rng.normal(size=(6, 3))
        self.y = (self.x @ truth).argmax(1).astype(np.int64)
        self.data = ["--data", self.save("x.npy", self.x),
                     "--labels", self.save("y.npy", self.y)]

    def save(self, name, array):
        np.save(self.path(name), array)
        return name

    def command(self, *arguments, artifact="fake-train.so", tool=None):
        command = [tool] if tool else [ARGS.tern_train, fake(artifact)]
        if artifact.startswith("fake-train-"):
            command += ["--weights", fake("fake-train.safetensors")]
        if "--threads" not in arguments:
            command += ["--threads", "1"]
        return command + [str(a) for a in arguments]

    def run_tool(self, *arguments, limit=None, **options):
        def limit_size():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        result = subprocess.run(
            self.command(*arguments, **options), cwd=self.dir, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
            preexec_fn=limit_size if limit else None)
        # On a slow machine any run may last long enough for one of these.
        result.stderr = re.sub(r"(?m)^" + PROGRESS + r"\n", "", result.stderr)
        return result

    def metrics(self, name="m.jsonl"):
        with open(self.path(name)) as file:
            return [json.loads(line) for line in file]

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()


def fake(name):
    return os.path.join(ARGS.fakes, name)


def main():
    global ARGS
    parser = argparse.ArgumentParser()
    parser.add_argument("--tern-train", required=True)
    parser.add_argument("--fakes", required=True)
    ARGS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0]] + rest)
