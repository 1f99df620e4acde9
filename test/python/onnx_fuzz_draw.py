# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws random models of one operator each."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ONNX_TYPES = {np.dtype(name): getattr(TensorProto, proto) for name, proto in (
    ("f4", "FLOAT"), ("f8", "DOUBLE"), ("f2", "FLOAT16"), ("i1", "INT8"), ("i2", "INT16"), ("i4", "INT32"),
    ("i8", "INT64"), ("u1", "UINT8"), ("u2", "UINT16"), ("u4", "UINT32"), ("u8", "UINT64"), ("?", "BOOL"))}
SIZES = (1, 2, 3, 5, 7, 17, 33, 257)
# Operator -> a function that adds a node of it to a Draw.
GENERATORS = {}


def generator(*names):
    """Registers a function that is called with a Draw, and with the name if there are several."""
    def register(make):
        for name in names:
            GENERATORS[name] = make if len(names) == 1 else lambda draw, name=name: make(draw, name)
        return make
    return register


def found(name):
    """Registers a model that is always made, and once."""
    return generator(f"found-{name}")


class Draw:
    """Draws one model. What shapes the code (attributes, ranks, constants) comes from `structure`; extents come from
    `sizes` and inputs from `values`, so that two draws may differ in these alone."""

    def __init__(self, structure, varying):
        self.structure, self.constants = np.random.default_rng(structure), np.random.default_rng([*structure, 1])
        self.sizes, self.values = np.random.default_rng([*varying, 2]), np.random.default_rng([*varying, 3])
        self.nodes, self.inputs, self.parameters, self.outputs = [], {}, {}, []
        self.fixed_inputs = {}
        self.opset, self.domains, self.counter = 22, {}, 0
        # The same in other nodes, if the reference cannot run these.
        self.reference_nodes = None
        # Whether ONNX's own evaluator is the reference.
        self.is_evaluated = False
        # Whether the model has to be right as the standard's function, too.
        self.is_inlined = False

    # Structure.

    def flip(self, p=0.5):
        return bool(self.structure.random() < p)

    def choice(self, items):
        return items[self.structure.integers(len(items))]

    def integer(self, low, high):
        """From `low` to `high`, both included."""
        return int(self.structure.integers(low, high + 1))

    def integers(self, low, high, count):
        return [self.integer(low, high) for _ in range(count)]

    def fixed(self, largest=33):
        """An extent that is the same in all draws."""
        return self.choice([size for size in SIZES if size <= largest])

    def subset(self, items, least=0):
        items = list(items)
        count = self.integer(least, len(items))
        return [items[i] for i in self.structure.permutation(len(items))[:count]]

    # Extents.

    def size(self, largest=33, least=1):
        candidates = [size for size in SIZES if least <= size <= largest]
        return int(self.sizes.choice(candidates)) if candidates else least

    def shape(self, rank, total=4000):
        """Extents that may differ between draws, with at most `total` elements."""
        shape = []
        for _ in range(rank):
            extent = self.size(257 if rank == 1 else 33)
            while extent > 1 and extent * np.prod(shape, dtype=int) > total:
                extent //= 2
            shape.append(extent)
        return [shape[i] for i in self.sizes.permutation(rank)]

    # Values.

    def array(self, shape, dtype="f4", low=None, high=None, constant=False):
        """Normal numbers, or those in a range."""
        rng, dtype = self.constants if constant else self.values, np.dtype(dtype)
        if dtype == np.bool_:
            return rng.random(shape) < 0.5
        if dtype.kind == "f":
            values = rng.standard_normal(shape) if low is None else rng.uniform(low, high, shape)
            return np.asarray(values, dtype)
        if low is None:
            low, high = (0, 20) if dtype.kind == "u" else (-10, 10)
        return np.asarray(rng.integers(low, high, shape, endpoint=True), dtype)

    # The model.

    def name(self, kind):
        self.counter += 1
        return f"{kind}{self.counter}"

    def input(self, array):
        name = self.name("x")
        self.inputs[name] = np.asarray(array)
        return name

    def constant(self, array, dtype=None):
        name = self.name("c")
        self.parameters[name] = np.asarray(array, dtype)
        return name

    def bound(self, array, dtype="i8"):
        """An operand that fixes shapes: an initializer, or an input that the suite binds."""
        if self.flip(0.7):
            return self.constant(array, dtype)
        name = self.input(np.asarray(array, dtype))
        self.fixed_inputs[name] = self.inputs[name]
        return name

    def operand(self, shape, dtype="f4", low=None, high=None):
        """An input, or a parameter."""
        if self.flip(0.3):
            return self.constant(self.array(shape, dtype, low, high, constant=True))
        return self.input(self.array(shape, dtype, low, high))

    def node(self, op, inputs, outputs=1, domain="", version=1, **attributes):
        """Adds a node, whose named results are outputs of the model. `outputs`: a number, or flags. `version`: of `domain`."""
        flags = [True] * outputs if isinstance(outputs, int) else outputs
        names = [self.name("y") if flag else "" for flag in flags]
        attributes = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op, [i or "" for i in inputs], names, domain=domain, **attributes))
        self.outputs += [name for name in names if name]
        if domain:
            self.domains[domain] = version
        return names[0]

    def hide(self, name):
        """Makes a result no output of the model."""
        self.outputs.remove(name)
        return name

    def reference(self):
        """What the reference runs."""
        return self.model(nodes=self.reference_nodes)

    def model(self, other=None, nodes=None):
        """As ONNX; sizes in which `other` differs become symbols."""
        infos = []
        for name, array in self.inputs.items():
            shape = list(array.shape)
            if other is not None:
                pairs = zip(shape, other.inputs[name].shape, strict=True)
                shape = [a if a == b else f"d{a}_{b}" for a, b in pairs]
            infos.append(helper.make_tensor_value_info(name, ONNX_TYPES[array.dtype], shape))
        parameters = [numpy_helper.from_array(array, name) for name, array in self.parameters.items()]
        graph = helper.make_graph(nodes or self.nodes, "g", infos, [onnx.ValueInfoProto(name=name) for name in self.outputs], parameters)
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(domain, version) for domain, version in self.domains.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)
