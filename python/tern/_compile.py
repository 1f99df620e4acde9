# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Call the compiler."""

import os
import signal
import subprocess

from ._errors import CompileError
from ._locate import find_tool


def compile(model, output=None, *, train=False, options=(), **flags):
    """Compiles an ONNX model (or MLIR) with ternc, a process of its own.

    Args:
      model: the file.
      output: what to write, X.so by default for a model X.onnx; its weights go
        to X.safetensors.
      train: makes a training artifact, for tern.Trainer.
      options: further arguments of ternc, as strings.
      flags: options by name: ternarize="all" is --ternarize=all, embed_weights=
        True is --embed-weights, False and None are left out, and a list gives
        the option several times.

    Returns:
      The path of the output.

    Raises:
      CompileError: with the compiler's first message; nothing was written.
    """
    model = os.fspath(model)
    if output is None:
        output = os.path.splitext(model)[0] + ".so"
    command = [find_tool("ternc"), model, "-o", os.fspath(output)]
    if train:
        command.append("--train")
    for name, value in flags.items():
        option = "--" + name.replace("_", "-")
        values = value if isinstance(value, (list, tuple)) else [value]
        for item in values:
            if item is True:
                command.append(option)
            elif item is not False and item is not None:
                command.append(f"{option}={item}")
    command += options
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                check=False)
    except OSError as error:
        raise CompileError(f"cannot run {command[0]}: {error}") from error
    text = result.stderr.decode(errors="replace")
    if result.returncode < 0:
        name = signal.Signals(-result.returncode).name
        raise CompileError(f"ternc was ended by {name}", text)
    if result.returncode != 0:
        lines = text.splitlines()
        first = next((line for line in lines if "error:" in line),
                     lines[0] if lines else "it did not say why")
        # Before "error:" there is the place, worth keeping.
        raise CompileError(first[7:] if first.startswith("error: ") else first,
                           text)
    return output
