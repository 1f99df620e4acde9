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

using tern::runtime::ElementType;

const ElementType &tern::onnx_import::getElementType(DType type) {
  return *runtime::findOnnxType(static_cast<int>(type));
}

std::optional<DType> tern::onnx_import::getDType(int onnxType) {
  if (runtime::findOnnxType(onnxType))
    return static_cast<DType>(onnxType);
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
  return getElementType(type).name;
}

llvm::StringRef tern::onnx_import::getInterfaceName(DType type) {
  return runtime::dtypeName(getElementType(type).dtype);
}

int64_t tern::onnx_import::getByteSize(DType type) {
  return static_cast<int64_t>(runtime::dtypeSize(getElementType(type).dtype));
}

unsigned tern::onnx_import::getBitWidth(DType type) {
  return type == DType::Bool ? 1 : getElementType(type).bits;
}

bool tern::onnx_import::isNarrow(DType type) {
  return isNarrowFloat(type) || getElementType(type).bits < 8;
}

bool tern::onnx_import::isNarrowFloat(DType type) {
  return getElementType(type).kind == ElementType::NarrowFloat;
}

bool tern::onnx_import::isFloat(DType type) {
  return getElementType(type).kind == ElementType::Float;
}

bool tern::onnx_import::isInteger(DType type) {
  ElementType::Kind kind = getElementType(type).kind;
  return kind == ElementType::Signed || kind == ElementType::Unsigned;
}

bool tern::onnx_import::isUnsigned(DType type) {
  return getElementType(type).kind == ElementType::Unsigned;
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

bool tern::onnx_import::isAmong(llvm::StringRef name, llvm::StringRef names) {
  return llvm::is_contained(llvm::split(names, ' '), name);
}

std::string tern::onnx_import::quote(llvm::StringRef name) {
  return runtime::quote(name);
}
