# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random models that compute bounds, sizes and shapes from the extents of their input, as a folder for tern-onnx-suite.

onnx_fuzz_extents.py FOLDER [--seed N] [--count N] [--filter REGEX] [--run]

Writes FOLDER/<kind>/<number>: an input with symbols for extents, an integer computed from these by a few random nodes
(negative, zero and overlong ones among them), and an operator that takes it. The data are what ONNX Runtime computes for
up to six shapes; those that it refuses are left out. The models of onnx_extent_cases.py go with them. --run runs tern-onnx-suite
(in the PATH) on them.
"""
import pathlib
import re
import subprocess
import sys

import numpy as np

# ONNX's current package, beside ONNX Runtime.
sys.path[:0] = [str(path) for path in pathlib.Path(sys.prefix).parent.glob("onnx-environment/lib/*/site-packages")]
import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import randomness  # noqa: E402
from onnx_extent_cases import CASES, draw  # noqa: E402
from onnx_fuzz_reference import make_parser, open_session, write  # noqa: E402

EXTENTS = (0, 1, 2, 3, 4, 5, 7, 8, 13)
INT_MAX, INT64_MAX, INT64_MIN = 2**31 - 1, 2**63 - 1, -2**63
KINDS = {}


def kind(make):
    KINDS[make.__name__.replace("_", "-")] = make
    return make


class Model:
    """A model in the making: x [a, b, 3] and y [b, c], of f32."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.parameters, self.outputs, self.counter = [], [], [], 0
        self.least = 0  # Of the extents.
        self.shapes = {"x": ["a", "b", 3], "y": ["b", "c"]}

    def flip(self, p=0.5):
        return bool(self.rng.random() < p)

    def choice(self, items):
        return items[self.rng.integers(len(items))]

    def name(self):
        self.counter += 1
        return f"v{self.counter}"

    def constant(self, value, dtype="i8"):
        name = self.name()
        self.parameters.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op, inputs, **attributes):
        name = self.name()
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def output(self, op, inputs, **attributes):
        """A node whose result is an output of the model, and so is what follows from it."""
        name = self.node(op, inputs, **attributes)
        self.outputs.append(name)
        if self.flip():
            self.outputs.append(self.node("Neg" if self.flip() else "Abs", [name]))
        return name

    # Integers computed from extents. They have the shape [] or [1].

    def extent(self):
        tensor = self.choice(["x", "x", "y"])
        axis = int(self.rng.integers(len(self.shapes[tensor]) - (tensor == "x" and self.flip(0.8))))
        form = self.rng.integers(4)
        if form == 0:
            return self.node("Squeeze", [self.node("Shape", [tensor], start=axis, end=axis + 1)])
        shape = self.node("Shape", [tensor])
        if form == 1:
            return self.node("Gather", [shape, self.constant(axis - (len(self.shapes[tensor]) if self.flip() else 0))])
        if form == 2:
            part = self.node("Slice", [shape, self.constant([axis]), self.constant([axis + 1])])
            return self.node("Reshape", [part, self.constant([], "i8")])
        parts = [self.name() for _ in self.shapes[tensor]]
        self.nodes.append(helper.make_node("Split", [shape, self.constant([1] * len(parts))], parts, axis=0))
        return self.node("Squeeze", [parts[axis], self.constant([0])])

    def integer(self, depth=3):
        """An integer scalar of either sign."""
        if depth == 0 or self.flip(0.25):
            return self.extent() if self.flip(0.75) else self.constant(int(self.rng.integers(-6, 9)))
        form = self.choice(["Add", "Sub", "Sub", "Mul", "Div", "Div", "Mod", "FMod", "Neg", "Neg", "Abs", "Min", "Max", "Where", "Float", "Clip", "Concat",
                            "Int32", "Product"])
        x = self.integer(depth - 1)
        if form in ("Neg", "Abs"):
            return self.node(form, [x])
        if form in ("Div", "Mod", "FMod"):  # By zero would be nobody's case.
            y = self.constant(int(self.choice([1, 2, 2, 3, 4, 16, -2, -3, 5])))
            if self.flip(0.2):
                y = self.node("Max", [self.extent(), self.constant(1)])
            return self.node(form.lstrip("F"), [x, y], **({"fmod": 1} if form == "FMod" else {}))
        if form == "Float":
            number = self.node("Cast", [x], to=TensorProto.FLOAT)
            number = self.node(self.choice(["Mul", "Div", "Add", "Sub"]), [number, self.constant(self.choice([0.5, 1.5, 2, -0.75, 3]), "f4")])
            rounded = self.node(self.choice(["Floor", "Ceil", "Round", "Identity"]), [number])
            return self.node("Cast", [rounded], to=TensorProto.INT64)
        if form == "Clip":
            return self.node("Clip", [x, self.constant(-2), self.constant(int(self.rng.integers(3, 9)))])
        if form == "Int32":
            narrow = self.node("Cast", [x], to=TensorProto.INT32)
            return self.node("Cast", [self.node("Add", [narrow, self.constant(1, "i4")])], to=TensorProto.INT64)
        y = self.integer(depth - 1)
        if form == "Where":
            condition = self.node(self.choice(["Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual"]), [x, y])
            if self.flip(0.3):
                condition = self.node("Not", [condition])
            return self.node("Where", [condition, self.integer(depth - 1), y])
        if form in ("Concat", "Product"):
            both = self.node("Concat", [self.vector(x), self.vector(y)], axis=0)
            if form == "Product":
                return self.node(self.choice(["ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin"]), [both], keepdims=0)
            return self.node("Gather", [both, self.constant(int(self.rng.integers(-2, 2)))])
        return self.node(form, [x, y])

    def vector(self, scalar):
        return self.node("Unsqueeze", [scalar, self.constant([0])]) if self.flip() else self.node("Reshape", [scalar, self.constant([1])])

    def positive(self, least=0, depth=2):
        """An integer of at least `least` that is not too large."""
        return self.node("Min", [self.node("Max", [self.integer(depth), self.constant(least)]), self.constant(40)])

    def concat(self, scalars):
        return self.node("Concat", [self.vector(scalar) for scalar in scalars], axis=0)

    def index(self, last):
        """-last - 1 to last, if the extent is more than that, else what the model refuses."""
        return self.node("Clip", [self.integer(), self.constant(-last - 1), self.constant(last)])

    def bound(self):
        if self.flip(0.25):
            return self.constant(int(self.choice([0, 1, 2, -1, -2, -3, 5, 100, -100, INT_MAX, INT64_MAX, INT64_MIN, -INT_MAX])))
        return self.integer()

    def build(self):
        """x and y take whatever is left of their dimensions."""
        if self.flip(0.3):  # An axis that is computed, too.
            return "x", self.shapes["x"]
        return ("y", self.shapes["y"]) if self.flip(0.3) else ("x", self.shapes["x"])

    def model(self):
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in self.shapes.items()]
        outputs = [onnx.ValueInfoProto(name=name) for name in self.outputs]
        graph = helper.make_graph(self.nodes, "g", infos, outputs, self.parameters)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


@kind
def slice_(model):
    tensor, shape = model.build()
    axes = list(model.rng.permutation(len(shape)))[:int(model.rng.integers(1, len(shape) + 1))]
    steps = [int(model.choice([1, 1, 1, 2, 3, -1, -1, -2, INT64_MAX, INT64_MIN + 1, 7])) for _ in axes]
    starts = [model.bound() for _ in axes]
    # To ONNX Runtime, the greatest end means the first element where a slice goes back; to the standard it does not.
    ends = [model.bound() if step > 0 else model.integer() for step in steps]
    model.output("Slice", [tensor, model.concat(starts), model.concat(ends), model.constant(axes), model.constant(steps)])


@kind
def slice_twice(model):
    """What one slice leaves is sliced by what depends on it."""
    part = model.output("Slice", ["x", model.vector(model.bound()), model.vector(model.bound()), model.constant([1])])
    model.shapes["part"] = ["a", "b", 3]
    own = model.node("Shape", [part], start=1, end=2)
    start = model.node("Sub", [own, model.vector(model.integer())]) if model.flip() else model.node("Neg", [own])
    model.output("Slice", [part, start, model.vector(model.integer()), model.constant([1]), model.constant([int(model.choice([1, 2, -1]))])])
    del model.shapes["part"]


@kind
def window(model):
    """The last of an extent, or all but the last, as many as another extent says or a constant."""
    extent = model.node("Shape", ["x"], start=1, end=2)
    count = model.node("Shape", ["y"], start=1, end=2) if model.flip() else model.constant([int(model.rng.integers(1, 6))])
    bound = model.node("Sub", [extent, count]) if model.flip() else model.node("Neg", [count])
    axis = model.constant([1])
    model.output("Slice", ["x", bound, model.constant([INT_MAX]), axis])
    model.output("Slice", ["x", model.constant([0]), bound, axis])
    model.output("Slice", ["x", bound, model.constant([INT64_MIN]), axis, model.constant([-1])])


@kind
def halves(model):
    """The two parts of a slice, added and put together again."""
    half = model.node("Div", [model.extent(), model.constant(2)])
    bound = model.vector(model.node("Neg", [half]) if model.flip() else half)
    axis = model.constant([1])
    low = model.node("Slice", ["x", model.constant([0]), bound, axis])
    high = model.node("Slice", ["x", bound, model.constant([INT64_MAX]), axis])
    model.output("Concat", [high, low], axis=1)


@kind
def gather(model):
    shape = model.node("Shape", ["x"])
    picked = model.node("Gather", [shape, model.constant([0, 1])])
    model.output("Gather", ["x", model.index(2)], axis=2)
    model.output("Gather", ["x", model.concat([model.index(0), model.index(0)])], axis=1)
    model.output("Expand", [model.constant([[1.5]], "f4"), picked])


@kind
def range_(model):
    start = model.integer() if model.flip() else model.constant(int(model.rng.integers(-3, 4)))
    step = int(model.choice([1, 1, 2, 3, -1, -2]))
    if model.flip(0.4):
        start, limit = (model.node("Cast", [i], to=TensorProto.FLOAT) for i in (start, model.integer()))
        model.output("Range", [start, limit, model.constant(float(step), "f4")])
        return
    model.output("Range", [start, model.integer(), model.constant(step)])


@kind
def grid(model):
    """Positions added to what has as many."""
    extent = model.node("Cast", [model.node("Squeeze", [model.node("Shape", ["x"], start=1, end=2)])], to=TensorProto.FLOAT)
    line = model.node("Range", [model.constant(0, "f4"), extent, model.constant(1, "f4")])
    line = model.node("Add", [line, model.constant(0.5, "f4")])
    model.output("Add", ["x", model.node("Reshape", [line, model.constant([-1, 1])])])


@kind
def reshape(model):
    shape = model.node("Shape", ["x"])
    extents = [model.node("Gather", [shape, model.constant(i)]) for i in range(3)]
    form = model.rng.integers(4)
    if form == 0:
        target = [model.node("Mul", extents[:2]), extents[2]]
    elif form == 1:  # 0 would stand for the input's extent: the model refuses it.
        target, model.least = [extents[1], model.constant(-1)], 1
    elif form == 2:
        target = [model.constant(0), model.node("Mul", extents[1:])]
    else:
        half = model.node("Div", [extents[1], model.constant(2)])
        target = [extents[0], half, model.node("Sub", [extents[1], half]), model.constant(3)]
        tensor = model.node("Slice", ["x", model.constant([0]), model.vector(model.node("Mul", [half, model.constant(2)])), model.constant([1])])
        model.output("Reshape", [tensor, model.concat([extents[0], half, model.constant(2), model.constant(3)])])
        return
    model.output("Reshape", ["x", model.concat(target)], allowzero=int(form in (0,)))


@kind
def expand(model):
    wanted = model.concat([model.positive(1), model.constant(1), model.node("Squeeze", [model.node("Shape", ["y"], start=1, end=2)])])
    part = model.node("Slice", ["y", model.constant([0]), model.constant([1]), model.constant([0])])
    model.output("Expand", [part, wanted])
    asked = model.concat([model.constant(-1), model.positive(0)])
    is_kept = model.node("Equal", [asked, model.constant([-1])])
    model.output("Expand", [model.constant([[2.5]], "f4"), model.node("Where", [is_kept, model.constant([1]), asked])])


@kind
def pad(model):
    tensor, shape = model.build()
    amounts = [model.node("Min", [model.integer(), model.constant(9)]) if model.flip() else model.constant(int(model.rng.integers(-1, 3)))
               for _ in range(2 * len(shape))]
    model.output("Pad", [tensor, model.concat(amounts)], mode=model.choice(["constant", "constant", "constant", "edge"]))


@kind
def pad_to_multiple(model):
    multiple = int(model.choice([2, 4, 7, 16]))
    extent = model.node("Squeeze", [model.node("Shape", ["y"], start=1, end=2)])
    if model.flip():
        missing = model.node("Mod", [model.node("Neg", [extent]), model.constant(multiple)])
    else:
        rounded = model.node("Div", [model.node("Add", [extent, model.constant(multiple - 1)]), model.constant(multiple)])
        missing = model.node("Sub", [model.node("Mul", [rounded, model.constant(multiple)]), extent])
    padded = model.output("Pad", ["y", model.concat([model.constant(0), model.constant(0), model.constant(0), missing])])
    model.output("Reshape", [padded, model.concat([model.constant(0), model.constant(-1), model.constant(multiple)])])


@kind
def tile(model):
    tensor, shape = model.build()
    model.output("Tile", [tensor, model.concat([model.node("Min", [model.positive(0), model.constant(4)]) for _ in shape])])


@kind
def resize(model):
    if model.flip():
        sizes = [model.node("Squeeze", [model.node("Shape", ["y"], start=0, end=1)]), model.positive(1)]
    else:
        sizes = [model.positive(1), model.positive(1)]
    mode = model.choice(["nearest", "linear"])
    model.output("Resize", ["y", "", "", model.concat(sizes)], mode=mode, coordinate_transformation_mode=model.choice(["half_pixel", "asymmetric"]))


@kind
def scale(model):
    """Half or twice as large, by way of floats, as a model that does not trust scales does it."""
    sizes = []
    for tensor_axis in range(2):
        extent = model.node("Squeeze", [model.node("Shape", ["y"], start=tensor_axis, end=tensor_axis + 1)])
        number = model.node("Mul", [model.node("Cast", [extent], to=TensorProto.FLOAT), model.constant(model.choice([0.5, 2, 1.5]), "f4")])
        sizes.append(model.node("Max", [model.node("Cast", [model.node("Floor", [number])], to=TensorProto.INT64), model.constant(1)]))
    model.output("Resize", ["y", "", "", model.concat(sizes)], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")


@kind
def split(model):
    whole = model.node("Squeeze", [model.node("Shape", ["x"], start=1, end=2)])
    part = model.node("Min", [model.positive(0), whole])
    sizes = model.concat([part, model.node("Sub", [whole, part])])
    names = [model.name(), model.name()]
    model.nodes.append(helper.make_node("Split", ["x", sizes], names, axis=1))
    model.outputs += [names[0], model.node("Neg", [names[1]])]


@kind
def constant_of_shape(model):
    value = numpy_helper.from_array(np.asarray([1.5], "f4"))
    filled = model.output("ConstantOfShape", [model.concat([model.positive(0), model.positive(0)])], value=value)
    model.output("CumSum", [filled, model.constant(int(model.rng.integers(2)))])


@kind
def cumsum(model):
    total = model.output("CumSum", ["y", model.constant(int(model.rng.integers(2)))], exclusive=int(model.flip()), reverse=int(model.flip()))
    model.output("Mul", [total, "y"])
    model.output("Einsum", [total, model.constant(np.ones(2), "f4")], equation="ab,e->eba")


@kind
def number(model):
    """The integer itself."""
    model.outputs += [model.node("Identity", [model.integer(4)]) for _ in range(3)]
    model.outputs.append(model.node("Cast", [model.integer(4)], to=TensorProto.FLOAT))


def run(session, inputs):
    try:
        return session.run(None, inputs)
    except Exception:  # pylint: disable=broad-except
        return None


def write_case(folder, name, seed):
    """Writes one of the models that are not random."""
    (proto, runs), rng = CASES[name], np.random.default_rng(seed)
    session, sets = open_session(proto), []
    for extents in runs:
        inputs = draw(proto, extents, rng)
        sets.append((inputs.values(), session.run(None, inputs)))
    if name == "unknown":
        for value in proto.graph.input:
            value.type.tensor_type.shape.dim[0].dim_value = -1
    write(f"{folder}/{name}/0", proto, sets)


def generate(folder, name, make, seed, number):
    """Writes the model of one number; whether there is a reference for it."""
    model = Model([seed, number, *name.encode()])
    make(model)
    proto = model.model()
    try:
        session = open_session(proto)
    except Exception:  # pylint: disable=broad-except
        return False
    sets = []
    for _ in range(24):
        a, b, c = (max(int(model.choice(EXTENTS)), model.least) for _ in range(3))
        inputs = {"x": model.rng.standard_normal((a, b, 3)).astype("f4"), "y": model.rng.standard_normal((b, c)).astype("f4")}
        results = run(session, inputs)
        if results is not None and sum(result.size for result in results) < 100000:
            sets.append((inputs.values(), results))
        if len(sets) == 6:
            break
    if len(sets) < 2:
        return False
    write(f"{folder}/{name}/{number}", proto, sets)
    return True


def main():
    parser = make_parser(__doc__, 4, "models of each kind")
    parser.add_argument("--filter", default="", help="only kinds that match")
    arguments, _ = randomness.parse(parser)
    for name in CASES:
        if re.search(arguments.filter, name):
            write_case(arguments.folder, name, arguments.seed)
    for name, make in KINDS.items():
        if re.search(arguments.filter, name):
            for number in range(arguments.count):
                # What ONNX Runtime refuses for all shapes is drawn again.
                if not any(generate(arguments.folder, name, make, arguments.seed, number + 100000 * attempt) for attempt in range(32)):
                    sys.exit(f"error: there is no reference for {name}")
    suite = ["tern-onnx-suite", arguments.folder, "--jobs=1", "--rtol=1e-4", "--atol=1e-5"]
    return subprocess.run(suite, check=False).returncode if arguments.run else 0


if __name__ == "__main__":
    sys.exit(main())
