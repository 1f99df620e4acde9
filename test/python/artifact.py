# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls a compiled artifact (X.so) through its C ABI, with nothing between.

The tests use it rather than the runtime so that they see what generated code
does by itself: outputs and scratch memory are poisoned before each call, and
inputs lie on read-only pages that end where an unreadable page begins.
"""
import ctypes
import json
import mmap
import pathlib

import numpy as np

DTYPES = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16, "bool": np.bool_,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
}
POISON = 0xA5
PAGE = mmap.PAGESIZE

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Host(ctypes.Structure):
    pass


PARALLEL_FOR = ctypes.CFUNCTYPE(None, ctypes.POINTER(Host), BODY, ctypes.c_void_p,
                                ctypes.c_int64, ctypes.c_char_p)
Host._fields_ = [("abi", ctypes.c_uint32), ("num_threads", ctypes.c_uint32),
                 ("context", ctypes.c_void_p), ("parallel_for", PARALLEL_FOR)]


class Guarded:
    """Bytes on read-only pages, the last of them just before a page that traps."""

    def __init__(self, array):
        size = array.nbytes
        pages = -(-max(size, 1) // PAGE)
        self.memory = mmap.mmap(-1, (pages + 1) * PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        # Keep the natural alignment: it is all that generated code may assume.
        self.address = base + pages * PAGE - size
        ctypes.memmove(self.address, np.ascontiguousarray(array).ctypes.data, size)
        for start, count, protection in ((base, pages, mmap.PROT_READ), (base + pages * PAGE, 1, 0)):
            if _libc.mprotect(start, count * PAGE, protection):
                raise OSError(ctypes.get_errno(), "mprotect")


def check_array(spec, array, dims):
    """Whether the array is what the signature says, which also fixes those of `dims` that are None."""
    if array.dtype != DTYPES[spec["dtype"]]:
        raise TypeError(f"{spec['name']}: {array.dtype}, expected {spec['dtype']}")
    for extent, expected in zip(array.shape, spec["shape"], strict=True):
        if isinstance(expected, str):
            if dims[expected] is None:
                dims[expected] = extent
            expected = dims[expected]
        if extent != expected:
            raise ValueError(f"{spec['name']}: shape {array.shape}, expected {spec['shape']}")


class Artifact:
    """One loaded artifact. `chunk` is how many iterations a body gets at once."""

    RESULTS = {"signature": ctypes.c_char_p, "abi": ctypes.c_uint32,
               "arena_size": ctypes.c_int64, "shapes": None, "invoke": ctypes.c_int32}

    def __init__(self, path, chunk=None, reverse=False, functions=tuple(RESULTS)):
        self.library = ctypes.CDLL(str(path))
        for name in functions:
            getattr(self.library, "tern_model_" + name).restype = self.RESULTS[name]
        self.signature = json.loads(self.library.tern_model_signature())

        def parallel_for(_, body, env, count, label):
            if not label:
                raise AssertionError("a parallel loop has no label")
            step = chunk or max(count, 1)
            starts = range(0, count, step)
            # The order of the pieces must not matter, as with threads.
            for start in reversed(starts) if reverse else starts:
                body(env, start, min(start + step, count))

        self.host = Host(self.library.tern_model_abi(), 2, None, PARALLEL_FOR(parallel_for))

    def __call__(self, inputs, params=None):
        """Outputs by name, for NumPy inputs and parameters by name."""
        signature = self.signature
        dims = dict.fromkeys(signature["dims"])
        buffers, kept = [], []
        for spec in signature["inputs"] + signature["params"]:
            array = (inputs if spec in signature["inputs"] else params)[spec["name"]]
            check_array(spec, array, dims)
            kept.append(Guarded(array))
            buffers.append(kept[-1].address)
        dim_values = (ctypes.c_int64 * max(1, len(dims)))(*dims.values())
        ranks = [len(spec["shape"]) for spec in signature["outputs"]]
        checks = signature.get("checks", [])
        extents = (ctypes.c_int64 * max(1, sum(ranks) + len(checks)))()
        self.library.tern_model_shapes(dim_values, extents)
        for message, holds in zip(checks, extents[sum(ranks):]):
            if not holds:
                raise ValueError(message)
        outputs, at = {}, 0
        for spec, rank in zip(signature["outputs"], ranks):
            output = np.empty(tuple(extents[at:at + rank]), DTYPES[spec["dtype"]])
            ctypes.memset(output.ctypes.data, POISON, output.nbytes)
            outputs[spec["name"]] = output
            buffers.append(output.ctypes.data)
            at += rank
        size = self.library.tern_model_arena_size(dim_values)
        arena = np.full(size + 64, POISON, np.uint8)
        base = -(-arena.ctypes.data // 64) * 64
        failed = self.library.tern_model_invoke(ctypes.byref(self.host), (ctypes.c_void_p * len(buffers))(*buffers),
                                       dim_values, ctypes.c_void_p(base))
        if (arena[base - arena.ctypes.data + size:] != POISON).any():
            raise AssertionError("invoke wrote past its arena")
        if failed:
            raise ValueError(signature["element_checks"][failed - 1])
        return outputs


def read_safetensors(path):
    """Tensors by name, and the metadata, of a safetensors file."""
    data = pathlib.Path(path).read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    metadata = header.pop("__metadata__", {})
    names = {"I8": "i8", "U8": "u8", "F32": "f32", "F16": "f16", "F64": "f64", "I32": "i32", "I64": "i64", "BOOL": "bool"}
    tensors = {}
    for name, spec in header.items():
        start, stop = spec["data_offsets"]
        tensors[name] = np.frombuffer(data[end + start:end + stop], DTYPES[names[spec["dtype"]]]).reshape(spec["shape"])
    return tensors, metadata
