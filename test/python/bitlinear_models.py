#!/usr/bin/python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small ONNX models with ternary layers, in the many forms in which they are exported.

`build(NAME)` gives a model, its reference and what raising should find in it. The models of FORMS are exported by
torch.onnx.export from bitlinear_layers.py; those of INITIALIZERS are built node by node. Everything is deterministic.

What the exports look like (PyTorch 1.13, opsets 11 to 17, which differ in LayerNormalization and the axes of Unsqueeze
alone). `--chain NAME` prints any of them. Scalars are f32, each in a Constant node of its own before its reader.

Activations, x [..., K], all reductions with axes=[-1] keepdims=1:

    A1 (most forms)   g = Clip(ReduceMax(Abs(x)), 1e-5, <none>);  r = Mul(Reciprocal(g), 127)
                      q = Clip(Round(Mul(x, r)), -128, 127);      xq = Mul(q, Div(g, 127))
    A2 (faq)          as A1, but xq = Div(q, r)
    A3 (div)          s = Div(g, 127);  q = Clip(Round(Div(x, s)), -128, 127);  xq = Mul(q, s)
    A4 (clamp-scale)  s = Clip(Div(ReduceMax(Abs(x)), 127), 1e-5, <none>);  r = Mul(Reciprocal(s), 1)
                      q = Clip(Round(Mul(x, r)), -128, 127);  xq = Mul(q, s)
    residue           xf = Add(x, Sub(xq, x)), else xf = xq

Python's `127.0 / g` is Reciprocal then Mul: two roundings where Div(127, g) has one. `.max(-1).values` exports as amax.

Weights, w [N, K]; by tensor ReduceMean(keepdims=0), no axes, so m is a scalar; by row axes=[1] or [-1], keepdims=1:

    W1 (most forms)     s = Clip(ReduceMean(Abs(w)), 1e-5, <none>);  r = Mul(Reciprocal(s), 1)
                        c = Clip(Round(Mul(w, r)), -1, 1);  wq = Mul(c, s)
    W2 (faq)            as W1, but wq = Div(c, r)
    W3 (div)            as W1, but c = Clip(Round(Div(w, s)), -1, 1)
    W4 (absmean-eps)    as W3 with s = Add(ReduceMean(Abs(w)), 1e-5)
    W5 (row-threshold)  s = Clip(ReduceMean(Abs(w)), 1e-8, <none>);  p = GreaterOrEqual(Abs(w), Mul(s, 0.1)), one Abs(w)
                        c = Mul(Sign(w), Cast<float>(p));  wq = Mul(c, s)
    W6 (row-where)      as W5, but c = Where(p, Sign(w), zeros), zeros a Constant [N, K]
    W7 (absmedian)      as W1, but s = Clip(Gather<axis=0>(TopK<largest=0>(v, n).values, (n-1)/2), 1e-5, <none>) with
                        v = Reshape(Abs(w), [-1]), its shape and n from Shape/Slice/Concat/Gather of static shapes
    W8 (absmean-group)  v = w as [N, K/g, g]; W1 on v with axes=[-1] keepdims=1;  wq = Reshape(Mul(c, s), [N, K]).
                        The exporter folds v to a second initializer `onnx::Abs_70`, beside fc1.weight that only the
                        residue reads; unfolded it is Reshape(w, Concat(Unsqueeze(N), Unsqueeze(-1), Unsqueeze(g)))
    W9 (learned)        c = Sub(Cast<float>(Greater(w, t)), Cast<float>(Less(w, -t)));  wq = Mul(alpha, c).
                        The exporter folds even this: one initializer `onnx::Gemm_44`, residue included
    residue             wf = Add(w, Sub(wq, w)), else wf = wq

Layer:

    2-D input, bias      Gemm(xf, wf, bias) transB=1 alpha=1 beta=1
    2-D input, no bias   MatMul(xf, Transpose<[1, 0]>(wf)); 3-D input without bias likewise
    3-D input, bias      Add(bias, MatMul(xf, Transpose<[1, 0]>(wf))): the bias comes first
    latent-kn            Add(MatMul(xf, wf), bias) with w [K, N]: no Transpose, rows are axes=[0]
    scale-after          Add(Div(MatMul(q, Transpose(c)), Mul(r of x, r of w)), bias)
    shared               one xf, read by two Gemms

Constant folding by the exporter (default) leaves W1 to W8 as they are: it does not fold Abs, Round, Clip. Without it
(`-unfolded`) a Clip's lower bound alone is Cast<float>(Cast<float>(1e-5)) of an f64 Constant that all such Clips share,
and a pair of bounds is Cast<float> of an int64 Constant each; the other scalars are f32 as before.

Folding by other tools (`-folded`) leaves one initializer, named like the tensor it replaces ([K, N] after a Transpose).
Without a residue its values are exactly -s, 0, s. With one they are w + (wq - w) in f32: zeros are exact, but +-s are
off by up to an ulp of the larger of |w| and s, spread over some 2^-22 of s here and more where |w| >> s.

Norms before the quantization: rms is Mul(Mul(x, Div(1, Sqrt(Add(ReduceMean(Pow(x, 2)), 1e-5)))), gamma); layer norm is
LayerNormalization at opset 17, else ReduceMean-Sub-Pow-ReduceMean-Add-Sqrt-Div-Mul. Their result then stands for x.
"""
import argparse
import dataclasses
import functools
import io
import pathlib
import sys
import typing
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from bitlinear_layers import *
from onnx_numpy import evaluate, fold_constants


@dataclasses.dataclass
class Model:
    proto: onnx.ModelProto
    reference: typing.Callable  # float32 array x -> float32 array y
    expect: typing.Optional[str]  # See Form.expect; for float initializers "tensor", "row" or "group:64".
    activations: bool  # Whether activations are int8 per token.


@functools.lru_cache(maxsize=None)
def export(form):
    torch.manual_seed(0)
    network = Network(form).eval()
    axes = {0: "batch", 1: "seq"} if form.rank == 3 else {0: "batch"}
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, torch.randn((2, 3, K) if form.rank == 3 else (2, K)), data,
            opset_version=form.opset, do_constant_folding=form.exporter_folding,
            input_names=["x"], output_names=["y"], dynamic_axes={"x": axes, "y": axes})
    proto = onnx.load_model_from_string(data.getvalue())
    for node in proto.graph.node:
        node.doc_string = ""

    def reference(x):
        with torch.no_grad():
            return network(torch.from_numpy(x)).numpy()

    int8 = form.activation in (absmax, absmax_faq, absmax_div, absmax_clamp_scale)
    return Model(fold_constants(proto) if form.fold else proto, reference, form.expect, int8)


# Float initializers that are ternary by their values, or nearly.


def initializer_model(weight, expect, op="Gemm", transposed=True):
    """y = x . weight^T + bias in float; the initializer is [N, K] for Gemm with transB, else [K, N]."""
    bias = np.linspace(-1, 1, N, dtype=np.float32)
    stored = weight if transposed else np.ascontiguousarray(weight.T)
    if op == "Gemm":
        nodes = [helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["y"], "/fc1/Gemm", transB=int(transposed))]
    else:
        nodes = [helper.make_node("MatMul", ["x", "fc1.weight"], ["product"], "/fc1/MatMul"),
                 helper.make_node("Add", ["product", "fc1.bias"], ["y"], "/fc1/Add")]
    graph = helper.make_graph(
        nodes, "ternary_initializer", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", K])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", N])],
        [numpy_helper.from_array(stored, "fc1.weight"), numpy_helper.from_array(bias, "fc1.bias")])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    proto.ir_version = 8
    reference = lambda x: (x.astype(np.float64) @ weight.T.astype(np.float64) + bias).astype(np.float32)
    return Model(proto, reference, expect, False)


def ternary_values(granularity):
    """[N, K] of -s, 0, s; s is one value, one for each row, or one for each group of a row."""
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 2, (N, K)).astype(np.float32)
    columns = {"tensor": 0, "row": 1, "group": K // GROUP}[granularity]
    scale = rng.uniform(0.01, 2, (N if columns else 1, columns or 1)).astype(np.float32)
    return codes * np.repeat(scale, K // max(columns, 1), axis=1)


def altered(weight, value, scale=False):
    """One element replaced, by `value` or by `value` times the largest."""
    weight[1, 2] = value * weight.max() if scale else value
    return weight


FORMS = {
    "gemm": Form("Gemm with bias, both residues: the ordinary export"),
    "gemm-opset13": Form("the same at opset 13", opset=13),
    "gemm-opset11": Form("the same at opset 11", opset=11),
    "gemm-unfolded": Form("the same without the exporter's constant folding", exporter_folding=False),
    "gemm-folded": Form("everything constant folded, so w is nearly ternary: the residue rounds", "tensor", fold=True),
    "gemm-plain": Form("no residues", weight_residue=False, activation_residue=False),
    "gemm-plain-unfolded": Form("no residues, no folding", weight_residue=False, activation_residue=False,
                                exporter_folding=False),
    "gemm-plain-folded": Form("no residues, folded, so w is exactly ternary", "tensor", weight_residue=False,
                              activation_residue=False, fold=True),
    "gemm-weight-residue": Form("a residue on w only", activation_residue=False),
    "gemm-activation-residue": Form("a residue on x only", weight_residue=False),
    "matmul2": Form("2-D input without bias", bias=False),
    "matmul": Form("3-D input without bias", rank=3, bias=False),
    "matmul-bias": Form("3-D input with bias", rank=3),
    "matmul-opset13": Form("3-D input at opset 13", rank=3, opset=13),
    "matmul-opset11": Form("3-D input at opset 11", rank=3, opset=11),
    "matmul-unfolded": Form("3-D input without the exporter's folding", rank=3, exporter_folding=False),
    "matmul-plain": Form("3-D input, no residues", rank=3, weight_residue=False, activation_residue=False),
    "matmul-folded": Form("3-D input, folded, residue", "tensor", rank=3, fold=True),
    "matmul-plain-folded": Form("3-D input, folded, no residue", "tensor", rank=3, weight_residue=False, fold=True),
    "latent-kn": Form("the latent weight is [K, N]", style="latent_kn"),
    "latent-kn-row": Form("the same with one scale for each output", ABSMEAN + ", granularity = row",
                          weight=absmean_column, style="latent_kn"),
    "div": Form("w / s and x / (g / 127) instead of reciprocals", weight=absmean_div, activation=absmax_div),
    "faq": Form("scales kept as reciprocals, max() instead of amax()", weight=absmean_faq, activation=absmax_faq),
    "faq-plain": Form("the same without residues", weight=absmean_faq, activation=absmax_faq, weight_residue=False,
                      activation_residue=False),
    "faq-matmul": Form("the same with 3-D input", weight=absmean_faq, activation=absmax_faq, rank=3, bias=False),
    "clamp-scale": Form("activations as torchao: the scale is clamped", activation=absmax_clamp_scale),
    "absmean-eps": Form("mean + eps", ABSMEAN + ", eps_mode = add", weight=absmean_eps),
    "absmean-row": Form("round-clip by row", ABSMEAN + ", granularity = row", weight=absmean_row),
    "absmean-group": Form("round-clip by group", f"{ABSMEAN}, granularity = group, group_size = {GROUP}",
                          weight=absmean_group),
    "absmean-group-unfolded": Form("the same without the exporter's folding",
                                   f"{ABSMEAN}, granularity = group, group_size = {GROUP}", weight=absmean_group,
                                   exporter_folding=False),
    "row-threshold": Form("sign(w) where |w| >= 0.1 s", ABSMEAN + ", granularity = row, rule = threshold, eps = 1e-08",
                          weight=absmean_row_threshold),
    "row-where": Form("the same through Where", ABSMEAN + ", granularity = row, rule = threshold, eps = 1e-08",
                      weight=absmean_row_where),
    "row-folded": Form("the same, folded", "row", weight=absmean_row_threshold, weight_residue=False, fold=True),
    "absmedian": Form("the lower median through a sort", "statistic = absmedian", weight=absmedian),
    "learned": Form("learned alpha, absolute threshold: the exporter folds all of it", "tensor", weight=learned,
                    weight_residue=False),
    "learned-unfolded": Form("the same without the exporter's folding", "statistic = learned, rule = strict_threshold",
                             weight=learned, weight_residue=False, exporter_folding=False),
    "learned-residue": Form("the same with a residue", "tensor", weight=learned),
    "weight-only": Form("float activations", activation=None),
    "weight-only-plain": Form("float activations, no residue", activation=None, weight_residue=False),
    "weight-only-folded": Form("float activations, folded", "tensor", activation=None, weight_residue=False, fold=True),
    "weight-only-matmul": Form("float activations, 3-D input", activation=None, rank=3, bias=False),
    "rms": Form("RMSNorm inside", norm="rms"),
    "rms-matmul": Form("RMSNorm inside, 3-D input", norm="rms", rank=3, bias=False),
    "layernorm": Form("LayerNorm inside, one op at opset 17", norm="layer"),
    "layernorm-opset13": Form("LayerNorm inside, decomposed at opset 13", norm="layer", opset=13),
    "scale-after": Form("codes times codes, scales afterwards", style="scale_after"),
    "shared": Form("two layers read one quantized x", style="shared"),
    "mlp": Form("two layers with Relu and a float head", style="mlp"),
    "not-int4": Form("weights of 16 levels", None, weight=int4),
    "not-per-token": Form("activations with one scale for the whole batch", activation=absmax_tensor),
}

INITIALIZERS = {
    "ternary-tensor": lambda: initializer_model(ternary_values("tensor"), "tensor"),
    "ternary-row": lambda: initializer_model(ternary_values("row"), "row"),
    "ternary-group": lambda: initializer_model(ternary_values("group"), f"group:{GROUP}"),
    "ternary-tensor-kn": lambda: initializer_model(ternary_values("tensor"), "tensor", transposed=False),
    "ternary-tensor-matmul": lambda: initializer_model(ternary_values("tensor"), "tensor", "MatMul", False),
    "ternary-row-matmul": lambda: initializer_model(ternary_values("row"), "row", "MatMul", False),
    "ternary-group-matmul": lambda: initializer_model(ternary_values("group"), f"group:{GROUP}", "MatMul", False),
    "ternary-zeros": lambda: initializer_model(np.zeros((N, K), np.float32), "tensor"),
    "not-ternary-value": lambda: initializer_model(altered(ternary_values("tensor"), 3.5), None),
    "not-ternary-spread": lambda: initializer_model(altered(ternary_values("tensor"), 1.001, scale=True), None),
    "not-ternary-nan": lambda: initializer_model(altered(ternary_values("tensor"), np.nan), None),
}


def build(name):
    return INITIALIZERS[name]() if name in INITIALIZERS else export(FORMS[name])


def sample(name, batch=5):
    """An input for the model: rows of very different size, one of them zero."""
    shape = (batch, 3, K) if name in FORMS and FORMS[name].rank == 3 else (batch, K)
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    return x * np.float32(10) ** np.linspace(-2, 2, batch, dtype=np.float32).reshape(-1, *[1] * (len(shape) - 1)) * (
        np.arange(batch).reshape(-1, *[1] * (len(shape) - 1)) != 1)


def chain(proto):
    """The nodes as text, one for each line: result = Op(operands); scalar constants in place, weights by name."""
    constants = {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in proto.graph.node
                 if n.op_type == "Constant"}
    constants.update((t.name, a) for t in proto.graph.initializer for a in [numpy_helper.to_array(t)] if a.size == 1)
    scalars = {name: f"{value.item():.7g}" for name, value in constants.items() if value.size == 1}
    for node in proto.graph.node:
        if node.op_type == "Constant" and constants[node.output[0]].size == 1:
            continue
        if node.op_type == "Constant":
            yield f"{node.output[0]} = Constant {constants[node.output[0]].shape}"
            continue
        attributes = "".join(f" {a.name}={helper.get_attribute_value(a)}" for a in node.attribute if a.name != "value")
        yield f"{node.output[0]} = {node.op_type}({', '.join(scalars.get(i, i) for i in node.input)}){attributes}"


def check(name):
    """Whether the exported model, evaluated by NumPy, computes what its reference computes."""
    model, x = build(name), sample(name)
    want = model.reference(x)
    got = evaluate(model.proto, {"x": x})[0]
    onnx.checker.check_model(model.proto, full_check=True)
    tolerance = 1e-5 * np.linalg.norm(np.nan_to_num(want), axis=-1, keepdims=True)
    return bool(np.all((np.abs(got - want) <= tolerance) | (np.isnan(got) & np.isnan(want))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="names and what they are")
    parser.add_argument("--chain", metavar="NAME", help="print a model's nodes")
    parser.add_argument("--write", nargs=2, metavar=("NAME", "FILE"), help="write one model")
    parser.add_argument("--write-all", metavar="DIR", type=pathlib.Path, help="write every model as DIR/NAME.onnx")
    parser.add_argument("--data", metavar="DIR", type=pathlib.Path, help="with --write: also x.npy and its y.npy")
    parser.add_argument("--check", action="store_true", help="evaluate every model with NumPy against its reference")
    args = parser.parse_args()
    names = [*FORMS, *INITIALIZERS]
    for name in filter(None, [args.chain, args.write and args.write[0]]):
        if name not in names:
            sys.exit(f"error: no model '{name}'; --list shows them")
    if args.list:
        for name in names:
            print(f"{name:26}{FORMS[name].about if name in FORMS else 'a float initializer, by its values'}")
    if args.chain:
        print("\n".join(chain(build(args.chain).proto)))
    if args.write:
        onnx.save(build(args.write[0]).proto, args.write[1])
        if args.data:
            args.data.mkdir(parents=True, exist_ok=True)
            x = sample(args.write[0])
            np.save(args.data / "x.npy", x)
            np.save(args.data / "y.npy", build(args.write[0]).reference(x))
    if args.write_all:
        args.write_all.mkdir(parents=True, exist_ok=True)
        for name in names:
            onnx.save(build(name).proto, str(args.write_all / f"{name}.onnx"))
    if args.check:
        wrong = [name for name in names if not check(name)]
        if wrong:
            sys.exit(f"error: NumPy and the reference differ: {', '.join(wrong)}")
        print(f"{len(names)} models agree with their references")


if __name__ == "__main__":
    main()
