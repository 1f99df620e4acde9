//===- TernaryFacts.cpp - Which parameters are ternary --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "llvm/Support/Endian.h"
#include <algorithm>

using namespace tern::onnx_import;

/// How far the magnitudes of a granule may be apart, in units in the last
/// place. Where a straight-through residue `w + (q - w)` was folded, q has lost
/// bits to w: f32 weights count as ternary to 2^-18 of their scale, which is
/// far from any quantizer with more levels. Zeros are always exact.
template <typename Bits> constexpr Bits tolerance = 0;
template <> constexpr uint32_t tolerance<uint32_t> = 1 << (23 - 18);

namespace {
struct Matrix {
  const char *bytes;
  int64_t rows, columns;
};
} // namespace

/// Whether all elements are 0 or have their granule's one absolute value, but
/// for `tolerance`. Elements are compared as bits without their sign: these are
/// ordered like the magnitudes, and infinities and NaNs are excluded.
/// `granule(r, c)` numbers the granule of the element in row r, column c as
/// stored; there are `numGranules`. Ends at the first element that does not
/// fit, which in a matrix that is not ternary is soon.
template <typename Bits, typename Granule>
static bool isTernary(const Matrix &matrix, int64_t numGranules, Bits infinity,
                      Granule granule) {
  constexpr Bits magnitude = static_cast<Bits>(~Bits(0)) >> 1;
  struct Range {
    Bits low, high; // 0 before the first.
  };
  std::vector<Range> ranges(numGranules);
  const char *next = matrix.bytes;
  for (int64_t r = 0; r < matrix.rows; ++r) {
    for (int64_t c = 0; c < matrix.columns; ++c, next += sizeof(Bits)) {
      Bits bits =
          llvm::support::endian::read<Bits, llvm::endianness::little>(next) &
          magnitude;
      if (bits == 0)
        continue;
      Range &range = ranges[granule(r, c)];
      if (range.high == 0)
        range = {bits, bits};
      range.low = std::min(range.low, bits);
      range.high = std::max(range.high, bits);
      if (range.high - range.low > tolerance<Bits> || bits >= infinity)
        return false;
    }
  }
  return true;
}

template <typename Bits>
static std::string findFact(const Matrix &matrix, int64_t channelAxis,
                            Bits infinity) {
  if (isTernary(matrix, 1, infinity, [](int64_t, int64_t) { return 0; }))
    return "tensor";
  if (channelAxis < 0)
    return "";
  int64_t n = matrix.rows, k = matrix.columns;
  if (channelAxis == 1)
    std::swap(n, k);
  // A granule is `group` adjacent positions along K of one channel.
  auto isTernaryBy = [&](int64_t group) {
    int64_t groups = (k + group - 1) / group;
    return isTernary(matrix, n * groups, infinity, [&](int64_t r, int64_t c) {
      return channelAxis == 0 ? r * groups + c / group : c * groups + r / group;
    });
  };
  if (isTernaryBy(k))
    return "row";
  // Coarse groups first: the fewest scales that explain the values.
  for (int64_t group : {256, 128, 64, 32})
    if (group < k && isTernaryBy(group))
      return "group:" + std::to_string(group);
  return "";
}

std::string tern::onnx_import::findTernaryFact(const TensorData &data,
                                               int64_t channelAxis) {
  // Rows are output channels where there are more dimensions than two.
  if (data.shape.size() < 2 || data.numElements == 0 ||
      (data.shape.size() > 2 && channelAxis > 0))
    return "";
  Matrix matrix{data.bytes.data(), data.shape[0],
                data.numElements / data.shape[0]};
  switch (data.dtype) {
  case DType::F32:
    return findFact<uint32_t>(matrix, channelAxis, 0x7f800000);
  case DType::F64:
    return findFact<uint64_t>(matrix, channelAxis, 0x7ff0000000000000);
  case DType::F16:
    return findFact<uint16_t>(matrix, channelAxis, 0x7c00);
  case DType::BF16:
    return findFact<uint16_t>(matrix, channelAxis, 0x7f80);
  default:
    return "";
  }
}
