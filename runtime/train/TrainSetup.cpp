//===- TrainSetup.cpp - Load model and data of a run ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../core/Program.h"
#include "../io/Json.h"
#include "../run/Report.h"
#include "../run/TensorArguments.h"
#include "TrainRun.h"
#include "tern/runtime/Text.h"

#include <cmath>
#include <cstdlib>

#include <unistd.h>

using namespace tern::runtime;

MaybeError TrainRun::load() {
  LoadOptions load;
  if (MaybeError error = makeLoadOptions(options, linked, load))
    return error;
  if (!options.info.empty())
    load.settings.flags |= TERN_LOAD_SIGNATURE_ONLY;
  return model.load(options.artifact, linked, load.settings);
}

void TrainRun::printInfo() const {
  int64_t rows = options.batch          ? options.batch
                 : model.fixedBatch > 0 ? model.fixedBatch
                                        : 1;
  nlohmann::ordered_json root;
  root["signature"] =
      nlohmann::ordered_json::parse(tern_trainer_signature(model.program));
  int64_t stateBytes = 0, elements = 0;
  for (const StateSpec &spec : model.program->signature.state) {
    stateBytes += (spec.numBytes() + 63) / 64 * 64;
    elements += spec.isParam ? numElements(spec.shape).value_or(0) : 0;
  }
  root["state_bytes"] = stateBytes;
  root["parameters"] = elements;
  root["batch"] = rows;
  const char *names[] = {"forward", "eval_step", "train_step",
                         "train_step_float"};
  for (int f = 0; f < 4; ++f) {
    auto function = static_cast<TernTrainFunction>(f);
    // Symbolic extents beyond the batch are those of the options, or 1.
    std::vector<int64_t> dims;
    size_t numDims = tern_trainer_num_dims(model.program, function);
    dims.reserve(numDims);
    for (size_t i = 0; i < numDims; ++i)
      dims.push_back(model.inputs.labels().symbols[0] ==
                             tern_trainer_dim_name(model.program, function, i)
                         ? rows
                         : std::max<int64_t>(1, options.context));
    int64_t bytes = 0;
    if (tern_trainer_has(model.program, function) &&
        tern_trainer_arena_size(model.program, function, dims.data(),
                                dims.size(), &bytes) == TERN_OK)
      root["arena_bytes"][names[f]] = bytes;
  }
  if (options.info == "json") {
    using Handler = nlohmann::ordered_json::error_handler_t;
    std::printf("%s\n", root.dump(-1, ' ', true, Handler::replace).c_str());
    return;
  }
  const auto &signature = root["signature"];
  auto text = [&](const char *key) {
    return printable(signature[key].get<std::string>());
  };
  std::printf("model:      %s\nloss:       %s\noptimizer:  %s\n",
              text("model").c_str(), text("loss").c_str(),
              text("optimizer").c_str());
  std::printf("inputs:     %s\noutputs:    %s\n",
              printable(listTensors(model.inputs.inputs)).c_str(),
              printable(listTensors(model.outputs)).c_str());
  std::printf("parameters: %lld\n", static_cast<long long>(elements));
  std::printf("state:      %s\n", formatBytes(stateBytes).c_str());
  for (const auto &[name, bytes] : root["arena_bytes"].items())
    std::printf("scratch:    %s for %s, batch %lld\n",
                formatBytes(bytes.get<int64_t>()).c_str(), name.c_str(),
                static_cast<long long>(rows));
  for (const auto &scalar : signature["scalars"])
    std::printf("scalar:     %s: %s%s\n",
                printable(scalar["name"].get<std::string>()).c_str(),
                scalar["dtype"].get<std::string>().c_str(),
                scalar.contains("default")
                    ? (" = " + scalar["default"].dump()).c_str()
                    : "");
}

/// Applies each of an option's arguments, [NAME=]VALUE, to the inputs it means.
static MaybeError
applyConversions(const char *option, const std::vector<std::string> &arguments,
                 const ModelInputs &model, std::vector<Conversion> &conversions,
                 MaybeError (*parse)(const std::string &, Conversion &)) {
  for (const std::string &argument : arguments) {
    bool applies = false;
    size_t named = 0;
    while (named < conversions.size() &&
           !isNamed(argument, model.inputs[named].name))
      ++named;
    std::string text = argument;
    if (named < conversions.size())
      text = argument.substr(model.inputs[named].name.size() + 1);
    for (size_t i = 0; i < conversions.size(); ++i) {
      if ((named < conversions.size() && i != named) ||
          !isFloat(model.inputs[i].dtype))
        continue;
      applies = true;
      if (MaybeError error = parse(text, conversions[i]))
        return std::string(option) + ": " + *error;
    }
    if (!applies)
      return std::string(option) + " is for inputs that take floats (" +
             listTensors(model.inputs) + ")";
  }
  return std::nullopt;
}

MaybeError
TrainRun::readConversions(std::vector<Conversion> &conversions) const {
  conversions.resize(model.inputs.inputs.size() - 1);
  if (MaybeError error =
          applyConversions("--scale", options.scale, model.inputs, conversions,
                           [](const std::string &text, Conversion &conversion) {
                             conversion.isAffine = true;
                             return parseScale(text, conversion.scale);
                           }))
    return error;
  return applyConversions("--normalize", options.normalize, model.inputs,
                          conversions, parseNormalization);
}

MaybeError TrainRun::readData() {
  bool hasVal = !options.val.empty() || !options.valLabels.empty();
  if (!options.text.empty()) {
    if (!options.data.empty() || !options.labels.empty() || hasVal)
      return "--text and other data exclude each other";
    TextFile file;
    file.path = options.text;
    file.areBytes = options.vocab == "byte";
    file.context = options.context;
    file.stride = options.stride;
    file.split = options.valSplit.value_or(0.1);
    return readText(file, model.inputs, trainData, validationData);
  }
  TensorFiles files;
  if (MaybeError error = readConversions(files.conversions))
    return error;
  if (!options.evalOnly || !options.data.empty()) {
    files.data = options.data;
    files.labels = options.labels;
    files.dataOption = "--data";
    files.labelsOption = "--labels";
    if (MaybeError error = readTensors(files, model.inputs, trainData))
      return error;
  }
  if (hasVal) {
    if (options.valSplit)
      return "--val and --val-split exclude each other";
    files.data = options.val;
    files.labels = options.valLabels;
    files.dataOption = "--val";
    files.labelsOption = "--val-labels";
    return readTensors(files, model.inputs, validationData);
  }
  if (trainData && options.valSplit.value_or(0) > 0) {
    int64_t size = trainData->size();
    int64_t split = static_cast<int64_t>(static_cast<double>(size) *
                                         (1 - *options.valSplit));
    if (split == 0)
      return "--val-split leaves no rows to train on";
    if (split == size)
      return "--val-split leaves no rows to validate on";
    validationData = std::make_shared<Subset>(trainData, split, size);
    trainData = std::make_shared<Subset>(trainData, 0, split);
  }
  return std::nullopt;
}

MaybeError TrainRun::checkBatches() {
  batch = options.batch ? options.batch : 32;
  evalBatch = options.evalBatch ? options.evalBatch : batch;
  if (model.fixedBatch >= 0) {
    for (int64_t given : {options.batch, options.evalBatch})
      if (given && given != model.fixedBatch)
        return "the model's batch is " + std::to_string(model.fixedBatch) +
               ", not " + std::to_string(given);
    batch = evalBatch = model.fixedBatch;
  }
  if (options.evalOnly && !validationData)
    return "--eval-only needs --val or --val-split";
  if (!options.evalOnly) {
    if (trainData->size() < batch)
      return "a batch of " + std::to_string(batch) + " is larger than the " +
             std::to_string(trainData->size()) +
             " rows to train on; give a smaller --batch";
    if (!options.steps && !options.epochs)
      return "one of --steps and --epochs is needed";
    total = options.steps;
    if (options.epochs &&
        __builtin_mul_overflow(options.epochs, stepsPerEpoch(), &total))
      return "--epochs: too many steps";
    if (MaybeError error = trainBatches.prepare(trainData, model.inputs, batch))
      return error;
  }
  if (!validationData)
    return std::nullopt;
  evalBatch = std::min(evalBatch, validationData->size());
  if (model.fixedBatch > evalBatch)
    return "the " + std::to_string(evalBatch) +
           " rows to validate on are fewer than the model's batch, " +
           std::to_string(model.fixedBatch);
  return validationBatches.prepare(validationData, model.inputs, evalBatch);
}

MaybeError TrainRun::setUpScalars() {
  auto set = [&](const std::string &option, const std::string &name,
                 double value) -> MaybeError {
    if (tern_trainer_set_scalar(model.program, name.c_str(), value) != TERN_OK)
      return option + ": " + tern_last_error();
    return std::nullopt;
  };
  for (const std::string &argument : options.scalars) {
    std::string name;
    double value = 0;
    MaybeError problem = parseAssignment("--set", argument, name, value);
    for (auto [scalar, option] :
         {std::pair("lr", "--lr"), std::pair("weight_decay", "--weight-decay"),
          std::pair("clip_norm", "--clip-norm"),
          std::pair("accumulate", "--accumulate")})
      if (name == scalar)
        return "--set: '" + name + "' has an option of its own, " + option;
    if (problem)
      return problem;
    if (MaybeError error = set("--set", name, value))
      return error;
  }
  if (options.clipNorm)
    if (MaybeError error = set("--clip-norm", "clip_norm", *options.clipNorm))
      return error;
  if (options.accumulate && !model.hasScalar("accumulate"))
    return "--accumulate: the model was compiled without it; compile it with "
           "'ternc --train --accumulate'";
  if (options.accumulate)
    if (MaybeError error =
            set("--accumulate", "accumulate", *options.accumulate))
      return error;
  if (options.accumulate && *options.accumulate > static_cast<double>(total)) {
    char text[64];
    std::snprintf(text, sizeof(text), "%.0f", *options.accumulate);
    return std::string("--accumulate: ") + text + " is more than the " +
           std::to_string(total) + " steps of the run";
  }
  double weightDecay = options.weightDecay.value_or(0);
  lr = options.lr.value_or(1);
  if (!options.lr && model.hasScalar("lr") &&
      tern_trainer_get_scalar(model.program, "lr", &lr) != TERN_OK)
    return "--lr is missing: the model has no default";
  if (!options.weightDecay && model.hasScalar("weight_decay"))
    (void)tern_trainer_get_scalar(model.program, "weight_decay", &weightDecay);
  if (MaybeError error =
          makeSchedule(options, lr, weightDecay, total, schedule))
    return error;
  if (options.lr)
    if (MaybeError error = set("--lr", "lr", lr))
      return error;
  if (options.weightDecay)
    if (MaybeError error = set("--weight-decay", "weight_decay", weightDecay))
      return error;
  if (options.lambdaWarmup &&
      !tern_trainer_has(model.program, TERN_TRAIN_STEP_FLOAT))
    return "--lambda-warmup: nothing in the model is quantized";
  bool setsSeed = false;
  for (const std::string &argument : options.scalars)
    setsSeed |= argument.compare(0, 5, "seed=") == 0;
  if (model.hasScalar("seed") && !setsSeed)
    if (MaybeError error =
            set("--seed", "seed", static_cast<double>(options.seed)))
      return error;
  return std::nullopt;
}

/// A checkpoint tells where in the data it was only together with these.
MaybeError TrainRun::checkResumed() const {
  struct Field {
    const char *key;
    std::string now;
    const char *what;
  };
  const Field fields[] = {
      {"seed", std::to_string(options.seed), "--seed"},
      {"batch", std::to_string(batch), "--batch"},
      {"items", std::to_string(trainData ? trainData->size() : 0),
       "a number of rows (or windows) to train on of"},
  };
  for (const Field &field : fields) {
    const char *then = tern_trainer_metadata(model.program, field.key);
    if (!then)
      return "cannot resume from '" + checkpoint + "': its metadata has no " +
             field.key;
    if (then != field.now)
      return "cannot resume from '" + checkpoint + "': it was written with " +
             field.what + " " + then + ", not " + field.now;
  }
  return std::nullopt;
}

/// A window of steps whose gradients are averaged goes on as it began.
MaybeError TrainRun::checkWindow() const {
  int64_t length = 0, done = tern_trainer_window(model.program, &length);
  if (!done || !length)
    return std::nullopt;
  double accumulate = 1;
  (void)tern_trainer_get_scalar(model.program, "accumulate", &accumulate);
  std::string where = "cannot resume from '" + checkpoint +
                      "': it is inside a window of " + std::to_string(length) +
                      " steps, of which " + std::to_string(done) +
                      (done == 1 ? " is" : " are") + " done";
  if (accumulate != static_cast<double>(length))
    return where + "; give --accumulate " + std::to_string(length);
  if (step == total)
    return where + ", and no step is left that could end it; give more steps";
  return std::nullopt;
}

MaybeError TrainRun::resume() {
  if (tern_trainer_restore(model.program, checkpoint.c_str()) != TERN_OK)
    return tern_last_error();
  step = tern_trainer_step(model.program);
  if (options.evalOnly)
    return std::nullopt;
  if (MaybeError error = checkResumed())
    return error;
  if (step > total)
    return "'" + checkpoint + "' has done " + std::to_string(step) +
           " steps, more than the " + std::to_string(total) + " asked for";
  if (MaybeError error = checkWindow())
    return error;
  auto read = [&](const char *key) -> std::optional<double> {
    const char *text = tern_trainer_metadata(model.program, key);
    if (!text || !*text)
      return std::nullopt;
    return std::strtod(text, nullptr);
  };
  best = read("best_val_loss");
  evaluatedStep = static_cast<int64_t>(read("evaluated_step").value_or(-1.0));
  return std::nullopt;
}

MaybeError TrainRun::start() {
  bool resumes = !options.resume.empty();
  checkpoint = options.checkpoint == "none" ? "" : options.checkpoint;
  if (resumes && checkpoint.empty())
    return "--resume needs --checkpoint";
  if (options.checkpointEvery && options.checkpoint == "none")
    return "--checkpoint-every needs --checkpoint";
  if (!options.evalOnly) {
    if (MaybeError error = checkOutputs())
      return error;
    if (MaybeError error = prepareCheckpoint())
      return error;
  }
  if (options.resume == "auto" && ::access(checkpoint.c_str(), F_OK) != 0)
    resumes = false;
  if (resumes) {
    if (MaybeError error = resume())
      return error;
  } else if (tern_trainer_init(model.program) != TERN_OK) {
    return tern_last_error();
  }
  if (options.evalOnly)
    return std::nullopt;
  if (MaybeError error = openLogs(resumes))
    return error;
  if (!options.profile.empty() &&
      tern_trainer_profile_begin(model.program) != TERN_OK)
    return tern_last_error();
  return std::nullopt;
}
