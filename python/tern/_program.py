# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run compiled models."""

import json
from ctypes import byref, c_int64
from typing import Dict, List

import numpy as np

from ._runtime import (CTensorInfo, TensorInfo, Tensors, check, gather_inputs,
                       load_handle, runtime, split_shapes, tensor_info)


def load(path, weights=None, threads=0):
    """Loads an inference artifact, `X.so`.

    Args:
      path: the artifact.
      weights: its weights file; by default X.safetensors next to it, unless
        they are embedded.
      threads: 0 for TERN_NUM_THREADS, else one per physical core.

    Returns:
      A Program.

    Raises:
      FileError (an OSError), ArtifactError, WeightsError.
    """
    return Program(path, weights, threads)


class Program:
    """A loaded model.

    Call it with tensors, in the model's order or by their names. It returns an
    array, or a tuple of them if the model has several outputs. Calls from
    several threads take turns; load it twice to run two at a time.

    Attributes:
      inputs, outputs: lists of TensorInfo.
      signature: the artifact's signature as a dict.
    """

    inputs: List[TensorInfo]
    outputs: List[TensorInfo]

    def __init__(self, path, weights=None, threads=0):
        self._handle = None
        self._api = runtime()
        self._handle = load_handle(self._api.tern_program_load, path, weights,
                                   threads)
        info = CTensorInfo()

        def describe(count, function):
            infos = []
            for i in range(count):
                check(function(self._handle, i, byref(info)))
                infos.append(tensor_info(info))
            return infos

        self.inputs = describe(self._api.tern_program_num_inputs(self._handle),
                               self._api.tern_program_input)
        self.outputs = describe(
            self._api.tern_program_num_outputs(self._handle),
            self._api.tern_program_output)
        self.signature = json.loads(
            self._api.tern_program_signature(self._handle))

    def __del__(self):
        if getattr(self, "_handle", None):
            self._api.tern_program_destroy(self._handle)
            self._handle = None

    @property
    def threads(self):
        """How many threads it uses; no result depends on it."""
        return self._api.tern_program_num_threads(self._handle)

    def __call__(self, /, *inputs, **named):
        """Runs the model.

        Args:
          inputs: tensors with the model's dtypes and shapes; numbers and lists
            become the dtype.
          named: inputs by name.

        Returns:
          A new array, or a tuple of them.

        Raises:
          InvalidArgument (a ValueError): a tensor does not fit.
        """
        results = self._run(inputs, named)
        return results[0] if len(results) == 1 else tuple(results)

    def run(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """The same from names to tensors: for names that are no identifiers."""
        results = self._run((), inputs)
        return {info.name: result
                for info, result in zip(self.outputs, results)}

    def _run(self, positional, named):
        given = gather_inputs(self.inputs, positional, named)
        extents = (c_int64 * sum(len(info.shape) for info in self.outputs))()
        check(self._api.tern_program_output_shapes(
            self._handle, given.pointers, len(given), extents, len(extents)))
        results = [np.empty(shape, info.dtype) for info, shape in
                   zip(self.outputs, split_shapes(extents, self.outputs))]
        out = Tensors(results)
        check(self._api.tern_program_invoke(self._handle, given.pointers,
                                            len(given), out.pointers, len(out)))
        return results
