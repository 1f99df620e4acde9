//===- RawBuffers.cpp - Buffers as pointers and extents -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RawBuffers.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"

using namespace mlir;
using namespace tern;

namespace {
Value cast(OpBuilder &b, Location loc, Type type, Value value) {
  return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
}
} // namespace

Value tern::buildMemRef(ImplicitLocOpBuilder &b, MemRefType type, Value pointer,
                        ValueRange extents) {
  Location loc = b.getLoc();
  LLVMTypeConverter converter(b.getContext());
  Type i64 = b.getI64Type();
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(value));
  };
  auto descriptor =
      MemRefDescriptor::poison(b, loc, converter.convertType(type));
  descriptor.setAllocatedPtr(b, loc, pointer);
  descriptor.setAlignedPtr(b, loc, pointer);
  descriptor.setOffset(b, loc, constant(0));
  SmallVector<Value> sizes;
  for (int64_t extent : type.getShape()) {
    if (!ShapedType::isDynamic(extent)) {
      sizes.push_back(constant(extent));
      continue;
    }
    sizes.push_back(cast(b, loc, i64, extents.front()));
    extents = extents.drop_front();
  }
  Value stride = constant(1);
  for (unsigned axis = sizes.size(); axis-- > 0;) {
    descriptor.setSize(b, loc, axis, sizes[axis]);
    descriptor.setStride(b, loc, axis, stride);
    if (axis > 0)
      stride = LLVM::MulOp::create(b, stride, sizes[axis]);
  }
  return cast(b, loc, type, descriptor);
}

void tern::splitMemRef(ImplicitLocOpBuilder &b, Value memref,
                       SmallVectorImpl<Value> &parts) {
  auto type = cast<MemRefType>(memref.getType());
  LLVMTypeConverter converter(b.getContext());
  Value descriptor = cast(b, b.getLoc(), converter.convertType(type), memref);
  parts.push_back(MemRefDescriptor(descriptor).alignedPtr(b, b.getLoc()));
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    if (type.isDynamicDim(axis))
      parts.push_back(memref::DimOp::create(b, memref, axis));
}

LogicalResult tern::takeRawBuffers(func::FuncOp func) {
  Block &body = func.getBody().front();
  ImplicitLocOpBuilder b(func.getLoc(), func.getContext());
  b.setInsertionPointToStart(&body);
  auto pointer = LLVM::LLVMPointerType::get(func.getContext());
  unsigned numGiven = func.getNumArguments();
  for (unsigned i = 0; i < numGiven; ++i)
    if (auto type = dyn_cast<MemRefType>(func.getArgument(i).getType());
        type && !type.getLayout().isIdentity())
      return func.emitError("argument #")
             << i << " must be a dense row-major buffer";
  // All at once: to change the type for each would take the square of them.
  SmallVector<DictionaryAttr> attrs;
  for (unsigned i = 0; i < numGiven; ++i) {
    BlockArgument old = func.getArgument(i);
    DictionaryAttr given = func.getArgAttrDict(i);
    auto type = dyn_cast<MemRefType>(old.getType());
    if (!type) {
      old.replaceAllUsesWith(body.addArgument(old.getType(), old.getLoc()));
      attrs.push_back(given);
      continue;
    }
    SmallVector<NamedAttribute> kept;
    if (given)
      for (NamedAttribute attr : given)
        if (attr.getNameDialect() &&
            attr.getNameDialect()->getNamespace() ==
                LLVM::LLVMDialect::getDialectNamespace())
          kept.push_back(attr);
    attrs.push_back(b.getDictionaryAttr(kept));
    Value buffer = body.addArgument(pointer, old.getLoc());
    SmallVector<Value> extents;
    for (int64_t n = type.getNumDynamicDims(); n > 0; --n) {
      extents.push_back(body.addArgument(b.getIndexType(), old.getLoc()));
      attrs.push_back({});
    }
    old.replaceAllUsesWith(buildMemRef(b, type, buffer, extents));
  }
  body.eraseArguments(0, numGiven);
  func.setFunctionType(b.getFunctionType(body.getArgumentTypes(),
                                         func.getFunctionType().getResults()));
  func.setAllArgAttrs(attrs);
  return success();
}

void tern::promiseBuffers(func::FuncOp func) {
  Builder b(func.getContext());
  SmallVector<DictionaryAttr> attrs;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
    NamedAttrList promises(func.getArgAttrDict(i));
    if (!isa<MemRefType>(func.getArgument(i).getType())) {
      attrs.push_back(promises.getDictionary(b.getContext()));
      continue;
    }
    promises.set(LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
    if (!func.getArgAttr(i, kResultAttrName) &&
        !func.getArgAttr(i, kDonatedAttrName) &&
        !func.getArgAttr(i, kArenaAttrName))
      promises.set(LLVM::LLVMDialect::getReadonlyAttrName(), b.getUnitAttr());
    attrs.push_back(promises.getDictionary(b.getContext()));
  }
  func.setAllArgAttrs(attrs);
}
