//===- TernaryFacts.h - Which values are ternary ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_MODEL_TERNARYFACTS_H
#define TERN_LIB_IMPORT_ONNX_MODEL_TERNARYFACTS_H

#include "../Ops/Node.h"
#include "ModelFile.h"

namespace tern::onnx_import {

/// Elements of a tensor that share a scale: all of them; those with one index
/// along an axis; or, of these, each `block` adjacent ones, for each index of
/// the other axes.
struct Granules {
  std::optional<int64_t> axis;
  int64_t block = 0;
};

/// Finds out whether the elements of a tensor are {-s, 0, s}, one s for each
/// granule, from the magnitudes of the elements as they come.
class MagnitudeTable {
public:
  MagnitudeTable(llvm::ArrayRef<int64_t> shape, Granules granules);

  /// Granules in the order of the scales: row-major.
  int64_t getNumGranules() const {
    return static_cast<int64_t>(magnitudes.size());
  }
  /// False if the element does not fit: its granule has other magnitudes.
  bool add(int64_t granule, double value);
  /// `tern.ternary` of a computation; empty if there is no word for it.
  std::string getFact() const;

private:
  llvm::SmallVector<int64_t> shape;
  Granules granules;
  /// 0 before the first that is not.
  std::vector<double> magnitudes;
};

/// Marks the operation that makes `result` of constants,
/// `(codes - zeroPoint) * scale`, if its values are ternary. Without a scale
/// they are integers.
void noteDequantized(Node &node, const Tensor &codes,
                     const std::optional<Tensor> &zeroPoint,
                     const std::optional<Tensor> &scale, Granules granules,
                     const Tensor &result);

/// The same, of what is known already.
void setTernaryFact(const Tensor &result, llvm::StringRef fact);

/// The data of a constant or of a parameter that the model holds.
std::optional<TensorData> readConstant(Node &node, const Tensor &tensor);

/// An element of a tensor as a number.
double readElement(const TensorData &data, int64_t index);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_MODEL_TERNARYFACTS_H
