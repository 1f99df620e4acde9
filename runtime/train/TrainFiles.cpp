//===- TrainFiles.cpp - Name and write a run's files ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../run/CommandLine.h"
#include "Plot.h"
#include "TrainRun.h"
#include "tern/runtime/AtomicFile.h"
#include "tern/runtime/Text.h"

#include <cstdio>
#include <cstring>

#include <sys/stat.h>

using namespace tern::runtime;

/// `name` without `suffix`, if it ends in it.
static std::string dropSuffix(const std::string &name, const char *suffix) {
  size_t length = std::strlen(suffix);
  if (name.size() > length &&
      name.compare(name.size() - length, length, suffix) == 0)
    return name.substr(0, name.size() - length);
  return name;
}

/// Whether there is anything of this name, be it a link to nothing.
static bool exists(const std::string &path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

std::string TrainRun::bestPath() const {
  return dropSuffix(checkpoint, ".safetensors") + ".best.safetensors";
}

/// Whether two paths mean one file.
static bool isSame(const std::string &a, const std::string &b) {
  auto isSameNode = [](const std::string &a, const std::string &b) {
    struct stat first, second;
    return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
  };
  if (isSameNode(a, b))
    return true;
  // Of files that are not there yet the folders tell.
  std::string first = AtomicFile::resolve(a), second = AtomicFile::resolve(b);
  size_t i = first.rfind('/') + 1, j = second.rfind('/') + 1;
  return first.substr(i) == second.substr(j) &&
         isSameNode(first.substr(0, i) + ".", second.substr(0, j) + ".");
}

MaybeError TrainRun::checkOutputs() const {
  using File = std::pair<const char *, std::string>;
  std::string self = linked ? executablePath() : options.artifact;
  std::vector<File> inputs = {
      {"--labels", options.labels},
      {"--val-labels", options.valLabels},
      {"--text", options.text},
      {"the program", self},
      {"its initial parameters",
       (linked ? self : dropSuffix(self, ".so")) + ".safetensors"}};
  auto add = [&](const char *option, const std::vector<std::string> &values) {
    for (const std::string &value : values) {
      inputs.emplace_back(option, value);
      inputs.emplace_back(option, value.substr(value.find('=') + 1));
    }
  };
  add("--data", options.data);
  add("--val", options.val);
  std::vector<File> outputs = {{"--checkpoint", checkpoint},
                               {"--metrics", options.metrics},
                               {"--plot", options.plot},
                               {"--profile", options.profile}};
  if (!checkpoint.empty() && validationData)
    outputs.emplace_back("the best of --checkpoint", bestPath());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto &[option, path] = outputs[i];
    if (path.empty())
      continue;
    for (const auto &[what, input] : inputs)
      if (!input.empty() && isSame(path, input))
        return std::string(option) + ": '" + path + "' would replace what is " +
               "read, " + what + "; give it another name";
    for (size_t j = 0; j < i; ++j)
      if (!outputs[j].second.empty() && isSame(path, outputs[j].second))
        return std::string(option) + ": '" + path + "' is also that of " +
               outputs[j].first + "; give it another name";
  }
  if (!options.metrics.empty() && !MetricsLog::findFormat(options.metrics))
    return "--metrics: cannot tell the format of '" + options.metrics +
           "': give a name with .jsonl or .csv, or a folder for TensorBoard "
           "(a name that ends in /)";
  if (!options.plot.empty() && !findPlotFormat(options.plot))
    return "--plot: cannot tell the format of '" + options.plot +
           "': give a name with .svg or .png";
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

MaybeError TrainRun::lockCheckpoint(bool &isTaken) {
  locks.clear();
  std::vector<std::string> paths = {checkpoint};
  if (validationData)
    paths.push_back(bestPath());
  for (const std::string &path : paths) {
    locks.emplace_back();
    if (MaybeError error = locks.back().acquire(path, isTaken)) {
      locks.clear();
      return error;
    }
  }
  return std::nullopt;
}

/// Takes the first of NAME-trained.safetensors, NAME-trained-2.safetensors, ...
/// that is nobody's.
MaybeError TrainRun::chooseCheckpoint(const std::string &name) {
  for (int number = 1;; ++number) {
    checkpoint = name + "-trained" +
                 (number > 1 ? "-" + std::to_string(number) : "") +
                 ".safetensors";
    auto isFree = [&] { return !exists(checkpoint) && !exists(bestPath()); };
    if (!isFree())
      continue;
    AtomicFile file;
    if (MaybeError error = file.open(checkpoint))
      return *error + "; say where to write the state by --checkpoint, or "
                      "--checkpoint=none";
    bool isTaken = false;
    MaybeError error = lockCheckpoint(isTaken);
    if (error && !isTaken)
      return error;
    // A run may have ended in between.
    if (!error && isFree())
      return std::nullopt;
  }
}

MaybeError TrainRun::prepareCheckpoint() {
  if (options.checkpoint == "none")
    return std::nullopt;
  if (options.checkpoint.empty()) {
    isChosen = true;
    std::string name = linked ? executablePath() : options.artifact;
    name = dropSuffix(name.substr(name.rfind('/') + 1), ".so");
    // Room for what is added.
    return chooseCheckpoint(name.empty() ? "model" : name.substr(0, 200));
  }
  // Better now than after hours.
  AtomicFile file;
  if (MaybeError error = file.open(checkpoint))
    return error;
  bool isTaken = false;
  if (MaybeError error = lockCheckpoint(isTaken))
    return error;
  // A run that was killed may have left half a file under another name.
  AtomicFile::removeStale(checkpoint);
  AtomicFile::removeStale(bestPath());
  return std::nullopt;
}

MaybeError TrainRun::write(const std::string &path) {
  char bestText[64] = "";
  if (best)
    std::snprintf(bestText, sizeof(bestText), "%.17g", *best);
  const std::pair<const char *, std::string> fields[] = {
      {"epoch", std::to_string(step / stepsPerEpoch())},
      {"position", std::to_string(step % stepsPerEpoch() * batch)},
      {"seed", std::to_string(options.seed)},
      {"batch", std::to_string(batch)},
      {"items", std::to_string(trainData->size())},
      {"best_val_loss", bestText},
      {"evaluated_step", std::to_string(evaluatedStep)},
  };
  std::vector<const char *> keys, values;
  for (const auto &[key, value] : fields) {
    keys.push_back(key);
    values.push_back(value.c_str());
  }
  if (tern_trainer_save(model.program, path.c_str(), keys.data(), values.data(),
                        keys.size()) != TERN_OK)
    return tern_last_error();
  return std::nullopt;
}

MaybeError TrainRun::save(bool isBest) {
  bool &isOurs = isBest ? isBestWritten : isWritten;
  // Somebody may have put a file there since the name was chosen.
  if (isChosen && !isOurs && exists(isBest ? bestPath() : checkpoint)) {
    isWritten = isBestWritten = false;
    size_t end = checkpoint.rfind("-trained");
    if (MaybeError error = chooseCheckpoint(checkpoint.substr(0, end)))
      return error;
  }
  if (MaybeError error = write(isBest ? bestPath() : checkpoint))
    return error;
  isOurs = true;
  return std::nullopt;
}

void TrainRun::printCheckpoint(bool hasFailed) const {
  if (!isChosen || !isWritten)
    return;
  std::printf(hasFailed ? "the last checkpoint is '%s'"
                        : "the state is in '%s'",
              printable(checkpoint).c_str());
  if (isBestWritten)
    std::printf(", the best in '%s'", printable(bestPath()).c_str());
  std::printf("\n");
}

//===----------------------------------------------------------------------===//
// Logs
//===----------------------------------------------------------------------===//

void TrainRun::warnOfLog(const std::string &problem) {
  if (progress)
    progress->hide();
  printMessage("warning", problem + "; the run goes on without");
}

MaybeError TrainRun::openLogs(bool resumes) {
  if (MetricsLog::findFormat(options.metrics) !=
      MetricsLog::Format::TensorBoard)
    AtomicFile::removeStale(options.metrics);
  AtomicFile::removeStale(options.plot);
  if (!options.plot.empty()) {
    AtomicFile file;
    MaybeError error = file.open(options.plot);
    plots = !error;
    if (error && !isOutOfRoom(file.errorCode()))
      return error;
    if (error)
      warnOfLog(*error);
  }
  if (options.metrics.empty())
    return std::nullopt;
  MaybeError error =
      metrics.open(options.metrics, resumes ? step : -1, metricNames(), curve);
  if (error && !metrics.isOutOfRoom())
    return error;
  if (error)
    warnOfLog(*error);
  return std::nullopt;
}

MaybeError TrainRun::finish() {
  if (plots) {
    std::string picture =
        drawCurve(curve, model.name,
                  findPlotFormat(options.plot).value_or(PlotFormat::SVG));
    AtomicFile file;
    MaybeError error = file.open(options.plot);
    if (!error)
      error = file.write(picture.data(), picture.size());
    if (!error)
      error = file.commit();
    if (error)
      warnOfLog(*error);
  }
  if (!options.profile.empty() &&
      tern_trainer_profile_end(model.program, options.profile.c_str()) !=
          TERN_OK)
    return tern_last_error();
  return std::nullopt;
}
