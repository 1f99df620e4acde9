//===- Layers.h - The linear layers of a model ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TERNARY_LAYERS_H
#define TERN_TERNARY_LAYERS_H

#include "mlir/IR/BuiltinOps.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include <string>
#include <vector>

namespace tern {

/// How a linear layer came to be what it is. Recorded in the IR as the
/// discardable attributes `tern.origin` ("raised" or "converted") of
/// `tern.bitlinear` and `tern.float` (the reason) of a layer left alone.
enum class LayerOrigin {
  /// It was ternary in the model.
  Raised,
  /// It was made ternary because the user asked for it.
  Converted,
  /// It could have been converted, but was excluded.
  Excluded,
  /// It is not ternary.
  Float,
};
llvm::StringRef getName(LayerOrigin origin);

/// Whether a `tern.bitlinear` was a float layer of the model.
bool isConverted(mlir::Operation *layer);

/// A linear layer at the ternary level.
struct LayerInfo {
  /// The model's node.
  std::string name;
  /// The parameter that the weights are, or empty.
  std::string weight;
  LayerOrigin origin;
  /// Why it is excluded or float, or why its activations are (recorded as
  /// `tern.unquantized` of what makes them); may be empty.
  std::string reason;
  int64_t n, k;
  /// Null unless it is ternary.
  WeightQuantizerAttr weights;
  bool hasInt8Activations = false;
};

/// The linear layers of the module's functions, in order. Layers whose weights
/// are no parameters (attention) are left out.
std::vector<LayerInfo> collectLayers(mlir::ModuleOp module);

/// The quantizers that `--quantizer` knows by name.
std::vector<std::string> getQuantizerNames();
/// The same, separated by |.
llvm::StringRef getQuantizerNameList();

/// The quantizer that such a name or the parameters of `#tern.weight_quantizer`
/// (`<...>`) stand for; reports a text that is neither.
llvm::FailureOr<WeightQuantizerAttr>
parseWeightQuantizer(llvm::StringRef text, mlir::MLIRContext *context);

} // namespace tern

#endif // TERN_TERNARY_LAYERS_H
