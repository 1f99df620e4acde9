# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run compiled models."""

from typing import Dict, List

import numpy as np

from ._errors import InvalidArgument
from ._model import Caller, Model
from ._runtime import TensorInfo, check, gather_inputs


def load(path, weights=None, threads=0, device=None, state_dims=None):
    """Loads an inference artifact, `X.so`.

    Args:
      path: the artifact.
      weights: its weights file; by default X.safetensors next to it, unless
        they are embedded.
      threads: 0 for TERN_NUM_THREADS, else one per physical core.
      device: the library of the device that it was compiled for, if any.
      state_dims: the symbolic extents of its state by name, such as
        {"capacity": 512}, if it has any.

    Returns:
      A Program.

    Raises:
      FileError (an OSError), ArtifactError, WeightsError.
    """
    return Program(path, weights, threads, device, state_dims)


class Function(Caller):
    """One function of a loaded model: called as the Program is.

    Attributes:
      name: what the artifact calls it.
      inputs, outputs: lists of TensorInfo.
    """

    name: str
    inputs: List[TensorInfo]
    outputs: List[TensorInfo]
    _kind = "function"

    def __init__(self, api, handle, name):
        super().__init__(api, handle)
        self.name = name
        self.inputs = self._describe("input", name.encode())
        self.outputs = self._describe("output", name.encode())

    def __call__(self, /, *inputs, **named):
        """Runs the function, as Program's."""
        results = self._run(inputs, named)
        return results[0] if len(results) == 1 else tuple(results)

    def run(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """The same from names to tensors: for names that are no identifiers."""
        results = self._run((), inputs)
        return {info.name: result
                for info, result in zip(self.outputs, results)}

    def _run(self, positional, named):
        given = gather_inputs(self.inputs, positional, named)
        name = self.name.encode()
        out = self._allocate(given, self.outputs, name)
        check(self._api.tern_function_invoke(
            self._handle, name, given.pointers, len(given), out.pointers,
            len(out)))
        return out.arrays


class Program(Model):
    """A loaded model.

    Call it with tensors, in the model's order or by their names. It returns an
    array, or a tuple of them if the model has several outputs. Calls from
    several threads take turns; load it twice to run two at a time.

    Attributes:
      inputs, outputs: lists of TensorInfo.
      functions: names to Functions; calling the program calls "main", which
        artifacts of several functions need not have.
      scalars: a mapping of run-time scalars: program.scalars["length"] = 7.
      state: a dict of arrays, which functions update: views of the program's
        memory.
      signature: the artifact's signature as a dict.
    """

    inputs: List[TensorInfo]
    outputs: List[TensorInfo]
    functions: Dict[str, Function]
    state: Dict[str, np.ndarray]
    _load = "tern_program_load"

    def __init__(self, path, weights=None, threads=0, device=None,
                 state_dims=None):
        super().__init__(path, weights, threads, device, state_dims)
        names = [self._api.tern_program_function_name(self._handle, i).decode()
                 for i in range(
                     self._api.tern_program_num_functions(self._handle))]
        self.functions = {name: Function(self._api, self._handle, name)
                          for name in names}
        main = self.functions.get("main")
        self.inputs = main.inputs if main else []
        self.outputs = main.outputs if main else []
        self.state = {name: array for name, (array, is_param)
                      in self._view_state().items() if not is_param}

    @property
    def _main(self):
        if "main" not in self.functions:
            raise InvalidArgument("the model has no function 'main', but "
                                  f"{', '.join(sorted(self.functions))}")
        return self.functions["main"]

    def __call__(self, /, *inputs, **named):
        """Runs the model.

        Args:
          inputs: tensors with the model's dtypes and shapes; numbers and lists
            become the dtype.
          named: inputs by name.

        Returns:
          A new array, or a tuple of them.

        Raises:
          InvalidArgument (a ValueError): a tensor or a scalar does not fit. The
            state is as before, unless the model itself finds an element that is
            out of range.
        """
        return self._main(*inputs, **named)

    def run(self, inputs: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """The same from names to tensors: for names that are no identifiers."""
        return self._main.run(inputs)

    def reset(self):
        """Gives the state its initial values."""
        check(self._api.tern_program_reset_state(self._handle))
