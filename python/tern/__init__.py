# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile, run and train ternary neural networks.

    import tern
    tern.compile("model.onnx", "model.so")
    model = tern.load("model.so")
    logits = model(images)

Tensors are NumPy arrays, or anything with the array or DLPack protocol (PyTorch
tensors on the CPU, for one). Errors are exceptions: `tern.Error` and its
subclasses.

The compiler, `ternc`, and the runtime, `libtern_rt.so`, are looked for in this
order: the environment's TERNC and TERN_RUNTIME; the folders TERN_HOME/bin and
TERN_HOME/lib; the build folder of the source tree this package lies in; the
PATH, and the lib folder next to it.
"""

from ._compile import compile
from ._errors import (ArtifactError, CompileError, Error, FileError,
                      InvalidArgument, OutOfMemory, WeightsError)
from ._program import Program, load
from ._runtime import TensorInfo, runtime_version
from ._trainer import Trainer

__all__ = ["ArtifactError", "CompileError", "Error", "FileError",
           "InvalidArgument", "OutOfMemory", "Program", "TensorInfo", "Trainer",
           "WeightsError", "compile", "load", "runtime_version"]
