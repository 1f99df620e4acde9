#!/usr/bin/env bash
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Installs the Debian packages Tern needs; does nothing when they are there.
#
#   scripts/install-deps.sh [--dry-run] build|demo|check|all
#
# build: compile Tern. demo: run the example, too. check: run the tests, too.
# all: what a developer of Tern uses besides. Needs root, or sudo.
set -euo pipefail

build=(
  llvm-22-dev libmlir-22-dev mlir-22-tools llvm-22-tools clang-22 lld-22
  cmake ninja-build ccache nlohmann-json3-dev libcli11-dev libdlpack-dev
  libonnx-dev libprotobuf-dev protobuf-compiler zlib1g-dev
  libgtest-dev libgmock-dev python3)
demo=(dataset-fashion-mnist)
check=(clang-format-22 fish gcc libclang-rt-22-dev libonnx-testdata python3-numpy python3-onnx
  python3-torch python3-setuptools python3-venv python3-wheel zsh)
dev=(clang-tidy-22 libbenchmark-dev)

fail() { echo "error: $*" >&2; exit 1; }
usage="usage: $0 [--dry-run] build|demo|check|all"

dry_run=
if [[ ${1:-} == --dry-run ]]; then dry_run=1; shift; fi
case ${1:-} in
  build) wanted=("${build[@]}") ;;
  demo) wanted=("${build[@]}" "${demo[@]}") ;;
  check) wanted=("${build[@]}" "${demo[@]}" "${check[@]}") ;;
  all) wanted=("${build[@]}" "${demo[@]}" "${check[@]}" "${dev[@]}") ;;
  *) echo "$usage" >&2; exit 2 ;;
esac

if ! command -v dpkg-query apt-get >/dev/null; then
  echo "error: this is not Debian: install the equivalents of these packages" \
       "yourself (LLVM, MLIR and clang of version 22), then say 'make build':" >&2
  printf '  %s\n' "${wanted[@]}" >&2
  exit 1
fi

missing() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' |
              sed -n 's/^installed //p')
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(sort -u <<<"$installed")
}

mapfile -t packages < <(missing)
[[ ${#packages[@]} -gt 0 ]] || exit 0
if [[ -n $dry_run ]]; then
  printf '%s\n' "${packages[@]}"
  exit 1
fi

as_root=()
if [[ $(id -u) != 0 ]]; then
  command -v sudo >/dev/null ||
    fail "run 'apt-get install --no-install-recommends ${packages[*]}' as root"
  as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3)

echo "Installing Debian packages: ${packages[*]}"
"${apt[@]}" update </dev/null
for package in "${packages[@]}"; do
  apt-cache show "$package" >/dev/null 2>&1 ||
    fail "no package '$package' here: Tern needs Debian 12 with the" \
         "bookworm-security suite, which has LLVM 22, or a newer release"
done
"${apt[@]}" install -y --no-install-recommends "${packages[@]}" </dev/null
