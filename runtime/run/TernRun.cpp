//===- TernRun.cpp - What tern-run does -------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TernRun.h"
#include "../core/Program.h"
#include "../io/MappedFile.h"
#include "../io/Npy.h"
#include "CommandLine.h"
#include "Compare.h"
#include "OnnxTestData.h"
#include "Options.h"
#include "Report.h"
#include "Session.h"
#include "TensorArguments.h"
#include "tern/runtime/Text.h"

#include <cstdio>

using namespace tern::runtime;

namespace {
/// An output to be written somewhere.
struct Destination {
  size_t index;
  std::string path;
};

class Runner {
public:
  Runner(const Options &options, const TernArtifact *linked,
         OnnxTensorReader readOnnx)
      : options(options), linked(linked), readOnnx(readOnnx),
        session(options.function) {}

  MaybeError run();

private:
  MaybeError load();
  MaybeError setScalars();
  MaybeError readArguments();
  MaybeError readLabels();
  MaybeError runGiven();
  MaybeError compareOutput(size_t i) const;
  MaybeError finish();
  Tolerance tolerance(double rtol, double atol) const;
  void log(const std::string &text) const;

  const Options &options;
  const TernArtifact *linked;
  OnnxTensorReader readOnnx;
  Session session;
  MaybeError problem;

  std::vector<HostTensor> inputs, outputs, expected;
  std::vector<bool> hasInput, hasExpected;
  std::vector<Destination> destinations;
  std::vector<std::pair<size_t, HostTensor>> labels;
};
} // namespace

void Runner::log(const std::string &text) const {
  if (options.verbose)
    std::fprintf(stderr, "%s\n", printable(text).c_str());
}

Tolerance Runner::tolerance(double rtol, double atol) const {
  return {options.rtol.value_or(rtol), options.atol.value_or(atol),
          options.atol.value_or(0)};
}

MaybeError Runner::load() {
  LoadOptions load;
  if (MaybeError error = makeLoadOptions(options, linked, load))
    return error;
  if (!options.info.empty())
    session.takeAny();
  MaybeError error = session.load(options.artifact, linked, load.settings);
  if (!error || options.info.empty())
    return error;
  // Whatever keeps a model from running is no reason not to describe it.
  problem = error;
  load.settings.flags = TERN_LOAD_SIGNATURE_ONLY;
  return session.load(options.artifact, linked, load.settings);
}

MaybeError Runner::setScalars() {
  for (const std::string &argument : options.scalars) {
    std::string name;
    double value = 0;
    if (MaybeError error = parseAssignment("--set", argument, name, value))
      return error;
    if (tern_program_set_scalar(session.program, name.c_str(), value) !=
        TERN_OK)
      return std::string("--set: ") + tern_last_error();
  }
  return std::nullopt;
}

MaybeError Runner::readLabels() {
  std::vector<bool> taken(session.outputs.size());
  for (const std::string &argument : options.labels) {
    size_t index = 0;
    std::string rest = argument;
    // "NAME=FILE" if there is such an output, else a file for the first.
    for (size_t i = 0; i < session.outputs.size(); ++i) {
      const std::string &name = session.outputs[i].name;
      if (isNamed(argument, name)) {
        index = i;
        rest = argument.substr(name.size() + 1);
      }
    }
    if (session.outputs.empty() || taken[index])
      return "--labels: an output has at most one file of labels";
    taken[index] = true;
    if (!rest.empty() && rest[0] == '@')
      rest.erase(0, 1);
    HostTensor values;
    if (MaybeError error = readTensorFile(rest, readOnnx, values))
      return error;
    labels.emplace_back(index, values);
  }
  return std::nullopt;
}

MaybeError Runner::readArguments() {
  if (MaybeError error =
          readTensorArguments("--input", options.inputs, session.inputs,
                              readOnnx, inputs, hasInput))
    return error;
  if (MaybeError error =
          readTensorArguments("--expect", options.expects, session.outputs,
                              readOnnx, expected, hasExpected))
    return error;
  std::vector<bool> taken(session.outputs.size());
  for (const std::string &argument : options.outputs) {
    Destination destination;
    if (MaybeError error =
            splitArgument("--output", argument, session.outputs, taken,
                          destination.index, destination.path))
      return error;
    if (destination.path.size() < 2 || destination.path[0] != '@')
      return "--output: '" + argument + "' is not [NAME=]@FILE";
    destination.path.erase(0, 1);
    destinations.push_back(destination);
  }
  return readLabels();
}

/// Whether a parameter or an output has 8 bits or fewer: then results depend
/// on which side of a boundary a number is rounded to.
static bool isQuantized(const Session &session) {
  auto isNarrow = [](DType dtype) {
    return !isFloat(dtype) && dtype != DType::Bool && dtypeSize(dtype) == 1;
  };
  for (const Session::Tensor &tensor : session.outputs)
    if (isNarrow(tensor.dtype))
      return true;
  for (const StateSpec &param : session.program->signature.state)
    if (isNarrow(param.dtype))
      return true;
  return false;
}

/// Compares output `i` with what is expected, and prints what agrees.
MaybeError Runner::compareOutput(size_t i) const {
  const std::string &name = session.outputs[i].name;
  Tolerance allowed = tolerance(1e-5, 1e-6);
  if (!options.rtol && !options.atol)
    allowed.ofLargest = getNetworkTolerance(outputs[i].dtype);
  Agreement agreement;
  MaybeError error =
      compareTensors(outputs[i], expected[i], allowed, &agreement);
  if (!error)
    std::printf("%s: ok, %lld elements, largest error %.3g (allowed: %.3g + "
                "%.3g * |expected|)\n",
                printable(name).c_str(),
                static_cast<long long>(agreement.elements),
                agreement.largestError, agreement.atol,
                isFloat(outputs[i].dtype) ? allowed.rtol : 0);
  bool isCoarse = isQuantized(session);
  if (isCoarse)
    if (auto top =
            compareTop(outputs[i], expected[i], 2 * agreement.largestError)) {
      std::printf("%s: top-1 agrees in %lld of %lld rows",
                  printable(name).c_str(), static_cast<long long>(top->equal),
                  static_cast<long long>(top->rows));
      if (top->ties)
        std::printf("; %lld of the others %s: what is expected of the two "
                    "classes differs by no more than the errors",
                    static_cast<long long>(top->ties),
                    top->ties == 1 ? "is a tie" : "are ties");
      std::printf("\n");
    }
  if (error)
    error = "output '" + name + "' " + *error +
            (isCoarse ? "; a quantized model may be off by a step of its "
                        "quantizers, which --atol can allow"
                      : "");
  return error;
}

/// Runs on the inputs given and deals with the outputs.
MaybeError Runner::runGiven() {
  for (size_t i = 0; i < hasInput.size(); ++i)
    if (!hasInput[i])
      return "input '" + session.inputs[i].name + "' (" +
             session.inputs[i].type() + ") is missing; give it with --input";
  if (MaybeError error =
          options.batch ? session.runBatches(inputs, options.batch, outputs)
                        : session.run(inputs, outputs))
    return error;
  char timing[128];
  std::snprintf(timing, sizeof(timing),
                "%.1f items/s (%lld items in %.4f s, %u threads)",
                static_cast<double>(session.items) / session.seconds,
                static_cast<long long>(session.items), session.seconds,
                tern_program_num_threads(session.program));
  log(std::string("ran: ") + timing);

  for (const Destination &destination : destinations)
    if (MaybeError error =
            writeNpy(destination.path, outputs[destination.index]))
      return error;
  for (const auto &[index, values] : labels) {
    int64_t correct = 0, total = 0;
    if (MaybeError error = countCorrect(outputs[index], values, correct, total))
      return "--labels: " + *error;
    std::printf("accuracy: %.2f %% (%lld of %lld)\n",
                total ? 100.0 * static_cast<double>(correct) /
                            static_cast<double>(total)
                      : 0.0,
                static_cast<long long>(correct), static_cast<long long>(total));
  }
  if (!labels.empty())
    std::printf("throughput: %s\n", timing);

  MaybeError mismatch;
  for (size_t i = 0; i < hasExpected.size(); ++i)
    if (hasExpected[i])
      if (MaybeError error = compareOutput(i); error && !mismatch)
        mismatch = error;
  if (mismatch)
    return mismatch;

  bool isQuiet = !destinations.empty() || !options.expects.empty() ||
                 !labels.empty() || options.benchmark;
  for (size_t i = 0; i < outputs.size() && !isQuiet; ++i)
    std::printf("%s\n",
                describeTensor(session.outputs[i].name, outputs[i]).c_str());
  return std::nullopt;
}

MaybeError Runner::finish() {
  if (!options.profile.empty() &&
      tern_program_profile_end(session.program, options.profile.c_str()) !=
          TERN_OK)
    return tern_last_error();
  return std::nullopt;
}

MaybeError Runner::run() {
  if (MaybeError error = load())
    return error;
  if (!options.info.empty()) {
    printInfo(session, options, problem);
    return std::nullopt;
  }
  log("loaded: " + (linked ? "this executable" : options.artifact) +
      ", weights: " + tern_program_weights_path(session.program));
  if (MaybeError error = setScalars())
    return error;
  if (MaybeError error = readArguments())
    return error;
  if (!options.profile.empty() &&
      tern_program_profile_begin(session.program) != TERN_OK)
    return tern_last_error();

  if (!options.onnxTestData.empty())
    if (MaybeError error = runOnnxTestData(session, options.onnxTestData,
                                           tolerance(1e-3, 1e-7), readOnnx))
      return error;
  bool wantsOutputs = !options.outputs.empty() || !options.expects.empty() ||
                      !options.labels.empty();
  bool hasOtherWork = !options.onnxTestData.empty() || options.benchmark;
  if (!options.inputs.empty() || wantsOutputs || !hasOtherWork)
    if (MaybeError error = runGiven())
      return error;
  if (options.benchmark) {
    if (MaybeError error =
            makeUpInputs(session, options.batch, inputs, hasInput))
      return error;
    if (options.batch)
      inputs = session.slice(inputs, 0, options.batch);
    if (MaybeError error = runBenchmark(session, *options.benchmark, inputs))
      return error;
  }
  return finish();
}

int tern::runtime::runModels(int argc, char **argv, const TernArtifact *linked,
                             OnnxTensorReader readOnnx) {
  return runMain([&](int &status) -> MaybeError {
    Options options;
    if (std::optional<int> code =
            parseCommandLine(argc, argv, linked, readOnnx, options)) {
      status = *code;
      return std::nullopt;
    }
    MaybeError error = Runner(options, linked, readOnnx).run();
    // Of a file that is not all there any other complaint misleads.
    if (std::optional<std::string> cut = findCutFile())
      error = describeCutFile(*cut);
    return error;
  });
}

int tern_run_main(int argc, char **argv, const TernArtifact *linked) {
  return runModels(argc, argv, linked, nullptr);
}
