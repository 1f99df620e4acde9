# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random models of one operator each, with the results of a reference, as a folder for tern-onnx-suite.

onnx_fuzz.py FOLDER [--seed N] [--count N] [--filter REGEX] [--inlined] [--run]

Writes FOLDER/<operator>/<number>-static and -dynamic: attributes, ranks, sizes and values are drawn from the seed that
is printed. The dynamic one has a symbol wherever a second draw has another size, and both draws as its data. The
reference is ONNX Runtime; ONNX's reference evaluator where that lacks a kernel. --inlined writes -static-inlined and
-dynamic-inlined, too: the functions that the standard defines the operators by, which must have these results. --run runs tern-onnx-suite (in the
PATH) on them.
"""
import collections
import pathlib
import re
import subprocess
import sys
import warnings

import numpy as np

# ONNX's current package, beside ONNX Runtime.
sys.path[:0] = [str(path) for path in pathlib.Path(sys.prefix).parent.glob("onnx-environment/lib/*/site-packages")]
import onnx  # noqa: E402
import onnx.inliner  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

import onnx_fuzz_contrib  # noqa: E402, F401
import onnx_fuzz_contrib_attention  # noqa: E402, F401
import onnx_fuzz_contrib_quantized  # noqa: E402, F401
import onnx_fuzz_data  # noqa: E402, F401
import onnx_fuzz_found  # noqa: E402, F401
import onnx_fuzz_layers  # noqa: E402, F401
import onnx_fuzz_math  # noqa: E402, F401
import onnx_fuzz_ml  # noqa: E402, F401
import onnx_fuzz_sampling  # noqa: E402, F401
import randomness  # noqa: E402
from onnx_fuzz_draw import GENERATORS, Draw  # noqa: E402
from onnx_fuzz_reference import make_parser, open_session, write  # noqa: E402

# Whose functions are loops.
PRIMITIVE = ("Range",)


def is_same_code(a, b):
    """Whether two draws differ in sizes and values of inputs alone, and in sizes at all."""
    def key(draw):
        return ([node.SerializeToString() for node in draw.nodes], draw.outputs,
                {name: (array.dtype, array.shape, array.tobytes()) for name, array in [*draw.parameters.items(), *draw.fixed_inputs.items()]},
                {name: (array.dtype, array.ndim) for name, array in draw.inputs.items()})

    return key(a) == key(b) and any(a.inputs[name].shape != b.inputs[name].shape for name in a.inputs)


def evaluate(model, inputs):
    try:
        return ReferenceEvaluator(model).run(None, inputs), "reference"
    except Exception as error:  # pylint: disable=broad-except
        return None, f"{type(error).__name__}: {str(error)[:200]}"


def run_reference(draw):
    """The results by ONNX Runtime, or by ONNX's own evaluator; and whose they are."""
    model, inputs = draw.reference(), draw.inputs
    if draw.is_evaluated:
        return evaluate(model, inputs)
    try:
        return open_session(model).run(None, inputs), "ONNX Runtime"
    except Exception as error:  # pylint: disable=broad-except
        reason = str(error).split("\n", maxsplit=1)[0]
    if "NOT_IMPLEMENTED" not in reason:
        return None, reason
    return evaluate(model, inputs)


def inline(model):
    """The same with the functions by which the standard defines its operators, again in these; none if it defines none."""
    inlined = onnx.ModelProto()
    inlined.CopyFrom(model)
    for node in inlined.graph.node:  # The inliner does not know of defaults.
        schema, given = onnx.defs.get_schema(node.op_type, model.opset_import[0].version), {a.name for a in node.attribute}
        node.attribute.extend(a.default_value for a in schema.attributes.values() if a.name not in given and a.default_value.name)
    # Some bodies depend on types.
    inlined.graph.value_info.extend(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
                                    for tensor in model.graph.initializer)
    names = ops = [node.op_type for node in inlined.graph.node]
    while True:
        for name in sorted(set(ops) - set(PRIMITIVE)):
            typed = onnx.shape_inference.infer_shapes(inlined)
            changed = onnx.inliner.inline_selected_functions(typed, [("", name)], inline_schema_functions=True)
            if [node.op_type for node in changed.graph.node] != ops:
                break
        else:
            return None if names == ops else inlined
        inlined, ops = changed, [node.op_type for node in changed.graph.node]


def generate(folder, op, make, seed, number, tally, is_inlined):
    """Writes the models of one number; whether there is a reference for them."""
    draws = []
    for varying in range(2):
        draw = Draw([seed, number, *op.encode()], [seed, number, varying, *op.encode()])
        draw.is_inlined = is_inlined
        make(draw)
        draws.append(draw)
    first, second = draws
    results = [run_reference(draw) for draw in draws]
    for result, source in results:
        if result is None:
            print(f"no reference for {op} {number}: {source}")
            return False
    kinds = [("static", first.model(), 1)]
    if is_same_code(first, second):
        kinds.append(("dynamic", first.model(second), 2))
    if is_inlined:
        try:
            kinds += [(f"{kind}-inlined", inline(model), count) for kind, model, count in kinds]
        except RuntimeError as error:  # It cannot tell the type of an operand that is left out.
            print(f"{op} {number} cannot be inlined: {error}")
            return False
        if any(model is None for _, model, _ in kinds):
            print(f"{op} {number} is no function")
            return False
        try:  # Some take the logarithm of an integer.
            for _, model, _ in kinds:
                onnx.shape_inference.infer_shapes(model, check_type=True)
        except onnx.shape_inference.InferenceError as error:
            print(f"the function of {op} {number} has wrong types: {error}")
            return False
    for kind, model, count in kinds:
        tally[results[0][1]] += 1
        write(f"{folder}/{op}/{number}-{kind}", model,
              [(draw.inputs.values(), result) for draw, (result, _) in list(zip(draws, results))[:count]])
    return True


def main():
    parser = make_parser(__doc__, 4, "models of each generator")
    parser.add_argument("--first", type=int, default=0, help="number of the first model")
    parser.add_argument("--filter", default="", help="only generators that match")
    parser.add_argument("--inlined", action="store_true", help="also the functions by which the standard defines the operators")
    arguments, _ = randomness.parse(parser)
    tally = collections.Counter()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for op, make in GENERATORS.items():
            if re.search(arguments.filter, op):
                count = 1 if op.startswith("found-") else arguments.count
                for number in range(arguments.first, arguments.first + count):
                    # What ONNX Runtime lacks is drawn again; once more would be chance no more.
                    if not any(generate(arguments.folder, op, make, arguments.seed, number + 100000 * attempt, tally,
                                        arguments.inlined)
                               for attempt in range(32)):
                        sys.exit(f"error: there is no reference for {op}")
    for source, count in tally.items():
        print(f"{count} models by {source}", flush=True)
    # Products of a few hundred terms of order 1, in another order.
    suite = ["tern-onnx-suite", arguments.folder, "--jobs=1", "--rtol=1e-4", "--atol=1e-5"]
    return subprocess.run(suite, check=False).returncode if arguments.run else 0


if __name__ == "__main__":
    sys.exit(main())
