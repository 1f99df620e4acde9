//===- ExportDequantized.cpp - Ternarized weights as floats ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlendBitLinear.h"
#include "TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/IR/TrainingAttributes.h"
#include "tern/Training/Passes.h"
#include "llvm/ADT/StringSet.h"

namespace tern {
#define GEN_PASS_DEF_TERNEXPORTDEQUANTIZED
#include "tern/Training/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// The layer whose weights an argument is, as it stands or transposed.
struct Use {
  BitLinearOp layer;
  linalg::TransposeOp transpose;
};

Use findLayer(Value weight) {
  for (Operation *user : weight.getUsers()) {
    if (auto layer = dyn_cast<BitLinearOp>(user))
      if (layer.getWeight() == weight)
        return {layer, {}};
    if (auto transpose = dyn_cast<linalg::TransposeOp>(user))
      if (Use use = findLayer(transpose->getResult(0));
          use.layer && !use.transpose)
        return {use.layer, transpose};
  }
  return {};
}

Value transpose(TensorBuilder &b, Value matrix) {
  SmallVector<OpFoldResult> sizes = b.sizesOf(matrix);
  std::swap(sizes[0], sizes[1]);
  Value init = tensor::EmptyOp::create(b, sizes, getElementTypeOrSelf(matrix));
  return linalg::TransposeOp::create(b, matrix, init, ArrayRef<int64_t>{1, 0})
      ->getResult(0);
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
    StringRef paramAttr = TernDialect::getParamAttrName();
    // Learned scales are part of the weights now.
    llvm::StringSet<> scales;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(kInitialAttrName))
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
    StringRef paramAttr = TernDialect::getParamAttrName();
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
    prepare->setAttr(TernDialect::getPrepareAttrName(), UnitAttr::get(context));
    prepare->setAttr(TernDialect::getTargetAttrName(),
                     GenericTargetAttr::get(context));
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
      if (use.transpose)
        value = transpose(b, value);
      value =
          buildDequantized(b, value, alpha ? prepare.getArgument(1) : Value(),
                           use.layer.getWeights());
      if (use.transpose)
        value = transpose(b, value);
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
