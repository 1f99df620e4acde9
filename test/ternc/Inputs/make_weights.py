# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes zeros as a safetensors file: FILE NAME=DTYPE:EXTENT,EXTENT... KEY=METADATA..."""
import json
import math
import struct
import sys

header, metadata, end = {}, {}, 0
for argument in sys.argv[2:]:
    name, spec = argument.split("=")
    if ":" not in spec:
        metadata[name] = spec
        continue
    dtype, extents = spec.split(":")
    shape = [int(extent) for extent in extents.split(",")]
    size = math.prod(shape) * {"F32": 4, "F16": 2, "I8": 1}[dtype]
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
    end += size
if metadata:
    header["__metadata__"] = metadata
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + bytes(end))
