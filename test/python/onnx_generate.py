# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write the backend tests of the installed onnx package as files, as libonnx-testdata has them.

onnx_generate.py FOLDER: FOLDER/KIND/NAME/model.onnx and test_data_set_N/*.pb, for what the package makes in Python
(nodes, their function bodies, simple models) and what it brings as files (models exported by PyTorch). The same
package writes the same files every time.
"""
import argparse
import pathlib
import shutil
import warnings

import numpy as np
import onnx.backend.test.loader
from onnx.backend.test import cmd_tools


def collect():
    # Most tests take random numbers from NumPy's global generator, while they are imported, in the order of their names.
    np.random.seed(0)
    cases = onnx.backend.test.loader.load_node_model_tests() + model_cases()
    # Models of real size, which would have to be downloaded.
    return [case for case in cases if case.kind != "real"]


# generate_data knows how to write sequences, optional values and packed types, but asks for the models alone.
model_cases, cmd_tools.model_test.collect_testcases = cmd_tools.model_test.collect_testcases, collect


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path)
    output = parser.parse_args().output
    shutil.rmtree(output, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Overflows, logarithms of 0: what the tests are about.
        cmd_tools.generate_data(argparse.Namespace(output=str(output)))
    for folder in pathlib.Path(cmd_tools.DATA_DIR).glob("pytorch-*"):
        shutil.copytree(folder, output / folder.name)


if __name__ == "__main__":
    main()
