# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What makers of random models share: ONNX Runtime as the reference, and the folders that tern-onnx-suite reads."""
import argparse
import os

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper


def open_session(model):
    """One thread, nothing fused: what it computes must not depend on what it optimizes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def write(folder, model, sets):
    """The model, and pairs of inputs and results as its data."""
    os.makedirs(folder)
    onnx.save(model, f"{folder}/model.onnx")
    for number, (inputs, results) in enumerate(sets):
        data = f"{folder}/test_data_set_{number}"
        os.makedirs(data)
        for kind, arrays in (("input", inputs), ("output", results)):
            for i, array in enumerate(arrays):
                with open(f"{data}/{kind}_{i}.pb", "wb") as file:
                    file.write(numpy_helper.from_array(np.asarray(array)).SerializeToString())


def make_parser(description, count, what):
    """A command line with a number of models, --count, and --run; randomness.parse() adds the rest."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=count, help=what)
    parser.add_argument("--run", action="store_true", help="run tern-onnx-suite")
    return parser
