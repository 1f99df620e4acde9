# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fresh random inputs in each run, from a seed that is printed: what failed can be run once more."""
import os
import pathlib
import sys

import numpy as np


def start(seed=None):
    """The seed, or one that TERN_TEST_SEED names, or a new one; and NumPy's generator from it."""
    if seed is None:
        seed = int(os.environ.get("TERN_TEST_SEED") or np.random.SeedSequence().entropy % 2**32)
    print("seed", seed, flush=True)
    return seed, np.random.default_rng(seed)


def parse(parser, argument="folder"):
    """Adds a folder, which is made, and --seed to a command line. Its arguments and NumPy's generator."""
    parser.add_argument(argument, type=pathlib.Path)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    getattr(arguments, argument).mkdir(parents=True, exist_ok=True)
    arguments.seed, rng = start(arguments.seed)
    return arguments, rng


def finish(checked, failures):
    """Ends a test that compared results: they must be some, and all right."""
    print(f"{checked} results, {failures} failures")
    sys.exit(1 if failures or not checked else 0)
