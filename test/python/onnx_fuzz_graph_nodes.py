# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The nodes of which onnx_fuzz_graphs.py makes graphs: functions that add one to a graph, to values that are there."""
import numpy as np
from onnx import ValueInfoProto, helper
from onnx_fuzz_draw import ONNX_TYPES

# Of these a graph's nodes are drawn; what writes into its operand, and what might be its memory, more often.
NODES = []
FLOATS, INTEGERS = "f4 f8", "i4 i8"
ANY = "f4 f8 i4 i8 ?"


def node(weight=1):
    def register(make):
        NODES.extend([make] * weight)
        return make
    return register


def static(axes=None):
    """A test for values whose extents are the same in both draws."""
    return lambda value: all(value.is_static(axis) for axis in (range(value.rank) if axes is None else axes))


# Elementwise.

UNARY = ("Abs", "Neg", "Relu", "Sigmoid", "Tanh", "Exp", "Erf", "Softplus", "HardSwish", "Elu", "LeakyRelu", "Sqrt", "Sin", "Softsign")


@node(5)
def unary(g):
    op = g.choice(UNARY)
    g.add(op, [g.pick("f4 f8" if op in ("Abs", "Neg", "Relu", "Sigmoid", "Tanh", "Exp", "Sqrt") else "f4")])


@node(2)
def exact_unary(g):
    op = g.choice(("Abs", "Neg", "Identity", "Sign", "Floor", "Not", "Clip"))
    if op == "Clip":
        value = g.pick(FLOATS + " " + INTEGERS)
        g.add(op, [value, g.constant(-3, value.dtype), g.constant(g.integer(0, 9), value.dtype)])
        return
    dtypes = {"Floor": FLOATS, "Not": "?", "Identity": ANY}.get(op, FLOATS + " " + INTEGERS)
    g.add(op, [g.pick(dtypes, exact=op in ("Floor", "Sign"))])


@node(6)
def binary(g):
    value = g.pick(FLOATS + " " + INTEGERS)
    operands = [value, g.fitting(value)]
    op = g.choice(("Add", "Sub", "Mul", "Max", "Min", "Add", "Mul", "Div") if value.dtype[0] == "f" else ("Add", "Sub", "Max", "Min", "Mul"))
    g.add(op, operands if g.flip() else operands[::-1])


@node()
def variadic(g):
    value = g.pick("f4")
    g.add(g.choice(("Sum", "Mean", "Max", "Min")), [value, *(g.fitting(value) for _ in range(g.integer(1, 3)))])


@node(2)
def logical(g):
    if g.flip():
        value = g.pick("?")
        g.add(g.choice(("And", "Or", "Xor")), [value, g.fitting(value)])
    else:
        value = g.pick(FLOATS + " " + INTEGERS, exact=True)
        g.add(g.choice(("Less", "Greater", "Equal", "LessOrEqual")), [value, g.fitting(value)], discontinuous=True)


@node(2)
def where(g):
    value = g.pick(ANY)
    condition = g.like(value, dtype="?") if g.flip() else g.input([pair for pair in value.shape[g.integer(0, value.rank):]], "?")
    operands = [value, g.fitting(value)]
    g.add("Where", [condition, *(operands if g.flip() else operands[::-1])])


@node()
def cast(g):
    value = g.pick(ANY)
    target = g.choice([dtype for dtype in ANY.split() if dtype != value.dtype])
    g.add("Cast", [value], discontinuous=target[0] != "f", to=ONNX_TYPES[np.dtype(target)])


@node()
def prelu(g):
    value = g.pick("f4", least=1)
    g.add("PRelu", [value, g.like(value, value.shape[-1:])])


# Whole axes.


@node(3)
def reduce(g):
    value = g.pick(FLOATS + " " + INTEGERS, least=1)
    op = g.choice(("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceLogSumExp") if value.dtype[0] == "f"
                  else ("ReduceSum", "ReduceMax", "ReduceMin"))
    axes = [axis - value.rank * g.flip(0.3) for axis in range(value.rank) if g.flip()] or [g.axis(value)]
    if any(array.size == 0 for array in value.arrays):
        # ONNX Runtime leaves negative axes of what is empty as they are: fuzz/accepted-differences.txt.
        axes = [axis % value.rank for axis in axes]
        # "Reduction over an empty set of values yields undefined."
        op = "ReduceSum" if op == "ReduceMean" else op
    g.add(op, [value, g.constant(axes)], keepdims=int(g.flip()))


@node()
def arg_max(g):
    value = g.pick(FLOATS + " " + INTEGERS, least=1, exact=True, filled=True)
    g.add(g.choice(("ArgMax", "ArgMin")), [value], discontinuous=True, axis=g.axis(value), keepdims=int(g.flip()))


@node()
def top_k(g):
    value = g.pick(FLOATS, least=1, exact=True, filled=True)
    axis = g.axis(value, static=True)
    g.add("TopK", [value, g.constant([g.integer(1, value.shape[axis][0])])], 2, discontinuous=True, axis=g.signed(axis, value),
          largest=int(g.flip()))


@node(2)
def softmax(g):
    value = g.pick("f4", least=1)
    g.add(g.choice(("Softmax", "LogSoftmax")), [value], axis=g.signed(g.axis(value), value))


@node()
def layer_norm(g):
    value = g.pick("f4", least=1)
    operands = [g.like(value, value.shape[-1:]) for _ in range(2)]
    g.add("LayerNormalization", [value, *operands], axis=-1)


@node(2)
def cumsum(g):
    value = g.pick(FLOATS + " " + INTEGERS, least=1)
    g.add("CumSum", [value, g.constant(g.signed(g.axis(value), value))], exclusive=int(g.flip()), reverse=int(g.flip()))


# Products.


@node(3)
def matmul(g):
    value = g.pick("f4 f8", least=2)
    columns = g.choice(g.extents)
    other = g.like(value, [value.shape[-1], columns])
    if g.flip(0.3) and value.rank == 2:
        g.add("Gemm", [value, other, g.like(value, [columns]) if g.flip() else None], alpha=0.25)
    else:
        g.add("MatMul", [value, other])


@node()
def product_with_itself(g):
    value = g.pick("f4", least=2, most=4)
    perm = list(range(value.rank))
    perm[-2:] = perm[:-3:-1]
    g.add("MatMul", [value, g.add("Transpose", [value], perm=perm)])


@node()
def convolution(g):
    value = g.pick("f4", least=3, most=4, filled=True, test=static([1]))
    kernel = [g.integer(1, min(3, *value.shape[axis])) for axis in range(2, value.rank)]
    channels = g.choice((1, 3, 5))
    weights = g.input([(channels, channels), value.shape[1], *((k, k) for k in kernel)])
    g.add("Conv", [value, weights], kernel_shape=kernel, pads=[1] * (2 * len(kernel)))


@node()
def pool(g):
    value = g.pick("f4", least=3, most=4, filled=True)
    kernel = [g.integer(1, min(3, *value.shape[axis])) for axis in range(2, value.rank)]
    g.add(g.choice(("MaxPool", "AveragePool")), [value], kernel_shape=kernel, pads=[kernel[0] // 2] * (2 * len(kernel)))


@node()
def recurrent(g):
    value = g.pick("f4", least=3, most=3, filled=True)
    hidden = g.choice((1, 3, 5))
    gates = [(3 * hidden,) * 2, (hidden, hidden)]
    g.add("GRU", [value, g.input([(1, 1), gates[0], value.shape[2]]), g.input([(1, 1), gates[0], gates[1]])], 2, hidden_size=hidden)


# What moves elements.


@node(3)
def transpose(g):
    value = g.pick(ANY, least=1)
    g.add("Transpose", [value], perm=[int(axis) for axis in g.rng.permutation(value.rank)])


@node(4)
def reshape(g):
    value = g.pick(ANY)
    kind = g.choice(("Flatten", "Unsqueeze", "Squeeze", "merge", "split", "Identity"))
    if kind == "Flatten":
        g.add("Flatten", [value], axis=g.integer(0, value.rank))
    elif kind == "Unsqueeze" and value.rank < 5:
        g.add("Unsqueeze", [value, g.constant([g.integer(-value.rank - 1, value.rank)])])
    elif kind == "Squeeze":
        axes = [axis for axis in range(value.rank) if value.shape[axis] == (1, 1)]
        if axes:
            g.add("Squeeze", [value, g.constant([g.choice(axes)])])
    elif kind == "merge" and value.rank > 1:
        axis = g.integer(0, value.rank - 2)
        if all(value.is_static(i) for i in range(axis + 2, value.rank)):
            g.add("Reshape", [value, g.constant([0] * axis + [-1] + [pair[0] for pair in value.shape[axis + 2:]])])
    elif kind == "split" and value.rank and value.rank < 5:
        axis = g.axis(value)
        factors = [k for k in (1, 3, 17) if all(extent % k == 0 for extent in value.shape[axis])]
        if all(value.is_static(i) for i in range(axis + 1, value.rank)):
            g.add("Reshape", [value, g.constant([0] * axis + [-1, g.choice(factors)] + [pair[0] for pair in value.shape[axis + 1:]])])
    else:
        g.add("Identity", [value])


@node(4)
def slice_(g):
    value = g.pick(ANY, least=1)
    axes = [axis for axis in range(value.rank) if g.flip()] or [g.axis(value)]
    starts, ends, steps = [], [], []
    for axis in axes:
        step = g.choice((1, 1, 1, 2, -1, -2))
        least = min(value.shape[axis])
        cut = g.integer(0, max(0, min(3, least - 1)))
        rest = g.integer(0, max(0, min(3, least - 1 - cut)))
        if step > 0:
            starts.append(cut)
            ends.append(-rest if rest else 2**31 - 1)
        else:
            starts.append(-1 - cut)
            ends.append(rest - 1 if rest else -(2**31))
        steps.append(step)
    g.add("Slice", [value, *(g.constant(values) for values in (starts, ends, axes, steps))])


@node(3)
def pad(g):
    value = g.pick("f4 f8 i4 i8", least=1, filled=True)
    mode = g.choice(("constant", "constant", "edge", "reflect"))
    least = [min(pair) for pair in value.shape]
    amounts = [g.integer(0, min(2, extent - 1) if mode == "reflect" else 2) for extent in least * 2]
    if mode == "constant" and g.flip(0.3):
        amounts[0] = -g.integer(0, least[0] - 1)
    g.add("Pad", [value, g.constant(amounts)], mode=mode)


@node(4)
def concat(g):
    value = g.pick(ANY, least=1)
    axis = g.axis(value)

    def fits(other):
        return (other.dtype == value.dtype and other.rank == value.rank and
                all(a == b for i, (a, b) in enumerate(zip(other.shape, value.shape)) if i != axis))

    operands = [value] + [g.pick(ANY, test=fits) for _ in range(g.integer(1, 3))]
    g.add("Concat", [operands[i] for i in g.rng.permutation(len(operands))], axis=g.signed(axis, value))


@node(3)
def split(g):
    value = g.pick(ANY, least=1)
    axis = g.axis(value, static=True)
    cuts = sorted(g.integer(0, value.shape[axis][0]) for _ in range(g.integer(1, 2)))
    sizes = np.diff([0, *cuts, value.shape[axis][0]])
    g.add("Split", [value, g.constant(sizes)], len(sizes), axis=g.signed(axis, value))


@node()
def tile(g):
    value = g.pick(ANY, least=1)
    g.add("Tile", [value, g.constant([g.integer(1, 2) for _ in range(value.rank)])])


@node()
def expand(g):
    value = g.pick(ANY, most=4)
    g.add("Expand", [value, g.constant([g.integer(1, 3)] + [1] * value.rank)])


@node()
def trilu(g):
    value = g.pick("f4 f8 i4 i8", least=2)
    g.add("Trilu", [value, g.constant(g.integer(-2, 2))], upper=int(g.flip()))


@node()
def depth_to_space(g):
    value = g.pick("f4", least=4, most=4, test=lambda value: all(extent % 4 == 0 for extent in value.shape[1]))
    g.add("DepthToSpace", [value], blocksize=2)


# By indices.


@node(3)
def gather(g):
    value = g.pick(ANY, least=1, filled=True)
    axis = g.axis(value)
    least = min(value.shape[axis])
    extents = [g.choice(g.extents) for _ in range(g.integer(0, 2))]
    if g.flip(0.3):
        indices = g.constant(g.rng.integers(-least, least, [pair[0] for pair in extents if pair[0] == pair[1]]))
    else:
        indices = g.input(extents, g.choice(("i4", "i8")), lambda shape: g.rng.integers(-least, least, shape))
    g.add("Gather", [value, indices], axis=g.signed(axis, value))


@node(2)
def gather_elements(g):
    value = g.pick(ANY, least=1, filled=True)
    axis = g.axis(value)
    shape, least = list(value.shape), min(value.shape[axis])
    shape[axis] = g.choice(g.extents)
    g.add("GatherElements", [value, g.input(shape, "i8", lambda extents: g.rng.integers(-least, least, extents))], axis=axis)


def tuples(g, value, length):
    """Where a ScatterND may write, or a GatherND read: each place once."""
    least = [min(pair) for pair in value.shape[:length]]
    count = min(int(np.prod(least)), g.integer(1, 9))

    def make(_):
        places = np.stack(np.unravel_index(g.rng.permutation(int(np.prod(least)))[:count], least), -1)
        return np.where(g.rng.random(places.shape) < 0.3, places - least, places) if all(
            value.is_static(axis) for axis in range(length)) else places

    return g.input([(count, count), (length, length)], "i8", make)


@node()
def gather_nd(g):
    value = g.pick(ANY, least=1, most=4)
    g.add("GatherND", [value, tuples(g, value, g.integer(1, value.rank))])


@node(6)
def scatter_nd(g):
    value = g.pick(ANY, least=1, most=4)
    length = g.integer(1, value.rank)
    indices = tuples(g, value, length)
    updates = g.like(value, [indices.shape[0], *value.shape[length:]])
    reduction = g.choice(("none", "none", "add", "max")) if value.dtype != "?" else "none"
    g.add("ScatterND", [value, indices, updates], reduction=None if reduction == "none" else reduction)


@node(6)
def scatter_elements(g):
    value = g.pick(ANY, least=1, most=4)
    axis = g.axis(value)
    shape = list(value.shape)
    reduction = g.choice(("none", "none", "add", "min")) if value.dtype != "?" else "none"
    # Each place once: then the order is no question.
    indices = g.input(shape, "i8", lambda extents: np.argsort(g.rng.random(extents), axis) if axis < len(extents) else 0)
    if indices.rank != value.rank:  # Too large.
        return
    g.add("ScatterElements", [value, indices, g.like(value, shape)], axis=g.signed(axis, value),
          reduction=None if reduction == "none" else reduction)


@node()
def one_hot(g):
    value = g.pick(INTEGERS, most=3)
    g.add("OneHot", [value, g.constant(g.choice((1, 3, 5))), g.like(value, [(2, 2)], "f4")], axis=g.integer(-1, value.rank))


@node(2)
def quantize(g):
    value = g.pick("f4", exact=True)
    # Halves of powers of two away from where rounding turns.
    made = g.add("QuantizeLinear", [value, g.constant(0.1, "f4"), g.constant(3, "i1")], discontinuous=True)
    g.add("DequantizeLinear", [made, g.constant(0.1, "f4"), g.constant(3, "i1")])


def branch(g, starts, captured):
    """A subgraph with a result of the shape of each start: that itself, or what a few nodes make of it."""
    nodes, outputs = [], []
    for start in starts:
        last = start.name
        for _ in range(g.integer(1, 3)):
            op = g.choice(("Identity", "Neg", "Abs", "Max", "Add", "ScatterND", "ScatterND"))
            operands = []
            if op in ("Max", "Add"):
                operands = [g.like(start)]
            if op == "ScatterND":
                length = g.integer(1, start.rank)
                indices = tuples(g, start, length)
                operands = [indices, g.like(start, [indices.shape[0], *start.shape[length:]])]
            captured += [value for value in operands if value not in captured]
            nodes.append(helper.make_node(op, [last, *(value.name for value in operands)], [g.name("b")]))
            last = nodes[-1].output[0]
        outputs.append(ValueInfoProto(name=last))
    return helper.make_graph(nodes, "branch", [], outputs)


@node(4)
def choose(g):
    """What a branch starts from is another's, too, and may be an output."""
    starts = [g.pick("f4 f8 i4 i8", least=1, most=4, filled=True) for _ in range(g.integer(1, 2))]
    captured = list(dict.fromkeys(starts))
    branches = [branch(g, starts, captured) for _ in range(2)]
    condition = g.like(None, [], "?")
    g.add("If", [condition], len(starts), captured=captured, then_branch=branches[0], else_branch=branches[1])
