# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Configuration of the lit tests. docs/testing.md explains their use."""
import os
import re
import sys

import lit.formats

if config.sanitized:
    sys.path.append(os.path.join(os.path.dirname(__file__), "python"))
    from sanitized_tests import SanitizedTests

config.name = "Tern-Sanitized" if config.sanitized else "Tern"
config.test_format = (SanitizedTests if config.sanitized else lit.formats.ShTest)(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "lib", "python"]
config.test_source_root = os.path.dirname(__file__)
binary_root = os.path.join(config.tern_binary_dir, "test")
config.test_exec_root = os.path.join(config.tern_binary_dir, "sanitized") if config.sanitized else binary_root

# Tools by name: Tern's own, then LLVM's (FileCheck, not, mlir-opt, llc, ...).
path = [os.path.join(config.tern_binary_dir, "sanitized", "bin")] if config.sanitized else []
path += [os.path.join(config.tern_binary_dir, "bin"), config.llvm_tools_dir, os.environ["PATH"]]
config.environment["PATH"] = os.pathsep.join(path)
config.environment["LC_ALL"] = "C.UTF-8"
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"

config.substitutions += [
    ("%python", config.python),
    ("%ort_python", os.path.join(binary_root, "environment", "bin", "python")),
    ("%onnx_python", os.path.join(binary_root, "onnx-environment", "bin", "python")),
    ("%onnx_data", os.path.join(binary_root, "onnx-data")),
    ("%cc", config.c_compiler),
    ("%cxx", config.cxx_compiler),
    ("%cmake", config.cmake),
    ("%tern_src", config.tern_source_dir),
    ("%tern_obj", config.tern_binary_dir),
]

# "REQUIRES: cpu-avx2" and so on: features of this machine's processor, by the
# kernel's names. A test that lacks only these is skipped, not failed.
if os.path.exists("/proc/cpuinfo"):
    with open("/proc/cpuinfo") as cpuinfo:
        flags = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo.read(), re.MULTILINE)
    config.available_features |= {f"cpu-{flag}" for flag in flags.group(1).split()} if flags else set()

# The C library's checked functions need optimization.
if config.build_type != "Debug" and not config.asan and not config.tsan:
    config.available_features.add("fortified")

if config.asan:
    config.available_features.add("asan")
    # For the reasons in fuzz/AsanOptions.cpp.
    config.environment["ASAN_OPTIONS"] = (
        "detect_leaks=0:detect_container_overflow=0:allow_user_poisoning=0")
