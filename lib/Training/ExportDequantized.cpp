//===- ExportDequantized.cpp - Ternarized weights as floats ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlendBitLinear.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Training/Passes.h"
#include "llvm/ADT/StringSet.h"

namespace tern {
#define GEN_PASS_DEF_TERNEXPORTDEQUANTIZED
#include "tern/Training/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// The layer whose weights an argument is, and the operations between the two,
/// which leave the elements as they are.
struct Use {
  BitLinearOp layer;
  SmallVector<Operation *> moves;
};

Use findLayer(Value weight) {
  for (Operation *user : weight.getUsers()) {
    if (auto layer = dyn_cast<BitLinearOp>(user)) {
      if (layer.getWeight() == weight)
        return {layer, {}};
    } else if (isa<linalg::TransposeOp, tensor::CollapseShapeOp,
                   tensor::ExpandShapeOp>(user)) {
      Use use = findLayer(user->getResult(0));
      if (!use.layer)
        continue;
      use.moves.insert(use.moves.begin(), user);
      return use;
    }
  }
  return {};
}

Value transpose(TensorBuilder &b, Value tensor, ArrayRef<int64_t> permutation) {
  SmallVector<OpFoldResult> sizes = b.sizesOf(tensor), moved;
  for (int64_t axis : permutation)
    moved.push_back(sizes[axis]);
  Value init = tensor::EmptyOp::create(b, moved, getElementTypeOrSelf(tensor));
  return linalg::TransposeOp::create(b, tensor, init, permutation)
      ->getResult(0);
}

/// What a move makes of `value`.
Value move(TensorBuilder &b, Operation *op, Value value) {
  if (auto moved = dyn_cast<linalg::TransposeOp>(op))
    return transpose(b, value, moved.getPermutation());
  if (auto moved = dyn_cast<tensor::CollapseShapeOp>(op))
    return tensor::CollapseShapeOp::create(b, value,
                                           moved.getReassociationIndices());
  auto moved = cast<tensor::ExpandShapeOp>(op);
  return tensor::ExpandShapeOp::create(b, moved.getResultType(), value,
                                       moved.getReassociationIndices());
}

/// What the move has made `value` of.
Value moveBack(TensorBuilder &b, Operation *op, Value value) {
  if (auto moved = dyn_cast<linalg::TransposeOp>(op))
    return transpose(b, value, invertPermutationVector(moved.getPermutation()));
  if (auto moved = dyn_cast<tensor::CollapseShapeOp>(op))
    return tensor::ExpandShapeOp::create(b, moved.getSrcType(), value,
                                         moved.getReassociationIndices());
  return tensor::CollapseShapeOp::create(
      b, value, cast<tensor::ExpandShapeOp>(op).getReassociationIndices());
}

struct ExportDequantizedPass
    : public tern::impl::TernExportDequantizedBase<ExportDequantizedPass> {
  using TernExportDequantizedBase::TernExportDequantizedBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main || main.isDeclaration()) {
      module.emitError("expected a public function 'main'");
      return signalPassFailure();
    }
    StringRef paramAttr = kParamAttrName;
    // Learned scales are part of the weights now.
    llvm::StringSet<> scales;
    for (auto function : module.getOps<func::FuncOp>())
      if (TernDialect::InitialAttrHelper(function->getContext())
              .isAttrPresent(function))
        scales.insert(function.getResultAttrOfType<StringAttr>(0, paramAttr));
    OpBuilder b(&getContext());
    SmallVector<Type> types;
    SmallVector<DictionaryAttr> attrs;
    for (BlockArgument arg : main.getArguments()) {
      auto name =
          main.getArgAttrOfType<StringAttr>(arg.getArgNumber(), paramAttr);
      auto type = dyn_cast<RankedTensorType>(arg.getType());
      if (!name || !type || scales.contains(name))
        continue;
      Use use = findLayer(arg);
      Type element = type.getElementType();
      if (half && element.isF32())
        element = b.getF16Type();
      types.push_back(type.clone(element));
      attrs.push_back(b.getDictionaryAttr(b.getNamedAttr(paramAttr, name)));
      if (use.layer || element != type.getElementType())
        addPrepare(main, arg, name, use, types.back());
    }
    // All that is left of the model is which parameters it has.
    auto params = func::FuncOp::create(main.getLoc(), "main",
                                       b.getFunctionType(types, {}));
    params.setAllArgAttrs(attrs);
    b.setInsertionPointToStart(params.addEntryBlock());
    func::ReturnOp::create(b, main.getLoc());
    main.erase();
    module.push_back(params);
  }

private:
  void addPrepare(func::FuncOp main, BlockArgument weight, StringAttr name,
                  Use use, Type result) {
    StringRef paramAttr = kParamAttrName;
    MLIRContext *context = &getContext();
    SmallVector<Type> types = {weight.getType()};
    auto alpha = use.layer
                     ? dyn_cast_or_null<BlockArgument>(use.layer.getAlpha())
                     : BlockArgument();
    if (alpha)
      types.push_back(alpha.getType());
    auto prepare = func::FuncOp::create(
        weight.getLoc(), "prepare_" + std::to_string(number++),
        FunctionType::get(context, types, result));
    TernDialect::PrepareAttrHelper(context).setAttr(prepare,
                                                    UnitAttr::get(context));
    TernDialect::TargetAttrHelper(context).setAttr(
        prepare, GenericTargetAttr::get(context));
    prepare.setArgAttr(0, paramAttr, name);
    if (alpha)
      prepare.setArgAttr(1, paramAttr,
                         main.getArgAttr(alpha.getArgNumber(), paramAttr));
    prepare.setResultAttr(0, paramAttr, name);
    getOperation().push_back(prepare);

    TensorBuilder b(weight.getLoc(),
                    OpBuilder::atBlockBegin(prepare.addEntryBlock()));
    Value value = prepare.getArgument(0);
    if (use.layer) {
      for (Operation *op : use.moves)
        value = move(b, op, value);
      value =
          buildDequantized(b, value, alpha ? prepare.getArgument(1) : Value(),
                           use.layer.getWeights());
      for (Operation *op : llvm::reverse(use.moves))
        value = moveBack(b, op, value);
    }
    Type element = getElementTypeOrSelf(result);
    if (element != getElementTypeOrSelf(value)) {
      SmallVector<OpFoldResult> sizes = b.sizesOf(value);
      value = b.map(sizes, element, value, b.identity(sizes.size()),
                    [&](TensorBuilder &n, ValueRange args) -> Value {
                      return arith::TruncFOp::create(n, element, args[0]);
                    });
    }
    func::ReturnOp::create(b, value);
  }

  unsigned number = 0;
};

} // namespace
