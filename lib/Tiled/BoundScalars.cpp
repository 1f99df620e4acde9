//===- BoundScalars.cpp - Keep scalars within their bounds ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_BOUNDSCALARSPASS
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

struct BoundScalarsPass
    : public tern::impl::BoundScalarsPassBase<BoundScalarsPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (func::FuncOp func : getEntryFunctions(getOperation())) {
      if (symbols.lookup(getShapesFunctionName(func)))
        continue;
      for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
        if (auto bound = func.getArgAttrOfType<ArrayAttr>(i, kBoundAttrName))
          if (failed(keepWithin(func, i, bound)))
            return signalPassFailure();
    }
  }

  LogicalResult keepWithin(func::FuncOp func, unsigned index, ArrayAttr bound) {
    BlockArgument scalar = func.getArgument(index);
    if (!isa<RankedTensorType>(scalar.getType()))
      return success();
    std::string name =
        func.getArgAttrOfType<StringAttr>(index, kScalarAttrName).str();
    SmallVector<tensor::ExtractOp> reads;
    for (Operation *user : scalar.getUsers())
      if (auto read = dyn_cast<tensor::ExtractOp>(user))
        reads.push_back(read);

    auto b = ImplicitLocOpBuilder::atBlockBegin(
        NameLoc::get(StringAttr::get(&getContext(), name), func.getLoc()),
        &func.getBody().front());
    FailureOr<Value> greatest = getGreatest(b, func, name, bound[1]);
    if (failed(greatest))
      return failure();
    int64_t least = cast<IntegerAttr>(bound[0]).getInt();
    Value from = arith::ConstantIndexOp::create(b, least);
    Value given = tensor::ExtractOp::create(b, scalar, ValueRange());
    Value value = arith::IndexCastOp::create(b, b.getIndexType(), given);
    Value isEnough =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sge, value, from);
    Value isWithin =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sle, value, *greatest);
    std::string to = isa<StringAttr>(bound[1])
                         ? "'" + cast<StringAttr>(bound[1]).str() + "'"
                         : std::to_string(cast<IntegerAttr>(bound[1]).getInt());
    cf::AssertOp::create(b, arith::AndIOp::create(b, isEnough, isWithin),
                         "scalar '" + name + "' must be from " +
                             std::to_string(least) + " to " + to);
    // The check says what memory is planned for; this says it to passes.
    AffineExpr d0 = b.getAffineDimExpr(0);
    auto either =
        AffineMap::get(2, 0, {d0, b.getAffineDimExpr(1)}, b.getContext());
    value = affine::AffineMaxOp::create(b, either, ValueRange{value, from});
    value =
        affine::AffineMinOp::create(b, either, ValueRange{value, *greatest});
    value = arith::IndexCastOp::create(b, given.getType(), value);
    for (tensor::ExtractOp read : reads) {
      read.replaceAllUsesWith(value);
      read.erase();
    }
    ++numBounded;
    return success();
  }

  /// The greatest value: a constant, or the extent that it names.
  FailureOr<Value> getGreatest(ImplicitLocOpBuilder &b, func::FuncOp func,
                               StringRef name, Attribute greatest) {
    if (auto constant = dyn_cast<IntegerAttr>(greatest))
      return arith::ConstantIndexOp::create(b, constant.getInt()).getResult();
    SymbolicDims dims(func);
    StringRef symbol = cast<StringAttr>(greatest).getValue();
    const auto *known = llvm::find(dims.getNames(), symbol);
    if (known == dims.getNames().end())
      return func.emitError("scalar '")
             << name << "' is bounded by '" << symbol
             << "', which is no extent of an argument";
    auto [argument, axis] = dims.getSource(known - dims.getNames().begin());
    return tensor::DimOp::create(b, func.getArgument(argument), axis)
        .getResult();
  }
};

} // namespace
