//===- Dataset.h - Interface of data sets, and makers -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_DATASET_H
#define TERN_RUNTIME_DATASET_H

#include "../run/TensorView.h"

#include <memory>

namespace tern::runtime {

/// What a training artifact wants to be fed with.
struct ModelInputs {
  /// The inputs of train_step; the last is the labels.
  std::vector<TensorSpec> inputs;
  /// Labels are in [0, classes) or equal to ignoreIndex.
  std::optional<int64_t> classes, ignoreIndex;

  const TensorSpec &labels() const { return inputs.back(); }
};

/// Items, each with one row of every input.
class Dataset {
public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  /// Shapes of a batch of one item.
  virtual std::vector<std::vector<int64_t>> itemShapes() const = 0;
  /// Writes item `item` to row `row` of a batch.
  virtual void copy(int64_t item, int64_t row,
                    std::vector<HostTensor> &batch) const = 0;
};

/// How numbers of a file become those of a model.
struct Conversion {
  /// x -> (x * scale - mean) / deviation, if any was asked for.
  bool isAffine = false;
  double scale = 1, mean = 0, deviation = 1;
};

/// Parses "0.5" or "1/255".
[[nodiscard]] MaybeError parseScale(const std::string &text, double &scale);
/// Parses "0.5,0.25": mean and deviation.
[[nodiscard]] MaybeError parseNormalization(const std::string &text,
                                            Conversion &conversion);

struct TensorFiles {
  /// As on the command line: [NAME=]FILE.
  std::vector<std::string> data;
  std::string labels;
  /// For each of the model's inputs but the labels.
  std::vector<Conversion> conversions;
  /// What the options are called, for messages: "--data", "--labels".
  std::string dataOption, labelsOption;
};

/// Reads .npy and IDX files. Everything is checked: rows, shapes, dtypes,
/// labels, NaNs. Items whose shape differs from the model's are taken if they
/// have as many elements and the model's extents are static.
[[nodiscard]] MaybeError readTensors(const TensorFiles &files,
                                     const ModelInputs &model,
                                     std::shared_ptr<Dataset> &dataset);

struct TextFile {
  std::string path;
  /// Symbols are bytes, else characters (UTF-8), numbered in the order of
  /// their code points among those that occur.
  bool areBytes = true;
  /// 0: the extent that the model says.
  int64_t context = 0;
  /// Between the first symbols of two items.
  int64_t stride = 1;
  /// The last fraction of the text is for validation.
  double split = 0;
};

/// Reads a text as windows of `context` symbols; labels are the next symbol of
/// each, or of the last one if the model's labels have one dimension.
/// Validation windows begin `context` symbols apart if labels have two
/// dimensions, else one. `validation` is null without a split.
[[nodiscard]] MaybeError readText(const TextFile &file,
                                  const ModelInputs &model,
                                  std::shared_ptr<Dataset> &train,
                                  std::shared_ptr<Dataset> &validation);

/// Items [begin, end) of another.
class Subset : public Dataset {
public:
  Subset(std::shared_ptr<Dataset> all, int64_t begin, int64_t end)
      : all(std::move(all)), begin(begin), end(end) {}
  int64_t size() const override { return end - begin; }
  std::vector<std::vector<int64_t>> itemShapes() const override {
    return all->itemShapes();
  }
  void copy(int64_t item, int64_t row,
            std::vector<HostTensor> &batch) const override {
    all->copy(begin + item, row, batch);
  }

private:
  std::shared_ptr<Dataset> all;
  int64_t begin, end;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_DATASET_H
