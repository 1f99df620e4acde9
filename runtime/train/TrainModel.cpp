//===- TrainModel.cpp - Trainer.h's C API for HostTensors -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainModel.h"
#include "../core/CApi.h"

#include <cmath>

using namespace tern::runtime;

MaybeError TrainModel::readInterface() {
  const Signature &signature = program->signature;
  name = signature.model;
  inputs.inputs = findSpec(program, "train_step")->inputs;
  inputs.classes = signature.classes;
  inputs.ignoreIndex = signature.ignoreIndex;
  auto beyondLoss = [&](const char *function) {
    const std::vector<TensorSpec> &all = findSpec(program, function)->outputs;
    return std::vector<TensorSpec>(all.begin() + 1, all.end());
  };
  outputs = beyondLoss("eval_step");
  measurements = beyondLoss("train_step");
  return checkInputs();
}

MaybeError TrainModel::checkInputs() {
  const TensorSpec &labels = inputs.labels();
  for (const TensorSpec &input : inputs.inputs)
    if (input.shape.empty() || input.shape[0] != labels.shape[0] ||
        input.symbols[0] != labels.symbols[0])
      return "the model's inputs do not all begin with the batch (" +
             listTensors(inputs.inputs) + "); train it through the C API";
  fixedBatch = labels.shape[0];
  return std::nullopt;
}

bool TrainModel::hasScalar(const std::string &name) const {
  for (const std::string &known : scalars())
    if (known == name)
      return true;
  return false;
}

std::vector<std::string> TrainModel::scalars() const {
  std::vector<std::string> names;
  size_t count = tern_trainer_num_scalars(program);
  names.reserve(count);
  for (size_t i = 0; i < count; ++i)
    names.emplace_back(tern_trainer_scalar_name(program, i));
  return names;
}

MaybeError TrainModel::step(const std::vector<HostTensor> &batch, float &loss) {
  TensorView view(batch);
  TernStatus status =
      tern_trainer_train_step(program, view.data(), view.size(), &loss);
  isArtifactCut = status == TERN_IO_ERROR;
  if (status != TERN_OK)
    return tern_last_error();
  return std::nullopt;
}

/// The rows of `scores` that have their largest element where `labels` say.
/// A row with a NaN is wrong; of equal elements the first counts.
static int64_t countCorrectF32(const HostTensor &scores,
                               const HostTensor &labels, int64_t classes) {
  const float *row = reinterpret_cast<const float *>(scores.data());
  int64_t correct = 0, rows = labels.numElements();
  for (int64_t r = 0; r < rows; ++r, row += classes) {
    int64_t best = 0;
    bool isNumber = true;
    for (int64_t c = 0; c < classes; ++c) {
      isNumber &= !std::isnan(row[c]);
      if (row[c] > row[best])
        best = c;
    }
    correct += isNumber && labels.at(r) == static_cast<long double>(best);
  }
  return correct;
}

MaybeError TrainModel::evaluate(const std::vector<HostTensor> &batch,
                                Evaluation &sums) {
  TensorView view(batch);
  std::vector<int64_t> extents(countExtents(outputs));
  TernStatus status =
      tern_trainer_output_shapes(program, TERN_EVAL_STEP, view.data(),
                                 view.size(), extents.data(), extents.size());
  isArtifactCut = status == TERN_IO_ERROR;
  if (status != TERN_OK)
    return tern_last_error();
  if (MaybeError error = allocateOutputs(outputs, extents, results))
    return error;
  TensorView out(results);
  float loss = 0;
  status = tern_trainer_eval_step(program, view.data(), view.size(), &loss,
                                  out.data(), out.size());
  isArtifactCut = status == TERN_IO_ERROR;
  if (status != TERN_OK)
    return tern_last_error();

  const HostTensor &labels = batch.back();
  int64_t targets = labels.numElements();
  if (inputs.ignoreIndex)
    for (int64_t i = 0, n = targets; i < n; ++i)
      targets -= labels.at(i) == static_cast<long double>(*inputs.ignoreIndex);
  // Of nothing but ignored labels there is no mean.
  if (targets)
    sums.loss += static_cast<double>(loss) * static_cast<double>(targets);
  sums.targets += targets;
  if (!inputs.classes || results.empty() || results[0].dtype != DType::F32)
    return std::nullopt;
  std::vector<int64_t> scores = labels.shape;
  scores.push_back(*inputs.classes);
  if (results[0].shape != scores)
    return std::nullopt;
  sums.hasAccuracy = true;
  sums.correct += countCorrectF32(results[0], labels, *inputs.classes);
  return std::nullopt;
}

MaybeError Batches::prepare(std::shared_ptr<const Dataset> dataset,
                            const ModelInputs &inputs, int64_t rows) {
  source = std::move(dataset);
  std::vector<std::vector<int64_t>> shapes = source->itemShapes();
  memory.resize(shapes.size());
  for (size_t i = 0; i < shapes.size(); ++i) {
    shapes[i][0] = rows;
    if (MaybeError error =
            HostTensor::allocate(inputs.inputs[i].dtype, shapes[i], memory[i]))
      return "a batch: " + *error;
  }
  return std::nullopt;
}

std::vector<HostTensor> Batches::get(const std::vector<int64_t> &items) {
  int64_t count = static_cast<int64_t>(items.size());
  for (int64_t row = 0; row < count; ++row)
    source->copy(items[static_cast<size_t>(row)], row, memory);
  std::vector<HostTensor> batch;
  batch.reserve(memory.size());
  for (const HostTensor &tensor : memory)
    batch.push_back(tensor.rows(0, count));
  return batch;
}
