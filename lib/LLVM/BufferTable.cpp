//===- BufferTable.cpp - Load buffers from the interface's arrays ---------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BufferTable.h"
#include "RawBuffers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"

using namespace mlir;
using namespace tern;

namespace {

/// Positions of the table's values.
enum : unsigned {
  kBuffers,
  kDims,
  kExtents,
  kArena,
  kArenaSize,
  kFailedCheck,
  kTableSize
};

Value loadElement(ImplicitLocOpBuilder &b, Value array, unsigned index,
                  Type type) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value address =
      LLVM::GEPOp::create(b, pointer, type, array,
                          ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  return LLVM::LoadOp::create(b, type, address);
}

/// The entry function's argument behind an operand.
BlockArgument getEntryArgument(func::FuncOp func, Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() == &func.getBody().front() ? argument
                                                                    : nullptr;
}

} // namespace

SmallVector<Type> BufferTable::getTypes(MLIRContext *context) {
  Type pointer = LLVM::LLVMPointerType::get(context);
  return {pointer, pointer, pointer, pointer, IndexType::get(context), pointer};
}

Value BufferTable::build(ImplicitLocOpBuilder &b, unsigned argument,
                         ValueRange table) const {
  const BufferSource &source = sources[argument];
  switch (source.kind) {
  case BufferSource::Arena:
    return buildMemRef(b, source.type, table[kArena], table[kArenaSize]);
  case BufferSource::FailedCheck:
    return buildMemRef(b, source.type, table[kFailedCheck], {});
  case BufferSource::Buffer:
    break;
  }
  Value pointer = loadElement(b, table[kBuffers], source.index,
                              LLVM::LLVMPointerType::get(b.getContext()));
  SmallVector<Value> extents;
  for (const BufferSource::Extent &extent : source.extents) {
    Value value = loadElement(b, table[extent.isComputed ? kExtents : kDims],
                              extent.index, b.getI64Type());
    extents.push_back(arith::IndexCastOp::create(b, b.getIndexType(), value));
  }
  return buildMemRef(b, source.type, pointer, extents);
}

LogicalResult BufferTable::lowerPart(func::FuncOp func, func::CallOp call,
                                     ValueRange table,
                                     SymbolTable &symbols) const {
  auto part = symbols.lookup<func::FuncOp>(call.getCallee());
  if (!part || part.isDeclaration() || !part.getBody().hasOneBlock())
    return call.emitError("a part must be a defined function of one block");
  ImplicitLocOpBuilder b(call.getLoc(), func.getContext());
  auto noAlias = b.getStringAttr(LLVM::LLVMDialect::getNoAliasAttrName());

  // Buffers that are no arguments pass through as pointers.
  SmallVector<Value> given(table);
  SmallVector<std::optional<unsigned>> positions;
  b.setInsertionPoint(call);
  for (auto [i, operand] : llvm::enumerate(call.getOperands())) {
    positions.push_back(std::nullopt);
    if (BlockArgument argument = getEntryArgument(func, operand)) {
      for (NamedAttribute attr : mlir::function_interface_impl::getArgAttrs(
               func, argument.getArgNumber()))
        if (attr.getNameDialect() &&
            attr.getNameDialect()->getNamespace() ==
                LLVM::LLVMDialect::getDialectNamespace())
          part.setArgAttr(i, attr.getName(), attr.getValue());
      continue;
    }
    positions.back() = given.size();
    if (!isa<MemRefType>(operand.getType())) {
      given.push_back(operand);
      continue;
    }
    if (operand.getDefiningOp<memref::AllocaOp>())
      part.setArgAttr(i, noAlias, b.getUnitAttr());
    splitMemRef(b, operand, given);
  }
  // LLVM would put it back. (The conversion to its dialect drops `no_inline`.)
  part->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  auto loads = func::FuncOp::create(
      call.getLoc(), (part.getName() + "_loads").str(),
      b.getFunctionType(ValueRange(given).getTypes(), call.getResultTypes()));
  loads.setPrivate();
  loads->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  symbols.insert(loads, std::next(Block::iterator(part)));

  b.setInsertionPointToStart(loads.addEntryBlock());
  auto loadsTable = loads.getArguments().take_front(kTableSize);
  SmallVector<Value> operands;
  for (auto [operand, position] :
       llvm::zip_equal(call.getOperands(), positions))
    if (!position) {
      splitMemRef(b,
                  build(b, cast<BlockArgument>(operand).getArgNumber(),
                        SmallVector<Value>(loadsTable)),
                  operands);
    } else {
      auto type = dyn_cast<MemRefType>(operand.getType());
      size_t numValues = type ? 1 + type.getNumDynamicDims() : 1;
      llvm::append_range(operands,
                         loads.getArguments().slice(*position, numValues));
    }
  if (failed(takeRawBuffers(part)))
    return failure();
  auto inner = func::CallOp::create(b, part, operands);
  func::ReturnOp::create(b, inner.getResults());

  b.setInsertionPoint(call);
  call->replaceAllUsesWith(func::CallOp::create(b, loads, given));
  call->erase();
  return success();
}

LogicalResult BufferTable::replaceArguments(func::FuncOp func,
                                            SymbolTable &symbols) {
  Block &body = func.getBody().front();
  unsigned numGiven = sources.size();
  SmallVector<Value> table;
  for (Type type : getTypes(func.getContext()))
    table.push_back(body.addArgument(type, func.getLoc()));

  SmallVector<func::CallOp> parts;
  for (auto call : body.getOps<func::CallOp>())
    if (TernDialect::PartAttrHelper(call->getContext()).isAttrPresent(call))
      parts.push_back(call);
  for (func::CallOp call : parts)
    if (failed(lowerPart(func, call, table, symbols)))
      return failure();

  ImplicitLocOpBuilder b(func.getLoc(), func.getContext());
  for (unsigned i = 0; i < numGiven; ++i) {
    // One for each operation of the function's block, in front of it.
    DenseMap<Operation *, Value> built;
    for (OpOperand &use :
         llvm::make_early_inc_range(func.getArgument(i).getUses())) {
      Operation *user = body.findAncestorOpInBlock(*use.getOwner());
      Value &memref = built[user];
      if (!memref) {
        b.setInsertionPoint(user);
        memref = build(b, i, table);
      }
      use.set(memref);
    }
  }
  body.eraseArguments(0, numGiven);
  SmallVector<DictionaryAttr> none(body.getNumArguments());
  func.setFunctionType(b.getFunctionType(body.getArgumentTypes(), {}));
  func.setAllArgAttrs(none);
  return success();
}
