# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls a training artifact through its C ABI, as artifact.py an inference one.

The state is a dictionary of NumPy arrays that steps update. What a function
may only read lies on read-only pages; outputs and scratch memory are poisoned.
"""
import json

import numpy as np

import artifact as inference


class TrainingArtifact(inference.Artifact):
    """`state` begins with the parameters of the weights file."""

    def __init__(self, path, weights=None, chunk=None, reverse=False):
        super().__init__(path, chunk, reverse)
        if "train_step" not in self.functions:
            raise ValueError("not a training artifact")
        self.scalars = {spec["name"]: spec for spec in self.signature["scalars"]}
        self.initial = inference.read_safetensors(weights)[0] if weights else {}
        self.reset()

    def reset(self):
        """As before the first step."""
        self.state = {}
        for spec in self.signature["tensors"]:
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
        return self.invoke(function, dims, buffers)

    def step(self, inputs, step=1, function="train_step", **scalars):
        return self.run(function, inputs, step=step, **scalars)


def write_safetensors(path, tensors):
    """A file of f32 tensors, as a checkpoint is one."""
    header, data = {}, b""
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + value.nbytes]}
        data += np.ascontiguousarray(value, np.float32).tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)
