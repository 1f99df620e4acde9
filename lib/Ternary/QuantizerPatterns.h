//===- QuantizerPatterns.h - Match fake quantization ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognises quantize-dequantize formulas, however they are written. Both kinds
// are `codes * scale` with codes made from `value * 1/scale`; which factors are
// multiplied and which divided by, and in which order, does not matter, nor
// does a straight-through residue `v + (q - v)`. docs/ternarization.md lists
// what is recognised.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TERNARY_QUANTIZERPATTERNS_H
#define TERN_LIB_TERNARY_QUANTIZERPATTERNS_H

#include "Element.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include <cmath>
#include <string>

namespace tern {

/// What a pattern needs to know of the matrix an element stands in: which
/// dimension of its position numbers the rows, and which the K-positions.
/// Activations have tokens instead of rows: all dimensions but one.
struct MatrixDims {
  std::optional<unsigned> n;
  unsigned k;
};

/// Ternary weights: where the latent ones are, and how they are quantized.
struct WeightPattern {
  /// An element of the latent weights' tensor, or of the exactly ternary one.
  Element latent;
  WeightQuantizerAttr quantizer;
  /// `tern.ternary` of the operation that makes the latent tensor, where the
  /// model says it of the operand only.
  std::string fact;
  /// The learned scale: a number, or a tensor of which it is the magnitude.
  std::optional<double> alpha;
  mlir::Value alphaTensor = nullptr;
  /// What the codes are multiplied with to give the weights.
  Monomial scale;
};

/// Quantized activations.
struct ActivationPattern {
  mlir::Value source;
  ActivationQuantizerAttr quantizer;
  Monomial scale;
};

/// Matches formulas and remembers why the last one that began like a quantizer
/// turned out to be none that `tern.bitlinear` can express.
class QuantizerMatcher {
public:
  explicit QuantizerMatcher(mlir::MLIRContext *context) : context(context) {}

  /// Ternary weights `codes * scale`, or a parameter that is ternary by its
  /// values.
  std::optional<WeightPattern> matchWeights(Element weight, MatrixDims dims);
  /// The same, of the codes alone.
  std::optional<WeightPattern> matchWeightCodes(Element codes, MatrixDims dims);
  /// Activations `codes * scale` of a tensor; K is its last dimension.
  std::optional<ActivationPattern> matchActivations(mlir::Value tensor);
  /// The same, of the codes alone.
  std::optional<ActivationPattern> matchActivationCodes(mlir::Value tensor);

  /// Activations `codes - zero point` in i32, quantized to uint8 by the range
  /// of the tensor. The scale is a monomial of one base.
  std::optional<ActivationPattern> matchDynamicCodes(mlir::Value tensor);

  /// Why there was no match; empty if nothing looked like a quantizer.
  const std::string &getReason() const { return reason; }
  void clearReason() { reason.clear(); }

private:
  /// Codes and what they are made from.
  struct Codes {
    Element value;
    Rule rule;
    Rounding round = Rounding::Even;
    /// round_clip: the inverse of what the value is multiplied with.
    /// threshold: what its magnitude is compared with. Else empty.
    Monomial scale = {};
    /// strict_threshold: what its magnitude is compared with.
    double threshold = 0;
    double low = -1, high = 1;
    /// Whether there are bounds: without, `low` and `high` are infinite.
    bool isClipped() const { return std::isfinite(low) || std::isfinite(high); }
  };
  struct Scale;

  std::nullopt_t fail(const llvm::Twine &why) {
    if (reason.empty())
      reason = why.str();
    return std::nullopt;
  }

  std::optional<Codes> matchRoundedCodes(Element codes);
  std::optional<Codes> matchIntegerCodes(Element codes);
  std::optional<Codes> matchThresholdCodes(Element codes);
  std::optional<Codes> matchStrictThresholdCodes(Element codes);
  std::optional<Codes> matchCodes(Element codes);
  std::optional<Scale> matchScale(const Monomial &scale, Element value,
                                  MatrixDims dims);
  std::optional<WeightPattern> matchExactlyTernary(Element weight,
                                                   MatrixDims dims);
  std::optional<WeightPattern> buildLearned(WeightPattern weights,
                                            const Codes &codes,
                                            double threshold, MatrixDims dims);
  std::optional<WeightPattern> buildWeights(const Codes &codes, Monomial scale,
                                            MatrixDims dims);
  std::optional<ActivationPattern>
  buildActivations(const Codes &codes, const Monomial &scale,
                   mlir::RankedTensorType type);

  mlir::MLIRContext *context;
  std::string reason;
};

/// The float that is converted to an integer of 8 bits, saturating, and back.
std::optional<Element> matchInt8RoundTrip(Element element);

/// The tensor with the element that is known to be ternary by its values, a
/// parameter or computed from some, and what is known (`tern.ternary`).
std::pair<Element, mlir::StringAttr> findTernaryFact(Element weight);

/// The tensor of which `element` is the element at its own indices and that
/// has this type, or null.
mlir::Value getWholeTensor(Element element, mlir::RankedTensorType type);

} // namespace tern

#endif // TERN_LIB_TERNARY_QUANTIZERPATTERNS_H
