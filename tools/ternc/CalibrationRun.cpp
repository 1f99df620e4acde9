//===- CalibrationRun.cpp - Run a module on --calibrate's data ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CalibrationRun.h"
#include "Npy.h"
#include "Session.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace tern;
using runtime::HostTensor;
using runtime::Session;

namespace {

class CalibrationRunner {
public:
  explicit CalibrationRunner(
      ArrayRef<std::pair<std::string, std::string>> files)
      : files(files) {}

  Expected<CalibrationSums> run(StringRef path);

private:
  static Error error(const Twine &text) { return createStringError(text); }
  Error readInputs();
  Error countPieces();
  HostTensor getPiece(const HostTensor &input, int64_t piece) const;
  Error sumPieces();

  ArrayRef<std::pair<std::string, std::string>> files;
  Session session;
  std::vector<HostTensor> inputs;
  int64_t numPieces = 0;
  /// For each result of the program, over all pieces.
  std::vector<std::vector<double>> sums;
};

Error CalibrationRunner::readInputs() {
  std::vector<std::string> known;
  for (const Session::Tensor &spec : session.inputs)
    known.push_back(spec.name);
  std::string names = llvm::join(known, ", ");
  inputs.resize(session.inputs.size());
  std::vector<bool> isGiven(inputs.size());
  for (const auto &[name, path] : files) {
    size_t i = 0;
    if (name.empty() && inputs.size() != 1)
      return error("the model has several inputs, " + names +
                   ": give --calibrate=NAME=FILE for each");
    while (!name.empty() && i < inputs.size() && session.inputs[i].name != name)
      ++i;
    if (i == inputs.size())
      return error("--calibrate: there is no input '" + name +
                   "'; there are: " + names + runtime::suggest(name, known));
    if (isGiven[i])
      return error("--calibrate: input '" + session.inputs[i].name +
                   "' is given twice");
    isGiven[i] = true;
    if (auto problem = runtime::readNpy(path, inputs[i]))
      return error(*problem);
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!isGiven[i])
      return error("--calibrate: input '" + session.inputs[i].name +
                   "' is missing");
  return Error::success();
}

Error CalibrationRunner::countPieces() {
  for (auto [spec, tensor] : llvm::zip_equal(session.inputs, inputs)) {
    if (spec.shape.empty() || tensor.shape.empty())
      continue;
    // A symbolic extent takes everything at once.
    int64_t extent = spec.shape[0] < 0 ? tensor.shape[0] : spec.shape[0];
    if (extent == 0 || tensor.shape[0] == 0)
      return error("--calibrate: input '" + spec.name + "' has no data");
    if (tensor.shape[0] % extent != 0)
      return error("--calibrate: input '" + spec.name + "' takes pieces of " +
                   Twine(extent) + ", of which " + Twine(tensor.shape[0]) +
                   " is no multiple");
    int64_t pieces = tensor.shape[0] / extent;
    if (numPieces != 0 && pieces != numPieces)
      return error("--calibrate: input '" + spec.name + "' has " +
                   Twine(pieces) + " pieces, others have " + Twine(numPieces));
    numPieces = pieces;
  }
  numPieces = std::max<int64_t>(numPieces, 1);
  return Error::success();
}

HostTensor CalibrationRunner::getPiece(const HostTensor &input,
                                       int64_t piece) const {
  if (numPieces == 1 || input.shape.empty())
    return input;
  int64_t rows = input.shape[0] / numPieces;
  return input.rows(piece * rows, (piece + 1) * rows);
}

Error CalibrationRunner::sumPieces() {
  for (int64_t piece = 0; piece < numPieces; ++piece) {
    std::vector<HostTensor> pieces, results;
    for (const HostTensor &input : inputs)
      pieces.push_back(getPiece(input, piece));
    if (auto problem = session.run(pieces, results))
      return error(*problem);
    sums.resize(results.size());
    for (auto [sum, result] : llvm::zip_equal(sums, results)) {
      sum.resize(result.numElements());
      for (size_t i = 0; i < sum.size(); ++i)
        sum[i] += static_cast<double>(result.at(static_cast<int64_t>(i)));
    }
  }
  return Error::success();
}

Expected<CalibrationSums> CalibrationRunner::run(StringRef path) {
  TernProgramOptions program = {};
  program.size = sizeof(program);
  if (auto problem = session.load(path.str(), nullptr, program))
    return error(*problem);
  if (Error problem = readInputs())
    return problem;
  if (Error problem = countPieces())
    return problem;
  if (Error problem = sumPieces())
    return problem;
  CalibrationSums result;
  result.numPieces = numPieces;
  for (auto [spec, sum] : zip_equal(session.outputs, sums))
    result.results.emplace_back(spec.name, std::move(sum));
  return result;
}

} // namespace

Expected<CalibrationSums>
tern::runCalibration(StringRef path,
                     ArrayRef<std::pair<std::string, std::string>> inputs) {
  return CalibrationRunner(inputs).run(path);
}
