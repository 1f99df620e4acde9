//===- SizeReport.h - Layers and their bytes, for --stats -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DRIVER_SIZEREPORT_H
#define TERN_LIB_DRIVER_SIZEREPORT_H

#include "MemoryReport.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "tern/Driver/Calibration.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <string>
#include <vector>

namespace tern {

/// The size report of `--stats`: layers and why they are what they are, the
/// bytes that were written, and what they were before. It watches the module
/// on its way through the levels; what it did not get to see is null.
class SizeReport {
public:
  /// `dims`: the extents for which memory is reported.
  explicit SizeReport(const llvm::StringMap<int64_t> &dims) : memory(dims) {}

  /// The module is now at `level`.
  void afterPhase(llvm::StringRef level, mlir::ModuleOp module);
  /// What is wrong with the extents, from level `buffers` on; empty if nothing.
  std::string checkDims() const { return memory.checkDims(); }
  void setCalibration(CalibrationReport report) {
    calibration = std::move(report);
  }
  /// A parameter of the artifact, as written.
  void addParameter(llvm::StringRef name, llvm::ArrayRef<char> bytes);
  /// What the user should look at. Complete once all parameters were added.
  std::vector<std::string> getWarnings() const;
  /// For people: a table of the layers, whether each is ternary, why not and
  /// what to do about it, and what it takes before and after.
  void printTable(llvm::raw_ostream &os) const;
  /// One JSON object. Keys and their order are fixed.
  void print(llvm::raw_ostream &os) const;

  /// Size of the weights file.
  std::optional<uint64_t> weightsFileBytes;

private:
  struct Layer {
    std::string name, weight, origin, reason, quantizer;
    bool isTernary, hasInt8Activations;
    int64_t n, k;
    /// Codes, scales and what else is made of the weight.
    uint64_t bytes = 0;
    std::optional<int64_t> zeros;
  };
  /// Why the activations of a ternary layer are float.
  llvm::StringRef getActivationsReason(const Layer &layer) const;
  void printBytes(llvm::json::OStream &out, int64_t ternary,
                  int64_t ternaryBytes) const;
  void printParameters(llvm::json::OStream &out) const;
  void printLayer(llvm::json::OStream &out, const Layer &layer) const;
  /// What calibration says of a layer, or null.
  const LayerErrors *findErrors(const Layer &layer) const;
  void readUses(mlir::func::FuncOp step);
  /// Which layers a parameter of the artifact belongs to, by index.
  std::vector<size_t> getOwners(llvm::StringRef name) const;

  MemoryReport memory;
  std::string model;
  /// What was asked for, of activations of ternary layers.
  std::string activations;
  std::optional<int64_t> numParameters;
  std::vector<Layer> layers;
  std::optional<CalibrationReport> calibration;
  /// Of packed parameters.
  llvm::StringMap<LayoutAttrInterface> layouts;
  /// From parameters of the artifact to those of the model.
  llvm::StringMap<std::vector<std::string>> origins;
  uint64_t writtenBytes = 0;
  bool hasWritten = false;
  struct Parameter {
    std::string name, reason;
    std::vector<int64_t> shape;
    bool isTrained;
  };
  /// Nothing but in training.
  std::optional<std::vector<Parameter>> parameters;
};

} // namespace tern

#endif // TERN_LIB_DRIVER_SIZEREPORT_H
