# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models for a fuzzer to start from: onnx_seeds.py FOLDER

The standard's backend tests of operators that the importer knows, where they
are small, and our broken models.
"""
import glob
import os
import shutil
import subprocess
import sys

import onnx
from onnx import TensorProto, numpy_helper

import onnx_broken
from onnx_suite import DATA, SHAPE_OPERANDS


def bind_shapes(model, folder):
    """Makes initializers of the inputs that fix shapes: without, little of a model is reached."""
    for node in model.graph.node:
        for i in SHAPE_OPERANDS.get(node.op_type, []):
            names = [value.name for value in model.graph.input]
            if i < len(node.input) and node.input[i] in names:
                index = names.index(node.input[i])
                tensor = TensorProto()
                with open(f"{folder}/test_data_set_0/input_{index}.pb", "rb") as file:
                    tensor.ParseFromString(file.read())
                model.graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(tensor), node.input[i]))


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    listing = subprocess.run(["tern-translate", "--list-ops"], capture_output=True, text=True, check=True).stdout
    known = {line.split("\t")[1] for line in listing.splitlines()}
    for path in glob.glob(f"{DATA}/*/*/model.onnx"):
        model, folder = onnx.load(path), os.path.dirname(path)
        if os.path.getsize(path) < 10000 and {node.op_type for node in model.graph.node} <= known:
            bind_shapes(model, folder)
            onnx.save(model, os.path.join(out, os.path.basename(folder)))
    scratch = os.path.join(out, "scratch")
    for name, build, _, _ in onnx_broken.CASES:
        os.makedirs(f"{scratch}/{name}")
        model = f"{scratch}/{name}/model.onnx"
        build(model)
        if os.path.isfile(model) and os.path.getsize(model) < 10000:
            shutil.copy(model, os.path.join(out, "broken_" + name))
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
