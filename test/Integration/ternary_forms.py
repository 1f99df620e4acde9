# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forms in which ternary weights, and activations of 8 bits, stand in models: each is raised, or --stats says why not.

    ternary_forms.py FOLDER     with ternc and tern-run in the PATH

All forms are layers of one model, whose results must be ONNX Runtime's.
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

N, K = 48, 64
RNG = np.random.default_rng(3)
CODES = RNG.integers(-1, 2, (N, K)).astype(np.int8)
CODES[:, 0] = 1
S = np.float32(0.3)
EACH = RNG.uniform(0.1, 0.9, N).astype(np.float32)
WEIGHTS = CODES * S
LATENT = RNG.standard_normal((N, K)).astype(np.float32)
F32, F16, I8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8
NOT_TERNARY = "the weights are quantized to more than three values"
NOT_KNOWN = "the weights are computed of parameters, and not to {-s, 0, s}"

# Of each form: nodes `Op input ... -> output ... {attributes}`, tensors, why it is float or the layer's activations.
# x is [n, K], y the result; lower-case names are the form's own.
CAST = ["Cast c -> f {'to': 1}"]
GEMM = ["Gemm X w -> y {'transB': 1}"]
INTEGER = ["DynamicQuantizeLinear X -> q qs qz", "MatMulInteger q t qz -> i", "Cast i -> f {'to': 1}", "Mul qs s -> ss", "Mul f ss -> y"]
FORMS = {
    "cast_scale": ([*CAST, "Mul f s -> w", *GEMM], {"c": CODES, "s": S}, ""),
    "cast_scale_1": ([*CAST, "Mul s f -> w", *GEMM], {"c": CODES, "s": S.reshape(1)}, ""),
    "cast_scale_11": ([*CAST, "Mul f s -> w", *GEMM], {"c": CODES, "s": S.reshape(1, 1)}, ""),
    "cast_scale_row": ([*CAST, "Mul f s -> w", *GEMM], {"c": CODES, "s": EACH[:, None]}, ""),
    "cast_quotient": ([*CAST, "Div f s -> w", *GEMM], {"c": CODES, "s": np.float32(4)}, ""),
    "cast_few": ([*CAST, "Gemm X f -> p {'transB': 1}", "Mul p s -> y"], {"c": CODES[:7], "s": S}, ""),
    "scale_after": ([*CAST, "Transpose f -> t {'perm': [1, 0]}", "MatMul X t -> p", "Mul p s -> y"], {"c": CODES, "s": EACH}, ""),
    "unsigned": ([*CAST, "Sub f z -> g", "Mul g s -> w", *GEMM], {"c": (CODES + 1).astype(np.uint8), "z": np.float32(1), "s": S}, ""),
    "f16": (["Cast c -> w {'to': 1}", *GEMM], {"c": CODES * np.float16(0.3)}, ""),
    "f64": (["Cast c -> w {'to': 1}", *GEMM], {"c": CODES * np.float64(0.3)}, ""),
    "f16_scale": (["Cast c -> f {'to': 10}", "Mul f s -> g", "Cast g -> w {'to': 1}", *GEMM], {"c": CODES, "s": np.float16(0.3)}, ""),
    "reshape": (["Reshape c q -> w", *GEMM], {"c": WEIGHTS.reshape(N, 8, 8), "q": np.array([N, K])}, ""),
    "concat": (["Concat a b -> w {'axis': 1}", *GEMM], {"a": WEIGHTS[:, :20], "b": WEIGHTS[:, 20:]}, ""),
    "concat_scales": (["Mul a s -> u", "Mul b r -> v", "Concat u v -> w {'axis': 0}", *GEMM],
                      {"a": CODES[:20].astype("f4"), "b": CODES[20:].astype("f4"), "s": S, "r": np.float32(0.7)}, ""),
    "split": (["Split c -> u v {'axis': 0}", "Gemm X u -> a {'transB': 1}", "Gemm X v -> b {'transB': 1}", "Concat a b -> y {'axis': 1}"],
              {"c": WEIGHTS}, ""),
    "gather": (["Gather c i -> w {'axis': 0}", *GEMM], {"c": WEIGHTS, "i": np.arange(N)[::-1].copy()}, ""),
    "squeeze": (["Unsqueeze c a -> d", "Squeeze d a -> w", *GEMM], {"c": WEIGHTS, "a": np.array([0])}, ""),
    "einsum_nk": (["Einsum X w -> y {'equation': 'bk,nk->bn'}"], {"w": WEIGHTS}, ""),
    "einsum_kn": (["Einsum X w -> y {'equation': 'bk,kn->bn'}"], {"w": WEIGHTS.T}, ""),
    "einsum_moves": (["Einsum c -> w {'equation': 'nk->kn'}", "MatMul X w -> y"], {"c": WEIGHTS}, ""),
    "gain": (["Mul c g -> w", "MatMul X w -> y"], {"c": WEIGHTS.T, "g": EACH}, ""),
    "gain_of_inputs": (["Mul c g -> w", "MatMul X w -> y"], {"c": WEIGHTS.T, "g": RNG.uniform(0.1, 0.9, (K, 1)).astype("f4")}, NOT_KNOWN),
    "int4": ([*CAST, "Mul f s -> w", *GEMM], {"c": RNG.integers(-8, 8, (N, K)).astype(np.int8), "s": S}, NOT_TERNARY),
    "integer_transpose": (["Transpose c -> t {'perm': [1, 0]}", *INTEGER], {"c": CODES, "s": S}, "int8"),
    "integer_reshape": (["Reshape c r -> t", *INTEGER], {"c": CODES.T.reshape(8, 8, N), "r": np.array([K, N]), "s": S.reshape(1, 1)}, "int8"),
    "integer_concat": (["Concat c d -> t {'axis': 1}", *INTEGER], {"c": CODES.T[:, :20], "d": CODES.T[:, 20:], "s": S.reshape(1)}, "int8"),
}


def codes_of_x(name, after):
    """Codes q of x with their scale s: `name` says how they are written; `after` is of q, and makes y."""
    steps = {
        "hf": ["Abs X -> a", "ReduceMax a -> m {'axes': [-1]}", "Clip m eps -> n", "Div c127 n -> r", "Mul X r -> v", "Round v -> o",
               "Clip o lo c127 -> q", "Reciprocal r -> s"],
        "cast": ["Abs X -> a", "ReduceMax a -> m {'axes': [-1]}", "Div m c127 -> d", "Clip d eps -> s", "Div X s -> v", "Round v -> o",
                 "Clip o lo c127 -> h", "Cast h -> k {'to': 3}", "Cast k -> q {'to': 1}"],
        # What stays in [-127, 127] need not be clipped.
        "torchao": ["Abs X -> a", "ReduceMax a -> m {'axes': [-1]}", "Div m c127 -> d", "Clip d eps -> s", "Reciprocal s -> r", "Mul X r -> v",
                    "Round v -> q"],
    }[name]
    return [*steps, *after]


CONSTANTS = {"eps": np.float32(1e-5), "c127": np.float32(127), "lo": np.float32(-128)}
LATENT_CODES = ["Abs l -> la", "ReduceMean la -> lm {'keepdims': 0}", "Clip lm eps -> ls", "Div l ls -> lv", "Round lv -> lo1",
                "Clip lo1 minus one -> lc", "Transpose lc -> w {'perm': [1, 0]}"]
LATENTS = {"l": LATENT, "one": np.float32(1), "minus": np.float32(-1)}
for kind in ("hf", "cast", "torchao"):
    FORMS[f"{kind}_before"] = (codes_of_x(kind, ["Mul q s -> xq", "MatMul xq w -> y"]), {"w": WEIGHTS.T, **CONSTANTS}, "int8")
    FORMS[f"{kind}_after"] = (codes_of_x(kind, ["MatMul q w -> p", "Mul p s -> y"]), {"w": WEIGHTS.T, **CONSTANTS}, "int8")
    FORMS[f"{kind}_both_after"] = (codes_of_x(kind, ["MatMul q w -> p", "Mul s g -> t", "Mul p t -> y"]),
                                   {"w": CODES.T.astype("f4"), "g": EACH, **CONSTANTS}, "int8")
    FORMS[f"{kind}_latent_after"] = ([*LATENT_CODES, *codes_of_x(kind, ["MatMul q w -> p", "Mul p s -> t", "Mul t ls -> y"])],
                                     {**LATENTS, **CONSTANTS}, "int8")
FORMS["latent_scale_after"] = ([*LATENT_CODES, "MatMul X w -> p", "Mul p ls -> y"], {**LATENTS, **CONSTANTS}, "")
# The products of one scale and of another: the scales are not the activations'.
FORMS["hf_without_scale"] = (codes_of_x("hf", ["MatMul q w -> y"]), {"w": WEIGHTS.T, **CONSTANTS}, "")


def build():
    nodes, tensors, outputs = [], [], []
    for form, (lines, arrays, _) in FORMS.items():
        def rename(name, form=form):
            return "x" if name == "X" else f"{form}.{name}"

        for line in lines:
            text, _, attributes = line.partition(" {")
            ends = text.split()
            arrow = ends.index("->")
            results = [rename(name) for name in ends[arrow + 1:]]
            nodes.append(helper.make_node(ends[0], [rename(name) for name in ends[1:arrow]], results, f"{results[0]}.node",
                                          **(eval("{" + attributes) if attributes else {})))
        tensors += [numpy_helper.from_array(np.asarray(array), rename(name)) for name, array in arrays.items()]
        outputs.append(onnx.ValueInfoProto(name=rename("y")))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", F32, ["n", K])], outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    model, x = build(), RNG.standard_normal((17, K)).astype(np.float32)
    onnx.save(model, folder / "model.onnx")
    np.save(folder / "x.npy", x)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    wanted = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    subprocess.run(["ternc", folder / "model.onnx", "-o", folder / "m.so", f"--stats={folder}/stats.json"], check=True)
    names = [output.name for output in model.graph.output]
    subprocess.run(["tern-run", folder / "m.so", "--input", f"x=@{folder}/x.npy",
                    *(part for name in names for part in ("--output", f"{name}=@{folder}/{name}.npy"))], check=True)
    layers = json.loads((folder / "stats.json").read_text())["layers"]
    wrong = 0
    for (form, (_, _, said)), name, reference in zip(FORMS.items(), names, wanted):
        own = [layer for layer in layers if layer["name"].startswith(form + ".")]
        error = np.abs(np.load(folder / f"{name}.npy") - reference).max() / np.abs(reference).max()
        problems = [] if error < 1e-5 else [f"error {error:.3g}"]
        count = 2 if form == "split" else 1
        if said in ("", "int8"):
            if [layer["origin"] for layer in own] != ["raised"] * count or {layer["activations"] for layer in own} != {said or "float"}:
                problems.append(f"layers {own}")
        elif [layer["origin"] for layer in own] != ["float"] or not own[0]["reason"].startswith(said):
            problems.append(f"not float because {said}: {own}")
        wrong += bool(problems)
        if problems:
            print(f"FAIL {form}: {'; '.join(problems)}")
    print(f"{len(FORMS) - wrong} of {len(FORMS)} forms are raised or explained")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
