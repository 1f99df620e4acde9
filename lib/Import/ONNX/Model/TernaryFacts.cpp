//===- TernaryFacts.cpp - Which parameters are ternary --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TernaryFacts.h"
#include "Importer.h"
#include "io/HostTensor.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace tern::onnx_import;
using tern::TernDialect;

//===----------------------------------------------------------------------===//
// Float parameters
//===----------------------------------------------------------------------===//

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
  return runtime::withInfinity(
      getElementType(data.dtype).dtype,
      [&](auto bits) { return findFact(matrix, channelAxis, bits); });
}

//===----------------------------------------------------------------------===//
// Dequantized constants
//===----------------------------------------------------------------------===//

MagnitudeTable::MagnitudeTable(llvm::ArrayRef<int64_t> shape, Granules granules)
    : shape(shape), granules(granules) {
  int64_t count = 1;
  if (granules.axis && granules.block == 0)
    count = shape[*granules.axis];
  for (int64_t i = 0, e = shape.size(); granules.block > 0 && i < e; ++i)
    count *= i == granules.axis
                 ? (shape[i] + granules.block - 1) / granules.block
                 : shape[i];
  magnitudes.resize(count);
}

bool MagnitudeTable::add(int64_t granule, double value) {
  double magnitude = std::abs(value);
  if (magnitude == 0)
    return true;
  double &known = magnitudes[granule];
  if (known == 0)
    known = magnitude;
  return known == magnitude && std::isfinite(magnitude);
}

/// Whether those that are not zero are equal.
static bool areEqual(llvm::ArrayRef<double> magnitudes, int64_t stride = 1) {
  double known = 0;
  for (size_t i = 0; i < magnitudes.size(); i += stride) {
    if (known == 0)
      known = magnitudes[i];
    if (magnitudes[i] != 0 && magnitudes[i] != known)
      return false;
  }
  return true;
}

std::string MagnitudeTable::getFact() const {
  if (areEqual(magnitudes))
    return "tensor";
  std::string axis = std::to_string(*granules.axis);
  if (granules.block == 0)
    return "axis:" + axis;
  if (shape.size() != 2)
    return "";
  // Blocks that agree for each index of the other axis are one.
  int64_t blocks = getNumGranules() / shape[1 - *granules.axis];
  bool isColumn = *granules.axis == 0;
  bool agree = true;
  for (int64_t i = 0; agree && i < shape[1 - *granules.axis]; ++i) {
    llvm::ArrayRef<double> all = magnitudes;
    agree = isColumn ? areEqual(all.drop_front(i), shape[1])
                     : areEqual(all.slice(i * blocks, blocks));
  }
  if (agree)
    return "axis:" + std::to_string(1 - *granules.axis);
  return "group:" + std::to_string(granules.block) + ":" + axis;
}

double tern::onnx_import::readElement(const TensorData &data, int64_t index) {
  if (isNarrowFloat(data.dtype)) // No scales or zero points.
    return NAN;
  return static_cast<double>(runtime::loadElement(
      getElementType(data.dtype).dtype, data.bytes.data(), index));
}

void tern::onnx_import::setTernaryFact(const Tensor &result,
                                       llvm::StringRef fact) {
  mlir::Operation *op = result.value ? result.value.getDefiningOp() : nullptr;
  if (!fact.empty() && llvm::isa_and_nonnull<mlir::linalg::LinalgOp>(op))
    TernDialect::TernaryAttrHelper(op->getContext())
        .setAttr(op, mlir::StringAttr::get(op->getContext(), fact));
}

/// A matrix with rows and columns exchanged.
static std::optional<TensorData> transpose(const TensorData &data) {
  if (data.shape.size() != 2)
    return std::nullopt;
  int64_t rows = data.shape[0], columns = data.shape[1];
  size_t size = getByteSize(data.dtype);
  auto bytes = std::make_shared<std::vector<char>>(data.bytes.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      std::memcpy(bytes->data() + (c * rows + r) * size,
                  data.bytes.data() + (r * columns + c) * size, size);
  TensorData result = data;
  result.shape = {columns, rows};
  result.bytes = *bytes;
  result.owner = bytes;
  return result;
}

/// What the graph calls `name`, if it is constant. `storage` may hold it.
static const onnx::TensorProto *findConstant(const onnx::GraphProto &graph,
                                             llvm::StringRef name,
                                             onnx::TensorProto &storage) {
  for (const onnx::TensorProto &initializer : graph.initializer())
    if (initializer.name() == name)
      return &initializer;
  for (const onnx::NodeProto &node : graph.node())
    if (node.op_type() == "Constant" && node.output_size() == 1 &&
        node.output(0) == name && node.attribute_size() == 1)
      return getConstantTensor(node.attribute(0), storage);
  return nullptr;
}

std::optional<TensorData>
tern::onnx_import::readConstant(Node &node, const Tensor &tensor) {
  if (!tensor.parameter.empty()) {
    ModelFile &file = node.getImporter().getFile();
    auto storage = std::make_shared<onnx::TensorProto>();
    const onnx::TensorProto *proto =
        findConstant(file.getModel().graph(), tensor.parameter, *storage);
    if (!proto) // In a function of the model.
      return std::nullopt;
    llvm::Expected<TensorData> data = file.getData(*proto);
    if (!data) { // It was read before: this cannot be.
      llvm::consumeError(data.takeError());
      return std::nullopt;
    }
    if (tensor.isTransposed)
      return transpose(*data);
    if (proto == storage.get() && !data->owner)
      return std::nullopt;
    return *data;
  }
  TensorData data;
  data.dtype = tensor.dtype;
  data.numElements = 1;
  for (const Extent &extent : tensor.shape) {
    std::optional<int64_t> value = extent.getConstant();
    if (!value)
      return std::nullopt;
    data.shape.push_back(*value);
    data.numElements *= *value;
  }
  auto bytes = std::make_shared<std::vector<char>>();
  int64_t size = getByteSize(tensor.dtype);
  if (tensor.contents && !isFloat(tensor.dtype)) {
    for (const Extent &extent : *tensor.contents) {
      std::optional<int64_t> value = extent.getConstant();
      if (!value)
        return std::nullopt;
      for (int64_t i = 0; i < size; ++i)
        bytes->push_back(static_cast<char>(*value >> (8 * i)));
    }
  } else if (tensor.constant && tensor.dtype != DType::Bool) {
    llvm::ArrayRef<char> raw = tensor.constant.getRawData();
    int64_t repeats = tensor.constant.isSplat() ? data.numElements : 1;
    for (int64_t i = 0; i < repeats; ++i)
      bytes->insert(bytes->end(), raw.begin(), raw.end());
  } else {
    return std::nullopt;
  }
  if (static_cast<int64_t>(bytes->size()) != data.numElements * size)
    return std::nullopt;
  data.bytes = *bytes;
  data.owner = bytes;
  return data;
}

void tern::onnx_import::noteDequantized(Node &node, const Tensor &codes,
                                        const std::optional<Tensor> &zeroPoint,
                                        const std::optional<Tensor> &scale,
                                        Granules granules,
                                        const Tensor &result) {
  std::optional<TensorData> data = readConstant(node, codes);
  std::optional<TensorData> zeros, scales;
  if (!data || data->numElements == 0 || data->shape.size() < 2)
    return;
  int64_t rank = data->shape.size();
  MagnitudeTable table(data->shape, granules);
  // One for each granule, or for all.
  auto read = [&](const std::optional<Tensor> &tensor,
                  std::optional<TensorData> &into) {
    if (tensor)
      into = readConstant(node, *tensor);
    return !tensor || (into && (into->numElements == 1 ||
                                into->numElements == table.getNumGranules()));
  };
  if (!read(zeroPoint, zeros) || !read(scale, scales))
    return;
  auto at = [](const std::optional<TensorData> &tensor, int64_t granule,
               double none) {
    if (!tensor)
      return none;
    return readElement(*tensor, tensor->numElements == 1 ? 0 : granule);
  };
  // The elements before, along and after the axis.
  int64_t axis = granules.axis.value_or(0), outer = 1, inner = 1;
  for (int64_t i = 0; i < rank; ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : data->shape[i];
  int64_t extent = data->shape[axis], index = 0;
  int64_t blocks =
      granules.block ? (extent + granules.block - 1) / granules.block : 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t a = 0; a < extent; ++a)
      for (int64_t i = 0; i < inner; ++i, ++index) {
        int64_t granule = 0;
        if (granules.block)
          granule = (o * blocks + a / granules.block) * inner + i;
        else if (granules.axis)
          granule = a;
        double code = readElement(*data, index) - at(zeros, granule, 0);
        // As f32, in which the layer is computed.
        float value = static_cast<float>(code) *
                      static_cast<float>(at(scales, granule, 1));
        if (!table.add(granule, value))
          return;
      }
  setTernaryFact(result, table.getFact());
}
