//===- TallyDevice.cpp - The accelerator, as a program --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Device.h"

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace {
/// A line that Tally.cpp assembled.
struct Product {
  std::string kernel;
  bool isGrouped = false;
  int group = 0, x = 0, packed = 0, scales = 0, out = 0;
};
using Kernels = std::vector<Product>;

template <typename T> T read(void *const *params, int param) {
  return *static_cast<T *>(params[param]);
}

void run(const Product &p, int64_t token, void *const *params) {
  // Extents of a buffer follow its address.
  auto columns = read<int64_t>(params, p.x + 2),
       rows = read<int64_t>(params, p.out + 2),
       groups = p.scales < 0 ? 1 : read<int64_t>(params, p.scales + 2);
  int64_t tileRows = p.isGrouped ? 4 : 8, across = columns / (2 * tileRows),
          down = (rows + tileRows - 1) / tileRows;
  auto *x = read<int8_t *>(params, p.x) + token * columns;
  auto *byte = read<uint8_t *>(params, p.packed);
  std::vector<int32_t> sums(down * tileRows * groups);
  for (int64_t tile = 0; tile < down * across; ++tile)
    for (int64_t i = 0; i < tileRows * tileRows / 2; ++i, ++byte)
      for (int64_t field = 0; field < 4; ++field) {
        int64_t n = tile / across * 8 + i / 4 % 4 * 2 + i / 16,
                k = tile % across * 16 + 15 - i % 4 * 4 - field;
        if (p.isGrouped) {
          n = tile % down * 4 + i % 4;
          k = tile / down * 8 + i / 4 * 4 + field;
        }
        sums[n * groups + (p.group ? k / p.group : 0)] +=
            ((*byte >> 2 * field & 3) - 1) * x[k];
      }
  for (int64_t n = 0; n < rows; ++n) {
    if (p.scales < 0) {
      read<int32_t *>(params, p.out)[token * rows + n] = sums[n];
      continue;
    }
    float &sum = read<float *>(params, p.out)[token * rows + n] = 0;
    for (int64_t g = n * groups; g < (n + 1) * groups; ++g)
      sum = std::fma(float(sums[g]), read<float *>(params, p.scales)[g], sum);
  }
}

const char *open(const TernDeviceTable *table, void **context) {
  Kernels kernels(table->num_kernels);
  for (uint64_t i = 0; i < table->num_images; ++i) {
    const TernDeviceImage &image = *table->images[i];
    if (std::string(image.kind) != "tally")
      return "the model's kernels are for another device";
    std::istringstream code(
        std::string((const char *)image.bytes, image.num_bytes));
    for (Product p; code >> p.kernel >> p.isGrouped >> p.group >> p.x >>
                    p.packed >> p.scales >> p.out;)
      for (uint64_t number = 0; number < kernels.size(); ++number)
        if (image.module == std::string(table->kernels[number]->module) &&
            p.kernel == table->kernels[number]->name)
          kernels[number] = p;
  }
  *context = new Kernels(kernels);
  return nullptr;
}

void close(void *context) { delete static_cast<Kernels *>(context); }

int32_t launch(void *context, uint32_t kernel, const uint32_t grid[3], uint32_t,
               void *const *params, const char *) {
  for (uint32_t token = 0; token < grid[0]; ++token)
    run((*static_cast<Kernels *>(context))[kernel], token, params);
  return 0;
}
} // namespace

const TernDevice *tern_device() {
  static const TernDevice device = {
      sizeof(device), TERN_ARTIFACT_ABI, "tally", open, close, launch};
  return &device;
}
