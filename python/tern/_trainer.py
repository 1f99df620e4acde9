# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Train compiled models."""

import ctypes
from ctypes import byref, c_char_p, c_float, c_int64

from ._errors import InvalidArgument
from ._model import Model
from ._runtime import check, encode_path, gather_inputs

_FORWARD, _EVAL, _TRAIN = 0, 1, 2
_FUNCTIONS = ("forward", "eval_step", "train_step", "train_step_float")


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
      state_dims: the symbolic extents of its state by name, if it has any.

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

    _kind, _load = "trainer", "tern_trainer_load"

    def __init__(self, path, weights=None, threads=0, device=None,
                 state_dims=None):
        super().__init__(path, weights, threads, device, state_dims)
        check(self._api.tern_trainer_init(self._handle))
        self.inputs = self._describe("input", _TRAIN)
        self.outputs = self._describe("output", _FORWARD)
        self._eval_outputs = self._describe("output", _EVAL)
        self._measured = self._describe("output", _TRAIN)
        state = self._view_state()
        self.state = {name: array for name, (array, _) in state.items()}
        self.parameters = [name for name, (_, is_param) in state.items()
                           if is_param]

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
