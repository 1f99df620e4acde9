#!/usr/bin/env python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run every test of a finished build and print totals for each suite.

The last line is "N passed, N failed". A test that did not run counts as
failed, unless all it lacks is hardware: lit features named "cpu-..." or
"gpu...". Exit status 0 only if nothing failed.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SUITES = ("lit", "unit", "integration", "format")
PASSED = {"PASS", "FLAKYPASS", "XFAIL"}


def suite_of(name):
    """The suite of a test by its name, 'Tern :: Folder/file.test'."""
    root, _, path = name.partition(" :: ")
    if root.startswith("Tern-Unit"):
        return "unit"
    return "integration" if path.startswith("Integration/") else "lit"


def lacks_only_hardware(test):
    match = re.search(r"requires the following unavailable features: (.*)", test.get("output", ""))
    if not match:
        return False
    features = [feature.strip(" ()!") for feature in re.split(r",|&&|\|\|", match.group(1))]
    return all(feature.startswith(("cpu-", "gpu")) for feature in features)


def print_slowest(tests, number=20):
    """Where the time goes: what takes longest is what to merge or to make smaller first."""
    tests = sorted(tests, key=lambda test: -test["elapsed"])
    total = sum(test["elapsed"] for test in tests)
    print(f"the {min(number, len(tests))} slowest of {len(tests)} tests, in seconds of {total:.0f}:")
    for test in tests[:number]:
        print(f"  {test['elapsed']:7.1f}  {test['name'].partition(' :: ')[2]}")


def run_lit(build, jobs, extra, counts):
    cache = (build / "CMakeCache.txt").read_text()
    lit = re.search(r"^LLVM_EXTERNAL_LIT:[A-Z]*=(.+)$", cache, re.MULTILINE).group(1)
    folders = [build / "test", build / "unittests"]
    # Some again, with instrumented tools.
    if (build / "sanitized" / "lit.site.cfg.py").exists():
        folders.append(build / "sanitized")
    with tempfile.TemporaryDirectory() as scratch:
        results = pathlib.Path(scratch) / "results.json"
        command = [sys.executable, lit, f"-j{jobs}", "-q", "-v", f"--output={results}", *extra]
        subprocess.run([*command, *map(str, folders)], stdin=subprocess.DEVNULL)
        tests = json.loads(results.read_text())["tests"] if results.exists() else []
    for test in tests:
        suite, code = suite_of(test["name"]), test["code"]
        if code in PASSED:
            counts[suite]["passed"] += 1
        elif code == "UNSUPPORTED" and lacks_only_hardware(test):
            counts[suite]["skipped"] += 1
            print(f"skipped, this machine lacks the hardware: {test['name']}")
        else:
            counts[suite]["failed"] += 1
            print(f"{'did not run' if code == 'UNSUPPORTED' else 'failed'}: {test['name']} ({code})")
    print_slowest(tests)
    for suite in ("lit", "unit"):
        if not counts[suite]:
            counts[suite]["failed"] += 1
            print(f"failed: no {suite} test ran")


def run_format(source, counts):
    status = subprocess.run([source / "scripts" / "format.sh"], stdin=subprocess.DEVNULL).returncode
    counts["format"]["passed" if status == 0 else "failed"] += 1
    if status != 0:
        print("failed: clang-format; 'make format-fix' changes the files")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("lit", nargs="*", help="further arguments of lit, after --")
    args = parser.parse_args()
    source = pathlib.Path(__file__).resolve().parent.parent
    counts = collections.defaultdict(collections.Counter)

    run_lit(args.build.resolve(), args.jobs, args.lit, counts)
    run_format(source, counts)

    for suite in SUITES:
        skipped = f", {counts[suite]['skipped']} skipped" if counts[suite]["skipped"] else ""
        print(f"  {suite + ':':<13}{counts[suite]['passed']} passed, {counts[suite]['failed']} failed{skipped}")
    failed = sum(counts[suite]["failed"] for suite in SUITES)
    print(f"{sum(counts[suite]['passed'] for suite in SUITES)} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
