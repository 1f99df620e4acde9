//===- TernLayouts.cpp - The layouts bits2 and base3 ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"

using namespace mlir;
using namespace tern;

/// A constant of `type`, an integer or a vector of integers.
static Value constant(OpBuilder &b, Location loc, Type type, int64_t value) {
  auto element = cast<IntegerType>(getElementTypeOrSelf(type));
  TypedAttr attr = b.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = SplatElementsAttr::get(vector, cast<Attribute>(attr));
  return arith::ConstantOp::create(b, loc, type, attr);
}

static LogicalResult verifyTile(function_ref<InFlightDiagnostic()> emitError,
                                int64_t rows, int64_t lanes) {
  // Bounds that keep kernels within registers and sizes within 64 bits.
  if (rows < 1 || rows > 64)
    return emitError() << "rows must be between 1 and 64";
  if (lanes < 1 || lanes > 256)
    return emitError() << "lanes must be between 1 and 256";
  return success();
}

/// [ceil(N/rows), ceil(K/block), rows, lanes].
static AffineMap getSimdExtents(SimdLayoutAttrInterface layout) {
  MLIRContext *context = layout.getContext();
  AffineExpr n = getAffineDimExpr(0, context), k = getAffineDimExpr(1, context);
  return AffineMap::get(2, 0,
                        {n.ceilDiv(layout.getRows()),
                         k.ceilDiv(layout.getBlock()),
                         getAffineConstantExpr(layout.getRows(), context),
                         getAffineConstantExpr(layout.getLanes(), context)},
                        context);
}

/// (tile, block, row, lane, field) -> (n, k).
static AffineMap getSimdPosition(SimdLayoutAttrInterface layout) {
  MLIRContext *context = layout.getContext();
  AffineExpr tile, block, row, lane, field;
  bindDims(context, tile, block, row, lane, field);
  return AffineMap::get(
      5, 0,
      {tile * layout.getRows() + row,
       block * layout.getBlock() + field * layout.getLanes() + lane},
      context);
}

/// The most lanes up to `lanes` that divide a group.
static int64_t divideGroup(int64_t group, int64_t lanes) {
  while (group % lanes != 0)
    --lanes;
  return lanes;
}

//===----------------------------------------------------------------------===//
// Two bits a code
//===----------------------------------------------------------------------===//

LogicalResult Bits2Attr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t rows, int64_t lanes) {
  return verifyTile(emitError, rows, lanes);
}

AffineMap Bits2Attr::getPackedExtents() const { return getSimdExtents(*this); }

AffineMap Bits2Attr::getPosition() const { return getSimdPosition(*this); }

LayoutTile Bits2Attr::getTile() const { return {getRows(), getBlock()}; }

LayoutAttrInterface Bits2Attr::withGroup(int64_t group) const {
  return Bits2Attr::get(getContext(), getRows(),
                        divideGroup(group, getLanes()));
}

Value tern::buildTwoBitPack(OpBuilder &b, Location loc, ValueRange codes) {
  Type type = codes.front().getType();
  Value one = constant(b, loc, type, 1);
  Value byte;
  for (auto [field, code] : llvm::enumerate(codes)) {
    Value digit = arith::AddIOp::create(b, loc, code, one);
    if (field == 0) {
      byte = digit;
      continue;
    }
    Value shift = constant(b, loc, type, 2 * field);
    digit = arith::ShLIOp::create(b, loc, digit, shift);
    byte = arith::OrIOp::create(b, loc, byte, digit);
  }
  return byte;
}

SmallVector<Value> tern::buildTwoBitUnpack(OpBuilder &b, Location loc,
                                           Value bytes) {
  Type type = bytes.getType();
  Value mask = constant(b, loc, type, 3);
  constexpr int64_t numFields = 4;
  SmallVector<Value> fields;
  for (int64_t field = 0; field < numFields; ++field) {
    Value digit = bytes;
    if (field > 0)
      digit = arith::ShRUIOp::create(b, loc, bytes,
                                     constant(b, loc, type, 2 * field));
    // The top field needs no mask: the shift brings in zeros.
    if (field + 1 < numFields)
      digit = arith::AndIOp::create(b, loc, digit, mask);
    fields.push_back(digit);
  }
  return fields;
}

//===----------------------------------------------------------------------===//
// Five digits of base three
//===----------------------------------------------------------------------===//

LogicalResult Base3Attr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t rows, int64_t lanes) {
  return verifyTile(emitError, rows, lanes);
}

int64_t Base3Attr::getFields() const { return 5; }

AffineMap Base3Attr::getPackedExtents() const { return getSimdExtents(*this); }

AffineMap Base3Attr::getPosition() const { return getSimdPosition(*this); }

LayoutTile Base3Attr::getTile() const { return {getRows(), getBlock()}; }

LayoutAttrInterface Base3Attr::withGroup(int64_t group) const {
  return Base3Attr::get(getContext(), getRows(),
                        divideGroup(group, getLanes()));
}

Value Base3Attr::buildPack(OpBuilder &b, Location loc, ValueRange codes) const {
  // v < 243 fits a byte, v * 256 + 242 does not: compute in 32 bits.
  Type type = codes.front().getType();
  Type wide = b.getI32Type();
  if (auto vector = dyn_cast<VectorType>(type))
    wide = vector.clone(wide);
  Value one = constant(b, loc, type, 1);
  Value three = constant(b, loc, wide, 3);
  Value number;
  for (Value code : codes) {
    Value digit = arith::AddIOp::create(b, loc, code, one);
    digit = arith::ExtUIOp::create(b, loc, wide, digit);
    if (!number) {
      number = digit;
      continue;
    }
    number = arith::MulIOp::create(b, loc, number, three);
    number = arith::AddIOp::create(b, loc, number, digit);
  }
  number = arith::MulIOp::create(b, loc, number, constant(b, loc, wide, 256));
  number = arith::AddIOp::create(b, loc, number, constant(b, loc, wide, 242));
  number = arith::DivUIOp::create(b, loc, number, constant(b, loc, wide, 243));
  return arith::TruncIOp::create(b, loc, type, number);
}

SmallVector<Value> Base3Attr::buildUnpack(OpBuilder &b, Location loc,
                                          Value bytes) const {
  Type type = bytes.getType();
  // (x * 3) / 256 for a byte x is the number of thresholds 86 and 171 it
  // reaches: comparisons stay in bytes where the product would not.
  Value first = constant(b, loc, type, 86);
  Value second = constant(b, loc, type, static_cast<int8_t>(171));
  SmallVector<Value> fields;
  Value rest = bytes;
  for (int64_t field = 0; field < getFields(); ++field) {
    if (field > 0) {
      Value twice = arith::AddIOp::create(b, loc, rest, rest);
      rest = arith::AddIOp::create(b, loc, twice, rest);
    }
    auto reaches = [&](Value threshold) -> Value {
      Value bit = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, rest,
                                        threshold);
      return arith::ExtUIOp::create(b, loc, type, bit);
    };
    fields.push_back(
        arith::AddIOp::create(b, loc, reaches(first), reaches(second)));
  }
  return fields;
}
