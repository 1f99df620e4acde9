# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small models of what exporters write about extents, in which all values are outputs; each with the extents to run it for."""
import onnx

from onnx_text import convert

CASES = {}


def case(name, runs, text):
    """`runs`: for each the extents of the letters in the inputs' shapes."""
    model = convert(text)
    outputs = [onnx.ValueInfoProto(name=name) for node in model.graph.node for name in node.output]
    model.graph.ClearField("output")
    model.graph.output.extend(outputs)
    CASES[name] = (model, [{part[0]: int(part[1:]) for part in run.split()} for run in runs])


def draw(model, extents, rng):
    """Arrays for the inputs."""
    arrays = {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        shape = [extents.get(d.dim_param, d.dim_value) for d in tensor.shape.dim]
        numbers = rng.integers(-9, 10, shape) if tensor.elem_type == onnx.TensorProto.INT64 else rng.standard_normal(shape)
        arrays[value.name] = numbers.astype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    return arrays


# Starts and ends that are negative count from the end, and then both are clamped.
case("slices", ["B2 T7 S3", "B2 T5 S9", "B3 T0 S2", "B1 T8 S0", "B2 T1 S1", "B1 T33 S17"], """
init one i64[1] = 1
init first i64[1] = 0
init both i64[2] = [1, 0]
init back i64[1] = -1
init three i64[1] = 3
init big i64[1] = 2**63 - 1
init least i64[1] = -2**63
init two i64[] = 2
init eight i64[1] = 8
init eight32 i32[1] = 8
init big32 i32[1] = 2**31 - 1
init one32 i32[1] = 1
init before i64[1] = -2
opset 18
agraph (float[B, T, 4] x, float[B, S] q) => (y) {
  s = Shape<start=1, end=2>(q)
  ns = Neg(s)
  last_s = Slice(x, ns, big, one, one)
  all_but_s = Slice(x, first, ns, one, one)
  from_the_right = Slice(x, ns, least, one, back)
  to_the_left = Slice(x, big, ns, before, back)
  whole = Shape(x)
  t = Gather(whole, one)
  h = Div(t, two)
  nh = Neg(h)
  first_half = Slice(x, first, h, one, one)
  last_half = Slice(x, nh, big, before, one)
  halves = Concat<axis=1>(last_half, first_half)
  sum = Add(first_half, last_half)
  window = Sub(t, eight)
  last_eight = Slice(x, window, big, one, one)
  first_ones = Slice(x, first, window, one, one)
  each_third = Slice(x, window, t, one, three)
  t32 = Cast<to=6>(t)
  window32 = Sub(t32, eight32)
  last_eight32 = Slice(x, window32, big32, one32)
  last_two = Concat<axis=0>(window, ns)
  ends = Concat<axis=0>(big, ns)
  two_axes = Slice(x, last_two, ends, both)
  of_slice = Slice(last_s, ns, window, one)
  neighbours = Slice(last_s, first, back, one)
  next = Slice(last_s, one, big, one)
  differences = Sub(next, neighbours)
  y = Relu(differences)
}""")

# What is scattered into is still an output; so are what it is a view of, an input and an initializer.
case("scatters", ["N4", "N33"], """
init row i64[1, 1] = 1
init u f32[1, 3] = [[2, -1, -3]]
init c f32[4, 3] = rng.normal(size=shape)
init places i64[1, 3] = [[1, 0, 2]]
init column i64[4, 1] = [[1], [0], [2], [1]]
init v f32[4, 1] = rng.normal(size=shape)
init flat i64[2, 1] = [[5], [2]]
init two f32[2] = [7, 9]
init all i64[1] = -1
init all32 i64[2] = [-1, 3]
init lowest f32[] = -0.5
init first i64[] = 0
opset 18
agraph (float[N, 3] x) => (y) {
  b = ScatterND(a, row, u)
  a = Relu(x)
  d = ScatterElements<axis=0>(a, places, u)
  e = ScatterElements<axis=0, reduction="add">(a, places, u)
  f = ScatterND<reduction="max">(a, row, u)
  of_input = ScatterND(x, row, u)
  of_constant = ScatterElements<axis=1>(c, column, v)
  of_both = ScatterND<reduction="mul">(of_constant, row, u)
  vector = Reshape(a, all)
  of_view = ScatterND(vector, flat, two)
  view = Reshape(of_view, all32)
  of_twice = ScatterND(view, row, u)
  same = Identity(of_twice)
  of_same = ScatterElements<axis=0, reduction="min">(same, places, u)
  turned = Transpose<perm=[1, 0]>(of_same)
  sum = CumSum(turned, first)
  y = Max(sum, lowest)
}""")

# Running sums and outer products, of integers too, and what follows them; extents without a value anywhere.
case("sums", ["B2 S5 N3", "B1 S33 N1", "B3 S1 N7"], """
init last i64[] = 1
init first i32[] = 0
init w f32[5, 3] = rng.normal(size=shape)
opset 18
agraph (int64[B, S] i, float[B, S] x, float[N] u, float[N, N] m) => (y) {
  ci = CumSum(i, last)
  product = Mul(ci, i)
  cx = CumSum<exclusive=1>(x, first)
  positive = Relu(cx)
  backwards = CumSum<reverse=1>(positive, last)
  outer = Einsum<equation="ab,e->eba">(x, u)
  kept = Relu(outer)
  columns = Einsum<equation="ab,a->ba">(m, u)
  squares = Einsum<equation="ab,cb->ac">(x, x)
  normal = Softmax(squares)
  table = Einsum<equation="e,ab->aeb">(u, w)
  tanh = Tanh(table)
  diagonal = Einsum<equation="aa->a">(m)
  y = Mul(diagonal, u)
}""")

# Positions of a grid from extents as floats, amounts of pads that round up, shapes in parts.
case("shapes", ["B2 H5 W4", "B1 H1 W7", "B3 H8 W16", "B1 H3 W33"], """
init one i64[] = 1
init two i64[] = 2
init three i64[] = 3
init four i64[] = 4
init none i64[1] = 0
init some i64[] = 0
init zeros i64[7] = 0
init zerof f32[] = 0
init onef f32[] = 1
init half f32[] = 0.5
init twice f32[] = 2
init column i64[2] = [-1, 1]
init each i64[4] = 1
init all i64[1] = -1
init pair i64[2] = [2, 2]
init last i64[1] = 3
init threes i64[1] = 3
init twos i64[1] = 2
init big i64[1] = 2**63 - 1
opset 18
agraph (float[B, 3, H, W] x) => (y) {
  s = Shape(x)
  h = Gather(s, two)
  hf = Cast<to=1>(h)
  r = Range(zerof, hf, onef)
  centres = Add(r, half)
  lines = Reshape(centres, column)
  moved = Add(x, lines)
  w = Gather(s, three)
  wf = Cast<to=1>(w)
  columns = Range(zerof, wf, onef)
  scaled = Div(columns, wf)
  grid = Add(moved, scaled)
  large = Mul(hf, twice)
  largest = Cast<to=7>(large)
  counted = Range(some, largest, one)
  nw = Neg(w)
  missing = Mod(nw, four)
  wide = Unsqueeze(missing, none)
  pads = Concat<axis=0>(zeros, wide)
  padded = Pad(x, pads)
  up = Add(w, three)
  quotient = Div(up, four)
  whole = Mul(quotient, four)
  more = Sub(whole, w)
  more1 = Unsqueeze(more, none)
  pads2 = Concat<axis=0>(zeros, more1)
  same = Pad<mode="edge">(x, pads2)
  both = Add(padded, same)
  part1, part2, part3, part4 = Split<axis=0>(s, each)
  order = Concat<axis=0>(part1, part3, all)
  flat = Reshape(x, order)
  pairs1, pairs2 = Split<axis=0>(s, pair)
  product = ReduceProd<keepdims=1>(pairs2)
  merged = Concat<axis=0>(pairs1, product)
  pixels = Reshape(x, merged)
  inner = Slice(s, threes, big)
  rows = Concat<axis=0>(all, inner)
  rest = Reshape(x, rows)
  repeated = Unsqueeze(x, last)
  before = Slice(s, none, threes)
  counts = Concat<axis=0>(before, twos, inner)
  expanded = Expand(repeated, counts)
  again = Concat<axis=0>(part1, all, part3, part4)
  y = Reshape(expanded, again)
}""")

# Extents that converters write as -1 are unknown ones, and not each other's.
case("unknown", ["n4", "n1", "n17"], """
opset 11
agraph (float[n, 3] x, float[n, 1] z) => (y) {
  a = Relu(x)
  b = Add(a, z)
  y = Softmax(b)
}""")

# What a branch yields is an output, and is scattered into; two results are equal in one branch, and checked in the other.
case("branches", ["N4", "N7"], """
init zero i64[] = 0
init row i64[1, 1] = 1
init places i64[1, 3] = [[1, 0, 2]]
init u f32[1, 3] = [[1, 2, 3]]
opset 18
agraph (float[N, 3] x, int64[1] flag) => (y) {
  a = Relu(x)
  f = Squeeze(flag)
  c = Greater(f, zero)
  b = If(c) <then_branch = t () => (float[N, 3] one) { one = ScatterND(a, row, u) },
             else_branch = e () => (float[N, 3] two) { two = Neg(a) }>
  d = ScatterND(b, row, u)
  g = If(c) <then_branch = s () => (float[N, 3] three) { three = Identity(a) },
             else_branch = r () => (float[N, 3] four) { four = ScatterND(d, row, u) }>
  h = ScatterElements<axis=0>(g, places, u)
  p, q = If(c) <then_branch = v () => (float[N, 3] five, float[N, 3] six) { five = Exp(x) six = Exp(x) },
                else_branch = w () => (float[N, 3] seven, float[N, 3] eight) { seven = ScatterND(h, row, u) eight = ScatterND(x, row, u) }>
  o = ScatterND(q, row, u)
  i = ScatterElements<axis=0>(p, places, u)
  y = Add(o, i)
}""")

# Elements of shapes that are picked, replaced and summed up.
case("elements", ["A5 B4", "A1 B7", "A8 B2"], """
init zero i64[] = 0
init first i64[1] = 0
init second i64[1] = 1
init last i64[1] = -1
init row i64[1, 1] = -1
init three i64[1] = 3
opset 18
agraph (float[A, B] x) => (y) {
  s = Shape(x)
  h = Gather(s, first)
  w = GatherND(s, second)
  wv = Unsqueeze(w, first)
  swapped = ScatterElements<axis=0>(s, first, wv)
  both = ScatterND(swapped, row, h)
  turned = ConstantOfShape(both)
  replaced = ScatterND(s, row, three)
  cut = ConstantOfShape(replaced)
  added = ScatterND<reduction="add">(s, row, three)
  picked = GatherElements<axis=0>(added, last)
  places = CumSum<exclusive=1>(s, zero)
  begin = Gather(places, second)
  ends = CumSum<reverse=1>(s, zero)
  end = Gather(ends, first)
  filled = ConstantOfShape(end)
  part = Slice(filled, begin, end, first)
  y = Relu(part)
}""")

# States that a loop carries, without their leading axis, and flat.
case("states", ["T3 B2", "T1 B5", "T7 B1", "T4 B17"], """
init first i64[1] = 0
init flat i64[1] = -1
opset 18
agraph (float[T, B, 4] x, float[1, 9, 4] w, float[1, 9, 3] r, float[1, 12, 4] w4, float[1, 12, 3] r4) => (y) {
  g, gh = GRU<hidden_size=3>(x, w, r)
  gs = Squeeze(gh, first)
  gf = Reshape(gh, flat)
  l, lh, lc = LSTM<hidden_size=3>(x, w4, r4)
  ls = Squeeze(lh, first)
  lf = Reshape(lc, flat)
  both = Add(gs, ls)
  y = Add(gf, lf)
}""")
