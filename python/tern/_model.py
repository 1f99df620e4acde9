# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A loaded artifact: what Program and Trainer have in common."""

import json
from ctypes import byref, c_int64

import numpy as np

from ._runtime import (CTensorInfo, Tensors, check, load_handle, runtime,
                       split_shapes, tensor_info)


class Handle:
    """Frees an artifact when nothing refers to it or its memory any more."""

    def __init__(self, api, handle):
        self._api, self._as_parameter_ = api, handle

    def __del__(self):
        self._api.tern_program_destroy(self._as_parameter_)


class Model:
    """Functions of an artifact by the C API's functions tern_KIND_*, which take
    `function` where an artifact of that kind has several.

    Attributes:
      signature: the artifact's signature as a dict.
    """

    _kind = None

    def __init__(self, path, weights, threads, device):
        self._api = runtime()
        self._handle = Handle(
            self._api,
            load_handle(self._find("load"), path, weights, threads, device))
        self.signature = json.loads(
            self._api.tern_program_signature(self._handle))

    def _find(self, name):
        return getattr(self._api, f"tern_{self._kind}_{name}")

    @property
    def threads(self):
        """How many threads it uses; no result depends on it."""
        return self._api.tern_program_num_threads(self._handle)

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
