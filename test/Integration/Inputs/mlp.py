# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights, inputs and expected outputs of test/Integration/mlp.mlir."""
import json
import os
import struct
import sys

import numpy as np


def save_safetensors(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        raw = array.tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
rng = np.random.default_rng(7)
weight = rng.standard_normal((67, 33), dtype=np.float32)
bias = rng.standard_normal(33, dtype=np.float32)
save_safetensors(os.path.join(folder, "weights.safetensors"),
                 {"fc1.weight": weight, "fc1.bias": bias})
for batch in (1, 3, 17, 33, 257):
    x = rng.standard_normal((batch, 67), dtype=np.float32)
    y = np.maximum(x.astype(np.float64) @ weight + bias, 0).astype(np.float32)
    np.save(os.path.join(folder, f"x{batch}.npy"), x)
    np.save(os.path.join(folder, f"y{batch}.npy"), y)
