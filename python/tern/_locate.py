# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where the compiler and the runtime are."""

import ctypes.util
import os
import shutil

from ._errors import Error

_HERE = os.path.dirname(os.path.abspath(__file__))


def _homes():
    """Folders that have bin/ and lib/."""
    if os.environ.get("TERN_HOME"):
        yield os.environ["TERN_HOME"]
    # In the source tree: TREE/python/tern and TREE/build.
    yield os.path.join(os.path.dirname(os.path.dirname(_HERE)), "build")
    # Not from the current folder.
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    ternc = shutil.which("ternc", path=os.pathsep.join(filter(os.path.isabs, folders)))
    if ternc:
        yield os.path.dirname(os.path.dirname(os.path.realpath(ternc)))


def find_tool(name):
    """The path of a tool such as "ternc"."""
    given = os.environ.get(name.upper().replace("-", "_"))
    if given:
        return given
    for home in _homes():
        path = os.path.join(home, "bin", name)
        if os.access(path, os.X_OK):
            return path
    raise Error(f"cannot find {name}: put the bin folder of a build or an "
                "installation on the PATH, or set TERN_HOME to the folder "
                "that has it")


def find_runtime():
    """The path or name of the runtime's shared library."""
    given = os.environ.get("TERN_RUNTIME")
    if given:
        return given
    for home in _homes():
        for folder in ("lib", os.path.join("lib", "x86_64-linux-gnu"),
                       os.path.join("lib", "aarch64-linux-gnu")):
            for name in ("libtern_rt.so", "libtern_rt.so.0"):
                path = os.path.join(home, folder, name)
                if os.path.exists(path):
                    return path
    found = ctypes.util.find_library("tern_rt")
    if found:
        return found
    raise Error("cannot find libtern_rt.so: set TERN_HOME or TERN_RUNTIME")
