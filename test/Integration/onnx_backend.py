# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tern.onnx_backend under onnx's own test runner, and what that does not call."""
import sys
import unittest

import numpy as np
import onnx
import onnx.backend.test
from onnx import TensorProto, helper

import tern
import tern.onnx_backend as backend

# onnx 1.12 asks for what NumPy 1.24 has no more.
np.object = object

runner = onnx.backend.test.BackendTest(backend, __name__)
NODES = ("add_bcast", "argmax_default_axis_example", "averagepool_2d_pads", "batchnorm_example", "cast_FLOAT_to_DOUBLE",
         "concat_2d_axis_0", "conv_with_strides_padding", "gather_0", "gemm_all_attributes", "layer_normalization_2d_axis1",
         "lstm_defaults", "softmax_axis_1", "split_equal_parts_1d", "transpose_all_permutations_0")
for name in NODES:
    runner.include(f"^test_{name}_cpu$")
# Strings, and axes that only the run would tell: is_compatible says so, and the
# runner skips them.
runner.include("^test_unsqueeze_two_axes_cpu$")
runner.include("^test_strnorm_model_monday_casesensintive_lower_cpu$")
runner.include("^test_Linear_cpu$")
runner.include("^test_add_bcast_cuda$")
globals().update(runner.test_cases)


class More(unittest.TestCase):
    """What the runner does not call."""

    def setUp(self):
        info = helper.make_tensor_value_info
        nodes = [helper.make_node("Add", ["x", "y"], ["sum"]), helper.make_node("Relu", ["sum"], ["0"])]
        graph = helper.make_graph(nodes, "two", [info("x", TensorProto.FLOAT, ["n"]), info("y", TensorProto.FLOAT, ["n"])],
                                  [info("0", TensorProto.FLOAT, ["n"]), info("sum", TensorProto.FLOAT, ["n"])])
        self.model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
        self.x, self.y = np.float32([1, -2, 3]), np.float32([4, 1, -5])

    def test_names(self):
        results = backend.run_model(self.model, {"y": self.y, "x": self.x})
        np.testing.assert_array_equal(results["0"], [5, 0, 0])
        np.testing.assert_array_equal(results[1], [5, -1, -2])
        np.testing.assert_array_equal(results.sum, [5, -1, -2])

    def test_node(self):
        node = helper.make_node("Clip", ["x", "", "high"], ["y"])
        (result,) = backend.run_node(node, [self.x, np.float32(2)])
        np.testing.assert_array_equal(result, [1, -2, 2])

    def test_errors(self):
        self.assertTrue(backend.is_compatible(self.model))
        with self.assertRaises(tern.InvalidArgument):
            backend.run_model(self.model, [self.x])
        with self.assertRaises(tern.InvalidArgument):
            backend.prepare(self.model, "CUDA:1")
        with self.assertRaises(tern.InvalidArgument):
            backend.run_node(helper.make_node("Relu", ["x"], ["y"]), [self.x, self.y])
        self.model.graph.node[1].op_type = "Nonsense"
        self.assertFalse(backend.is_compatible(self.model))
        with self.assertRaisesRegex(tern.CompileError, "Nonsense"):
            backend.prepare(self.model)


if __name__ == "__main__":
    program = unittest.main(exit=False, argv=sys.argv[:1], verbosity=0)
    ran = program.result.testsRun - len(program.result.skipped)
    skipped = {case.id().split(".")[-1] for case, reason in program.result.skipped if "pattern" not in reason}
    print(f"{ran} ran; skipped {', '.join(sorted(skipped))}")
    assert ran == len(NODES) + 1 + 3, ran
    sys.exit(not program.result.wasSuccessful())
