# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the GoogleTest executables (add_tern_unittest) under lit."""
import os

import lit.formats

config.name = "Tern-Unit"
config.test_format = lit.formats.GoogleTest(".", "Tests")
config.suffixes = []
config.test_source_root = os.path.join(config.tern_binary_dir, "unittests")
config.test_exec_root = config.test_source_root
# Tests fork while threads run.
config.environment["TSAN_OPTIONS"] = "die_after_fork=0"
if config.asan:
    config.environment["ASAN_OPTIONS"] = "detect_leaks=0:detect_container_overflow=0"
