//===- OpTable.cpp - Which operators are imported, and how ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"
#include "MachineLearning.h"
#include "Sampling.h"
#include "tern/Import/ONNX/Import.h"
#include "llvm/Support/raw_ostream.h"

using namespace tern::onnx_import;

const OpTable::Entry *OpTable::lookup(llvm::StringRef domain,
                                      llvm::StringRef name, int64_t version,
                                      int64_t &firstVersion) const {
  firstVersion = 0;
  auto op = ops.find({domain.str(), name.str()});
  if (op == ops.end())
    return nullptr;
  const Versions &versions = op->second;
  firstVersion = versions.begin()->first;
  auto next = versions.upper_bound(version);
  return next == versions.begin() ? nullptr : &std::prev(next)->second;
}

const OpTable &OpTable::get() {
  static const OpTable table = [] {
    OpTable ops;
    addElementwiseOps(ops);
    addActivationOps(ops);
    addLogicalOps(ops);
    addBranchOps(ops);
    addCastOps(ops);
    addLinearAlgebraOps(ops);
    addContribAttentionOps(ops);
    addContribFusedOps(ops);
    addContribQuantizedOps(ops);
    addContribRecurrentOps(ops);
    addMachineLearningOps(ops);
    addConvolutionOps(ops);
    addAttentionOps(ops);
    addPoolingOps(ops);
    addPaddingOps(ops);
    addIndexingOps(ops);
    addSortingOps(ops);
    addRearrangingOps(ops);
    addEinsumOps(ops);
    addLossOps(ops);
    addQuantizationOps(ops);
    addRandomOps(ops);
    addGridSampleOps(ops);
    addResizingOps(ops);
    addRecurrentOps(ops);
    addRotaryEmbeddingOps(ops);
    addReductionOps(ops);
    addNormalizationOps(ops);
    addShapeOps(ops);
    addSlicingOps(ops);
    addConstantOps(ops);
    return ops;
  }();
  return table;
}

void tern::printONNXOps(llvm::raw_ostream &os) {
  for (const auto &[key, versions] : OpTable::get().getOps())
    os << (key.first.empty() ? "ai.onnx" : key.first) << '\t' << key.second
       << '\t' << versions.begin()->first << '\n';
}
