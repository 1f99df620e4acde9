# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole architectures, exported by PyTorch: Tern against ONNX Runtime.

In float, with a static and a dynamic batch, outputs differ by less than 1e-4
of their norm. With --ternarize=all (and a dynamic batch), the report has every
linear layer and convolution without groups, and the zeros that NumPy counts.

    architectures.py NAME OUT_DIR [SEED]

"vit-full" (ViT-Ti/16 on 224 x 224) and "bert-full" (12 layers of width 768, 128 tokens) are for runs by hand.
"""
import json
import os
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "python"), str(ROOT / "python")]
import architectures  # noqa: E402
import tern  # noqa: E402

TOLERANCE = 1e-4


def image(batch, size=64):
    return {"image": torch.randn(batch, 3, size, size)}


def text(batch, length=33):
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[-1, length * 2 // 3:] = 0
    return {"input_ids": torch.randint(0, 1000, (batch, length)), "attention_mask": mask,
            "token_type_ids": torch.randint(0, 2, (batch, length))}


MODELS = {
    "resnet18": (architectures.ResNet18, image, ["logits"]),
    "mobilenetv2": (architectures.MobileNetV2, image, ["logits"]),
    "efficientnet-b0": (architectures.EfficientNetB0, image, ["logits"]),
    "vit": (lambda: architectures.ViT(64), image, ["logits"]),
    "bert": (architectures.BERT, text, ["hidden", "logits"]),
    "vit-full": (lambda: architectures.ViT(224), lambda batch: image(batch, 224), ["logits"]),
    "bert-full": (lambda: architectures.BERT(vocabulary=30522, width=768, heads=12, layers=12), lambda batch: text(batch, 128),
                  ["hidden", "logits"]),
}


def compare(path, artifact, inputs):
    model = tern.load(artifact, threads=2)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    reference = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    for tensors in inputs:
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        got = model.run(arrays)
        for spec, expected in zip(reference.get_outputs(), reference.run(None, arrays)):
            result, norm = got[spec.name], np.linalg.norm(expected)
            assert result.shape == expected.shape, (result.shape, expected.shape)
            assert np.isfinite(norm) and norm > 0.1, norm
            error = np.linalg.norm(result.astype(np.float64) - expected) / norm
            print(f"{path.stem} {spec.name}{list(result.shape)}: {error:.1e} of the norm")
            assert error < TOLERANCE, error


def check_report(model, path, report):
    """Every layer that can be ternary is, and its zeros are those of absmean."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(path)).graph.initializer}
    expected = sum(isinstance(module, torch.nn.Linear) or isinstance(module, torch.nn.Conv2d) and module.groups == 1
                   for module in model.modules())
    layers = [layer for layer in report["layers"] if layer["origin"] == "converted"]
    assert len(layers) == expected, (len(layers), expected)
    for layer in layers:
        weight = weights[layer["weight"]]
        codes = np.clip(np.rint(weight / np.abs(weight).mean(dtype=np.float64)), -1, 1)
        # A weight at half the scale may round either way; four digits are printed.
        assert abs((codes == 0).mean() - layer["zeros"]) < 2 / weight.size + 1e-4, layer
    count = sum(weights[layer["weight"]].size for layer in layers)
    assert report["ternary_parameters"] == count, (report["ternary_parameters"], count)
    print(f"{path.stem}: {len(layers)} ternary layers, {report['compression']['model_vs_f32']:.1f} times smaller")


def main():
    name, out = sys.argv[1], pathlib.Path(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int.from_bytes(os.urandom(4), "little")
    print(f"seed {seed}")
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    make, inputs, outputs = MODELS[name]
    model = architectures.randomize(make())
    for kind, batches in (("static", [2]), ("dynamic", [1, 3])):
        path = out / f"{name}-{kind}.onnx"
        example = inputs(2)
        axes = {tensor: {0: "batch"} for tensor in [*example, *outputs]} if kind == "dynamic" else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model, tuple(example.values()), str(path), opset_version=14, input_names=list(example),
                              output_names=outputs, dynamic_axes=axes)
        tern.compile(path, path.with_suffix(".so"), ternarize="none")
        compare(path, path.with_suffix(".so"), [inputs(batch) for batch in batches])
    report, ternary = out / "report.json", out / f"{name}-ternary.so"
    tern.compile(path, ternary, ternarize="all", stats=report)
    check_report(model, path, json.loads(report.read_text()))
    x = {key: tensor.numpy() for key, tensor in inputs(3).items()}
    for result in tern.load(ternary).run(x).values():
        assert np.isfinite(result).all()
    print(f"{name} agrees")


if __name__ == "__main__":
    sys.exit(main())
