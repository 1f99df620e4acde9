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
import struct
import sys

import numpy as np

GUARD = b"\xa5" * 64
BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Host(ctypes.Structure):
    pass


PARALLEL_FOR = ctypes.CFUNCTYPE(None, ctypes.POINTER(Host), BODY,
                                ctypes.c_void_p, ctypes.c_int64,
                                ctypes.c_char_p)
Host._fields_ = [("abi", ctypes.c_uint32), ("num_threads", ctypes.c_uint32),
                 ("context", ctypes.c_void_p), ("parallel_for", PARALLEL_FOR)]
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
library = ctypes.CDLL("./" + path)
library.tern_model_signature.restype = ctypes.c_char_p
library.tern_model_arena_size.restype = ctypes.c_int64
assert library.tern_model_abi() == 4
signature = json.loads(library.tern_model_signature())
assert list(signature) == ["abi", "tern", "model", "triple", "features",
                           "weights", "weights_id", "weights_bytes", "dims", "checks", "inputs", "params",
                           "outputs"], signature
assert signature["dims"] == ["batch"]
assert signature["outputs"] == [
    {"name": "y", "dtype": "f32", "shape": ["batch", 33]}], signature

weights = open(path.replace(".so", ".safetensors"), "rb").read()
size = struct.unpack("<Q", weights[:8])[0]
header = json.loads(weights[8:8 + size])
assert header["__metadata__"]["tern_weights_id"] == signature["weights_id"]

for batch in (1, 3, 17, 33, 257):
    x, expected = np.load(f"x{batch}.npy"), np.load(f"y{batch}.npy")
    results = []
    for parallel_for in (in_one_piece, in_pieces):
        kept, guards = [], []
        host = Host(1, 2, None, PARALLEL_FOR(parallel_for))
        dims = (ctypes.c_int64 * 1)(batch)
        # The extents of the result, and that each check holds.
        checks = len(signature["checks"])
        extents = (ctypes.c_int64 * (2 + checks))(*[-1] * (2 + checks))
        library.tern_model_shapes(dims, extents)
        assert list(extents) == [batch, 33] + [1] * checks, list(extents)
        buffers = [read_only(x.tobytes())]
        for param in signature["params"]:
            begin, end = header[param["name"]]["data_offsets"]
            buffers.append(
                read_only(weights[8 + size + begin:8 + size + end]))
        output = guarded(expected.nbytes, 4)
        arena = guarded(library.tern_model_arena_size(dims), 64)
        library.tern_model_invoke(
            ctypes.byref(host),
            (ctypes.c_void_p * (len(buffers) + 1))(*buffers, output), dims,
            ctypes.c_void_p(arena))
        result = np.frombuffer(ctypes.string_at(output, expected.nbytes),
                               np.float32).reshape(expected.shape)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)
        for guard in guards:
            assert ctypes.string_at(guard, len(GUARD)) == GUARD, "overrun"
        results.append(result.tobytes())
    assert results[0] == results[1], f"batch {batch} depends on the split"
assert "fc1" in labels, labels
print("passed")
