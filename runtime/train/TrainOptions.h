//===- TrainOptions.h - Options of tern-train -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TRAINOPTIONS_H
#define TERN_RUNTIME_TRAINOPTIONS_H

#include "../run/CommandLine.h"
#include "Schedule.h"

namespace tern::runtime {

struct TrainOptions : CommonOptions {
  // Data.
  std::vector<std::string> data, val;
  std::string labels, valLabels, text, vocab = "byte";
  std::vector<std::string> scale, normalize;
  int64_t context = 0, stride = 1;
  std::optional<double> valSplit;

  // Steps.
  int64_t batch = 0, epochs = 0, steps = 0;
  uint64_t seed = 0;
  std::optional<double> lr, weightDecay, clipNorm, accumulate, secondLr;
  double secondWeightDecay = 0;
  std::string schedule = "constant", minLr;
  double decayStart = 0, stageStart = 0.5;
  int64_t warmup = 0, lambdaWarmup = 0;
  std::vector<std::string> scalars;

  // Evaluation.
  int64_t evalEvery = 0, evalBatches = 0, evalBatch = 0;
  bool evalOnly = false;

  // Files.
  std::string checkpoint, metrics, plot, profile;
  int64_t checkpointEvery = 0, logEvery = 1;
  /// "", "must" or "auto".
  std::string resume;
};

/// Fills `options`. A value is the exit code of a run that ends here: after
/// --help or --version, or an error that was printed.
std::optional<int> parseTrainCommandLine(int argc, char **argv, bool isLinked,
                                         TrainOptions &options);

/// Checks options against each other and makes the schedule of `steps` steps;
/// `lr` is the peak.
[[nodiscard]] MaybeError makeSchedule(const TrainOptions &options, double lr,
                                      double weightDecay, int64_t steps,
                                      Schedule &schedule);

} // namespace tern::runtime

#endif // TERN_RUNTIME_TRAINOPTIONS_H
