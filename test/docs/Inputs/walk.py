# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run a page's blocks of Python and shell in a folder and compare what they print with the block that follows.

walk.py PAGE FOLDER. A block `text` has to be all that is printed. Of a block `mlir` each line has to be printed, in this order,
whatever stands between; `...` in it is any text, and names (%x, #map) are variables that keep what they are first found to be.
Each source file that the page links to is linked once."""
import collections
import pathlib
import re
import subprocess
import sys


def to_pattern(line):
    """A regular expression for a shown line, and the names in it in order."""
    pattern, names = "", []
    for part in re.split(r"(\.\.\.|[%#]\w[\w$-]*)", line.strip()):
        if part == "...":
            pattern += ".*"
        elif re.fullmatch(r"%\w[\w$-]*|#map\d*", part):
            pattern += f"({part[0]}[\\w$#-]+)"
            names.append(part)
        else:
            pattern += re.escape(part)
    return pattern + ("" if line.endswith("...") else r"\s*$"), names


def find(shown, printed):
    """The first shown line that is not printed, or None."""
    printed = [line.strip() for line in printed.splitlines()]
    lines = [line for line in shown.splitlines() if line.strip() != "..."]
    patterns = [to_pattern(line) for line in lines]
    matches = [[(at, match.groups()) for at, line in enumerate(printed) if (match := re.match(pattern, line))]
               for pattern, _ in patterns]
    furthest = 0

    def search(index, start, bound):
        nonlocal furthest
        furthest = max(furthest, index)
        if index == len(lines):
            return True
        names = patterns[index][1]
        return any(
            search(index + 1, at + 1, {**bound, **dict(zip(names, found))}) for at, found in matches[index]
            if at >= start and all(bound.get(name, value) == value for name, value in zip(names, found)))

    return None if search(0, 0, {}) else lines[furthest]


page, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
text = page.read_text()
errors = 0


def fail(message):
    global errors
    errors += 1
    print(f"error: {page.name}: {message}")


links = collections.Counter(re.findall(r"\]\(\.\./((?:lib|include|optimizers|runtime|tools)/[^)#]*)\)", text))
for name, count in links.items():
    if count > 1:
        fail(f"{name} is passed {count} times")

run = compared = 0
printed = None
for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
    if kind in ("sh", "python"):
        command = ["sh", "-e", "-c", block] if kind == "sh" else [sys.executable, "-c", block]
        done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        printed = done.stdout
        run += 1
        if done.returncode:
            fail(f"exit status {done.returncode} of\n{block}{printed}")
            break
    elif kind == "text":
        compared += 1
        if printed is None or printed.split() != block.split():
            fail(f"expected\n{block}but there is\n{printed}")
    elif kind == "mlir":
        compared += 1
        if printed is None:
            fail(f"nothing is run for\n{block}")
        elif missing := find(block, printed):
            fail(f"not printed, or not here: {missing}")
print(f"{page.name}: {len(links)} files, {run} blocks run, {compared} compared, {errors} errors")
sys.exit(1 if errors or not compared else 0)
