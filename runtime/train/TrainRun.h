//===- TrainRun.h - One run of training ------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TRAINRUN_H
#define TERN_RUNTIME_TRAINRUN_H

#include "FileLock.h"
#include "Metrics.h"
#include "Progress.h"
#include "TrainModel.h"
#include "TrainOptions.h"

namespace tern::runtime {

/// Does what a command line says. The order of the rows, and so a run, depends
/// on the seed and the number of steps done alone.
class TrainRun {
public:
  TrainRun(const TrainOptions &options, const TernArtifact *linked)
      : options(options), linked(linked) {}

  [[nodiscard]] MaybeError run();
  /// Whether it ended early at the user's request.
  bool wasInterrupted() const { return interrupted; }

private:
  MaybeError load();
  void printInfo() const;
  MaybeError readData();
  MaybeError readConversions(std::vector<Conversion> &conversions) const;
  MaybeError checkBatches();
  MaybeError setUpScalars();
  MaybeError start();
  MaybeError resume();
  MaybeError checkResumed() const;
  MaybeError checkWindow() const;

  MaybeError train();
  MaybeError doStep();
  MaybeError applySchedule(int64_t step);
  MaybeError explainBadLoss(float loss,
                            const std::vector<HostTensor> &batch) const;
  void logStep(float loss);
  /// The scalars that the trainer does not set itself.
  std::vector<std::string> loggedScalars() const;
  /// What writeMetrics() is ever given, for a table.
  std::vector<std::string> metricNames() const;
  void writeMetrics(const std::vector<MetricsLog::Field> &fields);
  MaybeError validate();
  MaybeError evaluate(TrainModel::Evaluation &result);
  bool isEvaluationDue() const;

  // Files: TrainFiles.cpp.
  /// That nothing is written over what is read, or by two.
  MaybeError checkOutputs() const;
  MaybeError chooseCheckpoint(const std::string &name);
  MaybeError lockCheckpoint(bool &isTaken);
  MaybeError prepareCheckpoint();
  MaybeError openLogs(bool resumes);
  MaybeError save(bool isBest);
  MaybeError write(const std::string &path);
  MaybeError finish();
  void warnOfLog(const std::string &problem);
  void printCheckpoint(bool hasFailed) const;
  std::string bestPath() const;
  int64_t stepsPerEpoch() const;

  const TrainOptions &options;
  const TernArtifact *linked;
  /// The file of --checkpoint, or the one that was chosen without. Empty: none.
  std::string checkpoint;
  bool isChosen = false;
  /// Whether this run has written the file, and the one of the best state.
  bool isWritten = false, isBestWritten = false;
  std::vector<FileLock> locks;
  bool plots = false;
  TrainModel model;
  std::shared_ptr<Dataset> trainData, validationData;
  Batches trainBatches, validationBatches;
  int64_t batch = 0, evalBatch = 0;

  Schedule schedule;
  /// The peak of the learning rate.
  double lr = 0;

  int64_t step = 0, total = 0;
  std::optional<double> best;
  int64_t evaluatedStep = -1;
  TrainModel::Evaluation evaluation;
  bool interrupted = false;
  /// Why it cannot go on, with a state that is good.
  MaybeError lost;

  Curve curve;
  MetricsLog metrics;
  std::unique_ptr<ProgressBar> progress;
  double trainSeconds = 0, lossSum = 0, lastLoss = 0;
  int64_t stepsHere = 0, lossCount = 0;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_TRAINRUN_H
