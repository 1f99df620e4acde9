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
LAUNCH = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p,
                          ctypes.c_uint32, ctypes.c_void_p, ctypes.c_char_p)
Host._fields_ = [("size", ctypes.c_uint64), ("context", ctypes.c_void_p),
                 ("num_threads", ctypes.c_uint32), ("parallel_for", PARALLEL_FOR),
                 ("launch", ctypes.c_void_p), ("copy", ctypes.c_void_p), ("fill", ctypes.c_void_p)]


class Device(ctypes.Structure):
    """TernDevice."""
    _fields_ = [("size", ctypes.c_uint64), ("abi", ctypes.c_uint32), ("name", ctypes.c_char_p),
                ("open", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))),
                ("close", ctypes.CFUNCTYPE(None, ctypes.c_void_p)), ("launch", LAUNCH)]


class Function(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint64), ("name", ctypes.c_char_p),
                ("shapes", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)),
                ("arena_sizes", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p)),
                ("invoke", ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p,
                                            ctypes.c_void_p, ctypes.c_void_p))]


class Model(ctypes.Structure):
    """TernArtifact."""
    _fields_ = [("size", ctypes.c_uint64), ("abi", ctypes.c_uint32), ("signature", ctypes.c_char_p),
                ("functions", ctypes.POINTER(ctypes.POINTER(Function))), ("num_functions", ctypes.c_uint64),
                ("weights", ctypes.c_void_p), ("weights_size", ctypes.c_uint64), ("device", ctypes.c_void_p)]


def make_host(parallel_for, num_threads=2):
    return Host(ctypes.sizeof(Host), None, num_threads, PARALLEL_FOR(parallel_for))


def load_model(path):
    """What tern_model() of a library returns; it keeps the library."""
    library = ctypes.CDLL(str(path))
    library.tern_model.restype = ctypes.POINTER(Model)
    model = library.tern_model().contents
    model.library = library
    return model


def get_functions(model):
    return {function.name.decode(): function
            for function in (model.functions[i].contents for i in range(model.num_functions))}


def connect(host, device, table):
    """Lets what the library `device` opens of a device table launch the kernels."""
    library = ctypes.CDLL(str(device))
    library.tern_device.restype = ctypes.POINTER(Device)
    driver, context = library.tern_device().contents, ctypes.c_void_p()
    problem = driver.open(table, ctypes.byref(context))
    if problem:
        raise ValueError(problem.decode())
    launch = LAUNCH(lambda _, *arguments: driver.launch(context, *arguments))
    host.launch = ctypes.cast(launch, ctypes.c_void_p)
    host.kept = library, launch


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

    def __init__(self, path, chunk=None, reverse=False, device=None):
        self.model = load_model(path)
        self.functions = get_functions(self.model)
        self.signature = json.loads(self.model.signature)
        self.arena_bytes = {}

        def parallel_for(_, body, env, count, label):
            if not label:
                raise AssertionError("a parallel loop has no label")
            step = chunk or max(count, 1)
            starts = range(0, count, step)
            # The order of the pieces must not matter, as with threads.
            for start in reversed(starts) if reverse else starts:
                body(env, start, min(start + step, count))

        self.host = make_host(parallel_for)
        if device:
            connect(self.host, device, self.model.device)

    def __call__(self, inputs, params=None):
        """Outputs by name, for NumPy inputs and parameters by name."""
        entry = self.signature["functions"]["main"]
        tensors = {spec["name"]: spec for spec in self.signature["tensors"]}
        dims = dict.fromkeys(entry["dims"])
        buffers, kept = [], []
        for spec, array in ([(spec, inputs[spec["name"]]) for spec in entry["inputs"]] +
                            [(tensors[name], params[name]) for name in entry["params"]]):
            check_array(spec, array, dims)
            kept.append(Guarded(array))
            buffers.append(kept[-1].address)
        return self.invoke("main", dims, buffers)

    def invoke(self, function, dims, buffers):
        """Outputs by name, for the addresses of all other buffers."""
        entry, code = self.signature["functions"][function], self.functions[function]
        dim_values = (ctypes.c_int64 * max(1, len(dims)))(*dims.values())
        ranks = [len(spec["shape"]) for spec in entry["outputs"]]
        checks = entry.get("checks", [])
        extents = (ctypes.c_int64 * max(1, sum(ranks) + len(checks)))()
        code.shapes(dim_values, extents)
        for message, holds in zip(checks, extents[sum(ranks):]):
            if not holds:
                raise ValueError(message)
        outputs, at = {}, 0
        for spec, rank in zip(entry["outputs"], ranks):
            output = np.empty(tuple(extents[at:at + rank]), DTYPES[spec["dtype"]])
            ctypes.memset(output.ctypes.data, POISON, output.nbytes)
            outputs[spec["name"]] = output
            buffers.append(output.ctypes.data)
            at += rank
        sizes = (ctypes.c_int64 * 2)(0, -7)
        code.arena_sizes(dim_values, 0, sizes)
        code.arena_sizes(dim_values, 1, sizes)
        if sizes[1] != -7:
            raise AssertionError("arena_sizes wrote about more spaces than were asked for")
        size = self.arena_bytes[function] = sizes[0]
        arena = np.full(size + 128, POISON, np.uint8)
        base = -(-arena.ctypes.data // 64) * 64
        failed = code.invoke(ctypes.byref(self.host), (ctypes.c_void_p * len(buffers))(*buffers),
                             dim_values, (ctypes.c_void_p * 1)(base))
        if (arena[base - arena.ctypes.data + size:] != POISON).any():
            raise AssertionError(f"{function} wrote past its arena")
        if failed < 0:
            raise OSError(failed, "a service of the host failed")
        if failed:
            raise ValueError(entry["element_checks"][failed - 1])
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
