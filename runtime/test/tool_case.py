# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of command lines share: a folder of their own, and what a run must say."""

import os
import shutil
import tempfile
import unittest

import numpy as np


class ToolCase(unittest.TestCase):
    """`run_tool` of a derived class runs the tool."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.rng = np.random.default_rng(0)

    def path(self, name):
        return os.path.join(self.dir, name)

    def save(self, name, array):
        np.save(self.path(name), array)
        return "@" + self.path(name)

    def good(self, *arguments, **options):
        result = self.run_tool(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        return result.stdout

    def bad(self, expected, *arguments, **options):
        """Expects one line of error that contains `expected`, and no file."""
        before = sorted(os.listdir(self.dir))
        result = self.run_tool(*arguments, **options)
        self.assertEqual(result.returncode, 1, result.stderr)
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(lines[0].startswith("error: "), lines[0])
        self.assertIn(expected, lines[0])
        self.assertEqual(sorted(os.listdir(self.dir)), before)
