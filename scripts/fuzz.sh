#!/usr/bin/env bash
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Builds the libFuzzer harnesses and runs each for a time, from the kept corpora.
# What they come upon stays in BUILD/corpus. Fails at the first finding.
#
#   scripts/fuzz.sh [--build DIR] [--tools DIR] [--seconds N] [HARNESS...]
#
# Not among those that run by default: mlir-text, which finds crashes of MLIR's
# own parsers within seconds.
# Seeds of models are made with the tern-translate in the folder --tools.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build-fuzz
tools=build/bin
seconds=60
harnesses=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --build) build=$2; shift 2 ;;
    --tools) tools=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    -*) echo "usage: $0 [--build DIR] [--tools DIR] [--seconds N] [HARNESS...]" >&2; exit 2 ;;
    *) harnesses+=("$1"); shift ;;
  esac
done
[[ ${#harnesses[@]} -gt 0 ]] || harnesses=(npy safetensors idx tensor-proto signature checkpoint
  onnx-import constant-input pipeline)

[[ -f $build/build.ninja ]] ||
  cmake --preset asan -B "$build" -DTERN_BUILD_FUZZERS=ON \
    -DCMAKE_CXX_FLAGS=-fsanitize=fuzzer-no-link
ninja -C "$build" "${harnesses[@]/#/fuzz-}"

for harness in "${harnesses[@]}"; do
  found=$build/corpus/$harness
  kept=(fuzz/corpus/"$harness" runtime/fuzz/corpus/"$harness")
  mkdir -p "$found"
  if [[ $harness == onnx-import || $harness == pipeline ]]; then
    kept+=("$build/seeds")
    [[ -d $build/seeds ]] ||
      PATH=$tools:$PATH PYTHONPATH=test/python \
        /usr/bin/python3 test/python/onnx_seeds.py "$build/seeds"
  fi
  for i in "${!kept[@]}"; do [[ -d ${kept[i]} ]] || unset "kept[i]"; done
  echo "== $harness: $seconds s"
  # A unit that is slow on a busy machine is no finding; one that hangs is.
  if ! "$build/bin/fuzz-$harness" -max_total_time="$seconds" \
    -artifact_prefix="$build/$harness-" -report_slow_units=60 -timeout=300 \
    -print_final_stats=1 "$found" "${kept[@]}" > "$build/$harness.log" 2>&1; then
    tail -40 "$build/$harness.log" >&2
    exit 1
  fi
  grep -E '^Done ' "$build/$harness.log"
done
