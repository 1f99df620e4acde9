# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run compiled models."""

from typing import Dict, List

import numpy as np

from ._model import Model
from ._runtime import TensorInfo, check, gather_inputs


def load(path, weights=None, threads=0, device=None):
    """Loads an inference artifact, `X.so`.

    Args:
      path: the artifact.
      weights: its weights file; by default X.safetensors next to it, unless
        they are embedded.
      threads: 0 for TERN_NUM_THREADS, else one per physical core.
      device: the library of the device that it was compiled for, if any.

    Returns:
      A Program.

    Raises:
      FileError (an OSError), ArtifactError, WeightsError.
    """
    return Program(path, weights, threads, device)


class Program(Model):
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
    _kind = "program"

    def __init__(self, path, weights=None, threads=0, device=None):
        super().__init__(path, weights, threads, device)
        self.inputs = self._describe("input")
        self.outputs = self._describe("output")

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
        out = self._allocate(given, self.outputs)
        check(self._api.tern_program_invoke(self._handle, given.pointers,
                                            len(given), out.pointers, len(out)))
        return out.arrays
