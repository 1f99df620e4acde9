# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Train compiled models."""

import collections.abc
import ctypes
from ctypes import byref, c_char_p, c_double, c_float, c_int64

import numpy as np

from ._errors import InvalidArgument
from ._model import Model
from ._runtime import (CStateInfo, check, encode_path, gather_inputs,
                       numpy_dtype)

_FORWARD, _EVAL, _TRAIN = 0, 1, 2
_FUNCTIONS = ("forward", "eval_step", "train_step", "train_step_float")


class _Scalars(collections.abc.Mapping):
    """The run-time scalars: trainer.scalars["lr"] = 1e-3."""

    def __init__(self, api, handle):
        self._api, self._handle = api, handle
        self._names = [
            api.tern_trainer_scalar_name(handle, i).decode()
            for i in range(api.tern_trainer_num_scalars(handle))]

    def __getitem__(self, name):
        if name not in self._names:
            raise KeyError(name)
        value = c_double()
        check(self._api.tern_trainer_get_scalar(
            self._handle, name.encode(), byref(value)))
        return value.value

    def __setitem__(self, name, value):
        check(self._api.tern_trainer_set_scalar(
            self._handle, str(name).encode(), float(value)))

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)


class Trainer(Model):
    """A training artifact (`ternc --train`) with its parameters.

        trainer = tern.Trainer("model.so")
        for x, labels in batches:
            loss = trainer.step(x, labels, lr=1e-3)
        trainer.save("checkpoint.safetensors")

    Args:
      path: the artifact, X.so.
      weights: the file of initial parameters, X.safetensors by default; any
        other safetensors file gives parameters by their names.
      threads: 0 for TERN_NUM_THREADS, else one per physical core. No result
        depends on it.
      device: the library of the device that it was compiled for, if any.

    Attributes:
      inputs: TensorInfo of what step() takes; the last is the labels.
      outputs: TensorInfo of what forward() gives.
      scalars: a mapping of run-time scalars ("lr", "weight_decay", ...).
      state: a dict of arrays, the parameters and the optimizer's tensors, which
        are views of the trainer's memory: steps change them, and writing to
        them changes the model.
      parameters: the names of the parameters among them.
      signature: the artifact's signature as a dict.

    Raises:
      FileError (an OSError), ArtifactError, WeightsError.
    """

    _kind = "trainer"

    def __init__(self, path, weights=None, threads=0, device=None):
        super().__init__(path, weights, threads, device)
        check(self._api.tern_trainer_init(self._handle))
        self.inputs = self._describe("input", _TRAIN)
        self.outputs = self._describe("output", _FORWARD)
        self._eval_outputs = self._describe("output", _EVAL)
        self._measured = self._describe("output", _TRAIN)
        self.scalars = _Scalars(self._api, self._handle)
        self.state, self.parameters = {}, []
        info = CStateInfo()
        for i in range(self._api.tern_trainer_num_state(self._handle)):
            check(self._api.tern_trainer_state(self._handle, i, byref(info)))
            self.state[info.name.decode()] = self._view(info.tensor)
            if info.is_param:
                self.parameters.append(info.name.decode())

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

    @property
    def steps(self):
        """How many steps have been done since the initial state."""
        return self._api.tern_trainer_step(self._handle)

    @property
    def window(self):
        """How many steps have gradients that wait for an update.

        Only in models compiled with `--accumulate`: scalars["accumulate"] is
        the number of steps whose gradients are averaged to an update. It
        cannot change while this is not 0.
        """
        return self._api.tern_trainer_window(self._handle, None)

    def initialize(self):
        """Sets all state to its initial values and `steps` to 0."""
        check(self._api.tern_trainer_init(self._handle))

    def step(self, /, *inputs, close_window=False, **scalars):
        """One step of the optimizer.

        Args:
          inputs: one batch, the labels last, in the order of `inputs`; or a
            single dict by names.
          close_window: update at the end of this step, by the average over
            the steps since the last update, though they are fewer than
            scalars["accumulate"]: for the last step of a run. Without
            accumulation every step updates.
          scalars: values that stay set, such as lr=1e-3. Below lambda 1 (write
            **{"lambda": 0.5}) quantized layers are blends of float ones.

        Returns:
          The loss, a float. If it is not finite the state is spoiled; go back
          to a checkpoint.

        Raises:
          InvalidArgument: a tensor does not fit, or a label is no class. The
            state is as before.
        """
        for name, value in scalars.items():
            self.scalars[name] = value
        given = self._gather(self.inputs, inputs)
        if close_window:
            check(self._api.tern_trainer_close_window(self._handle))
        loss = c_float()
        check(self._api.tern_trainer_train_step(
            self._handle, given.pointers, len(given), byref(loss)))
        return loss.value

    @property
    def measurements(self):
        """What the last step gave beside the loss, such as "grad_norm"."""
        return {info.name: self._api.tern_trainer_measurement(self._handle, i)
                for i, info in enumerate(self._measured) if i}

    def evaluate(self, *inputs):
        """The loss and outputs for a batch, inputs as for step().

        Returns:
          (loss, array), or (loss, array, ...) if the model has more outputs.
        """
        given = self._gather(self.inputs, inputs)
        out = self._allocate(given, self._eval_outputs, _EVAL)
        loss = c_float()
        check(self._api.tern_trainer_eval_step(
            self._handle, given.pointers, len(given), byref(loss),
            ctypes.byref(out.pointers, ctypes.sizeof(ctypes.c_void_p)),
            len(out) - 1))
        return (loss.value, *out.arrays[1:])

    def forward(self, *inputs):
        """The model's output for inputs without labels, or a tuple of them."""
        given = self._gather(self._describe("input", _FORWARD), inputs)
        out = self._allocate(given, self.outputs, _FORWARD)
        check(self._api.tern_trainer_forward(self._handle, given.pointers,
                                             len(given), out.pointers,
                                             len(out)))
        return out.arrays[0] if len(out) == 1 else tuple(out.arrays)

    def _gather(self, infos, inputs):
        if len(inputs) == 1 and isinstance(inputs[0], dict):
            return gather_inputs(infos, (), inputs[0])
        return gather_inputs(infos, inputs, {})

    def save(self, path, metadata=None):
        """Writes a checkpoint (safetensors), whole or not at all.

        Args:
          metadata: a dict of strings; keys must not begin with "tern_".
        """
        metadata = metadata or {}
        for key, value in metadata.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise InvalidArgument("metadata must be strings")
        keys = (c_char_p * len(metadata))(*(k.encode() for k in metadata))
        values = (c_char_p * len(metadata))(
            *(v.encode() for v in metadata.values()))
        check(self._api.tern_trainer_save(self._handle, encode_path(path), keys,
                                          values, len(metadata)))

    def restore(self, path):
        """Reads a checkpoint and goes on from it, bit for bit.

        Raises:
          WeightsError: it is of another model or optimizer, damaged, or has a
            NaN. The state is as before.
        """
        check(self._api.tern_trainer_restore(self._handle, encode_path(path)))

    def metadata(self, key):
        """A string of the checkpoint restored last, or None."""
        value = self._api.tern_trainer_metadata(self._handle, key.encode())
        return None if value is None else value.decode()

    def memory(self, /, **extents):
        """Bytes in use: "state", and scratch memory by function.

        Args:
          extents: values of symbolic extents, such as batch=128; 1 if missing.
            All functions share their scratch memory.
        """
        sizes = {"state": self._api.tern_trainer_state_size(self._handle)}
        for index, name in enumerate(_FUNCTIONS):
            if name not in self.signature["functions"]:
                continue
            count = self._api.tern_trainer_num_dims(self._handle, index)
            dims = (c_int64 * count)(*(
                extents.get(self._api.tern_trainer_dim_name(
                    self._handle, index, i).decode(), 1)
                for i in range(count)))
            size = c_int64()
            check(self._api.tern_trainer_arena_size(self._handle, index, dims,
                                                    count, byref(size)))
            sizes[name] = size.value
        return sizes
