# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A loaded artifact: what Program and Trainer have in common."""

import collections.abc
import ctypes
import json
from ctypes import byref, c_double, c_int64

import numpy as np

from ._runtime import (CStateInfo, CTensorInfo, Tensors, check, load_handle,
                       numpy_dtype, runtime, split_shapes, tensor_info)


class Handle:
    """Frees an artifact when nothing refers to it or its memory any more."""

    def __init__(self, api, handle):
        self._api, self._as_parameter_ = api, handle

    def __del__(self):
        self._api.tern_program_destroy(self._as_parameter_)


class Scalars(collections.abc.Mapping):
    """The run-time scalars: trainer.scalars["lr"] = 1e-3."""

    def __init__(self, api, handle):
        self._api, self._handle = api, handle
        self._names = [
            api.tern_program_scalar_name(handle, i).decode()
            for i in range(api.tern_program_num_scalars(handle))]

    def __getitem__(self, name):
        if name not in self._names:
            raise KeyError(name)
        value = c_double()
        check(self._api.tern_program_get_scalar(
            self._handle, name.encode(), byref(value)))
        return value.value

    def __setitem__(self, name, value):
        check(self._api.tern_program_set_scalar(
            self._handle, str(name).encode(), float(value)))

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)


class Caller:
    """Describes and calls functions of an artifact by the C API's functions
    tern_KIND_*, which take `function`."""

    _kind = None

    def __init__(self, api, handle):
        self._api, self._handle = api, handle

    def _find(self, name):
        return getattr(self._api, f"tern_{self._kind}_{name}")

    def _describe(self, what, *function):
        """TensorInfo of each "input" or "output"."""
        count, get = self._find(f"num_{what}s"), self._find(what)
        info, infos = CTensorInfo(), []
        for i in range(count(self._handle, *function)):
            check(get(self._handle, *function, i, byref(info)))
            infos.append(tensor_info(info))
        return infos

    def _allocate(self, given, infos, *function):
        """Arrays for the outputs `infos` of these inputs."""
        extents = (c_int64 * sum(len(info.shape) for info in infos))()
        check(self._find("output_shapes")(
            self._handle, *function, given.pointers, len(given), extents,
            len(extents)))
        return Tensors([np.empty(shape, info.dtype) for info, shape in
                        zip(infos, split_shapes(extents, infos))])


class Model(Caller):
    """A loaded artifact.

    Attributes:
      signature: the artifact's signature as a dict.
      scalars: a mapping of run-time scalars.
    """

    _load = None

    def __init__(self, path, weights, threads, device, state_dims):
        api = runtime()
        super().__init__(api, Handle(api, load_handle(
            getattr(api, self._load), path, weights, threads, device,
            state_dims)))
        self.scalars = Scalars(self._api, self._handle)
        self.signature = json.loads(
            self._api.tern_program_signature(self._handle))

    @property
    def threads(self):
        """How many threads it uses; no result depends on it."""
        return self._api.tern_program_num_threads(self._handle)

    def _view(self, tensor):
        dtype = numpy_dtype(tensor.dtype)
        shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if not size:
            return np.empty(shape, dtype)
        memory = (ctypes.c_char * size).from_address(tensor.data)
        # The array keeps `memory`, and that what it lies in. (Not self, which
        # has the array: that would be a cycle.)
        memory.owner = self._handle
        return np.frombuffer(memory, dtype).reshape(shape)

    def _view_state(self):
        """By name the array of each state tensor and whether it is a parameter."""
        state, info = {}, CStateInfo()
        for i in range(self._api.tern_program_num_state(self._handle)):
            check(self._api.tern_program_state(self._handle, i, byref(info)))
            state[info.name.decode()] = self._view(info.tensor), bool(info.is_param)
        return state
