# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Errors of long sums against those of ONNX Runtime: at most four times as large, or four units in the last place.

    long_sums.py FOLDER [EXPONENT ...]

Of each operator and each length 2^EXPONENT, the worst of eight seeds against NumPy in f64; a unit is that of the
largest element of the right result.
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
from artifact import Artifact  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1])
EXPONENTS = [int(argument) for argument in sys.argv[2:]]
SEEDS, EPSILON = 8, 1e-5


def normalize(x, axis=-1):
    d = x - x.mean(axis, keepdims=True)
    return d / np.sqrt((d * d).mean(axis, keepdims=True) + EPSILON)


def log_sum_exp(x, axis=-1):
    shift = x.max(axis, keepdims=True)
    return np.log(np.exp(x - shift).sum(axis, keepdims=True)) + shift


def nll(scores, labels):
    return -np.take_along_axis(scores, labels[:, None], 1).mean()


# Operator, inputs, attributes, reference of x [1, 1, n], rows [n, 3], labels and factors, in f64.
KEPT = dict(keepdims=1)
OPS = [
    ("ReduceSum", "x last", KEPT, lambda x, *_: x.sum(-1, keepdims=True)),
    ("ReduceMean", "x last", KEPT, lambda x, *_: x.mean(-1, keepdims=True)),
    ("ReduceL1", "x last", KEPT, lambda x, *_: np.abs(x).sum(-1, keepdims=True)),
    ("ReduceL2", "x last", KEPT, lambda x, *_: np.sqrt((x * x).sum(-1, keepdims=True))),
    ("ReduceLogSum", "x last", KEPT, lambda x, *_: np.log(x.sum(-1, keepdims=True))),
    ("ReduceSumSquare", "x last", KEPT, lambda x, *_: (x * x).sum(-1, keepdims=True)),
    ("ReduceLogSumExp", "x last", KEPT, lambda x, *_: log_sum_exp(x)),
    ("ReduceProd", "factors last", KEPT, lambda x, rows, labels, factors: factors.prod(-1, keepdims=True)),
    ("GlobalAveragePool", "x", {}, lambda x, *_: x.mean(-1, keepdims=True)),
    ("GlobalLpPool", "x", {}, lambda x, *_: np.sqrt((x * x).sum(-1, keepdims=True))),
    ("AveragePool", "x", dict(kernel_shape=[2**17], strides=[2**17]),
     lambda x, *_: x.reshape(1, 1, -1, 2**17).mean(-1)),
    ("LpPool", "x", dict(kernel_shape=[2**17], strides=[2**17]),
     lambda x, *_: np.sqrt((x * x).reshape(1, 1, -1, 2**17).sum(-1))),
    ("LayerNormalization", "x ones", dict(epsilon=EPSILON), lambda x, *_: normalize(x)),
    ("InstanceNormalization", "x one zero", dict(epsilon=EPSILON), lambda x, *_: normalize(x)),
    ("GroupNormalization", "x one zero", dict(epsilon=EPSILON, num_groups=1), lambda x, *_: normalize(x)),
    ("BatchNormalization", "x one zero mean variance", dict(epsilon=EPSILON, training_mode=1), lambda x, *_: normalize(x)),
    ("RMSNormalization", "x ones", dict(epsilon=EPSILON),
     lambda x, *_: x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON)),
    ("MeanVarianceNormalization", "x", dict(axes=[2]), lambda x, *_: normalize(x)),
    ("Softmax", "x", {}, lambda x, *_: np.exp(x - log_sum_exp(x))),
    ("LogSoftmax", "x", {}, lambda x, *_: x - log_sum_exp(x)),
    ("ReduceSum", "rows first", KEPT, lambda x, rows, *_: rows.sum(0, keepdims=True)),
    ("ReduceMean", "rows first", KEPT, lambda x, rows, *_: rows.mean(0, keepdims=True)),
    ("ReduceL2", "rows first", KEPT, lambda x, rows, *_: np.sqrt((rows * rows).sum(0, keepdims=True))),
    ("SoftmaxCrossEntropyLoss", "rows labels", {}, lambda x, rows, labels, _: nll(rows - log_sum_exp(rows), labels)),
    ("NegativeLogLikelihoodLoss", "rows labels", {}, lambda x, rows, labels, _: nll(rows, labels)),
]


# ONNX Runtime knows this one since the first, and some others only before it.
OPSETS = {23: ["RMSNormalization"], 21: [op for op, *_ in OPS if op != "RMSNormalization"]}


def make_model(opset):
    info, node = helper.make_tensor_value_info, helper.make_node
    inputs = [info("x", TensorProto.FLOAT, [1, 1, "n"]), info("ones", TensorProto.FLOAT, ["n"]),
              info("rows", TensorProto.FLOAT, ["n", 3]), info("labels", TensorProto.INT64, ["n"]),
              info("factors", TensorProto.FLOAT, [1, 1, "n"])]
    # ONNX Runtime makes equal constants one, and updates the running mean and variance in place.
    constants = dict(one=[1.0], zero=[0.0], mean=[0.125], variance=[1.125])
    nodes = [node("Constant", [], [name], value_floats=value) for name, value in constants.items()]
    nodes += [node("Constant", [], [name], value_ints=[axis]) for name, axis in (("last", -1), ("first", 0))]
    outputs = []
    for number, (op, operands, attributes, _) in enumerate(OPS):
        if op not in OPSETS[opset]:
            continue
        outputs.append(info(f"y{number}", TensorProto.FLOAT, None))
        more = [f"{number}.mean", f"{number}.variance"] if op == "BatchNormalization" else []
        nodes.append(node(op, operands.split(), [f"y{number}", *more], f"{op}{number}", **attributes))
    graph = helper.make_graph(nodes, "long", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def draw(seed, length, offset):
    rng = np.random.default_rng(seed)
    return {"x": (rng.random((1, 1, length)) + offset).astype(np.float32), "ones": np.ones(length, np.float32),
            "rows": (rng.random((length, 3)) + offset).astype(np.float32), "labels": rng.integers(0, 3, length),
            # Their product stays in range.
            "factors": np.exp2(rng.uniform(-50, 50, (1, 1, length)) * length**-0.5).astype(np.float32)}


def main():
    runners = []
    for opset in OPSETS:
        model = make_model(opset)
        path = FOLDER / f"long{opset}.onnx"
        onnx.save(model, path)
        subprocess.run(["ternc", path, "-o", path.with_suffix(".so")], check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        runners.append((Artifact(path.with_suffix(".so")), session))
    first = int(np.random.SeedSequence().entropy % 2**32)
    print("seeds from", first)
    count = 0
    for exponent in EXPONENTS:
        for offset in (0.5, 100):
            worst = np.zeros((2, len(OPS)))
            for seed in range(first, first + SEEDS):
                feeds = draw(seed, 2**exponent, offset)
                x, rows, factors = (feeds[name].astype(np.float64) for name in ("x", "rows", "factors"))
                made = {}, {}
                for artifact, session in runners:
                    made[0].update(artifact(feeds))
                    names = [output.name for output in session.get_outputs()]
                    made[1].update(zip(names, session.run(names, feeds)))
                for number, (_, _, _, reference) in enumerate(OPS):
                    right = reference(x, rows, feeds["labels"], factors)
                    unit = np.spacing(np.abs(right).max().astype(np.float32)).astype(np.float64)
                    for who in (0, 1):
                        error = np.abs(made[who][f"y{number}"].astype(np.float64) - right).max() / unit
                        worst[who, number] = max(worst[who, number], error if np.isfinite(error) else np.inf)
            for (op, operands, _, _), ours, theirs in zip(OPS, *worst):
                print(f"2^{exponent} + {offset} {op} {operands}: {ours:.2f}, ONNX Runtime {theirs:.2f}",
                      "" if ours <= max(4 * theirs, 4) else "TOO LARGE")
                count += 1
    print(f"{count} errors")


if __name__ == "__main__":
    main()
