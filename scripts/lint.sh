#!/usr/bin/env bash
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Runs clang-tidy over the C++ files that differ from main, or with --all over
# every one.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build
jobs=$(nproc)
all=
while [[ $# -gt 0 ]]; do
  case $1 in
    --build) build=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    --all) all=1; shift ;;
    *) echo "usage: $0 [--build DIR] [--jobs N] [--all]" >&2; exit 2 ;;
  esac
done
if [[ -n $all ]]; then
  files=$(git ls-files '*.cpp')
else
  base=$(git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)
  files=$( (git diff --name-only --diff-filter=d "$base" -- '*.cpp'
            git ls-files --others --exclude-standard '*.cpp') | sort -u)
fi
# Only files that the build compiles: clang-tidy needs their flags.
compiled=$(python3 - "$build/compile_commands.json" <<'PY'
import json, os, sys
for entry in json.load(open(sys.argv[1])):
    print(os.path.relpath(os.path.join(entry["directory"], entry["file"])))
PY
)
files=$(comm -12 <(sort -u <<<"$files") <(sort -u <<<"$compiled"))
if [[ -z $files ]]; then echo "no file to check"; exit 0; fi
xargs -P "$jobs" -n 1 clang-tidy-22 --quiet -p "$build" <<<"$files"
