//===- TrainOptions.cpp - Options of tern-train -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainOptions.h"
#include "tern/runtime/Runtime.h"

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>

using namespace tern::runtime;

static constexpr const char *footer =
    R"(FILE is .npy or IDX (plain or .gz). One of --steps and --epochs is needed.
An interrupt (Ctrl-C; SIGTERM, SIGHUP) ends after the step in progress, with a
checkpoint.
TERN_NUM_THREADS sets the number of threads where --threads does not.)";

static void addData(CLI::App &app, TrainOptions &options) {
  app.option_defaults()->group("Data");
  auto list = [&](const char *name, std::vector<std::string> &values,
                  const char *type, const char *help) {
    addList(app, name, values, help)->type_name(type);
  };
  list("--data", options.data, "[NAME=]FILE",
       "Rows to train on; for each input once");
  app.add_option("--labels", options.labels, "Their labels or targets")
      ->type_name("FILE");
  list("--val", options.val, "[NAME=]FILE",
       "Rows to validate on; for each input once");
  app.add_option("--val-labels", options.valLabels, "Their labels or targets")
      ->type_name("FILE");
  app.add_option("--val-split", options.valSplit,
                 "Validate on this last fraction of the data instead (of "
                 "--text: default 0.1)")
      ->type_name("FRACTION")
      ->check(CLI::Range(0.0, 0.999999));
  list("--scale", options.scale, "[NAME=]NUMBER",
       "Multiply data, of all inputs that take floats or of one");
  list("--normalize", options.normalize, "[NAME=]MEAN,DEVIATION",
       "Then subtract MEAN and divide by DEVIATION");
  app.add_option("--text", options.text,
                 "Train on windows of a text to predict the next symbol")
      ->type_name("FILE");
  app.add_option("--vocab", options.vocab,
                 "Symbols of the text: bytes, or the characters that occur")
      ->check(CLI::IsMember({"byte", "char"}))
      ->capture_default_str();
  app.add_option("--context", options.context, "Symbols in a window")
      ->type_name("N")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 32));
  app.add_option("--stride", options.stride,
                 "Symbols from one window for training to the next")
      ->type_name("N")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 32))
      ->capture_default_str();
}

static void addSteps(CLI::App &app, TrainOptions &options) {
  app.option_defaults()->group("Steps");
  auto count = [&](const char *name, int64_t &value, int64_t smallest,
                   const char *help) {
    return addCount(app, name, value, smallest, help);
  };
  count("--batch", options.batch, 1,
        "Rows in a batch (default: 32, or the model's)");
  CLI::Option *steps = count("--steps", options.steps, 1, "Steps to do in all");
  count("--epochs", options.epochs, 1, "Passes over the data to do in all")
      ->excludes(steps);
  app.add_option("--seed", options.seed, "Of the order of the rows")
      ->type_name("N")
      ->capture_default_str();
  // Not checked here: numbers that are NaN or negative get a message that
  // says so.
  app.add_option("--lr", options.lr, "Learning rate (default: the model's)");
  app.add_option("--weight-decay", options.weightDecay,
                 "Weight decay (default: the model's)");
  app.add_option("--clip-norm", options.clipNorm,
                 "Largest norm of the gradient; 0: any");
  app.add_option("--accumulate", options.accumulate,
                 "Steps whose gradients are averaged to an update (default: 1)")
      ->type_name("N");
  app.add_option("--schedule", options.schedule,
                 "How the learning rate goes on after --warmup")
      ->check(CLI::IsMember({"constant", "linear", "cosine", "two-stage"}))
      ->capture_default_str();
  count("--warmup", options.warmup, 0,
        "Steps over which the learning rate rises from 0");
  app.add_option("--min-lr", options.minLr,
                 "Learning rate at the end, or a percentage such as 10% "
                 "(linear, cosine; default 0)")
      ->type_name("NUMBER");
  app.add_option("--decay-start", options.decayStart,
                 "Fraction of the steps before the learning rate falls "
                 "(linear, cosine)")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--stage-start", options.stageStart,
                 "Fraction of the steps before the second stage (two-stage)")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--stage-lr", options.secondLr,
                 "Learning rate of the second stage (default: 2/3 of --lr)");
  app.add_option("--stage-weight-decay", options.secondWeightDecay,
                 "Weight decay of the second stage")
      ->capture_default_str();
  count("--lambda-warmup", options.lambdaWarmup, 0,
        "Steps over which quantization sets in");
  addList(app, "--set", options.scalars, "Any other run-time scalar")
      ->type_name("NAME=VALUE");
}

static void addFiles(CLI::App &app, TrainOptions &options, bool isLinked) {
  auto count = [&](const char *name, int64_t &value, const char *help) {
    return addCount(app, name, value, /*smallest=*/1, help);
  };
  app.option_defaults()->group("Validation");
  count("--eval-every", options.evalEvery,
        "Validate after every N steps (default: after each epoch); always at "
        "the end");
  count("--eval-batches", options.evalBatches,
        "Validate on N batches at most, the same ones each time");
  count("--eval-batch", options.evalBatch,
        "Rows in a batch of validation (default: --batch)");
  app.add_flag("--eval-only", options.evalOnly, "Validate, do not train");
  app.option_defaults()->group("Files");
  app.add_option("--weights", options.weights,
                 isLinked ? "Initial parameters (default: this executable's "
                            "name with .safetensors); a checkpoint will do"
                          : "Initial parameters (default: X.safetensors for "
                            "X.so); a checkpoint will do")
      ->type_name("FILE");
  app.add_option("--checkpoint", options.checkpoint,
                 "Write the state at the end; with validation also "
                 "NAME.best.safetensors (default: a new file "
                 "MODEL-trained.safetensors in the current folder; none: no "
                 "file)")
      ->type_name("FILE|none");
  count("--checkpoint-every", options.checkpointEvery,
        "Write it after every N steps too");
  app.add_option("--resume", options.resume,
                 "Go on from --checkpoint; =auto: if it exists")
      ->type_name("[=auto]")
      ->check(CLI::IsMember({"must", "auto"}));
  app.add_option("--metrics", options.metrics,
                 "Write what a step measures: .jsonl, .csv, or a folder for "
                 "TensorBoard")
      ->type_name("FILE");
  count("--log-every", options.logEvery,
        "... every N steps, with the mean loss of these");
  app.add_option("--plot", options.plot, "Draw the loss: .svg or .png")
      ->type_name("FILE");
  app.add_option("--profile", options.profile,
                 "Write a Chrome trace of steps and parallel loops")
      ->type_name("FILE");
}

std::optional<int> tern::runtime::parseTrainCommandLine(int argc, char **argv,
                                                        bool isLinked,
                                                        TrainOptions &options) {
  CLI::App app;
  CommandLineTexts texts = {"tern-train",
                            "Trains",
                            "ternc --train",
                            "Describe the model: its tensors, scalars and "
                            "memory",
                            "Print every validation, as on a terminal",
                            footer};
  beginCommandLine(app, texts, isLinked, options);
  const std::string others = app.option_defaults()->get_group();
  addData(app, options);
  addSteps(app, options);
  addFiles(app, options, isLinked);
  app.option_defaults()->group(others);
  endCommandLine(app, texts, isLinked, options);
  return parseArguments(app, argc, argv, {{"--resume", "must"}});
}

static MaybeError checkRate(const char *option, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%g", value);
  if (!std::isfinite(value))
    return std::string(option) + ": " + text + " is not a finite number";
  if (value < 0)
    return std::string(option) + ": " + text + " is negative";
  return std::nullopt;
}

/// The lowest learning rate as a fraction of the peak.
static MaybeError parseFloor(const std::string &text, double lr,
                             double &floor) {
  if (text.empty())
    return std::nullopt;
  char *end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  bool isPercentage = end != text.c_str() && std::string(end) == "%";
  if (end == text.c_str() || (*end && !isPercentage))
    return "--min-lr: '" + text + "' is not a number or a percentage";
  if (MaybeError error = checkRate("--min-lr", value))
    return error;
  floor = isPercentage ? value / 100 : lr > 0 ? value / lr : 0;
  if (floor > 1)
    return "--min-lr: " + text + " is more than the learning rate";
  return std::nullopt;
}

MaybeError tern::runtime::makeSchedule(const TrainOptions &options, double lr,
                                       double weightDecay, int64_t steps,
                                       Schedule &schedule) {
  if (MaybeError error = checkRate("--lr", lr))
    return error;
  if (MaybeError error = checkRate("--weight-decay", weightDecay))
    return error;
  if (MaybeError error =
          checkRate("--stage-weight-decay", options.secondWeightDecay))
    return error;
  schedule.kind =
      parseSchedule(options.schedule).value_or(ScheduleKind::Constant);
  bool falls = schedule.kind == ScheduleKind::Linear ||
               schedule.kind == ScheduleKind::Cosine;
  if (!falls && (!options.minLr.empty() || options.decayStart > 0))
    return "--min-lr and --decay-start are for the schedules linear and "
           "cosine";
  if (schedule.kind == ScheduleKind::TwoStage) {
    double second = options.secondLr.value_or(lr * 2 / 3);
    if (MaybeError error = checkRate("--stage-lr", second))
      return error;
    schedule.floor = lr > 0 ? second / lr : 0;
  } else if (options.secondLr) {
    return "--stage-lr is for the schedule two-stage";
  }
  if (falls)
    if (MaybeError error = parseFloor(options.minLr, lr, schedule.floor))
      return error;
  auto fraction = [&](double part) {
    return static_cast<int64_t>(
        std::llround(part * static_cast<double>(steps)));
  };
  schedule.steps = steps;
  schedule.warmup = options.warmup;
  schedule.decayStart = fraction(options.decayStart);
  schedule.stageStart = fraction(options.stageStart);
  schedule.weightDecay = weightDecay;
  schedule.secondDecay = options.secondWeightDecay;
  schedule.lambdaWarmup = options.lambdaWarmup;
  return std::nullopt;
}
