# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tests that lit runs again with the instrumented tools of build/sanitized/bin: how they refuse what users give them.

A module of its own, since lit hands formats to its processes by name.
"""
import lit.formats

TESTS = {
    "Import/ONNX/broken-models.test",
    "Import/ONNX/external-data.test",
    "ternc/errors.test",
    "ternc/hostile-names.test",
    "ternc/overwriting.test",
    "ternc/report.test",
    "ternc/search-paths.test",
}


class SanitizedTests(lit.formats.ShTest):
    def getTestsInDirectory(self, *arguments):
        tests = super().getTestsInDirectory(*arguments)
        return (test for test in tests if "/".join(test.path_in_suite) in TESTS)
