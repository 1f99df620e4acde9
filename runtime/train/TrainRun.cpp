//===- TrainRun.cpp - One run of training ----------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainRun.h"
#include "../core/Signature.h"
#include "../io/MappedFile.h"
#include "../run/CommandLine.h"
#include "Shuffle.h"
#include "StopSignals.h"
#include "TernTrain.h"
#include "tern/runtime/Text.h"

#include <cmath>
#include <csignal>

using namespace tern::runtime;

int64_t TrainRun::stepsPerEpoch() const { return trainData->size() / batch; }

/// The error for data that were cut while they were in use.
static MaybeError findLostData() {
  if (std::optional<std::string> cut = findCutFile())
    return describeCutFile(*cut);
  return std::nullopt;
}

MaybeError TrainRun::applySchedule(int64_t next) {
  Schedule::Values values = schedule.at(next);
  auto set = [&](const std::string &name, double value) -> MaybeError {
    if (tern_trainer_set_scalar(model.program, name.c_str(), value) != TERN_OK)
      return "step " + std::to_string(next) + ": " + tern_last_error();
    return std::nullopt;
  };
  if (model.hasScalar("lr"))
    if (MaybeError error = set("lr", lr * values.factor))
      return error;
  if (model.hasScalar("weight_decay"))
    if (MaybeError error = set("weight_decay", values.weightDecay))
      return error;
  if (options.lambdaWarmup)
    return set("lambda", values.lambda);
  return std::nullopt;
}

static bool isFinite(const HostTensor &tensor) {
  return !findNonFinite(tensor.dtype, tensor.data(), tensor.numElements());
}

MaybeError
TrainRun::explainBadLoss(float loss,
                         const std::vector<HostTensor> &batchData) const {
  char text[64];
  std::snprintf(text, sizeof(text), "%g", static_cast<double>(loss));
  std::string message =
      "step " + std::to_string(step) + ": the loss is " + text;
  for (size_t i = 0; i < batchData.size(); ++i)
    if (!isFinite(batchData[i]))
      return message + "; the first bad tensor is input '" +
             model.inputs.inputs[i].name + "'";
  const char *name = nullptr;
  int64_t element = 0;
  if (tern_trainer_find_nonfinite(model.program, &name, &element) == TERN_OK &&
      name)
    return message + "; the first bad tensor after the step is '" + name +
           "', at element " + std::to_string(element);
  return message + ", though all parameters and the optimizer's state are "
                   "finite";
}

void TrainRun::writeMetrics(const std::vector<MetricsLog::Field> &fields) {
  if (MaybeError error = metrics.write(step, fields))
    warnOfLog(*error);
}

std::vector<std::string> TrainRun::loggedScalars() const {
  std::vector<std::string> names;
  for (const std::string &name : model.scalars())
    if (!isCountedScalar(name))
      names.push_back(name);
  return names;
}

std::vector<std::string> TrainRun::metricNames() const {
  std::vector<std::string> names = {"step", "epoch", "loss"};
  for (const std::string &name : loggedScalars())
    names.push_back(name);
  for (const TensorSpec &measurement : model.measurements)
    names.push_back(measurement.name);
  for (const char *name :
       {"seconds", "items_per_second", "val_loss", "val_accuracy"})
    names.emplace_back(name);
  return names;
}

void TrainRun::logStep(float loss) {
  lossSum += static_cast<double>(loss);
  ++lossCount;
  if (step % options.logEvery != 0 && step != total)
    return;
  double mean = lossSum / static_cast<double>(lossCount);
  lossSum = 0;
  lossCount = 0;
  curve.train.push_back({step, mean});
  if (options.metrics.empty())
    return;
  std::vector<MetricsLog::Field> fields = {
      {"epoch",
       static_cast<double>(step) / static_cast<double>(stepsPerEpoch())},
      {"loss", mean}};
  for (const std::string &name : loggedScalars()) {
    double value = 0;
    if (tern_trainer_get_scalar(model.program, name.c_str(), &value) == TERN_OK)
      fields.emplace_back(name, value);
  }
  for (size_t i = 0; i < model.measurements.size(); ++i)
    fields.emplace_back(
        model.measurements[i].name,
        static_cast<double>(tern_trainer_measurement(model.program, i + 1)));
  fields.emplace_back("seconds", trainSeconds);
  fields.emplace_back("items_per_second",
                      static_cast<double>(stepsHere * batch) / trainSeconds);
  writeMetrics(fields);
}

MaybeError TrainRun::doStep() {
  int64_t epoch = step / stepsPerEpoch();
  int64_t first = step % stepsPerEpoch() * batch;
  Permutation order(static_cast<uint64_t>(trainData->size()), options.seed,
                    static_cast<uint64_t>(epoch));
  auto begin = std::chrono::steady_clock::now();
  std::vector<int64_t> items(static_cast<size_t>(batch));
  for (size_t i = 0; i < items.size(); ++i)
    items[i] = static_cast<int64_t>(order(static_cast<uint64_t>(first) + i));
  std::vector<HostTensor> data = trainBatches.get(items);
  // A step on zeros would spoil the state.
  if ((lost = findLostData()))
    return std::nullopt;
  if (MaybeError error = applySchedule(step + 1))
    return error;
  // Gradients that wait for more steps would be lost.
  if (step + 1 == total && tern_trainer_close_window(model.program) != TERN_OK)
    return tern_last_error();
  float loss = 0;
  if (MaybeError error = model.step(data, loss)) {
    if (!model.isArtifactCut)
      return "step " + std::to_string(step + 1) + ": " + *error;
    lost = error;
    return std::nullopt;
  }
  ++step;
  ++stepsHere;
  trainSeconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  lastLoss = static_cast<double>(loss);
  logStep(loss);
  if (!std::isfinite(loss))
    return explainBadLoss(loss, data);
  progress->show(step, lastLoss, lr * schedule.at(step).factor,
                 static_cast<double>(stepsHere * batch) / trainSeconds);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Validation
//===----------------------------------------------------------------------===//

bool TrainRun::isEvaluationDue() const {
  if (!validationData || evaluatedStep == step)
    return false;
  int64_t every = options.evalEvery ? options.evalEvery : stepsPerEpoch();
  return step > 0 && (step == total || step % every == 0);
}

MaybeError TrainRun::evaluate(TrainModel::Evaluation &result) {
  int64_t size = validationData->size(), count = size;
  if (model.fixedBatch >= 0)
    count = size / evalBatch * evalBatch;
  std::optional<Permutation> order;
  if (options.evalBatches && options.evalBatches < count / evalBatch) {
    count = options.evalBatches * evalBatch;
    // The same rows at each evaluation, whatever --seed is.
    order.emplace(static_cast<uint64_t>(size), 0, UINT64_MAX);
  }
  for (int64_t begin = 0; begin < count && !isStopRequested();
       begin += evalBatch) {
    std::vector<int64_t> items;
    for (int64_t i = begin; i < std::min(count, begin + evalBatch); ++i)
      items.push_back(
          order ? static_cast<int64_t>((*order)(static_cast<uint64_t>(i))) : i);
    std::vector<HostTensor> data = validationBatches.get(items);
    if ((lost = findLostData()))
      return std::nullopt;
    if (MaybeError error = model.evaluate(data, result)) {
      if (!model.isArtifactCut)
        return error;
      lost = error;
      return std::nullopt;
    }
  }
  return std::nullopt;
}

static std::string describe(const TrainModel::Evaluation &sums) {
  char text[160];
  int length = std::snprintf(text, sizeof(text), "loss %.6g",
                             sums.loss / static_cast<double>(sums.targets));
  if (sums.hasAccuracy)
    std::snprintf(text + length, sizeof(text) - static_cast<size_t>(length),
                  ", accuracy %.2f %% (%lld of %lld)",
                  100.0 * static_cast<double>(sums.correct) /
                      static_cast<double>(sums.targets),
                  static_cast<long long>(sums.correct),
                  static_cast<long long>(sums.targets));
  return text;
}

MaybeError TrainRun::validate() {
  TrainModel::Evaluation sums;
  if (MaybeError error = evaluate(sums))
    return "validation: " + *error;
  // Half an evaluation is none; it is made up for on resuming.
  if (isStopRequested() || lost)
    return std::nullopt;
  if (!sums.targets)
    return "validation: there are no labels but ignored ones";
  evaluation = sums;
  evaluatedStep = step;
  double loss = sums.loss / static_cast<double>(sums.targets);
  curve.validation.push_back({step, loss});
  std::vector<MetricsLog::Field> fields = {{"val_loss", loss}};
  if (sums.hasAccuracy)
    fields.emplace_back("val_accuracy", static_cast<double>(sums.correct) /
                                            static_cast<double>(sums.targets));
  writeMetrics(fields);
  if (progress->isOnTerminal() || options.verbose) {
    progress->hide();
    std::fprintf(stderr, "step %lld: validation %s\n",
                 static_cast<long long>(step), describe(sums).c_str());
  }
  if (!std::isfinite(loss))
    return "step " + std::to_string(step) +
           ": the validation loss is not "
           "finite";
  if (best && loss >= *best)
    return std::nullopt;
  best = loss;
  return checkpoint.empty() ? std::nullopt : save(/*isBest=*/true);
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

MaybeError TrainRun::train() {
  progress = std::make_unique<ProgressBar>(step, total);
  int64_t saved = -1;
  while (!isStopRequested() && !lost) {
    if (isEvaluationDue())
      if (MaybeError error = validate())
        return error;
    if (isStopRequested() || lost || step >= total)
      break;
    if (options.checkpointEvery && stepsHere &&
        step % options.checkpointEvery == 0) {
      if (MaybeError error = save(/*isBest=*/false))
        return error;
      saved = step;
    }
    if (MaybeError error = doStep())
      return error;
  }
  progress->hide();
  interrupted = isStopRequested() && (step < total || isEvaluationDue());
  if (!checkpoint.empty() && saved != step) {
    if (MaybeError error = save(/*isBest=*/false))
      return error;
    saved = step;
  }
  if (lost && saved == step)
    *lost += "; the checkpoint is of step " + std::to_string(step) + " of " +
             std::to_string(total);
  return lost;
}

MaybeError TrainRun::run() {
  // A file that reaches a limit of its size is an error like any other.
  std::signal(SIGXFSZ, SIG_IGN);
  endOnSignals();
  if (MaybeError error = load())
    return error;
  if (!options.info.empty()) {
    printInfo();
    return std::nullopt;
  }
  // Of a file that is not all there any other complaint misleads.
  auto preferLoss = [](MaybeError error) {
    MaybeError lost = findLostData();
    return lost ? lost : error;
  };
  if (MaybeError error = preferLoss(readData()))
    return error;
  if (MaybeError error = checkBatches())
    return error;
  // What is evaluated depends on no scalar.
  if (!options.evalOnly)
    if (MaybeError error = setUpScalars())
      return error;
  if (MaybeError error = preferLoss(start()))
    return error;
  if (options.evalOnly) {
    if (MaybeError error = evaluate(evaluation))
      return "validation: " + *error;
    if (lost)
      return lost;
    if (!evaluation.targets)
      return "validation: there are no labels but ignored ones";
    std::printf("validation: %s\n", describe(evaluation).c_str());
    return std::nullopt;
  }
  catchStopSignals();
  MaybeError error = train();
  progress->hide();
  // What was measured until an error is worth a look.
  if (MaybeError problem = finish(); problem && !error)
    error = problem;
  if (error) {
    printCheckpoint(/*hasFailed=*/true);
    return error;
  }
  if (!stepsHere && !interrupted)
    std::printf("the checkpoint has all %lld steps\n",
                static_cast<long long>(step));
  if (stepsHere)
    std::printf(
        "trained %lld steps (%.2f epochs) in %.2f s, %.4g items/s, "
        "last loss %.6g\n",
        static_cast<long long>(stepsHere),
        static_cast<double>(stepsHere) / static_cast<double>(stepsPerEpoch()),
        trainSeconds, static_cast<double>(stepsHere * batch) / trainSeconds,
        lastLoss);
  if (evaluation.targets && evaluatedStep == step)
    std::printf("validation: %s\n", describe(evaluation).c_str());
  printCheckpoint(/*hasFailed=*/false);
  if (interrupted) {
    std::string how = checkpoint.empty() ? ""
                      : isChosen
                          ? "; --resume --checkpoint=" + checkpoint + " goes on"
                          : "; --resume goes on";
    std::fprintf(stderr, "stopped at step %lld of %lld%s\n",
                 static_cast<long long>(step), static_cast<long long>(total),
                 printable(how).c_str());
  }
  return std::nullopt;
}

int tern_train_main(int argc, char **argv, const TernArtifact *linked) {
  return runMain([&](int &status) -> MaybeError {
    TrainOptions options;
    if (std::optional<int> code =
            parseTrainCommandLine(argc, argv, linked, options)) {
      status = *code;
      return std::nullopt;
    }
    TrainRun run(options, linked);
    MaybeError error = run.run();
    if (run.wasInterrupted())
      status = 128 + SIGINT;
    return error;
  });
}
