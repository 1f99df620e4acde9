#!/usr/bin/env bash
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Checks (or with --fix changes) the format of every C and C++ file.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(--dry-run -Werror)
if [[ ${1:-} == --fix ]]; then mode=(-i); fi
# Outside a git checkout (a source archive) look at the folders themselves.
{ git ls-files --cached --others --exclude-standard '*.cpp' '*.h' '*.c' 2>/dev/null ||
  find . -path './build*' -prune -o \
    '(' -name '*.cpp' -o -name '*.h' -o -name '*.c' ')' -print; } |
  while read -r file; do if [[ -e $file ]]; then echo "$file"; fi; done |
  xargs -r clang-format-22 "${mode[@]}"
