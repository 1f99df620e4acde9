//===- OutlineLatents.cpp - Make parameters of dequantized weights --------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InitialValues.h"
#include "LayerNames.h"
#include "LinearLayer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/DeadCode.h"
#include "tern/Ternary/Passes.h"
#include "llvm/ADT/BitVector.h"

namespace tern {
#define GEN_PASS_DEF_TERNOUTLINELATENTS
#include "tern/Ternary/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// The operation that dequantizes a layer's weights, or null.
static Operation *getDequantization(BitLinearOp layer) {
  Operation *op =
      getSource(Element::get(layer.getWeight())).value.getDefiningOp();
  return op && TernDialect::TernaryAttrHelper(op->getContext())
                     .isAttrPresent(op)
             ? op
             : nullptr;
}

/// Whether parameters alone compute the value; these.
static bool findParameters(func::FuncOp function, Value value,
                           llvm::SetVector<BlockArgument> &arguments) {
  llvm::SetVector<Operation *> ops;
  findSlice(value, ops, arguments);
  return llvm::all_of(arguments, [&](BlockArgument argument) {
    return argument.getOwner() == &function.front() &&
           function.getArgAttr(argument.getArgNumber(), kParamAttrName);
  });
}

/// Replaces `from` on the way from `weight`, a layer's operand, to it.
static void replaceOnWay(OpBuilder &b, OpOperand &weight, Value from,
                         Value to) {
  if (weight.get() == from)
    return weight.set(to);
  // What moves elements has one operand and perhaps a destination.
  OpBuilder::InsertionGuard guard(b);
  Operation *op = weight.get().getDefiningOp();
  b.setInsertionPoint(op);
  Operation *copy = b.clone(*op);
  weight.set(copy->getResult(0));
  replaceOnWay(b, copy->getOpOperand(0), from, to);
}

namespace {
struct OutlineLatents
    : public tern::impl::TernOutlineLatentsBase<OutlineLatents> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration() &&
          !TernDialect::PrepareAttrHelper(function->getContext())
               .isAttrPresent(function))
        functions.push_back(function);
    for (func::FuncOp function : functions)
      run(function);
  }

private:
  void run(func::FuncOp function) {
    DenseMap<Value, Value> outlined;
    DenseSet<Value> sources;
    SmallVector<BitLinearOp> layers;
    function.walk([&](BitLinearOp layer) { layers.push_back(layer); });
    OpBuilder b(&getContext());
    for (BitLinearOp layer : layers) {
      Operation *op = getDequantization(layer);
      llvm::SetVector<BlockArgument> parameters;
      if (!op || !findParameters(function, op->getResult(0), parameters))
        continue;
      sources.insert_range(parameters);
      Value value = op->getResult(0);
      Value &parameter = outlined[value];
      if (!parameter) {
        // Codes of a few bytes are no parameter and have no name.
        LayerNames names = getLayerNames(layer, layer.getWeight());
        std::string name =
            names.size() > 1 ? names.back() : names.front() + ".weight";
        parameter = addComputedParameter(
            function, value, value.getType(), getFreeName(function, name),
            [](OpBuilder &, Value latent) { return latent; });
        ++numOutlined;
      }
      replaceOnWay(b, layer.getWeightMutable(), value, parameter);
    }
    if (outlined.empty())
      return;
    eraseDeadOps(function.getBody());
    // Codes and scales that nobody else reads are no state of the model.
    BitVector unused(function.getNumArguments());
    for (BlockArgument argument : function.getArguments())
      if (argument.use_empty() && sources.contains(argument))
        unused.set(argument.getArgNumber());
    (void)function.eraseArguments(unused);
  }
};
} // namespace
