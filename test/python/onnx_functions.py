# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models with functions of their own against NumPy: onnx_functions.py FOLDER."""
import os
import sys

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from upstream_run import Model

DOMAIN = "com.example"


def call(function, inputs, outputs, **attributes):
    return helper.make_node(function, inputs, outputs, domain=DOMAIN, **attributes)


def refer(node, attribute, outer, kind):
    """The node with an attribute that is the function's."""
    node.attribute.add(name=attribute, ref_attr_name=outer, type=kind)
    return node


def function(name, inputs, outputs, nodes, attributes=(), opset=17):
    return helper.make_function(DOMAIN, name, inputs, outputs, nodes,
                                [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)], list(attributes))


def functions():
    leaky = refer(helper.make_node("LeakyRelu", ["a"], ["t"]), "alpha", "slope", AttributeProto.FLOAT)
    constant = refer(helper.make_node("Constant", [], ["c"]), "value_float", "offset", AttributeProto.FLOAT)
    inner = function("Inner", ["a"], ["b"], [leaky, constant, helper.make_node("Add", ["t", "c"], ["b"])], ["slope", "offset"])
    # The names are those of the caller, on purpose; `rest` is optional; the second output is the input.
    first = refer(call("Inner", ["x"], ["t"], offset=0.5), "slope", "slope", AttributeProto.FLOAT)
    second = call("Inner", ["t"], ["y"], slope=0.25, offset=-1.0)
    outer = function("Outer", ["x", "rest"], ["y", "x"], [first, second], ["slope"])
    # At opset 6, axes are an attribute.
    old = function("Row", ["a"], ["b"], [helper.make_node("Unsqueeze", ["a"], ["b"], axes=[0])], opset=11)
    # Only one of two outputs is used, the other and what it needs vanish.
    both = function("Both", ["a", "w"], ["p", "q"],
                    [helper.make_node("MatMul", ["a", "w"], ["p"]), helper.make_node("NonZero", ["a"], ["q"])])
    return [inner, outer, old, both]


def reference(x, w):
    def leaky(v, slope, offset):
        return np.where(v < 0, slope * v, v) + offset

    y = leaky(leaky(x, 0.125, 0.5), 0.25, -1)
    return (y @ w)[None], x + x


def main():
    rng = np.random.default_rng(int.from_bytes(os.urandom(4), "little"))
    x, w = rng.standard_normal((17, 3)).astype(np.float32), rng.standard_normal((3, 33)).astype(np.float32)
    nodes = [call("Outer", ["x"], ["y", "same"], slope=0.125, name="outer"), call("Both", ["y", "w"], ["product"]),
             call("Row", ["product"], ["row"]), helper.make_node("Add", ["x", "same"], ["twice"])]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [onnx.ValueInfoProto(name=name) for name in ("row", "twice")], [numpy_helper.from_array(w, "w")])
    model = helper.make_model(graph, functions=functions(), ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)])
    path = os.path.join(sys.argv[1], "functions.onnx")
    onnx.save(model, path)
    for got, expected in zip(Model(path)({"x": x, "w": w}), reference(x, w), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    print("functions agree")


if __name__ == "__main__":
    main()
