# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Evaluate small ONNX models with NumPy, and fold their constant part as an optimising exporter does.

An oracle written for reading: one line per operator, no optimisation, float32 kept float32. It knows the operators that
exported multilayer perceptrons contain and raises KeyError for the others.
"""
import numpy as np
import onnx
from onnx import helper, numpy_helper


def _axes(inputs, attributes, rank):
    """Axes of a reduction: an input in new opsets, an attribute in old ones, all of them by default."""
    axes = inputs[1] if len(inputs) > 1 and inputs[1] is not None else attributes.get("axes", range(rank))
    return tuple(int(axis) for axis in axes)


def _reduce(function):
    def run(attributes, *inputs):
        x = inputs[0]
        axes = _axes(inputs, attributes, x.ndim)
        return function(x, axis=axes, keepdims=bool(attributes.get("keepdims", 1))).astype(x.dtype)

    return run


def _clip(attributes, x, low=None, high=None):
    low = attributes.get("min") if low is None else low
    high = attributes.get("max") if high is None else high
    x = x if low is None else np.maximum(x, np.asarray(low, x.dtype))
    return x if high is None else np.minimum(x, np.asarray(high, x.dtype))


def _gemm(attributes, a, b, c=None):
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    y = np.float32(attributes.get("alpha", 1.0)) * (a @ b)
    return y if c is None else y + np.float32(attributes.get("beta", 1.0)) * c


def _layer_normalization(attributes, x, scale, bias=None):
    axes = tuple(range(attributes.get("axis", -1) % x.ndim, x.ndim))
    centred = x - x.mean(axes, keepdims=True)
    y = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + np.float32(attributes.get("epsilon", 1e-5))) * scale
    return (y if bias is None else y + bias).astype(x.dtype)


def _top_k(attributes, x, k):
    axis = attributes.get("axis", -1)
    order = np.argsort(-x if attributes.get("largest", 1) else x, axis=axis, kind="stable")
    order = np.take(order, range(int(np.ravel(k)[0])), axis=axis)
    return np.take_along_axis(x, order, axis), order


def _reshape(attributes, x, shape):
    return x.reshape([x.shape[i] if d == 0 else int(d) for i, d in enumerate(shape)])


def _unsqueeze(attributes, x, axes=None):
    return np.expand_dims(x, tuple(int(a) for a in (attributes["axes"] if axes is None else axes)))


def _squeeze(attributes, x, axes=None):
    axes = attributes.get("axes") if axes is None else axes
    return np.squeeze(x, None if axes is None else tuple(int(a) for a in axes))


def _slice(attributes, x, starts, ends, axes=None, steps=None):
    index = [slice(None)] * x.ndim
    for i, axis in enumerate(range(len(starts)) if axes is None else axes):
        index[axis] = slice(int(starts[i]), int(ends[i]), None if steps is None else int(steps[i]))
    return x[tuple(index)]


def _constant(attributes):
    value = attributes["value"]
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def _plain(function):
    return lambda attributes, *inputs: function(*inputs)


OPERATORS = {
    "Constant": _constant,
    "ConstantOfShape": lambda a, s: np.full(s, numpy_helper.to_array(a["value"])[0] if "value" in a else np.float32(0)),
    "Identity": _plain(lambda x: x),
    "Cast": lambda a, x: x.astype(onnx.mapping.TENSOR_TYPE_TO_NP_TYPE[a["to"]]),
    "Add": _plain(np.add), "Sub": _plain(np.subtract), "Mul": _plain(np.multiply), "Div": _plain(np.divide),
    "Abs": _plain(np.abs), "Neg": _plain(np.negative), "Sign": _plain(np.sign), "Sqrt": _plain(np.sqrt),
    "Reciprocal": _plain(lambda x: np.float32(1) / x), "Pow": _plain(lambda x, y: np.power(x, y).astype(x.dtype)),
    "Round": _plain(np.rint), "Relu": _plain(lambda x: np.maximum(x, 0)), "Clip": _clip,
    "Max": _plain(np.maximum), "Min": _plain(np.minimum),
    "Greater": _plain(np.greater), "GreaterOrEqual": _plain(np.greater_equal),
    "Less": _plain(np.less), "LessOrEqual": _plain(np.less_equal),
    "Not": _plain(np.logical_not), "And": _plain(np.logical_and), "Where": _plain(np.where),
    "ReduceMax": _reduce(np.max), "ReduceMean": _reduce(np.mean), "ReduceSum": _reduce(np.sum),
    "TopK": _top_k,
    "Shape": _plain(lambda x: np.array(x.shape, np.int64)),
    "Gather": lambda a, x, i: np.take(x, i, a.get("axis", 0)),
    "Reshape": _reshape, "Unsqueeze": _unsqueeze, "Slice": _slice, "Squeeze": _squeeze,
    "Flatten": lambda a, x: x.reshape(int(np.prod(x.shape[: a.get("axis", 1)])), -1),
    "Transpose": lambda a, x: np.transpose(x, a.get("perm")),
    "Concat": lambda a, *x: np.concatenate(x, a["axis"]),
    "Expand": _plain(lambda x, shape: x * np.ones([int(d) for d in shape], x.dtype)),
    "MatMul": _plain(np.matmul), "Gemm": _gemm, "LayerNormalization": _layer_normalization,
}


def run_node(node, values):
    """Compute one node from `values` and add its results to them."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    results = OPERATORS[node.op_type](attributes, *[values[name] if name else None for name in node.input])
    results = results if isinstance(results, tuple) else (results,)
    values.update((name, np.asarray(result)) for name, result in zip(node.output, results))


def evaluate(model, inputs):
    """Outputs of a model, a list of arrays, for a dictionary of inputs."""
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    values.update(inputs)
    for node in model.graph.node:
        run_node(node, values)
    return [values[output.name] for output in model.graph.output]


def fold_constants(model):
    """A copy of the model in which whatever depends on initializers alone has become an initializer.

    So a Constant node becomes an initializer too, and a quantized weight is named like the tensor that held it.
    """
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        if all(name in values or not name for name in node.input):
            run_node(node, values)
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    del folded.graph.node[:], folded.graph.initializer[:]
    folded.graph.node.extend(kept)
    folded.graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in values.items() if n in used)
    return folded
