//===- fake-weights.cpp - Weights of the fake artifact ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Usage: fake-weights OUT.safetensors OUT.inc TRAIN.safetensors
// TEXT.safetensors. The second is the first as a C initializer, for the variant
// with embedded weights; the others hold the initial parameters of
// fake-train.c.
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Safetensors.h"

#include <cstdio>
#include <fstream>
#include <iterator>

using namespace tern::runtime;

static MaybeError writeWeights(const std::string &path) {
  SafetensorsWriter writer;
  if (MaybeError error = writer.open(
          path, {{"w", DType::F32, {3, 2}}},
          {{"format", "tern"}, {"tern_weights_id", std::string(32, '0')}}))
    return error;
  const float w[] = {1, 2, 3, 4, 5, 6};
  if (MaybeError error = writer.append(w, sizeof(w)))
    return error;
  if (MaybeError error = writer.setMetadata("tern_weights_id",
                                            "0123456789abcdef0123456789abcdef"))
    return error;
  return writer.finish();
}

static MaybeError writeParams(const std::string &path, int64_t in,
                              int64_t out) {
  SafetensorsWriter writer;
  if (MaybeError error = writer.open(
          path, {{"w", DType::F32, {in, out}}},
          {{"format", "tern"},
           {"tern_weights_id", "0123456789abcdef0123456789abcdef"}}))
    return error;
  for (int64_t i = 0; i < in * out; ++i) {
    float w = static_cast<float>(i % 7 - 3) / 8;
    if (MaybeError error = writer.append(&w, sizeof(w)))
      return error;
  }
  return writer.finish();
}

int main(int argc, char **argv) {
  if (argc != 5)
    return 1;
  MaybeError error = writeWeights(argv[1]);
  if (!error)
    error = writeParams(argv[3], 6, 3);
  if (!error)
    error = writeParams(argv[4], 16, 16);
  if (error) {
    std::fprintf(stderr, "error: %s\n", error->c_str());
    return 1;
  }
  std::ifstream in(argv[1], std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::ofstream out(argv[2]);
  out << "#define FAKE_BYTES bytes\n#define FAKE_NUM_BYTES sizeof(bytes)\n"
      << "_Alignas(64) static const char bytes[] = {";
  for (char byte : bytes)
    out << static_cast<int>(byte) << ",";
  out << "};\n";
  return out.flush() ? 0 : 1;
}
