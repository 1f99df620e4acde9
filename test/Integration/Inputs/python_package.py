"""The installed package with the real compiler: ONNX in, arrays out."""

import os
import re
import sys
import textwrap

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
    helper.make_opsetid("", 17)]), "model.onnx")
x = rng.normal(size=(257, 17)).astype(np.float32)

# The README's lines, as they stand there.
readme = open(sys.argv[2]).read()
lines = textwrap.dedent(re.search(r"(?m)(^    import tern\n(    .*\n)*)", readme)[1])
assert lines.count("\n") == 5, lines
names = {"images": x}
exec(lines, names)
np.testing.assert_allclose(names["logits"], np.maximum(x @ w + b, 0),
                           rtol=1e-4, atol=1e-5)
model = names["model"]
print(model.inputs, model.outputs)

assert tern.compile("model.onnx") == "model.so"

tern.compile("model.onnx", "ternary.so", ternarize="all", embed_weights=True)
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
