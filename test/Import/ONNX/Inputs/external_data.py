# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles models with external data in several layouts and looks for the data in the weights.

    external_data.py FOLDER
"""
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

os.chdir(sys.argv[1])
W = np.random.default_rng(0).standard_normal((17, 33)).astype(np.float32)


def save(path, location):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=W.shape, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, W.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, W.shape)], [tensor])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
                   .SerializeToString())


def put(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    W.tofile(path)


def check(model):
    subprocess.run(["ternc", os.path.basename(model), "-O0", "-o", "out.so"], check=True,
                   cwd=os.path.dirname(model))
    with open(os.path.join(os.path.dirname(model), "out.safetensors"), "rb") as file:
        assert W.tobytes() in file.read(), model


save("beside/m.onnx", "m.data")
put("beside/m.data")
check("beside/m.onnx")

save("inner/m.onnx", "weights/../weights/m.data")
put("inner/weights/m.data")
check("inner/m.onnx")

# models--NAME/snapshots/REVISION/onnx/FILE -> models--NAME/blobs/HASH
save("hub/blobs/0123", "m.onnx_data")
put("hub/blobs/4567")
os.makedirs("hub/snapshots/main/onnx")
os.symlink("../../../blobs/0123", "hub/snapshots/main/onnx/m.onnx")
os.symlink("../../../blobs/4567", "hub/snapshots/main/onnx/m.onnx_data")
check("hub/snapshots/main/onnx/m.onnx")

# A link to a model alone.
os.mkdir("link")
os.symlink("../beside/m.onnx", "link/m.onnx")
check("link/m.onnx")

# The folder is a link.
os.symlink("beside", "folder")
check("folder/m.onnx")
