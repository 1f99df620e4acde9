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
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    auto type = dyn_cast<MemRefType>(func.getArgument(i).getType());
    if (!type)
      continue;
    if (!type.getLayout().isIdentity())
      return func.emitError("argument #")
             << i << " must be a dense row-major buffer";
    SmallVector<NamedAttribute> attrs;
    if (DictionaryAttr given = func.getArgAttrDict(i))
      for (NamedAttribute attr : given)
        if (attr.getNameDialect() &&
            attr.getNameDialect()->getNamespace() ==
                LLVM::LLVMDialect::getDialectNamespace())
          attrs.push_back(attr);
    Location loc = func.getArgument(i).getLoc();
    SmallVector<Value> extents;
    unsigned next = i;
    if (failed(func.insertArgument(next++, pointer, b.getDictionaryAttr(attrs),
                                   loc)))
      return failure();
    for (int64_t n = type.getNumDynamicDims(); n > 0; --n) {
      if (failed(func.insertArgument(next, b.getIndexType(), {}, loc)))
        return failure();
      extents.push_back(func.getArgument(next++));
    }
    Value memref = buildMemRef(b, type, func.getArgument(i), extents);
    func.getArgument(next).replaceAllUsesWith(memref);
    if (failed(func.eraseArgument(next)))
      return failure();
    i = next - 1;
  }
  return success();
}
