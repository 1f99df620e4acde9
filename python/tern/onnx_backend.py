# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tern as a backend of the package `onnx` (onnx.backend.base), which it needs.

    import onnx, tern.onnx_backend
    rep = tern.onnx_backend.prepare(onnx.load("model.onnx"))
    logits, = rep.run([images])
"""

import os
import tempfile

import numpy as np
import onnx
from onnx import helper
from onnx.backend.base import Backend, BackendRep, namedtupledict

from ._compile import compile
from ._errors import CompileError, InvalidArgument
from ._program import load


class TernBackendRep(BackendRep):
    """A compiled model."""

    def __init__(self, program, input_names, outputs):
        self._program = program
        self._input_names = input_names
        self._outputs = {info.name: _foreign_dtype(info) for info in outputs}
        self._type = namedtupledict("Outputs", list(self._outputs))

    def run(self, inputs, **kwargs):
        """Runs the model.

        Args:
          inputs: tensors in the order of the model's inputs, those that are
            initializers left out; or by their names.

        Returns:
          The outputs as a named tuple of arrays, which finds them by name, too:
          rep.run(inputs)["logits"].

        Raises:
          tern.InvalidArgument: a tensor does not fit.
        """
        if isinstance(inputs, np.ndarray):
            inputs = [inputs]
        if not isinstance(inputs, dict):
            if len(inputs) != len(self._input_names):
                raise InvalidArgument(
                    f"{len(inputs)} inputs given, the model has "
                    f"{len(self._input_names)}")
            inputs = dict(zip(self._input_names, inputs))
        kinds = {info.name: info.dtype for info in self._program.inputs}
        given = {name: _native(value, kinds.get(name))
                 for name, value in inputs.items()}
        results = self._program.run(given)
        return self._type(*(_foreign(results[name], dtype)
                            for name, dtype in self._outputs.items()))


class TernBackend(Backend):
    """The interface of onnx.backend.base. `kwargs` are options of the compiler
    as tern.compile takes them, such as ternarize="all"."""

    @classmethod
    def is_compatible(cls, model, device="CPU", **kwargs):
        """Whether each node of the model can be imported."""
        if not cls.supports_device(device):
            return False
        try:
            _compile(model, emit="graph", **kwargs)
        except CompileError:
            return False
        return True

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        """Compiles an onnx.ModelProto with all of its data in memory.

        Raises:
          tern.CompileError: an operator is not supported, or the model broken.
          tern.InvalidArgument: there is no such device.
        """
        if not cls.supports_device(device):
            raise InvalidArgument(f"device '{device}' is not supported; "
                                  "use CPU")
        program = _compile(model, **kwargs)
        initializers = {tensor.name for tensor in model.graph.initializer}
        return TernBackendRep(
            program,
            [info.name for info in model.graph.input
             if info.name not in initializers],
            model.graph.output)

    @classmethod
    def run_node(cls, node, inputs, device="CPU", outputs_info=None, **kwargs):
        """Runs one operator.

        Args:
          inputs: arrays, for the inputs that the node has, in their order.
          outputs_info: not needed.
          kwargs: also opset_version (default: the newest that `onnx` knows).
        """
        version = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        names = [name for name in node.input if name]
        if isinstance(inputs, np.ndarray):
            inputs = [inputs]
        arrays = [np.asarray(value) for value in inputs]
        if len(names) != len(arrays):
            raise InvalidArgument(f"{len(arrays)} inputs given, the node has "
                                  f"{len(names)}")
        infos = [helper.make_tensor_value_info(
            name, _element_type(array.dtype), array.shape)
            for name, array in zip(names, arrays)]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output
                   if name]
        graph = helper.make_graph([node], "node", infos, outputs)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid(node.domain, version)])
        return cls.prepare(model, device, **kwargs).run(arrays)

    @classmethod
    def supports_device(cls, device):
        """Just the CPU."""
        return device.split(":")[0] == "CPU"


def _element_type(dtype):
    """ONNX's number of a NumPy type."""
    if hasattr(helper, "np_dtype_to_tensor_dtype"):
        return helper.np_dtype_to_tensor_dtype(dtype)
    return helper.mapping.NP_TYPE_TO_TENSOR_TYPE[dtype]


def _foreign_dtype(info):
    """What onnx has an output as, where that is no type of NumPy's own: those of
    the package ml_dtypes, or nothing before onnx used it."""
    number = info.type.tensor_type.elem_type
    if not number or not hasattr(helper, "tensor_dtype_to_np_dtype"):
        return None
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number))
    return None if dtype.isbuiltin == 1 else dtype


def _native(value, dtype):
    """An input as the program takes it: onnx stores the bits of bfloat16 as
    integers or, as those of narrower types, as types of ml_dtypes."""
    if dtype == np.dtype("V2") or (
            dtype and isinstance(value, np.ndarray)
            and value.dtype.isbuiltin == 2
            and value.dtype.itemsize == dtype.itemsize):
        return np.asarray(value).view(dtype)
    return value


def _foreign(array, dtype):
    """An output as onnx has it."""
    if dtype and dtype.itemsize == array.itemsize:
        return array.view(dtype)
    return array.view(np.uint16) if array.dtype.kind == "V" else array


def _compile(model, emit=None, **kwargs):
    """A program, or nothing if only a level of IR is asked for."""
    with tempfile.TemporaryDirectory(prefix="tern-") as folder:
        path = os.path.join(folder, "model.onnx")
        with open(path, "wb") as file:
            file.write(model.SerializeToString())
        if emit:
            compile(path, os.path.join(folder, "model.mlir"), emit=emit,
                    **kwargs)
            return None
        # What is loaded stays when its file is gone.
        return load(compile(path, embed_weights=True, **kwargs))


is_compatible = TernBackend.is_compatible
prepare = TernBackend.prepare
run_model = TernBackend.run_model
run_node = TernBackend.run_node
supports_device = TernBackend.supports_device
