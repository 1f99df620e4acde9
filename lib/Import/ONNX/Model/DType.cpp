//===- DType.cpp - Element types of ONNX tensors --------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DType.h"
#include "mlir/IR/BuiltinTypes.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace tern::onnx_import;

namespace {
enum class Kind { Float, NarrowFloat, Signed, Unsigned, Bool };
struct Info {
  DType type;
  llvm::StringLiteral name;
  unsigned bits;
  Kind kind;
};
constexpr Info infos[] = {
    {DType::F32, "f32", 32, Kind::Float},
    {DType::U8, "u8", 8, Kind::Unsigned},
    {DType::I8, "i8", 8, Kind::Signed},
    {DType::U16, "u16", 16, Kind::Unsigned},
    {DType::I16, "i16", 16, Kind::Signed},
    {DType::I32, "i32", 32, Kind::Signed},
    {DType::I64, "i64", 64, Kind::Signed},
    {DType::Bool, "bool", 1, Kind::Bool},
    {DType::F16, "f16", 16, Kind::Float},
    {DType::F64, "f64", 64, Kind::Float},
    {DType::U32, "u32", 32, Kind::Unsigned},
    {DType::U64, "u64", 64, Kind::Unsigned},
    {DType::BF16, "bf16", 16, Kind::Float},
    {DType::F8E4M3FN, "f8e4m3fn", 8, Kind::NarrowFloat},
    {DType::F8E4M3FNUZ, "f8e4m3fnuz", 8, Kind::NarrowFloat},
    {DType::F8E5M2, "f8e5m2", 8, Kind::NarrowFloat},
    {DType::F8E5M2FNUZ, "f8e5m2fnuz", 8, Kind::NarrowFloat},
    {DType::U4, "u4", 4, Kind::Unsigned},
    {DType::I4, "i4", 4, Kind::Signed},
    {DType::F4E2M1, "f4e2m1", 4, Kind::NarrowFloat},
    {DType::F8E8M0, "f8e8m0", 8, Kind::NarrowFloat},
    {DType::U2, "u2", 2, Kind::Unsigned},
    {DType::I2, "i2", 2, Kind::Signed},
    {DType::F6E2M3, "f6e2m3", 6, Kind::NarrowFloat},
    {DType::F6E3M2, "f6e3m2", 6, Kind::NarrowFloat},
};

const Info &getInfo(DType type) {
  return *llvm::find_if(infos, [&](const Info &i) { return i.type == type; });
}
} // namespace

std::optional<DType> tern::onnx_import::getDType(int onnxType) {
  for (const Info &info : infos)
    if (static_cast<int>(info.type) == onnxType)
      return info.type;
  return std::nullopt;
}

std::string tern::onnx_import::getONNXTypeName(int onnxType) {
  if (std::optional<DType> type = getDType(onnxType))
    return getName(*type).str();
  static constexpr std::pair<int, llvm::StringLiteral> others[] = {
      {8, "string"},
      {14, "complex64"},
      {15, "complex128"},
  };
  for (const auto &[number, name] : others)
    if (number == onnxType)
      return name.str();
  return "number " + std::to_string(onnxType);
}

llvm::StringRef tern::onnx_import::getName(DType type) {
  return getInfo(type).name;
}

llvm::StringRef tern::onnx_import::getInterfaceName(DType type) {
  if (!isNarrow(type))
    return getName(type);
  bool isSigned = getInfo(type).kind == Kind::Signed;
  return getName(isSigned ? DType::I8 : DType::U8);
}

int64_t tern::onnx_import::getByteSize(DType type) {
  return (getInfo(type).bits + 7) / 8;
}

int64_t tern::onnx_import::getStoredBytes(DType type, int64_t numElements) {
  if (!isNarrow(type))
    return numElements * getByteSize(type);
  int64_t bits = getBitWidth(type);
  return numElements / 8 * bits + (numElements % 8 * bits + 7) / 8;
}

unsigned tern::onnx_import::getBitWidth(DType type) {
  return getInfo(type).bits;
}

bool tern::onnx_import::isNarrow(DType type) {
  return isNarrowFloat(type) || (isInteger(type) && getBitWidth(type) < 8);
}

bool tern::onnx_import::isNarrowFloat(DType type) {
  return getInfo(type).kind == Kind::NarrowFloat;
}

bool tern::onnx_import::isFloat(DType type) {
  return getInfo(type).kind == Kind::Float;
}

bool tern::onnx_import::isInteger(DType type) {
  Kind kind = getInfo(type).kind;
  return kind == Kind::Signed || kind == Kind::Unsigned;
}

bool tern::onnx_import::isUnsigned(DType type) {
  return getInfo(type).kind == Kind::Unsigned;
}

mlir::Type tern::onnx_import::getMLIRType(DType type,
                                          mlir::MLIRContext *context) {
  switch (type) {
  case DType::F16:
    return mlir::Float16Type::get(context);
  case DType::BF16:
    return mlir::BFloat16Type::get(context);
  case DType::F32:
    return mlir::Float32Type::get(context);
  case DType::F64:
    return mlir::Float64Type::get(context);
  default:
    return mlir::IntegerType::get(context,
                                  isNarrow(type) ? 8 : getBitWidth(type));
  }
}

std::string tern::onnx_import::escape(llvm::StringRef text) {
  return runtime::printable(text);
}

std::string tern::onnx_import::quote(llvm::StringRef name) {
  return runtime::quote(name);
}
