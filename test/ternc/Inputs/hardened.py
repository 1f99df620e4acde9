# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether programs and libraries are linked as they should be: position independent, relocations read-only from the start,
none in code, no stack that can be executed. With --compiled also whether they call what stack protectors and fortified functions
call. Prints what is missing, and how many files were looked at.

    hardened.py [--compiled=__stack_chk_fail,_chk] FILE...
"""
import argparse
import re
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--compiled", default="", help="ends of symbols, each of which a file has to import")
parser.add_argument("files", nargs="+")
args = parser.parse_args()


def read(*options):
    return subprocess.run(["llvm-readelf", "--wide", *options], capture_output=True, text=True, check=True).stdout


def missing(path):
    text = read("--file-header", "--segments", "--dynamic-table", path)
    if not re.search(r"Type:\s+DYN", text):
        yield "it is not position independent"
    if "GNU_RELRO" not in text:
        yield "no RELRO"
    if not re.search(r"\((FLAGS|FLAGS_1|BIND_NOW)\).*\b(BIND_)?NOW\b", text):
        yield "functions are bound late"
    if not re.search(r"GNU_STACK.* RW +0", text):
        yield "its stack can be executed"
    if "TEXTREL" in text:
        yield "relocations in code"
    if re.search(r"LOAD.* RWE ", text):
        yield "memory that can be written and executed"
    if args.compiled:
        symbols = re.findall(r"UND (\S+)", read("--dyn-symbols", path))
        for end in args.compiled.split(","):
            if not any(re.search(f"{end}(@|$)", symbol) for symbol in symbols):
                yield f"imports nothing that ends in {end}"


problems = [f"{path}: {problem}" for path in args.files for problem in missing(path)]
print(*problems, f"{len(args.files)} files", sep="\n")
sys.exit(bool(problems))
