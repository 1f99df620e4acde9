//===- Recurrent.h - Layers of recurrent cells ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_RECURRENT_H
#define TERN_LIB_IMPORT_ONNX_OPS_RECURRENT_H

#include "Node.h"

namespace tern::onnx_import {

enum class Cell { RNN, GRU, LSTM };

/// An activation function with its parameters.
struct Activation {
  std::string name; // In lower case.
  double alpha, beta;
};

/// What makes weights of the codes of all directions: [directions, 1] or
/// [directions, gates * hidden] each.
struct Codes {
  Tensor scale, zeroPoint;
};

/// The operands of a layer, in f32 for narrower types, in the layout [time,
/// batch, ...]; and its attributes.
struct Layer {
  Cell cell;
  int64_t numGates, numDirections, hidden;
  Extent time, batch;
  /// The weights [directions, gates * hidden, inputs or hidden]; codes are
  /// transposed, [directions, inputs or hidden, gates * hidden].
  Tensor x, w, r;
  std::optional<Codes> wCodes, rCodes;
  std::optional<Tensor> bias, lengths, initialH, initialC, peepholes;
  llvm::SmallVector<Activation> activations;
  double clip = 0;
  bool linearBeforeReset = false, inputForget = false, isReverse = false;
  bool isBatchFirst = false;
};

/// A matrix [inputs, gates * hidden] to multiply with.
struct Weight {
  /// Floats; or codes less their zero points, in i32.
  Tensor matrix;
  /// Of codes, one for all or for each column.
  std::optional<Tensor> scale;
};

/// What a step reads: sums of the input's products and biases, the state, the
/// weight of the recurrence.
struct Step {
  const Layer &layer;
  unsigned direction;
  Tensor input, h, c;
  Weight recurrence;
  /// GRU: the recurrence's bias of the last gate, kept apart.
  std::optional<Tensor> resetBias;
  /// LSTM: [hidden] each, of the gates i, o and f.
  llvm::SmallVector<Tensor> peepholes;
  /// LSTM: the state to multiply with the recurrence's weight; h if there is
  /// none.
  std::optional<Tensor> read = std::nullopt;

  /// The activation number `i` of this direction.
  unsigned f(unsigned i) const {
    return direction * (layer.activations.size() / layer.numDirections) + i;
  }
};

/// Reads the attributes that all layers have.
mlir::LogicalResult readAttributes(Node &node, Layer &layer);
/// Reads the number of hidden units, which `extent` of the weights must be.
mlir::LogicalResult readHidden(Node &node, Layer &layer, const Extent &extent);
/// Reads the operands from the bias on, whose places are those of LSTM; what
/// precedes them is there. `type`: that to compute in.
mlir::LogicalResult readState(Node &node, Layer &layer, DType type);
/// The layer's results, of `type`.
mlir::LogicalResult emitLayer(Node &node, const Layer &layer, DType type);

/// Columns [gate * hidden, (gate + count) * hidden) of a matrix.
Tensor getGates(Node &node, Tensor matrix, const Layer &layer, int64_t gate,
                int64_t count = 1);
/// x . weight. Where the weight is of codes, x becomes codes, too, by the range
/// of its own values, as DynamicQuantizeLinear has it.
mlir::FailureOr<Tensor> emitProduct(Node &node, const Tensor &x,
                                    const Weight &weight);
/// The new state; of an LSTM, `step.c` becomes the new cell.
mlir::FailureOr<Tensor> emitStep(Node &node, Step &step);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_RECURRENT_H
