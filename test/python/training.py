# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls a training artifact through its C ABI, as artifact.py an inference one.

The state is a dictionary of NumPy arrays that steps update. What a function
may only read lies on read-only pages; outputs and scratch memory are poisoned.
"""
import ctypes
import json

import numpy as np

import artifact as inference


class TrainingArtifact(inference.Artifact):
    """`state` begins with the parameters of the weights file."""

    def __init__(self, path, weights=None, chunk=None, reverse=False):
        # The base reads functions that a training artifact lacks only when asked.
        super().__init__(path, chunk, reverse, functions=("signature", "abi"))
        if self.signature["kind"] != "training":
            raise ValueError("not a training artifact")
        for function in self.signature["functions"]:
            for name, result in (("arena_size", ctypes.c_int64), ("shapes", None), ("invoke", ctypes.c_int32)):
                getattr(self.library, f"tern_model_{function}_{name}").restype = result
        self.scalars = {spec["name"]: spec for spec in self.signature["scalars"]}
        self.initial = inference.read_safetensors(weights)[0] if weights else {}
        self.arena_bytes = {}
        self.reset()

    def reset(self):
        """As before the first step."""
        self.state = {}
        for spec in self.signature["state"]:
            dtype = inference.DTYPES[spec["dtype"]]
            if "init" in spec:
                value = np.full(spec["shape"], spec["init"], dtype)
            elif spec["name"] in self.initial:
                value = self.initial[spec["name"]].copy()
            else:
                continue
            self.state[spec["name"]] = value

    def run(self, function, inputs, **scalars):
        """Outputs by name; donated tensors of `state` are updated."""
        entry = self.signature["functions"][function]
        dims = dict.fromkeys(entry["dims"])
        buffers, kept = [], []
        for spec in entry["inputs"]:
            array = inputs[spec["name"]]
            inference.check_array(spec, array, dims)
            kept.append(inference.Guarded(array))
            buffers.append(kept[-1].address)
        for name in entry["scalars"]:
            spec = self.scalars[name]
            value = scalars[name] if name in scalars else spec["default"]
            kept.append(inference.Guarded(np.asarray(value, inference.DTYPES[spec["dtype"]])))
            buffers.append(kept[-1].address)
        for name in entry["params"]:
            array = self.state[name]
            if name in entry["donated"]:
                buffers.append(array.ctypes.data)
            else:
                kept.append(inference.Guarded(array))
                buffers.append(kept[-1].address)
        return self.invoke(f"tern_model_{function}_", entry, dims, buffers, function)

    def step(self, inputs, step=1, function="train_step", **scalars):
        return self.run(function, inputs, step=step, **scalars)

    def invoke(self, prefix, entry, dims, buffers, function):
        call = lambda name: getattr(self.library, prefix + name)
        values = (ctypes.c_int64 * max(1, len(dims)))(*dims.values())
        ranks = [len(spec["shape"]) for spec in entry["outputs"]]
        checks = entry.get("checks", [])
        extents = (ctypes.c_int64 * max(1, sum(ranks) + len(checks)))()
        call("shapes")(values, extents)
        for message, holds in zip(checks, extents[sum(ranks):]):
            if not holds:
                raise ValueError(message)
        outputs, at = {}, 0
        for spec, rank in zip(entry["outputs"], ranks):
            output = np.empty(tuple(extents[at:at + rank]), inference.DTYPES[spec["dtype"]])
            ctypes.memset(output.ctypes.data, inference.POISON, output.nbytes)
            outputs[spec["name"]] = output
            buffers.append(output.ctypes.data)
            at += rank
        size = call("arena_size")(values)
        self.arena_bytes[function] = size
        arena = np.full(size + 128, inference.POISON, np.uint8)
        base = -(-arena.ctypes.data // 64) * 64
        failed = call("invoke")(ctypes.byref(self.host), (ctypes.c_void_p * len(buffers))(*buffers), values,
                       ctypes.c_void_p(base))
        if (arena[base - arena.ctypes.data + size:] != inference.POISON).any():
            raise AssertionError(f"{function} wrote past its arena")
        if failed:
            raise ValueError(entry["element_checks"][failed - 1])
        return outputs


def write_safetensors(path, tensors):
    """A file of f32 tensors, as a checkpoint is one."""
    header, data = {}, b""
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + value.nbytes]}
        data += np.ascontiguousarray(value, np.float32).tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)
