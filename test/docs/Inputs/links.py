# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Check that every relative link of the Markdown pages leads to a file and, if it names one, a heading of it."""
import pathlib
import re
import sys


def anchors(page):
    headings = re.findall(r"^#+ +(.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


root = pathlib.Path(sys.argv[1])
pages = [*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("examples/*/*.md")]
links = broken = 0
for page in pages:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        links += 1
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken += 1
            print(f"{page}: broken link {target}")
# The index lists every page.
index = (root / "docs" / "README.md").read_text()
for page in root.glob("docs/*.md"):
    if page.name != "README.md" and f"({page.name})" not in index:
        broken += 1
        print(f"docs/README.md does not list {page.name}")
print(f"{links} links, {broken} broken")
sys.exit(1 if broken or not links else 0)
