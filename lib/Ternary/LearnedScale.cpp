//===- LearnedScale.cpp - Add parameters for learned scales ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LearnedScale.h"
#include "InitialValues.h"

using namespace mlir;
using namespace tern;

WeightQuantizerAttr tern::getInitialQuantizer(WeightQuantizerAttr learned) {
  return WeightQuantizerAttr::get(
      learned.getContext(), Statistic::AbsMean, learned.getGranularity(),
      learned.getGroupSize(), Rule::RoundClip, learned.getRound(),
      learned.getThreshold(), learned.getEps(), EpsMode::Clamp);
}

void tern::addLearnedScale(BitLinearOp layer, WeightQuantizerAttr learned,
                           StringRef weightName) {
  auto function = layer->getParentOfType<func::FuncOp>();
  Value weight = layer.getWeight();
  auto matrix = cast<RankedTensorType>(weight.getType());
  auto type = RankedTensorType::get(
      learned.getScaleShape(matrix.getDimSize(0), matrix.getDimSize(1)),
      matrix.getElementType());
  StringRef stem = weightName;
  stem.consume_back(".weight");
  Value alpha = addComputedParameter(
      function, weight, type, getFreeName(function, (stem + ".alpha").str()),
      [&](OpBuilder &b, Value latent) -> Value {
        return QuantizeWeightsOp::create(b, weight.getLoc(), latent,
                                         /*alpha=*/Value(), layer.getWeights())
            .getScale();
      });
  layer.getAlphaMutable().assign(alpha);
  layer.setWeightsAttr(learned);
}
