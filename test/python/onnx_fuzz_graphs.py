# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random graphs of 10 to 40 nodes whose values are all outputs, with ONNX Runtime's results, as a folder for tern-onnx-suite.

onnx_fuzz_graphs.py FOLDER [--seed N] [--count N] [--first N] [--jobs N] [--run]

Writes FOLDER/graph/<number>-static and -dynamic. What becomes of memory is what they are for: every value, inputs too, may be an
output, some twice (behind an Identity), in any order; a quarter of the graphs keeps half of the values for itself. In the dynamic
one the extents are symbols, and there are two sets of data that differ in them. Every node is run by ONNX Runtime for itself, so
that what that does in place does not matter. --run runs tern-onnx-suite (in the PATH) on them at -O0 and -O2, and prints `N of M
models pass`.

Nodes whose results depend on how sums are rounded by more than the tolerance are drawn again; see Graph.add.
"""
import pathlib
import re
import subprocess
import sys

import numpy as np

# ONNX's current package, beside ONNX Runtime.
sys.path[:0] = [str(path) for path in pathlib.Path(sys.prefix).parent.glob("onnx-environment/lib/*/site-packages")]
import onnx  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402

import randomness  # noqa: E402
from onnx_fuzz_draw import ONNX_TYPES  # noqa: E402
from onnx_fuzz_graph_nodes import NODES  # noqa: E402
from onnx_fuzz_reference import make_parser, open_session, write  # noqa: E402

OPSET = 21
SIZES = (1, 2, 3, 5, 7, 17, 33)
LARGEST = 3000
# What a value may be, that its errors stay below the tolerance.
LARGEST_FLOAT, LARGEST_INTEGER = 50, 2**20
RELATIVE, ABSOLUTE = 1e-4, 1e-4


class Value:
    """A tensor in both of the draws, that may differ in extents and elements, and the largest error that another order of sums may
    give it, 0 if there is none."""

    def __init__(self, name, arrays, error=0.0):
        self.name, self.arrays, self.error = name, arrays, error
        self.dtype, self.rank = arrays[0].dtype.str[1:].replace("b1", "?"), arrays[0].ndim
        # Extents in both draws.
        self.shape = list(zip(*(array.shape for array in arrays), strict=True))

    @property
    def is_exact(self):
        return self.error == 0

    def is_static(self, axis):
        return self.shape[axis][0] == self.shape[axis][1]


class Rejected(Exception):
    """A node that cannot be: nothing fits, or its results are no test."""


class Graph:
    """Grows by nodes that fit what is there."""

    def __init__(self, seed, number):
        self.rng = np.random.default_rng([seed, number])
        self.values, self.inputs, self.constants, self.nodes = [], [], {}, []
        self.made, self.counter = [], 0
        # An extent of the graph in both draws; some are the same in both.
        self.extents = []
        for _ in range(self.integer(2, 4)):
            extent = self.choice(SIZES)
            other = extent if self.flip(0.3) else self.choice(SIZES)
            # Whether a symbol is 1 decides what is broadcast: ONNX leaves that to the run, and it is no question of memory.
            self.extents.append((extent, other if (extent == 1) == (other == 1) else extent))
        for _ in range(self.integer(1, 4)):
            self.input([self.choice(self.extents) for _ in range(self.integer(1, 4))], self.choice(("f4", "f4", "f4", "i8", "i4", "f8")))

    # What is drawn.

    def flip(self, p=0.5):
        return bool(self.rng.random() < p)

    def choice(self, items):
        return items[self.rng.integers(len(items))]

    def integer(self, low, high):
        """From `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def numbers(self, shape, dtype):
        if dtype == "?":
            return self.rng.random(shape) < 0.5
        if dtype[0] == "f":
            return np.asarray(self.rng.standard_normal(shape) * 2, dtype)
        return np.asarray(self.rng.integers(0 if dtype[0] == "u" else -9, 10, shape), dtype)

    # What nodes are made of.

    def name(self, kind):
        self.counter += 1
        return f"{kind}{self.counter}"

    def input(self, shape, dtype="f4", make=None):
        """An input of extents in both draws, with random elements or with what `make` makes of a shape."""
        make = make or (lambda extents: self.numbers(extents, dtype))
        while np.prod([max(pair) for pair in shape], initial=1) > LARGEST:
            shape = shape[1:]
        value = Value(self.name("x"), [np.asarray(make([pair[i] for pair in shape]), dtype) for i in range(2)])
        self.inputs.append(value)
        self.values.append(value)
        return value

    def constant(self, array, dtype="i8"):
        """An initializer, the same in both draws."""
        array = np.asarray(array, dtype)
        name = self.name("c")
        self.constants[name] = array
        return Value(name, [array, array])

    def pick(self, dtypes="f4 f8", least=0, most=9, exact=False, filled=False, test=lambda value: True):
        """A value that is there, rather a late one: of a rank in a range, without errors, with elements."""
        fits = [value for value in self.values
                if value.dtype in dtypes.split() and least <= value.rank <= most and (value.is_exact or not exact)
                and not (filled and any(array.size == 0 for array in value.arrays)) and test(value)]
        if not fits:
            raise Rejected
        return fits[-1 - min(int(self.rng.exponential(4)), len(fits) - 1)]

    def like(self, value, shape=None, dtype=None):
        """A value of that shape and type: one that is there, or an input."""
        shape, dtype = value.shape if shape is None else shape, dtype or value.dtype
        fits = [other for other in self.values if other.shape == list(shape) and other.dtype == dtype]
        return self.choice(fits) if fits and self.flip(0.8) else self.input(list(shape), dtype)

    def fitting(self, value):
        """A value that is broadcast to another's shape."""
        def is_fitting(other):
            return other.rank <= value.rank and all(
                pair in (own, (1, 1)) for pair, own in zip(reversed(other.shape), reversed(value.shape)))

        fits = [other for other in self.values if other.dtype == value.dtype and is_fitting(other)]
        if fits and self.flip(0.8):
            return self.choice(fits)
        start = self.integer(0, value.rank)
        return self.input([(1, 1) if self.flip(0.2) else pair for pair in value.shape[start:]], value.dtype)

    def axis(self, value, static=False):
        axes = [axis for axis in range(value.rank) if not static or value.is_static(axis)]
        if not axes:
            raise Rejected
        return self.choice(axes)

    def signed(self, axis, value):
        """The same axis, maybe counted from the end."""
        return axis - value.rank if self.flip(0.3) else axis

    def add(self, op, operands, results=1, discontinuous=False, captured=(), **attributes):
        """Adds a node, and runs it; `captured`: what its branches read, too. Rejected if its results may differ much from a right compiler's:
        each operand is moved by its error, of a recurrent layer, whose steps round again, at least by its last bit, and what that
        makes of the results is theirs."""
        node = helper.make_node(op, [value.name if value else "" for value in operands],
                                [self.name("y") for _ in range(results)], **{k: v for k, v in attributes.items() if v is not None})
        operands = [value for value in operands if value]
        operands += [value for value in captured if value not in operands]
        if discontinuous and not all(value.is_exact for value in operands):
            raise Rejected
        run = prepare(node, operands, self.constants)
        outputs = [run([value.arrays[i] for value in operands]) for i in range(2)]
        errors = [0.0] * results
        if op not in EXACT or not all(value.is_exact for value in operands):
            errors = [3e-7 * max(np.abs(y).max(initial=0) for y in ys) if ys[0].dtype.kind == "f" else 0 for ys in zip(*outputs)]
            moved = run([self.move(value, 2.0**-23 if op in RECURRENT else 0) for value in operands])
            for j, (was, now) in enumerate(zip(outputs[0], moved, strict=True)):
                if was.dtype.kind == "f":
                    errors[j] += 2 * float(np.abs(was - now).max(initial=0))
                elif not np.array_equal(was, now):
                    raise Rejected
        made = [Value(name, list(arrays), error) for name, arrays, error in zip(node.output, zip(*outputs), errors, strict=True)]
        for value in made:
            for array in value.arrays:
                limit = LARGEST_FLOAT if array.dtype.kind == "f" else LARGEST_INTEGER
                if array.size > LARGEST or not np.isfinite(array).all() or np.abs(array.astype("f8")).max(initial=0) > limit:
                    raise Rejected
            if value.error > ABSOLUTE / 4:
                raise Rejected
        self.nodes.append(node)
        self.values += made
        self.made += made
        return made[0]

    def move(self, value, relative):
        """What the value would be with other errors: its own, or those of a last bit."""
        array = value.arrays[0]
        if not value.error and (not relative or array.dtype.kind != "f"):
            return array
        distance = np.maximum(value.error, relative * np.abs(array))
        return np.asarray(array + self.rng.choice([-1, 1], array.shape) * distance, array.dtype)

    def grow(self, count):
        while len(self.nodes) < count:
            kept = len(self.values), len(self.inputs), set(self.constants), len(self.nodes), len(self.made)
            try:
                self.choice(NODES)(self)
            except Rejected:
                del self.values[kept[0]:], self.inputs[kept[1]:], self.nodes[kept[3]:], self.made[kept[4]:]
                self.constants = {name: array for name, array in self.constants.items() if name in kept[2]}

    # What becomes of it.

    def choose_outputs(self):
        outputs = list(self.made)
        if self.flip(0.25):
            read = {name for node in self.nodes for name in node.input}
            outputs = [value for value in outputs if value.name not in read or self.flip()]
        for value in [value for value in outputs if self.flip(0.1)]:
            self.nodes.append(helper.make_node("Identity", [value.name], [self.name("y")]))
            outputs.append(Value(self.nodes[-1].output[0], value.arrays, value.error))
        outputs += [value for value in self.inputs if self.flip(0.3)]
        return [outputs[i] for i in self.rng.permutation(len(outputs))]

    def model(self, outputs, is_dynamic):
        infos = [helper.make_tensor_value_info(value.name, ONNX_TYPES[value.arrays[0].dtype],
                                               [a if a == b or not is_dynamic else f"d{a}_{b}" for a, b in value.shape])
                 for value in self.inputs]
        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        graph = helper.make_graph(self.nodes, "graph", infos, [onnx.ValueInfoProto(name=value.name) for value in outputs], constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


# Whose error is more than that of one result.
RECURRENT = {"GRU", "LSTM", "RNN"}
# Whose results are the same however they are computed.
EXACT = frozenset((
    "Abs Add And ArgMax ArgMin BitwiseAnd BitwiseOr BitwiseXor Cast Clip Concat ConstantOfShape DepthToSpace Equal Expand Flatten Floor Gather "
    "GatherElements GatherND Greater Hardmax Identity If Less Max MaxPool Min Mod Mul Neg Not OneHot Or Pad ReduceMax ReduceMin Relu Reshape "
    "ScatterElements ScatterND Sign Slice SpaceToDepth Split Squeeze Sub Tile TopK Transpose Trilu Unsqueeze Where Xor").split())


def prepare(node, operands, constants):
    """A function that runs a node by ONNX Runtime."""
    infos = {value.name: helper.make_tensor_value_info(value.name, ONNX_TYPES[value.arrays[0].dtype], [None] * value.rank)
             for value in operands if value.name not in constants}
    fixed = {value.name: numpy_helper.from_array(value.arrays[0], value.name) for value in operands if value.name in constants}
    graph = helper.make_graph([node], "node", list(infos.values()), [onnx.ValueInfoProto(name=name) for name in node.output],
                              list(fixed.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    try:
        session = open_session(model)
    except Exception as error:  # pylint: disable=broad-except
        raise Rejected from error

    def run(arrays):
        inputs = {value.name: array for value, array in zip(operands, arrays, strict=True) if value.name in infos}
        try:
            return [np.asarray(array) for array in session.run(None, inputs)]
        except Exception as error:  # pylint: disable=broad-except
            raise Rejected from error

    return run


def generate(folder, seed, number):
    graph = Graph(seed, number)
    graph.grow(graph.integer(10, 40))
    outputs = graph.choose_outputs()
    for kind, is_dynamic in (("static", False), ("dynamic", True)):
        write(f"{folder}/graph/{number}-{kind}", graph.model(outputs, is_dynamic),
              [([value.arrays[i] for value in graph.inputs], [value.arrays[i] for value in outputs])
               for i in range(2 if is_dynamic else 1)])


def main():
    parser = make_parser(__doc__, 20, "graphs")
    parser.add_argument("--first", type=int, default=0, help="number of the first graph")
    parser.add_argument("--jobs", type=int, default=1, help="models that run at a time")
    arguments, _ = randomness.parse(parser)
    with np.errstate(all="ignore"):
        for number in range(arguments.first, arguments.first + arguments.count):
            generate(arguments.folder, arguments.seed, number)
    if not arguments.run:
        return 0
    passed = total = 0
    for level in ("-O0", "-O2"):
        suite = ["tern-onnx-suite", arguments.folder, level, f"--jobs={arguments.jobs}", f"--rtol={RELATIVE}", f"--atol={ABSOLUTE}"]
        said = subprocess.run(suite, check=False, capture_output=True, text=True)
        print(re.sub("^FAIL ", f"FAIL {level} ", said.stdout + said.stderr, flags=re.M), end="", flush=True)
        if sums := re.search(r"(\d+) of (\d+) models pass", said.stdout):
            passed, total = passed + int(sums[1]), total + int(sums[2])
    print(f"{passed} of {total} models pass")
    return 0 if total and passed == total else 1


if __name__ == "__main__":
    sys.exit(main())
