//===- Driver.h - One compilation, from input to output ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DRIVER_DRIVER_H
#define TERN_DRIVER_DRIVER_H

#include "mlir/IR/DialectRegistry.h"
#include "tern/Driver/Calibration.h"
#include "tern/Driver/Phases.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tern {

struct DriverOptions {
  std::string input;
  /// `-`: standard output, for text only.
  std::string output;
  /// A level of IR, or `llvm-ir`, `asm`, `obj`, `lib`, `exe`.
  std::string emit;
  /// Empty: the input's if it has one, else `host`.
  std::string target;
  PipelineOptions pipeline;
  llvm::StringMap<int64_t> dims;
  llvm::StringMap<std::string> constantInputs;
  std::string weights;
  /// Which of ternarize, quantizer, activations, exclude the user chose; the
  /// others are as a checkpoint says, if the weights are one.
  llvm::StringSet<> chosen;
  /// `--calibrate`: inputs by name (empty: the only one) and their files.
  std::vector<std::pair<std::string, std::string>> calibration;
  /// What runs the program that it takes.
  CalibrationRun runCalibration;
  /// Where the size report goes; `-`: standard output.
  std::optional<std::string> stats;
  /// Where the table of layers goes; `-`: standard output.
  std::optional<std::string> report;
  /// Extents for which it tells the memory.
  llvm::StringMap<int64_t> statsDims;
  /// Folder that takes the IR after each phase; empty: none.
  std::string dumpPhases;
  std::string runtimeFolder;
  /// What else is read, and what it is: plugins, the runtime.
  std::vector<std::pair<std::string, std::string>> inputs;
  /// Options of LLVM's and MLIR's that may name files to write, with values.
  std::vector<std::pair<std::string, std::string>> foreignOptions;
  /// Whether safetensors files may be replaced that ternc did not write.
  bool force = false;
  unsigned optLevel = 2;
  bool embedWeights = false;
  /// `--symbol-prefix`.
  std::string symbolPrefix;
  /// `--export`: dequantized parameters instead of a product, in f16 or f32.
  bool exportDequantized = false, exportHalf = false;
  std::optional<uint64_t> seed;
  bool verbose = false;
};

/// Compiles; returns the exit status. Errors are printed, one line each.
int runDriver(const DriverOptions &options, mlir::DialectRegistry &registry);

} // namespace tern

#endif // TERN_DRIVER_DRIVER_H
