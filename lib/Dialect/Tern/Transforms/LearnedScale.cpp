//===- LearnedScale.cpp - Scales that are parameters ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LearnedScale.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "tern/Dialect/Tern/IR/TrainingAttributes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace tern;

WeightQuantizerAttr tern::getInitialQuantizer(WeightQuantizerAttr learned) {
  return WeightQuantizerAttr::get(
      learned.getContext(), Statistic::AbsMean, learned.getGranularity(),
      learned.getGroupSize(), Rule::RoundClip, learned.getRound(),
      learned.getThreshold(), learned.getEps(), EpsMode::Clamp);
}

/// Operations that compute `value`, in order, and the arguments they read.
static void findSlice(Value value, llvm::SetVector<Operation *> &ops,
                      llvm::SetVector<BlockArgument> &arguments) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    arguments.insert(argument);
    return;
  }
  Operation *op = value.getDefiningOp();
  if (ops.contains(op))
    return;
  for (Value operand : op->getOperands())
    findSlice(operand, ops, arguments);
  ops.insert(op);
}

/// A name that no argument of the function has.
static std::string getFreeName(func::FuncOp function, StringRef weightName) {
  llvm::StringSet<> taken;
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    for (StringRef attr :
         {TernDialect::getParamAttrName(), TernDialect::getNameAttrName()})
      if (auto known = function.getArgAttrOfType<StringAttr>(i, attr))
        taken.insert(known);
  StringRef stem = weightName;
  stem.consume_back(".weight");
  std::string base = (stem + ".alpha").str(), name = base;
  for (unsigned n = 2; taken.contains(name); ++n)
    name = base + "." + std::to_string(n);
  return name;
}

/// Adds the function that computes the scale `name` of `weight`.
static void addInitial(func::FuncOp function, Value weight,
                       WeightQuantizerAttr quantizer, Type type,
                       StringAttr name) {
  MLIRContext *context = function.getContext();
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<BlockArgument> arguments;
  findSlice(weight, ops, arguments);
  SmallVector<Type> inputs;
  for (BlockArgument argument : arguments)
    inputs.push_back(argument.getType());
  SymbolTable symbols(function->getParentOfType<ModuleOp>());
  unsigned number = 0;
  std::string symbol;
  do
    symbol = "initial_" + std::to_string(number++);
  while (symbols.lookup(symbol));
  auto initial = func::FuncOp::create(weight.getLoc(), symbol,
                                      FunctionType::get(context, inputs, type));
  symbols.insert(initial);
  initial->setAttr(TernDialect::getPrepareAttrName(), UnitAttr::get(context));
  initial->setAttr(kInitialAttrName, UnitAttr::get(context));
  initial->setAttr(TernDialect::getTargetAttrName(),
                   GenericTargetAttr::get(context));
  initial.setResultAttr(0, TernDialect::getParamAttrName(), name);
  OpBuilder b(context);
  b.setInsertionPointToStart(initial.addEntryBlock());
  IRMapping mapping;
  for (auto [from, to] : llvm::zip_equal(arguments, initial.getArguments())) {
    mapping.map(from, to);
    initial.setArgAttrs(to.getArgNumber(),
                        function.getArgAttrDict(from.getArgNumber()));
  }
  for (Operation *op : ops)
    b.clone(*op, mapping);
  auto quantize =
      QuantizeWeightsOp::create(b, weight.getLoc(), mapping.lookup(weight),
                                /*alpha=*/Value(), quantizer);
  func::ReturnOp::create(b, weight.getLoc(), quantize.getScale());
}

void tern::addLearnedScale(BitLinearOp layer, WeightQuantizerAttr learned,
                           StringRef weightName) {
  auto function = layer->getParentOfType<func::FuncOp>();
  Value weight = layer.getWeight();
  auto matrix = cast<RankedTensorType>(weight.getType());
  auto type = RankedTensorType::get(
      learned.getScaleShape(matrix.getDimSize(0), matrix.getDimSize(1)),
      matrix.getElementType());
  Builder b(function.getContext());
  StringAttr name = b.getStringAttr(getFreeName(function, weightName));
  addInitial(function, weight, layer.getWeights(), type, name);
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(index, type,
                                b.getDictionaryAttr(b.getNamedAttr(
                                    TernDialect::getParamAttrName(), name)),
                                NameLoc::get(name, weight.getLoc()));
  layer.getAlphaMutable().assign(function.getArgument(index));
  layer.setWeightsAttr(learned);
}
