# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Export one network with PyTorch's dynamo exporter, and write inputs for it.

    export.py --list                                  the networks as JSON: name, whether at all opsets
    export.py NAME OPSET static|dynamic OUT.onnx      writes OUT.onnx and OUT.npz

OUT.npz has the inputs of each run as RUN/NAME, and in RUN/NAME of dynamic exports other extents than those of the export.
"""
import json
import pathlib
import sys
import warnings
import zlib

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def randomize(network):
    """What a network begins with hides mistakes: weights of 0 make every result 0, and BatchNorm's mean and variance are 0 and 1."""
    for parameter in network.parameters():
        if parameter.dim() > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, 0, 0.02)
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            if module.affine:
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.normal_(module.bias, 0, 0.1)


def export(name, opset, dynamic, path):
    from models import MODELS
    model = MODELS[name]
    torch.manual_seed(zlib.crc32(name.encode()))
    network = model.build().eval()
    with torch.no_grad():
        randomize(network)
    runs = [model.inputs(**extents) for extents in model.extents[:None if dynamic else 1]]
    shapes = model.dynamic
    if dynamic and type(network).__name__ == "Named":
        shapes = (tuple(model.dynamic),)  # forward(*tensors)
    with torch.no_grad():
        torch.onnx.export(network, runs[0], str(path), dynamo=True, opset_version=opset, external_data=False, verbose=False,
                          dynamic_shapes=shapes if dynamic else None)
    import onnx
    exported = onnx.load(str(path))
    version = next(entry.version for entry in exported.opset_import if entry.domain == "")
    if version != opset:
        raise RuntimeError(f"the exporter wrote opset {version} instead of {opset}")
    names = [value.name for value in exported.graph.input]
    assert len(names) == len(runs[0]), (names, len(runs[0]))
    np.savez_compressed(path.with_suffix(".npz"), **{f"{index}/{operand}": tensor.numpy() for index, run in enumerate(runs)
                                          for operand, tensor in zip(names, run)})


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    if sys.argv[1] == "--list":
        from models import MODELS
        json.dump({name: {"all_opsets": model.all_opsets, "source": model.source} for name, model in MODELS.items()}, sys.stdout)
    else:
        export(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "dynamic", pathlib.Path(sys.argv[4]))
