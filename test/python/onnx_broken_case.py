# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the cases of onnx_broken.py are made of. A case is a function that writes a model, and what must be said of it."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
FLOAT8, INT4, FLOAT8E8M0, UINT2, FLOAT6 = 17, 22, 24, 25, 27  # Debian's package does not have them yet.
CASES = []


def case(*errors, options=()):
    """Registers a builder: it takes a path to write to. `errors` are parts of the lines expected."""

    def register(function):
        CASES.append((function.__name__, function, errors, list(options)))
        return function

    return register


def value(name, shape, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def tensor(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def model(nodes, initializers=(), inputs=None, outputs=("y",), opset=17):
    inputs = [value("x", ["batch", 4])] if inputs is None else inputs
    outputs = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(op, inputs="x", outputs="y", name="n", **attributes):
    return helper.make_node(op, inputs.split(" "), outputs.split(" "), name=name, **attributes)


def write(path, proto):
    with open(path, "wb") as file:
        file.write(proto.SerializeToString())


def simple(name, errors, *args, options=(), **kwargs):
    """A case whose model is just that."""
    errors = (errors,) if isinstance(errors, str) else errors
    CASES.append((name, lambda path: write(path, model(*args, **kwargs)), errors, list(options)))


W = tensor("w", np.ones((4, 3), np.float32))
