//===- TrainModel.h - Trainer.h's C API for HostTensors ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TRAINMODEL_H
#define TERN_RUNTIME_TRAINMODEL_H

#include "../run/Session.h"
#include "Dataset.h"
#include "tern/runtime/Trainer.h"

namespace tern::runtime {

/// The C API of training for HostTensors.
class TrainModel : public LoadedProgram {
public:
  TrainModel() : LoadedProgram(/*trains=*/true) {}

  [[nodiscard]] MaybeError step(const std::vector<HostTensor> &batch,
                                float &loss);
  /// Sums over a batch of validation.
  struct Evaluation {
    double loss = 0; // Mean loss times targets.
    int64_t targets = 0, correct = 0;
    bool hasAccuracy = false;
  };
  [[nodiscard]] MaybeError evaluate(const std::vector<HostTensor> &batch,
                                    Evaluation &sums);

  bool hasScalar(const std::string &name) const;
  std::vector<std::string> scalars() const;

  /// The model's.
  std::string name;
  ModelInputs inputs;
  /// Of eval_step, without the loss; of train_step, without the loss.
  std::vector<TensorSpec> outputs, measurements;
  /// The only size of batches there is, or -1.
  int64_t fixedBatch = -1;
  /// Whether the last error was that the artifact's file was cut, before
  /// anything ran: the state is as it was.
  bool isArtifactCut = false;

private:
  MaybeError readInterface() override;
  MaybeError checkInputs();

  std::vector<HostTensor> results;
};

/// Batches of a dataset in memory that is used again and again.
class Batches {
public:
  /// Allocates for `rows` rows.
  [[nodiscard]] MaybeError prepare(std::shared_ptr<const Dataset> dataset,
                                   const ModelInputs &inputs, int64_t rows);
  /// Row i is item items[i]; the tensors are those of the last call.
  std::vector<HostTensor> get(const std::vector<int64_t> &items);
  const Dataset &dataset() const { return *source; }

private:
  std::shared_ptr<const Dataset> source;
  std::vector<HostTensor> memory;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_TRAINMODEL_H
