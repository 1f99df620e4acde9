# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of operators that move data: gathering, scattering, sorting, shapes."""
import numpy as np
from onnx_fuzz_draw import ONNX_TYPES, generator

NUMBERS = ("f4", "f4", "f8", "i4", "i8", "f4")
ANY = NUMBERS + ("i1", "u1", "?", "i2", "u4", "f2")


def axis_of(d, rank):
    return d.integer(-rank, rank - 1)


@generator("TopK")
def topk(d):
    rank = d.integer(1, 3)
    axis, shape = axis_of(d, rank), d.shape(rank)
    shape[axis] = d.fixed(257 if rank == 1 else 33)
    dtype = d.choice(("f4", "f4", "f8", "i4", "i8"))
    ties = d.flip()
    x = d.array(shape, dtype, -3, 3) if not ties else np.round(d.array(shape, "f4") * 2).astype(dtype)
    k, largest = d.integer(0 if d.flip(0.1) else 1, shape[axis]), int(d.flip())
    x = d.input(x)
    if d.flip(0.8):
        is_sorted = int(d.flip(0.8))
        values = d.node("TopK", [x, d.bound([k])], 2, axis=axis, largest=largest, sorted=is_sorted)
        if not is_sorted:  # The order is open.
            d.outputs.pop()
            d.node("ReduceSum", [d.hide(values), d.constant([axis], "i8")])
    elif dtype.startswith("f"):
        d.opset = d.choice((1, 9))
        d.node("TopK", [x], 2, axis=axis, k=max(k, 1))
    else:
        d.node("TopK", [x, d.constant([k], "i8")], 2, axis=axis, largest=largest)


@generator("Gather")
def gather(d):
    rank = d.integer(1, 3)
    axis, shape = axis_of(d, rank), d.shape(rank)
    shape[axis] = d.fixed()
    indices = d.operand(d.shape(d.integer(0, 2), 200), d.choice(("i4", "i8")), -shape[axis], shape[axis] - 1)
    d.node("Gather", [d.operand(shape, d.choice(ANY)), indices], axis=axis)


@generator("GatherElements")
def gather_elements(d):
    rank = d.integer(1, 3)
    axis, shape = axis_of(d, rank), d.shape(rank)
    shape[axis] = d.fixed()
    count = [min(extent, d.size()) for extent in shape]
    count[axis] = d.size()
    indices = d.operand(count, d.choice(("i4", "i8")), -shape[axis], shape[axis] - 1)
    d.node("GatherElements", [d.operand(shape, d.choice(ANY)), indices], axis=axis)


def draw_tuples(d, shape, leading, length, batch=0):
    """Index tuples into the first `length` axes after `batch`."""
    parts = [d.values.integers(-extent, extent, leading) for extent in shape[batch:batch + length]]
    return np.stack(parts, -1).astype("i8")


@generator("GatherND")
def gather_nd(d):
    rank = d.integer(1, 4)
    batch = d.integer(0, rank - 1)
    length = d.integer(1, rank - batch)
    shape = d.shape(rank)
    leading = shape[:batch] + d.shape(d.integer(0 if batch else 0, 2), 100)
    indices = draw_tuples(d, shape, leading, length, batch)
    d.node("GatherND", [d.operand(shape, d.choice(ANY)), d.input(indices)], batch_dims=batch or None)


@generator("ScatterElements")
def scatter_elements(d):
    rank = d.integer(1, 3)
    axis, shape = axis_of(d, rank), d.shape(rank, 1000)
    reduction = d.choice(("none", "add", "mul", "max", "min"))
    dtype = d.choice(NUMBERS if reduction != "none" else ANY)
    count = [extent if d.flip() else min(extent, d.size()) for extent in shape]
    if reduction == "none":
        # Without duplicates, since their order is open.
        order = np.argsort(d.values.random(shape), axis)
        indices = order[tuple(slice(0, extent) for extent in count)]
        indices = np.where(d.values.random(indices.shape) < 0.3, indices - shape[axis], indices)
    else:
        count[axis] = d.size()
        indices = d.values.integers(-shape[axis], shape[axis], count)
    updates = d.array(count, dtype) if reduction != "mul" else d.array(count, dtype, -1, 1)
    d.opset = d.choice((18, 22)) if reduction != "none" else d.choice((11, 13, 18))
    if dtype == "f2" or reduction in ("max", "min"):
        d.opset = 18
    d.node("ScatterElements", [d.operand(shape, dtype), d.input(indices.astype(d.choice(("i4", "i8")))), d.input(updates)],
           axis=axis, reduction=reduction if reduction != "none" else None)


@generator("ScatterND")
def scatter_nd(d):
    rank = d.integer(1, 4)
    length = d.integer(1, rank)
    shape = d.shape(rank, 1000)
    reduction = d.choice(("none", "add", "mul", "max", "min"))
    dtype = d.choice(NUMBERS if reduction != "none" else ANY)
    leading = d.shape(d.integer(1, 2), 40)
    if reduction == "none":
        cells = int(np.prod(shape[:length]))
        leading = [min(cells, leading[0])] + [1] * (len(leading) - 1)
        flat = d.values.permutation(cells)[:leading[0]].reshape(leading)
        indices = np.stack(np.unravel_index(flat, shape[:length]), -1)
        signs = d.values.random(indices.shape) < 0.3
        indices = np.where(signs, indices - np.array(shape[:length]), indices)
    else:
        indices = draw_tuples(d, shape, leading, length)
    updates = d.array(list(leading) + shape[length:], dtype, *((-1, 1) if reduction == "mul" else ()))
    d.opset = 18 if reduction in ("max", "min") else d.choice((16, 18))
    d.node("ScatterND", [d.operand(shape, dtype), d.input(indices.astype("i8")), d.input(updates)],
           reduction=reduction if reduction != "none" else None)


@generator("CumSum")
def cumsum(d):
    rank = d.integer(1, 3)
    x = d.operand(d.shape(rank), d.choice(("f4", "f4", "f8", "i4", "i8")))
    d.node("CumSum", [x, d.bound(axis_of(d, rank), d.choice(("i4", "i8")))], exclusive=int(d.flip()), reverse=int(d.flip()))


@generator("OneHot")
def one_hot(d):
    rank, depth = d.integer(1, 3), d.fixed()
    # Those out of range give a row of "off".
    indices = d.operand(d.shape(rank, 200), d.choice(("i4", "i8", "f4", "i8")), -depth - 2, depth + 1)
    values = d.operand([2], d.choice(("f4", "i4", "i8", "f4")))
    if indices in d.inputs:
        d.inputs[indices] = np.round(d.inputs[indices])
    else:
        d.parameters[indices] = np.round(d.parameters[indices])
    depth = d.bound([depth] if d.flip() else depth)
    d.node("OneHot", [indices, depth, values], axis=d.integer(-rank - 1, rank) if d.flip(0.8) else None)


@generator("Range")
def range_(d):
    dtype = d.choice(("f4", "f8", "i2", "i4", "i8"))
    delta = d.choice((-3, -2, -1, 1, 2, 3, 7)) * (0.25 if dtype.startswith("f") else 1)
    start = d.integer(-10, 10)
    limit = start + delta * d.choice((-1, 0, 1, 3, 17, 33, 257)) + d.integer(-1, 1)
    d.node("Range", [d.bound(value, dtype) for value in (start, limit, delta)])


@generator("Trilu")
def trilu(d):
    rank = d.integer(2, 4)
    x = d.operand(d.shape(rank), d.choice(("f4", "f8", "i4", "i8", "?", "f4")))
    d.node("Trilu", [x] + ([d.bound(d.integer(-9, 9))] if d.flip(0.7) else []), upper=int(d.flip()))


@generator("EyeLike")
def eye_like(d):
    dtype = d.choice((None, "f4", "f8", "i4", "i8", "?"))
    x = d.operand(d.shape(2), d.choice(("f4", "i4", "i8", "f8")))
    d.node("EyeLike", [x], k=d.integer(-5, 5) if d.flip() else None, dtype=ONNX_TYPES[np.dtype(dtype)] if dtype else None)


@generator("DepthToSpace", "SpaceToDepth")
def depth_to_space(d, op):
    block = d.integer(1, 4)
    n, c, h, w = d.size(3), d.size(5), d.size(17), d.size(7)
    if op == "DepthToSpace":
        d.node(op, [d.operand([n, c * block * block, h, w])], blocksize=block, mode=d.choice(("DCR", "CRD")))
    else:
        d.node(op, [d.operand([n, c, h * block, w * block])], blocksize=block)


@generator("Pad")
def pad(d):
    rank = d.integer(1, 4)
    mode = d.choice(("constant", "reflect", "edge", "wrap"))
    shape = d.shape(rank)
    axes = d.subset(range(rank), 1) if d.flip(0.4) else list(range(rank))
    for axis in axes:
        shape[axis] = d.fixed(17)
    begin, end = [], []
    for axis in axes:
        most = shape[axis] - 1 if mode == "reflect" else 3 if mode != "wrap" else shape[axis]
        most = min(most, 5)
        low = d.integer(0, most)
        high = d.integer(0, most)
        if mode in ("constant", "edge") and d.flip(0.3) and shape[axis] > 2:
            low = -d.integer(0, (shape[axis] - 1) // 2)
        if mode in ("constant", "edge") and d.flip(0.3) and shape[axis] > 2:
            high = -d.integer(0, (shape[axis] - 1) // 2)
        begin.append(low)
        end.append(high)
    dtype = d.choice(("f4", "f8", "i4", "i8", "f4", "i1", "u1", "?"))
    inputs = [d.operand(shape, dtype), d.bound(begin + end)]
    if mode == "constant" and d.flip():
        inputs.append(d.bound(1.5 if dtype.startswith("f") else 1, dtype))
    if len(axes) < rank or axes != sorted(axes):
        inputs += [None] * (3 - len(inputs)) + [d.bound([axis - rank * d.flip() for axis in axes])]
    d.opset = 19
    d.node("Pad", inputs, mode=mode)


@generator("Where")
def where(d):
    rank = d.integer(0, 3)
    shape, dtype = d.shape(rank, 2000), d.choice(ANY)
    shapes = [[1 if d.flip(0.3) else extent for extent in shape[d.integer(0, 1 if rank else 0):]] for _ in range(3)]
    d.node("Where", [d.operand(shapes[0], "?"), d.operand(shapes[1], dtype), d.operand(shapes[2], dtype)])


@generator("Expand")
def expand(d):
    rank = d.integer(0, 3)
    shape = [d.fixed(17) for _ in range(rank)]
    source = [1 if d.flip(0.4) else extent for extent in shape[d.integer(0, 1 if rank else 0):]]
    target = [1 if d.flip(0.3) and i >= rank - len(source) and source[i - rank] == extent else extent
              for i, extent in enumerate(shape)]
    d.node("Expand", [d.operand(source, d.choice(ANY)), d.bound(np.array(target, "i8"))])


@generator("Tile")
def tile(d):
    rank = d.integer(1, 3)
    x = d.operand(d.shape(rank, 500), d.choice(("f4", "f8", "i4", "i8", "?", "u1")))
    d.node("Tile", [x, d.bound(d.integers(0 if d.flip(0.1) else 1, 4, rank))])


@generator("Slice")
def slice_(d):
    rank = d.integer(1, 4)
    axes = d.subset(range(rank), 1)
    starts, ends = d.integers(-40, 40, len(axes)), d.integers(-40, 40, len(axes))
    steps = [d.choice((-3, -2, -1, 1, 1, 2, 3, 50)) for _ in axes]
    for i, _ in enumerate(axes):
        if d.flip(0.3):  # "To the end" is another value forward than backward.
            ends[i] = d.choice((2**63 - 1, 2**31 - 1) if steps[i] > 0 else (-(2**63) + 1, -(2**31) - 1))
        if d.flip(0.3):
            starts[i] = d.choice((0, -1, 1, 2**31 - 1, -(2**31)))
    index = d.choice(("i4", "i8"))
    if index == "i4":
        ends = [min(max(end, -(2**31)), 2**31 - 1) for end in ends]
    axes = [axis - rank * d.flip(0.3) for axis in axes]
    x = d.operand(d.shape(rank), d.choice(ANY))
    operands = [d.bound(values, index) for values in (starts, ends, axes, steps)]
    if axes == list(range(len(axes))) and d.flip():
        operands[2] = None
    d.node("Slice", [x, *operands[:3 if all(step == 1 for step in steps) else 4]])


@generator("Concat")
def concat(d):
    rank = d.integer(1, 4)
    shape, axis, dtype = d.shape(rank, 1000), axis_of(d, rank), d.choice(ANY)
    operands = []
    for _ in range(d.integer(1, 5)):
        own = list(shape)
        own[axis] = d.size(17)
        operands.append(d.operand(own, dtype))
    d.node("Concat", operands, axis=axis)


@generator("Split")
def split(d):
    rank = d.integer(1, 3)
    axis, shape = axis_of(d, rank), d.shape(rank)
    shape[axis] = d.fixed()
    x = d.operand(shape, d.choice(("f4", "i4", "i8", "u1")))
    if d.flip():
        cuts = sorted(d.integers(0, shape[axis], d.integer(0, 3)))
        sizes = np.diff([0, *cuts, shape[axis]])
        d.node("Split", [x, d.bound(sizes)], len(sizes), axis=axis)
    else:
        count = d.integer(1, min(4, shape[axis]))
        if (count - 1) * -(-shape[axis] // count) > shape[axis]:
            count = 1
        d.node("Split", [x], count, axis=axis, num_outputs=count)


@generator("Transpose")
def transpose(d):
    rank = d.integer(0, 5)
    perm = [int(i) for i in d.structure.permutation(rank)] if d.flip(0.8) else None
    d.node("Transpose", [d.operand(d.shape(rank), d.choice(ANY))], perm=perm or None)


@generator("Reshape")
def reshape(d):
    rank = d.integer(1, 4)
    shape = d.shape(rank)
    first = d.integer(0, rank - 1)
    # Two neighbours become one, or an axis gets a neighbour of extent 1.
    if d.flip() and first + 1 < rank:
        target = [0] * first + [-1] if first + 2 == rank else [0] * first + [shape[first] * shape[first + 1]] + shape[first + 2:]
    else:
        target = [0] * first + [-1] + [1] + shape[first + 1:]
    d.node("Reshape", [d.operand(shape, d.choice(ANY)), d.bound(target)])


@generator("Squeeze", "Unsqueeze", "Flatten")
def squeeze(d, op):
    rank = d.integer(1, 4)
    shape = d.shape(rank)
    if op == "Flatten":
        d.node(op, [d.operand(shape)], axis=d.integer(-rank, rank))
        return
    axes = d.subset(range(rank), 1)
    if op == "Unsqueeze":
        total = rank + len(axes)
        axes = [axis - total * d.flip() for axis in d.subset(range(total), len(axes))[:len(axes)]]
    else:
        for axis in axes:
            shape[axis] = 1
        axes = [axis - rank * d.flip() for axis in axes]
    d.node(op, [d.operand(shape, d.choice(ANY)), d.bound(axes)])


@generator("Cast")
def cast(d):
    types = ("f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
    source, target = d.choice(types), d.choice(types)
    x = d.array(d.shape(d.integer(0, 3)), source)
    if source.startswith("f"):
        x = (x * 20).astype(source)
        if target.startswith("u"):
            x = np.abs(x)
    elif source.startswith("i") and target.startswith("u"):
        x = np.abs(x)
    d.node("Cast", [d.input(x)], to=ONNX_TYPES[np.dtype(target)])


@generator("ReverseSequence")
def reverse_sequence(d):
    shape, batch = d.shape(d.integer(2, 4), 2000), d.integer(0, 1)
    shape[1 - batch] = d.fixed()
    lengths = d.operand([shape[batch]], "i8", 0, shape[1 - batch])
    d.opset = 10
    d.node("ReverseSequence", [d.operand(shape, d.choice(NUMBERS)), lengths], batch_axis=batch, time_axis=1 - batch)


@generator("RotaryEmbedding")
def rotary_embedding(d):
    heads, half, rest = d.integer(1, 4), d.integer(1, 9), d.integer(0, 5) if d.flip(0.3) else 0
    batch, time, size = d.size(5), d.size(17), 2 * half + rest
    attributes = dict(interleaved=int(d.flip()), num_heads=heads)
    if rest:
        attributes["rotary_embedding_dim"] = 2 * half
    x = d.operand([batch, heads, time, size] if d.flip() else [batch, time, heads * size], "f4")
    if d.flip():
        count = d.integer(1, 40)
        operands = [d.operand([count, half], "f4"), d.operand([count, half], "f4"), d.operand([batch, time], "i8", 0, count - 1)]
    else:
        operands = [d.operand([batch, time, half], "f4"), d.operand([batch, time, half], "f4")]
    d.opset = 23
    d.node("RotaryEmbedding", [x, *operands], **attributes)


@generator("LpNormalization")
def lp_normalization(d):
    rank = d.integer(1, 4)
    x = d.array(d.shape(rank), d.choice(("f4", "f8")))
    if d.flip(0.3):
        x[0] = 0
    d.node("LpNormalization", [d.input(x)], axis=axis_of(d, rank), p=d.integer(1, 2))
