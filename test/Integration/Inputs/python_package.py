"""The installed package with the real compiler: ONNX in, arrays out."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import tern

assert "site-packages" in tern.__file__, tern.__file__
rng = np.random.default_rng(int(sys.argv[1]))
w = rng.normal(size=(17, 33)).astype(np.float32)
b = rng.normal(size=33).astype(np.float32)
info = helper.make_tensor_value_info
graph = helper.make_graph(
    [helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
     helper.make_node("Relu", ["h"], ["y"])], "mlp",
    [info("x", TensorProto.FLOAT, ["batch", 17])],
    [info("y", TensorProto.FLOAT, ["batch", 33])],
    [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")])
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
    helper.make_opsetid("", 17)]), "mlp.onnx")

# The five lines of the README.
assert tern.compile("mlp.onnx") == "mlp.so"
model = tern.load("mlp.so")
x = rng.normal(size=(257, 17)).astype(np.float32)
y = model(x)
np.testing.assert_allclose(y, np.maximum(x @ w + b, 0), rtol=1e-4, atol=1e-5)
print(model.inputs, model.outputs)

tern.compile("mlp.onnx", "ternary.so", ternarize="all", embed_weights=True)
assert not os.path.exists("ternary.safetensors")
assert tern.load("ternary.so")(x).shape == (257, 33)

graph.node[1].op_type = "Nonsense"
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
    helper.make_opsetid("", 17)]), "bad.onnx")
try:
    tern.compile("bad.onnx")
    raise AssertionError("compiled")
except tern.CompileError as error:
    print("refused:", error)
assert not os.path.exists("bad.so")
