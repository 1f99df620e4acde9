#!/usr/bin/env python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Check that the tree's folders stand above each other as scripts/layers.txt says: layers.py [FOLDER]

Reads every #include of C, C++ and TableGen, and the libraries that CMakeLists.txt link, of the tree in FOLDER (this one). The last
line is `N includes and M links, K errors`; exit status 1 if there are errors.
"""
import os
import pathlib
import re
import sys

SOURCES = {".h", ".c", ".cpp", ".td"}
LINK = re.compile(r"(?:add_tern_library|target_link_libraries|add_tern_tool|add_executable|add_library)\(\s*([^)]*)\)")
WORDS = {"PUBLIC", "PRIVATE", "INTERFACE", "LINK_LIBS", "DEPENDS", "STATIC", "SHARED", "OBJECT"}


class Layers:
    """The folders in their order, what lib may have of the runtime, the folders of libraries, and the exceptions."""

    def __init__(self, path):
        self.order, self.shared, self.libraries, self.exceptions = [], set(), {}, {}
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("lib-> "):
                self.shared.add(line.removeprefix("lib-> "))
            elif line.startswith("library "):
                _, name, folder = line.split(" ")
                self.libraries[name] = folder
            elif line.startswith("except "):
                self.exceptions[tuple(line.removeprefix("except ").split(" -> "))] = 0
            elif line and not line.startswith("#"):
                self.order.append(line)

    def find(self, path):
        """The folder that a file is held to, or nothing."""
        path = re.sub("^include/tern/", "lib/", path)
        fitting = [name for name in self.order if path == name or re.match(re.escape(name) + r"[/.]", path)]
        return max(fitting, key=len, default=None)

    def check(self, source, target):
        """What is wrong with a use of one file, or of a library by its folder, by another."""
        above, below = self.find(source), self.find(target)
        if above is None or below is None:
            unknown = source if above is None else target
            return None if unknown.startswith(("examples/", "benchmarks/")) else f"{unknown} is in no folder of scripts/layers.txt"
        if above == below:
            return None
        if (above, below) in self.exceptions:
            self.exceptions[above, below] += 1
            return None
        if self.order.index(below) > self.order.index(above):
            return f"{above} is below {below}, and uses {target}"
        if above.startswith("lib/") and below.startswith("runtime/") and target.endswith(".h") and target not in self.shared:
            return f"{above} may not have {target} of the runtime"
        return None


def list_files(root):
    for folder, folders, names in os.walk(root):
        at = os.path.relpath(folder, root)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "build")))
        for name in sorted(names):
            yield os.path.normpath(os.path.join(at, name))


def resolve(include, source, files, by_name):
    """The file of this tree that an include means; None if it is another's, or generated."""
    for folder in (os.path.dirname(source), "include", "runtime/include", "lib", ""):
        path = os.path.normpath(os.path.join(folder, include))
        if path in files:
            return path
    fitting = [path for path in by_name.get(os.path.basename(include), []) if path.endswith("/" + include)]
    # In folders that CMake names; the nearest, if there are several.
    return max(fitting, key=lambda path: len(os.path.commonprefix([path, source])), default=None)


def find_libraries(root, cmake, known):
    """The folder of each target: as layers.txt says or that of its CMakeLists.txt; and what they link: (file, line, target, library)."""
    homes, links = dict(known), []
    for path in cmake:
        text = re.sub("#.*", "", (root / path).read_text(encoding="utf-8"))
        for match in LINK.finditer(text):
            line, words = text.count("\n", 0, match.start()) + 1, match[1].split()
            if not words:
                continue
            target = words[0]
            if not match[0].startswith("target_link_libraries"):
                homes.setdefault(target, os.path.dirname(path))
                words = words[words.index("LINK_LIBS"):] if "LINK_LIBS" in words else words[:1]
            links += [(path, line, target, word) for word in words[1:] if word not in WORDS]
    return homes, links


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1])
    layers = Layers(root / "scripts/layers.txt")
    files = list(list_files(root))
    known, by_name = set(files), {}
    for path in files:
        by_name.setdefault(os.path.basename(path), []).append(path)
    errors, includes, links = [], 0, 0
    for path in files:
        if os.path.splitext(path)[1] not in SOURCES:
            continue
        for number, line in enumerate((root / path).read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            match = re.match(r'\s*#?\s*include\s+"([^"]+)"', line)
            target = resolve(match[1], path, known, by_name) if match else None
            if target:
                includes += 1
                errors += [f"{path}:{number}: {wrong}" for wrong in [layers.check(path, target)] if wrong]
    homes, found = find_libraries(root, [path for path in files if os.path.basename(path) == "CMakeLists.txt"], layers.libraries)
    for path, number, target, library in found:
        if target in homes and library in homes:
            links += 1
            wrong = layers.check(homes[target] + "/", homes[library] + "/")
            errors += [f"{path}:{number}: {target} links {library}: {wrong}"] if wrong else []
    errors += [f"scripts/layers.txt: nothing needs the exception {above} -> {below} any more: take it out"
               for (above, below), uses in layers.exceptions.items() if not uses]
    for error in errors:
        print(f"error: {error}")
    print(f"{includes} includes and {links} links, {len(layers.exceptions)} exceptions, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
