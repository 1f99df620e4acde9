# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Changes to ONNX models that keep them models, but maybe not valid ones: what an operator ties, its ranks, extents, axes and element
types, comes apart, and everything else stays as it was, so that it is this that a compiler sees."""
import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

DTYPES = [np.dtype(name) for name in ("f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")]
EXTENTS = (0, 1, 1, 2, 3, 4, 5, 7, 17)
INTEGERS = (0, 1, -1, 2, -2, 3, 5, -5, 7, 64, 2**31 - 1, 2**31, -2**31, 2**40, 2**62, 2**63 - 1, -2**63)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, -1e30, 3.4e38, float("inf"), float("-inf"), float("nan"))
STRINGS = (b"", b"none", b"add", b"mul", b"min", b"max", b"linear", b"nearest", b"cubic", b"constant", b"edge", b"reflect", b"wrap",
           b"SAME_UPPER", b"SAME_LOWER", b"VALID", b"NOTSET", b"forward", b"reverse", b"bidirectional", b"mean", b"sum",
           b"align_corners", b"half_pixel", b"asymmetric", b"DCR", b"CRD", b"tanh", b"\xff\n")
NEWEST_OPSET = 26


class Unfit(Exception):
    """What the change needs is not there."""


class Mutant:
    """A model, and what is fed to it: arrays by name."""

    def __init__(self, model, data, known, rng):
        self.model, self.data, self.known, self.rng = model, dict(data), known, rng
        self.done = []

    @property
    def graph(self):
        return self.model.graph

    def flip(self, p=0.5):
        return bool(self.rng.random() < p)

    def choice(self, items):
        items = list(items)
        if not items:
            raise Unfit
        return items[self.rng.integers(len(items))]

    def initializer(self):
        return self.choice(self.graph.initializer)

    def inputs(self):
        """Inputs of tensors that no initializer stands for."""
        constant = {tensor.name for tensor in self.graph.initializer}
        return [value for value in self.graph.input if value.name not in constant and value.type.HasField("tensor_type")]

    def node(self, attributed=False, fed=False):
        return self.choice(node for node in self.graph.node if not attributed or node.attribute if not fed or node.input)

    def values(self, before=None):
        """Every name that a node could read; the nodes are sorted."""
        names = [value.name for value in self.graph.input] + [tensor.name for tensor in self.graph.initializer]
        for node in self.graph.node:
            if node == before:
                break
            names += node.output
        return [name for name in names if name]

    # Arrays.

    def random(self, shape, dtype):
        dtype = np.dtype(dtype)
        if dtype == np.bool_:
            return self.rng.random(shape) < 0.5
        if dtype.kind == "f":
            return np.asarray(self.rng.standard_normal(shape), dtype)
        return np.asarray(self.rng.integers(0 if dtype.kind == "u" or self.flip() else -2, 4, shape), dtype)

    def reshaped(self, array):
        """The array with another rank, or another extent."""
        shape = list(array.shape)
        kind = self.rng.integers(5)
        if kind == 0:
            shape.insert(self.rng.integers(len(shape) + 1), 1)
        elif kind == 1 and shape:
            del shape[self.rng.integers(len(shape))]
        elif kind == 2 and len(shape) > 1:
            i, j = self.rng.permutation(len(shape))[:2]
            shape[i], shape[j] = shape[j], shape[i]
        elif shape:
            i = self.rng.integers(len(shape))
            shape[i] = int(self.choice([*EXTENTS, shape[i] + 1, max(shape[i] - 1, 0)]))
        else:
            shape = [int(self.choice(EXTENTS))]
        if np.prod(shape, initial=1) > 20000:
            raise Unfit
        # What was there is repeated, so that indices stay indices.
        if array.size and array.dtype != object:
            return np.resize(array, shape)
        return self.random(shape, array.dtype)

    def converted(self, array):
        dtype = self.choice(DTYPES)
        with np.errstate(all="ignore"):
            return array.astype(dtype)

    def disturbed(self, array):
        """The array with some elements of the kinds that nobody thinks of."""
        array = np.array(array)
        if not array.size or array.dtype.kind not in "fiub":
            raise Unfit
        flat = array.reshape(-1)
        for _ in range(self.rng.integers(1, 3)):
            i = self.rng.integers(flat.size)
            if array.dtype.kind == "f":
                flat[i] = np.asarray(self.choice(FLOATS)).astype(array.dtype)
            elif array.dtype.kind == "b":
                flat[i] = not flat[i]
            else:
                near = [int(flat[i]) + 1, int(flat[i]) - 1, -int(flat[i])]
                flat[i] = np.asarray(self.choice([*INTEGERS, *near, *near, *near]) & (2**64 - 1), np.uint64).astype(array.dtype)
        return array

    def feed(self):
        """What inputs are fed: what they were, where that still fits; else random numbers. None where nothing can fit."""
        symbols, fed = {}, {}
        constant = {tensor.name for tensor in self.graph.initializer}
        if any(not value.type.HasField("tensor_type") and value.name not in constant for value in self.graph.input):
            return None
        for value in self.inputs():
            tensor = value.type.tensor_type
            old = self.data.get(value.name)
            try:
                dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
            except (KeyError, ValueError) as error:
                raise Unfit from error
            if dtype.str[1:] not in [other.str[1:] for other in DTYPES]:
                if old is None:
                    raise Unfit
                fed[value.name] = old
                continue
            dims = tensor.shape.dim if tensor.HasField("shape") else [None] * (old.ndim if old is not None else 1)
            shape = []
            for i, dim in enumerate(dims):
                now = old.shape[i] if old is not None and old.ndim == len(dims) else int(self.choice((1, 2, 3)))
                if dim is not None and dim.HasField("dim_value"):
                    now = dim.dim_value
                elif dim is not None and dim.dim_param:
                    now = symbols.setdefault(dim.dim_param, now)
                shape.append(now)
            if any(extent < 0 for extent in shape) or np.prod(shape, initial=1, dtype=float) > 100000:
                return None
            if old is not None and old.dtype == dtype and list(old.shape) == shape:
                fed[value.name] = old
            elif old is not None and old.size and old.dtype.kind != "O":
                with np.errstate(all="ignore"):
                    fed[value.name] = np.resize(old, shape).astype(dtype)
            else:
                fed[value.name] = self.random(shape, dtype)
        return fed


# --- Changes ------------------------------------------------------------------------------------------------------------------------

CHANGES = []


def change(weight=1):
    def register(function):
        CHANGES.extend([function] * weight)
        return function

    return register


def set_input(mutant, value, array):
    """An input is fed that, and declared so; symbols stay where the rank stays."""
    tensor = value.type.tensor_type
    tensor.elem_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    old = list(tensor.shape.dim)
    dims = [array.shape[i] if len(old) != array.ndim or not old[i].dim_param else old[i].dim_param for i in range(array.ndim)]
    del tensor.shape.dim[:]
    tensor.shape.SetInParent()
    for dim in dims:
        new = tensor.shape.dim.add()
        if isinstance(dim, str):
            new.dim_param = dim
        else:
            new.dim_value = dim
    mutant.data[value.name] = array


def to_array(tensor):
    try:
        array = numpy_helper.to_array(tensor)
    except Exception as error:  # pylint: disable=broad-except
        raise Unfit from error
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise Unfit
    return array


def change_operand(mutant, function):
    """Changes an input or an initializer."""
    inputs, initializers = mutant.inputs(), list(mutant.graph.initializer)
    picked = mutant.choice([*inputs, *initializers])
    if isinstance(picked, TensorProto):
        picked.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(function(to_array(picked))), picked.name))
        return
    old = mutant.data.get(picked.name)
    if old is None or old.dtype not in DTYPES:
        raise Unfit
    set_input(mutant, picked, function(old))


@change(6)
def shape(mutant):
    change_operand(mutant, mutant.reshaped)


@change(2)
def dtype(mutant):
    change_operand(mutant, mutant.converted)


@change(2)
def elements(mutant):
    change_operand(mutant, mutant.disturbed)


@change(1)
def all_dtypes(mutant):
    """Every tensor of one type gets another."""
    old = mutant.data.get(mutant.choice(mutant.inputs()).name)
    if old is None:
        raise Unfit
    new = mutant.choice(DTYPES)
    with np.errstate(all="ignore"):
        for value in mutant.inputs():
            array = mutant.data.get(value.name)
            if array is not None and array.dtype == old.dtype:
                set_input(mutant, value, array.astype(new))
        for tensor in mutant.graph.initializer:
            if tensor.data_type == helper.np_dtype_to_tensor_dtype(old.dtype):
                tensor.CopyFrom(numpy_helper.from_array(to_array(tensor).astype(new), tensor.name))


@change(1)
def stated_extent(mutant):
    """A dimension that is not what the data have, or that a shape cannot have."""
    tensor = mutant.choice(mutant.inputs()).type.tensor_type
    mutant.choice(tensor.shape.dim).dim_value = int(mutant.choice((0, 1, 2, 3, 17, -1, -2**63, 2**31, 2**62)))


@change(3)
def symbol(mutant):
    """Extents that are known become symbols, maybe one for several."""
    tensor = mutant.choice(mutant.inputs()).type.tensor_type
    for dim in tensor.shape.dim:
        if mutant.flip(0.6):
            dim.dim_param = f"d{dim.dim_value}" if mutant.flip(0.7) else str(mutant.choice(("n", "m", "d1", "")))


@change(2)
def all_symbols(mutant):
    for value in mutant.inputs():
        for dim in value.type.tensor_type.shape.dim:
            dim.dim_param = dim.dim_param or f"d{dim.dim_value}"


@change(1)
def no_shape(mutant):
    mutant.choice(mutant.inputs()).type.tensor_type.ClearField("shape")


@change(1)
def contradiction(mutant):
    """The dimensions of an initializer do not fit its data."""
    tensor = mutant.initializer()
    if not tensor.dims:
        tensor.dims.append(int(mutant.choice((0, 1, 2, -1))))
    else:
        tensor.dims[mutant.rng.integers(len(tensor.dims))] = int(mutant.choice((0, 1, 2, 3, -1, 2**31, 2**62, -2**63)))


@change(2)
def to_initializer(mutant):
    value = mutant.choice(mutant.inputs())
    if value.name not in mutant.data or mutant.data[value.name].dtype not in DTYPES:
        raise Unfit
    mutant.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(mutant.data[value.name]), value.name))
    if mutant.flip(0.8):
        mutant.graph.input.remove(value)


@change(2)
def to_input(mutant):
    tensor = mutant.initializer()
    array = to_array(tensor)
    if tensor.name not in [value.name for value in mutant.graph.input]:
        mutant.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, array.shape))
    mutant.data[tensor.name] = array
    mutant.graph.initializer.remove(tensor)


def change_attribute(mutant, attribute):
    def integer(old):
        return int(np.clip(mutant.choice([*INTEGERS, old + 1, old - 1, -old, old + 1, old - 1]), -2**63, 2**63 - 1))

    def change_list(items, new):
        kind = mutant.rng.integers(6)
        i = mutant.rng.integers(len(items)) if items else 0
        if kind == 0 and items:
            del items[i]
        elif kind == 1 or not items:
            items.insert(i, items[i] if items else new(1))
        elif kind == 2:
            del items[:]
        else:
            items[i] = new(items[i])
        return items

    if attribute.type == AttributeProto.INT:
        attribute.i = integer(attribute.i)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = mutant.choice([*FLOATS, -attribute.f, attribute.f + 1])
    elif attribute.type == AttributeProto.STRING:
        attribute.s = mutant.choice(STRINGS)
    elif attribute.type == AttributeProto.INTS:
        attribute.ints[:] = change_list(list(attribute.ints), integer)
    elif attribute.type == AttributeProto.FLOATS:
        attribute.floats[:] = change_list(list(attribute.floats), lambda old: mutant.choice([*FLOATS, -old]))
    elif attribute.type == AttributeProto.STRINGS:
        attribute.strings[:] = change_list(list(attribute.strings), lambda old: mutant.choice(STRINGS))
    elif attribute.type == AttributeProto.TENSOR:
        array = mutant.choice((mutant.reshaped, mutant.converted, mutant.disturbed))(to_array(attribute.t))
        attribute.t.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array)))
    else:
        raise Unfit


@change(8)
def attribute_value(mutant):
    change_attribute(mutant, mutant.choice(mutant.node(attributed=True).attribute))


@change(4)
def new_attribute(mutant):
    """An attribute that the operator has and the node does not, with a value that is not the default."""
    node = mutant.node()
    version = next((opset.version for opset in mutant.model.opset_import if opset.domain in ("", "ai.onnx")), 1)
    try:
        schema = onnx.defs.get_schema(node.op_type, min(max(version, 1), onnx.defs.onnx_opset_version()), node.domain)
    except Exception as error:  # pylint: disable=broad-except
        raise Unfit from error
    given = {attribute.name for attribute in node.attribute}
    spec = mutant.choice(sorted((spec for spec in schema.attributes.values() if spec.name not in given), key=lambda spec: spec.name))
    attribute = AttributeProto(name=spec.name)
    attribute.type = int(spec.type.value)
    if spec.default_value.type:
        attribute.CopyFrom(spec.default_value)
    elif attribute.type == AttributeProto.INTS:
        attribute.ints.extend(mutant.choice((0, 1, 1, 2)) for _ in range(mutant.rng.integers(4)))
    elif attribute.type == AttributeProto.TENSOR:
        attribute.t.CopyFrom(numpy_helper.from_array(mutant.random((2,), "f4")))
    change_attribute(mutant, attribute)
    node.attribute.append(attribute)


@change(1)
def no_attribute(mutant):
    node = mutant.node(attributed=True)
    node.attribute.remove(mutant.choice(node.attribute))


@change(1)
def wrong_attribute(mutant):
    """Given twice, or of another type."""
    node = mutant.node(attributed=True)
    attribute = mutant.choice(node.attribute)
    if mutant.flip():
        node.attribute.append(attribute)
        return
    name = attribute.name
    attribute.CopyFrom(helper.make_attribute(name, mutant.choice((1, 0.5, "edge", [1, 2], [0.5]))))


@change(2)
def swap_inputs(mutant):
    node = mutant.node(fed=True)
    if len(node.input) < 2:
        raise Unfit
    i, j = mutant.rng.permutation(len(node.input))[:2]
    node.input[i], node.input[j] = node.input[j], node.input[i]


@change(2)
def drop_input(mutant):
    node = mutant.node(fed=True)
    if len(node.input) == 1 and mutant.flip(0.9):
        raise Unfit
    i = mutant.rng.integers(len(node.input))
    if mutant.flip():
        node.input[i] = ""
    elif mutant.flip():
        del node.input[i]
    else:
        del node.input[i:]


@change(3)
def rewire(mutant):
    node = mutant.node(fed=True)
    node.input[mutant.rng.integers(len(node.input))] = mutant.choice(mutant.values(before=node))


@change(1)
def more_inputs(mutant):
    node = mutant.node()
    node.input.extend([""] * int(mutant.rng.integers(2)) + [mutant.choice(mutant.values(before=node))])


@change(1)
def node_outputs(mutant):
    """More or fewer results than there were, or one name twice."""
    node = mutant.node()
    kind = mutant.rng.integers(8)
    if kind < 5:
        name = f"more{len(node.output)}"
        node.output.append(name)
        mutant.graph.output.append(onnx.ValueInfoProto(name=name))
    elif kind < 7 and len(node.output) > 1:
        del node.output[-1]
    else:
        node.output.append(mutant.choice(mutant.values()))


@change(1)
def graph_outputs(mutant):
    """A value that is an output, too, or twice; or an output less."""
    if mutant.flip(0.2):
        mutant.graph.output.remove(mutant.choice(mutant.graph.output))
    else:
        mutant.graph.output.append(onnx.ValueInfoProto(name=mutant.choice(mutant.values())))


@change(1)
def opset(mutant):
    imported = mutant.choice(mutant.model.opset_import)
    imported.version = int(mutant.choice((imported.version + 1, imported.version - 1, mutant.rng.integers(1, NEWEST_OPSET + 1))))


@change(2)
def operator(mutant):
    """Another operator that takes as many operands; it keeps some attributes."""
    node = mutant.node()
    count = len(node.input)
    if node.domain not in ("", "ai.onnx"):
        raise Unfit
    names = sorted({schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""
                    and schema.min_input <= count <= schema.max_input and schema.name in mutant.known - RANDOM})
    node.op_type = mutant.choice(names)
    schema = onnx.defs.get_schema(node.op_type)
    kept = [attribute for attribute in node.attribute if attribute.name in schema.attributes]
    del node.attribute[:]
    node.attribute.extend(kept)


@change(2)
def insert(mutant):
    """A node before an operand."""
    node = mutant.node(fed=True)
    i = mutant.rng.integers(len(node.input))
    if not node.input[i]:
        raise Unfit
    kind, attributes = mutant.choice((
        ("Identity", {}), ("Transpose", {}), ("Flatten", {}), ("Shape", {}), ("Relu", {}), ("Neg", {}), ("Size", {}), ("Abs", {}),
        ("Cast", {"to": int(mutant.choice((1, 6, 7, 9, 10, 11, 16, 2, 3)))}), ("Hardmax", {}), ("Softmax", {"axis": 0}),
        ("ReduceSum", {"keepdims": 0}), ("ReduceMax", {"keepdims": 1}), ("Squeeze", {}), ("Dropout", {}), ("ConstantOfShape", {})))
    name = f"inserted{len(mutant.graph.node)}"
    new = helper.make_node(kind, [node.input[i]], [name], **attributes)
    node.input[i] = name
    nodes = list(mutant.graph.node)
    nodes.insert(nodes.index(node), new)
    del mutant.graph.node[:]
    mutant.graph.node.extend(nodes)


@change(1)
def append(mutant):
    """A node after all, whose result is another output: what comes of shapes that are computed."""
    name = f"appended{len(mutant.graph.node)}"
    made = mutant.choice([name for node in mutant.graph.node for name in node.output if name])
    kind = mutant.choice(("Relu", "Transpose", "Shape", "Flatten", "Softmax", "Abs", "Mul", "MatMul", "Concat", "Add"))
    inputs = [made, mutant.choice(mutant.values())] if kind in ("Mul", "MatMul", "Concat", "Add") else [made]
    mutant.graph.node.append(helper.make_node(kind, inputs, [name], **({"axis": int(mutant.choice((0, -1, 1)))} if kind == "Concat" else {})))
    mutant.graph.output.append(onnx.ValueInfoProto(name=name))


@change(1)
def no_node(mutant):
    mutant.graph.node.remove(mutant.node())


@change(1)
def stated_output(mutant):
    """What the graph says of a result is something else."""
    value = mutant.choice(mutant.graph.output)
    array = mutant.random([int(mutant.choice(EXTENTS)) for _ in range(mutant.rng.integers(4))], mutant.choice(DTYPES))
    value.CopyFrom(helper.make_tensor_value_info(value.name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape))


# Whose results are chance.
RANDOM = frozenset("RandomNormal RandomUniform RandomNormalLike RandomUniformLike Bernoulli Multinomial".split())


def mutate(model, data, known, rng):
    """A changed copy, from one change to four, and what is fed to it; the names of the changes. `known`: operators to use.
    Raises Unfit where nothing can be fed."""
    for _ in range(20):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        mutant = Mutant(copy, data, known, rng)
        wanted = int(rng.choice((1, 1, 2, 2, 3, 4)))
        for _ in range(40):
            if len(mutant.done) == wanted:
                break
            function = CHANGES[rng.integers(len(CHANGES))]
            before = mutant.model.SerializeToString(), dict(mutant.data)
            try:
                function(mutant)
                mutant.model.SerializeToString()
                mutant.done.append(function.__name__)
            except (Unfit, ValueError, OverflowError, TypeError, AttributeError):
                mutant.model.ParseFromString(before[0])
                mutant.data = before[1]
        try:
            return mutant.model, mutant.feed(), mutant.done
        except Unfit:
            continue
    raise Unfit
