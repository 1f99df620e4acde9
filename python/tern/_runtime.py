# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime's C API (Runtime.h, Trainer.h) by ctypes."""

import ctypes
import functools
from ctypes import (POINTER, byref, c_char_p, c_double, c_float, c_int,
                    c_int32, c_int64, c_size_t, c_uint8, c_uint16, c_uint32,
                    c_uint64, c_void_p)
from typing import NamedTuple, Tuple, Union

import numpy as np

from ._errors import (ArtifactError, Error, FileError, InvalidArgument,
                      OutOfMemory, WeightsError)
from ._locate import find_runtime


class DLDevice(ctypes.Structure):
    _fields_ = [("device_type", c_int32), ("device_id", c_int32)]


class DLDataType(ctypes.Structure):
    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class DLTensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("device", DLDevice), ("ndim", c_int32),
                ("dtype", DLDataType), ("shape", POINTER(c_int64)),
                ("strides", POINTER(c_int64)), ("byte_offset", c_uint64)]


class Dim(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("extent", c_int64)]


class ProgramOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("weights_path", c_char_p),
                ("num_threads", c_uint32), ("flags", c_uint32),
                ("device_path", c_char_p), ("state_dims", POINTER(Dim)),
                ("num_state_dims", c_size_t)]


class CTensorInfo(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("dtype", DLDataType), ("ndim", c_int32),
                ("shape", POINTER(c_int64)), ("symbols", POINTER(c_char_p))]


class CStateInfo(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("is_param", c_int32),
                ("is_trainable", c_int32), ("tensor", DLTensor)]


class TensorInfo(NamedTuple):
    """What a model takes or gives.

    `shape` has numbers, names of symbolic extents (equal names are equal
    extents) and None where only the run tells. `dtype` is a NumPy dtype;
    bfloat16, which NumPy lacks, is np.dtype("V2").
    """
    name: str
    dtype: np.dtype
    shape: Tuple[Union[int, str, None], ...]


_KINDS = {0: "i", 1: "u", 2: "f"}
_BFLOAT, _BOOL = 4, 6
_CODES = {"i": 0, "u": 1, "f": 2, "V": _BFLOAT, "b": _BOOL}


def numpy_dtype(dtype):
    if dtype.code == _BOOL:
        return np.dtype(bool)
    if dtype.code == _BFLOAT:
        return np.dtype("V2")
    return np.dtype(f"{_KINDS[dtype.code]}{dtype.bits // 8}")


def dl_dtype(dtype):
    return DLDataType(_CODES[dtype.kind], 8 * dtype.itemsize, 1)


def tensor_info(info):
    shape = tuple(
        info.shape[i] if info.shape[i] >= 0 else
        info.symbols[i].decode() if info.symbols[i] else None
        for i in range(info.ndim))
    return TensorInfo(info.name.decode(), numpy_dtype(info.dtype), shape)


class Tensors:
    """Arrays as an array of pointers to DLTensors, which it keeps alive."""

    def __init__(self, arrays):
        self.arrays = arrays
        self.values = (DLTensor * len(arrays))()
        self.pointers = (POINTER(DLTensor) * len(arrays))()
        self.shapes = []
        for i, array in enumerate(arrays):
            shape = (c_int64 * array.ndim)(*array.shape)
            self.shapes.append(shape)
            self.values[i] = DLTensor(
                array.ctypes.data, DLDevice(1, 0), array.ndim,
                dl_dtype(array.dtype), ctypes.cast(shape, POINTER(c_int64)),
                None, 0)
            self.pointers[i] = ctypes.pointer(self.values[i])

    def __len__(self):
        return len(self.arrays)


def as_array(value, info, kind="input"):
    """Any tensor as a dense NumPy array of the model's dtype.

    Python numbers and lists become that dtype; arrays must have it, since a
    silent conversion would hide a mistake.
    """
    if not isinstance(value, np.ndarray):
        if hasattr(value, "__dlpack__"):
            try:
                value = np.from_dlpack(value)
            except (AttributeError, BufferError, RuntimeError, TypeError):
                value = np.asarray(value)
        elif hasattr(value, "__array__"):
            value = np.asarray(value)
        else:
            value = np.asarray(value, dtype=info.dtype)
    if value.dtype.kind not in _CODES or not value.dtype.isnative:
        raise InvalidArgument(
            f"{kind} '{info.name}' has dtype {value.dtype}, expected "
            f"{info.dtype}")
    return np.require(value, requirements=["C", "A"])


_ERRORS = {1: InvalidArgument, 2: FileError, 3: ArtifactError, 4: WeightsError,
           5: ArtifactError, 6: OutOfMemory}


def check(status):
    """Turns a TernStatus into an exception."""
    if status != 0:
        raise _ERRORS.get(status, Error)(
            runtime().tern_last_error().decode(errors="replace"))


_INPUTS = [c_void_p, c_size_t]
_SIGNATURES = {
    "tern_runtime_version": (c_char_p, []),
    "tern_last_error": (c_char_p, []),
    "tern_program_load": (c_int, [c_char_p, c_void_p, c_void_p]),
    "tern_program_destroy": (None, [c_void_p]),
    "tern_program_signature": (c_char_p, [c_void_p]),
    "tern_program_num_functions": (c_size_t, [c_void_p]),
    "tern_program_function_name": (c_char_p, [c_void_p, c_size_t]),
    "tern_function_num_inputs": (c_size_t, [c_void_p, c_char_p]),
    "tern_function_num_outputs": (c_size_t, [c_void_p, c_char_p]),
    "tern_function_input": (c_int, [c_void_p, c_char_p, c_size_t, c_void_p]),
    "tern_function_output": (c_int, [c_void_p, c_char_p, c_size_t, c_void_p]),
    "tern_function_output_shapes":
        (c_int, [c_void_p, c_char_p] + _INPUTS + [c_void_p, c_size_t]),
    "tern_function_invoke": (c_int, [c_void_p, c_char_p] + _INPUTS + _INPUTS),
    "tern_program_num_scalars": (c_size_t, [c_void_p]),
    "tern_program_scalar_name": (c_char_p, [c_void_p, c_size_t]),
    "tern_program_set_scalar": (c_int, [c_void_p, c_char_p, c_double]),
    "tern_program_get_scalar": (c_int, [c_void_p, c_char_p, POINTER(c_double)]),
    "tern_program_num_state": (c_size_t, [c_void_p]),
    "tern_program_state": (c_int, [c_void_p, c_size_t, c_void_p]),
    "tern_program_reset_state": (c_int, [c_void_p]),
    "tern_program_num_threads": (c_uint32, [c_void_p]),
    "tern_trainer_load": (c_int, [c_char_p, c_void_p, c_void_p]),
    "tern_trainer_init": (c_int, [c_void_p]),
    "tern_trainer_num_inputs": (c_size_t, [c_void_p, c_int]),
    "tern_trainer_num_outputs": (c_size_t, [c_void_p, c_int]),
    "tern_trainer_input": (c_int, [c_void_p, c_int, c_size_t, c_void_p]),
    "tern_trainer_output": (c_int, [c_void_p, c_int, c_size_t, c_void_p]),
    "tern_trainer_num_dims": (c_size_t, [c_void_p, c_int]),
    "tern_trainer_dim_name": (c_char_p, [c_void_p, c_int, c_size_t]),
    "tern_trainer_output_shapes":
        (c_int, [c_void_p, c_int] + _INPUTS + [c_void_p, c_size_t]),
    "tern_trainer_forward": (c_int, [c_void_p] + _INPUTS + _INPUTS),
    "tern_trainer_eval_step":
        (c_int, [c_void_p] + _INPUTS + [POINTER(c_float)] + _INPUTS),
    "tern_trainer_train_step":
        (c_int, [c_void_p] + _INPUTS + [POINTER(c_float)]),
    "tern_trainer_measurement": (c_float, [c_void_p, c_size_t]),
    "tern_trainer_step": (c_int64, [c_void_p]),
    "tern_trainer_set_step": (c_int, [c_void_p, c_int64]),
    "tern_trainer_window": (c_int64, [c_void_p, c_void_p]),
    "tern_trainer_close_window": (c_int, [c_void_p]),
    "tern_trainer_save":
        (c_int, [c_void_p, c_char_p, c_void_p, c_void_p, c_size_t]),
    "tern_trainer_restore": (c_int, [c_void_p, c_char_p]),
    "tern_trainer_metadata": (c_char_p, [c_void_p, c_char_p]),
    "tern_trainer_state_size": (c_int64, [c_void_p]),
    "tern_trainer_arena_size":
        (c_int, [c_void_p, c_int, c_void_p, c_size_t, POINTER(c_int64)]),
}


@functools.lru_cache(maxsize=None)
def runtime():
    """The library, loaded once."""
    path = find_runtime()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise Error(f"cannot load the runtime '{path}': {error}") from error
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name, None)
        if function is None:
            raise Error(f"'{path}' is older than this package: it lacks {name}")
        function.restype, function.argtypes = result, arguments
    return library


def runtime_version():
    """The runtime's version, such as "0.1.0"."""
    return runtime().tern_runtime_version().decode()


def load_handle(function, path, weights, threads, device, state_dims):
    """Calls tern_program_load or tern_trainer_load."""
    dims = (Dim * len(state_dims or {}))(
        *((name.encode(), extent)
          for name, extent in (state_dims or {}).items()))
    options = ProgramOptions(
        ctypes.sizeof(ProgramOptions),
        None if weights is None else encode_path(weights), threads, 0,
        None if device is None else encode_path(device), dims, len(dims))
    handle = c_void_p()
    check(function(encode_path(path), byref(options), byref(handle)))
    return handle


def encode_path(path):
    return str(path).encode("utf-8", "surrogateescape")


def split_shapes(extents, infos):
    """The flat list of all outputs' extents as shapes."""
    shapes, position = [], 0
    for info in infos:
        shapes.append(tuple(extents[position:position + len(info.shape)]))
        position += len(info.shape)
    return shapes


def gather_inputs(infos, positional, named):
    """Arrays in the model's order from a call's arguments."""
    if len(positional) > len(infos):
        raise InvalidArgument(
            f"the model takes {len(infos)} inputs "
            f"({', '.join(info.name for info in infos)}), got "
            f"{len(positional)}")
    values = dict(zip((info.name for info in infos), positional))
    for name, value in named.items():
        if name in values:
            raise InvalidArgument(f"input '{name}' is given twice")
        if all(info.name != name for info in infos):
            raise InvalidArgument(
                f"there is no input '{name}' among "
                f"{', '.join(info.name for info in infos)}")
        values[name] = value
    missing = [info.name for info in infos if info.name not in values]
    if missing:
        raise InvalidArgument(f"input '{missing[0]}' is missing")
    return Tensors([as_array(values[info.name], info) for info in infos])
