//===- CalibrationRun.h - Run a module on --calibrate's data ----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TOOLS_TERNC_CALIBRATIONRUN_H
#define TERN_TOOLS_TERNC_CALIBRATIONRUN_H

#include "tern/Driver/Calibration.h"

namespace tern {

/// A CalibrationRun on .npy files. The name of an input may be empty if there
/// is one. Inputs with a fixed leading extent are cut into pieces of it.
llvm::Expected<CalibrationSums>
runCalibration(llvm::StringRef path,
               llvm::ArrayRef<std::pair<std::string, std::string>> inputs);

} // namespace tern

#endif // TERN_TOOLS_TERNC_CALIBRATIONRUN_H
