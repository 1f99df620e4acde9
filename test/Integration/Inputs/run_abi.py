# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a library through the plain C interface, as a foreign host would.

Weights and inputs lie on read-only pages at addresses that are aligned for
their type and no better; outputs and scratch memory hold garbage at first, with
guard words behind them. The host runs loops in one piece, and in many pieces
out of order: results must be the same to the last bit.
"""
import ctypes
import json
import mmap
import pathlib
import struct
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "python"))
import artifact

GUARD = b"\xa5" * 64
labels = []


def in_one_piece(host, body, env, n, label):
    labels.append(label.decode())
    if n > 0:
        body(env, 0, n)


def in_pieces(host, body, env, n, label):
    for i in reversed(range(n)):
        body(env, i, i + 1)


def read_only(data, alignment=4):
    """Address of a copy of `data` that nobody can write to."""
    pages = mmap.mmap(-1, len(data) + 4096)
    pages.write(b"\0" * alignment + data)
    address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    libc = ctypes.CDLL(None, use_errno=True)
    size = (len(data) + alignment + 4095) // 4096 * 4096
    assert libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), 1) == 0
    kept.append(pages)
    return address + alignment


def guarded(size, alignment):
    """Address of `size` bytes of garbage with a guard behind."""
    buffer = ctypes.create_string_buffer(size + 256)
    address = ctypes.addressof(buffer)
    address += -address % 64 + alignment % 64
    ctypes.memset(address, 0x7f, size)
    ctypes.memmove(address + size, GUARD, len(GUARD))
    kept.append(buffer)
    guards.append(address + size)
    return address


path = sys.argv[1]
model = artifact.load_model("./" + path)
assert (model.size, model.abi, model.weights, model.device) == (ctypes.sizeof(artifact.Model), 5, None, None)
main = artifact.get_functions(model)["main"]
signature = json.loads(model.signature)
assert list(signature) == ["abi", "tern", "model", "triple", "features", "weights", "weights_id", "weights_bytes",
                           "spaces", "tensors", "scalars", "functions"], signature
assert list(signature["functions"]) == ["main"], signature
entry = signature["functions"]["main"]
assert list(entry) == ["dims", "checks", "inputs", "scalars", "params", "donated", "outputs"], entry
assert entry["dims"] == ["batch"]
assert entry["outputs"] == [
    {"name": "y", "role": "output", "space": "host", "dtype": "f32", "shape": ["batch", 33]}], signature

weights = open(path.replace(".so", ".safetensors"), "rb").read()
size = struct.unpack("<Q", weights[:8])[0]
header = json.loads(weights[8:8 + size])
assert header["__metadata__"]["tern_weights_id"] == signature["weights_id"]

for batch in (1, 3, 17, 33, 257):
    x, expected = np.load(f"x{batch}.npy"), np.load(f"y{batch}.npy")
    results = []
    for parallel_for in (in_one_piece, in_pieces):
        kept, guards = [], []
        host = artifact.make_host(parallel_for)
        # A host of an earlier version ends after parallel_for.
        if parallel_for is in_pieces:
            host.size = artifact.Host.launch.offset
            host.launch = host.copy = host.fill = 1
        dims = (ctypes.c_int64 * 1)(batch)
        # The extents of the result, and that each check holds.
        checks = len(entry["checks"])
        extents = (ctypes.c_int64 * (2 + checks))(*[-1] * (2 + checks))
        main.shapes(dims, extents)
        assert list(extents) == [batch, 33] + [1] * checks, list(extents)
        buffers = [read_only(x.tobytes())]
        for name in entry["params"]:
            begin, end = header[name]["data_offsets"]
            buffers.append(
                read_only(weights[8 + size + begin:8 + size + end]))
        output = guarded(expected.nbytes, 4)
        size_of_arena = (ctypes.c_int64 * 1)()
        main.arena_sizes(dims, 1, size_of_arena)
        arena = guarded(size_of_arena[0], 64)
        assert main.invoke(ctypes.byref(host), (ctypes.c_void_p * (len(buffers) + 1))(*buffers, output), dims,
                           (ctypes.c_void_p * 1)(arena)) == 0
        result = np.frombuffer(ctypes.string_at(output, expected.nbytes),
                               np.float32).reshape(expected.shape)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)
        for guard in guards:
            assert ctypes.string_at(guard, len(GUARD)) == GUARD, "overrun"
        results.append(result.tobytes())
    assert results[0] == results[1], f"batch {batch} depends on the split"
assert "fc1" in labels, labels
print("passed")
