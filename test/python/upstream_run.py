# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run imported ONNX models through MLIR's own passes, without any of Tern's.

Shows whether the importer says what the model means, independently of Tern's
lowering: tern-translate, then mlir-opt and clang from the LLVM package, then
ctypes. Slow and plain on purpose.
"""
import ctypes
import os
import re
import subprocess
import tempfile

import numpy as np

LLVM = os.environ.get("TERN_LLVM_BIN", "/usr/lib/llvm-22/bin")

PIPELINE = ("builtin.module(canonicalize,cse,linalg-generalize-named-ops,one-shot-bufferize{bufferize-function-boundaries "
            "function-boundary-type-conversion=identity-layout-map},func.func(convert-linalg-to-loops),expand-strided-metadata,"
            "lower-affine,convert-scf-to-cf,func.func(math-expand-ops{ops=ceilf,roundeven}),convert-math-to-llvm,"
            "convert-math-to-libm,memref-expand,expand-strided-metadata,lower-affine,convert-arith-to-llvm,"
            "finalize-memref-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,reconcile-unrealized-casts,canonicalize)")

DTYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "i1": np.bool_, "i8": np.int8, "i16": np.int16,
          "i32": np.int32, "i64": np.int64}
UNSIGNED = {"u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64}


class ImportError_(Exception):
    """The importer's own message."""


def _descriptor(rank):
    class MemRef(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("data", ctypes.c_void_p), ("offset", ctypes.c_int64)]
        if rank:
            _fields_ += [("sizes", ctypes.c_int64 * rank), ("strides", ctypes.c_int64 * rank)]

    return MemRef


def _strides(shape):
    strides, step = [], 1
    for extent in reversed(shape):
        strides.insert(0, step)
        step *= extent
    return strides


def _tensor_types(text):
    """(attributes, extents, element type) of each tensor type with its attributes in a signature."""
    found = []
    for match in re.finditer(r"tensor<((?:[\d?]+x)*)(\w+)>\s*(\{[^}]*\})?", text):
        dims, element, attributes = match.groups()
        found.append((attributes or "", dims.split("x")[:-1], element))
    return found


class Model:
    """An ONNX model compiled by way of the importer."""

    def __init__(self, path, options=(), tern_translate="tern-translate"):
        result = subprocess.run([tern_translate, "--import-onnx", path, *options], capture_output=True, text=True)
        if result.returncode:
            raise ImportError_(result.stderr.strip())
        # What only training asks for is not upstream's.
        inference = subprocess.run(["tern-opt", "--tern-drop-training"], input=result.stdout, capture_output=True, text=True, check=True)
        self.text = inference.stdout
        header = re.search(r"func\.func @main\((.*?)\) -> \(?(.*)\{\n", self.text)
        self.arguments = _tensor_types(header.group(1))
        self.results = _tensor_types(header.group(2))
        source = self.text.replace("func.func @main(", "func.func @main_(", 1)
        source = re.sub(r"(func\.func @main_\(.*)\{\n", r"\1attributes {llvm.emit_c_interface} {\n", source, count=1)
        source = re.sub(r", tern\.(shape|dtype|ternary) = (\[[^]]*\]|\"[^\"]*\")", "", source)
        self.folder = tempfile.TemporaryDirectory()
        stem = os.path.join(self.folder.name, "m")
        with open(stem + ".mlir", "w", encoding="utf-8") as out:
            out.write(source)
        self._tool("mlir-opt", "--allow-unregistered-dialect", stem + ".mlir", "--pass-pipeline=" + PIPELINE, "-o", stem + ".llvm.mlir")
        self._tool("mlir-translate", "--allow-unregistered-dialect", "--mlir-to-llvmir", stem + ".llvm.mlir", "-o", stem + ".ll")
        self._tool("clang", "-O1", "-Wno-override-module", "-shared", "-fPIC", stem + ".ll", "-lm", f"-L{LLVM}/../lib", f"-Wl,-rpath,{LLVM}/../lib", "-lmlir_c_runner_utils", "-o", stem + ".so")
        self.library = ctypes.CDLL(stem + ".so")

    @staticmethod
    def _tool(name, *arguments):
        result = subprocess.run([os.path.join(LLVM, name), *arguments], capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"{name}: {result.stderr[:2000]}")

    def __call__(self, tensors):
        """The results for a dictionary of inputs and parameters by name."""
        keep, pointers = [], []
        for attributes, dims, _ in self.arguments:
            name = re.search(r'tern\.(?:name|param) = "((?:[^"\\]|\\.)*)"', attributes).group(1)
            array = np.ascontiguousarray(tensors[name])
            array = array.reshape(np.shape(tensors[name]))
            assert array.ndim == len(dims), name
            memref = _descriptor(array.ndim)()
            memref.base = memref.data = array.ctypes.data
            if array.ndim:
                memref.sizes = (ctypes.c_int64 * array.ndim)(*array.shape)
                memref.strides = (ctypes.c_int64 * array.ndim)(*_strides(array.shape))
            keep += [array, memref]
            pointers.append(ctypes.byref(memref))
        descriptors = [_descriptor(len(dims)) for _, dims, _ in self.results]

        class Results(ctypes.Structure):
            _fields_ = [(f"r{i}", d) for i, d in enumerate(descriptors)]

        results = Results()
        self.library["_mlir_ciface_main_"](ctypes.byref(results), *pointers)
        return [self._array(getattr(results, f"r{i}"), result) for i, result in enumerate(self.results)]

    @staticmethod
    def _array(memref, result):
        attributes, dims, element = result
        unsigned = re.search(r'tern\.dtype = "(\w+)"', attributes)
        dtype = np.dtype(UNSIGNED[unsigned.group(1)] if unsigned else DTYPES[element])
        shape = tuple(memref.sizes) if dims else ()
        strides = [s * dtype.itemsize for s in memref.strides] if dims else []
        size = int(np.prod(shape))
        if size == 0:
            return np.empty(shape, dtype)
        span = dtype.itemsize + sum((n - 1) * s for n, s in zip(shape, strides))
        buffer = (ctypes.c_char * span).from_address(memref.data + memref.offset * dtype.itemsize)
        return np.ndarray(shape, dtype, buffer, strides=strides).copy()
