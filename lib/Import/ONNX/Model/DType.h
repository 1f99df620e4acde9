//===- DType.h - Element types of ONNX tensors ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_MODEL_DTYPE_H
#define TERN_LIB_IMPORT_ONNX_MODEL_DTYPE_H

#include "io/ElementType.h"
#include "mlir/IR/Types.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace tern::onnx_import {

/// The element types Tern computes with; numbered as in onnx.TensorProto. What
/// is known of them is in runtime/io/ElementType.h.
enum class DType : int {
  F32 = 1,
  U8 = 2,
  I8 = 3,
  U16 = 4,
  I16 = 5,
  I32 = 6,
  I64 = 7,
  Bool = 9,
  F16 = 10,
  F64 = 11,
  U32 = 12,
  U64 = 13,
  BF16 = 16,
  // The narrow types: a byte for each element in the IR, whatever is stored.
  F8E4M3FN = 17,
  F8E4M3FNUZ = 18,
  F8E5M2 = 19,
  F8E5M2FNUZ = 20,
  U4 = 21,
  I4 = 22,
  F4E2M1 = 23,
  F8E8M0 = 24,
  U2 = 25,
  I2 = 26,
  F6E2M3 = 27,
  F6E3M2 = 28,
};

const runtime::ElementType &getElementType(DType type);
/// The DType of an onnx.TensorProto.data_type, if Tern has it.
std::optional<DType> getDType(int onnxType);
/// Name of any onnx.TensorProto.data_type, for messages.
std::string getONNXTypeName(int onnxType);

/// "f32", "u8", "bool", "i4", ...
llvm::StringRef getName(DType type);
/// The name in the artifact's signature, which knows whole bytes only.
llvm::StringRef getInterfaceName(DType type);
/// Bytes of an element, in memory and as data that were read.
int64_t getByteSize(DType type);
/// Width in bits, of the stored element; 1 for Bool.
unsigned getBitWidth(DType type);
/// Whether it is a float of at most 8 bits, or an integer of less. Few
/// operators take them.
bool isNarrow(DType type);
/// A float of at most 8 bits, which the IR has as bits.
bool isNarrowFloat(DType type);
bool isFloat(DType type);   // Not the narrow ones.
bool isInteger(DType type); // Not Bool.
bool isUnsigned(DType type);
/// The signless MLIR type.
mlir::Type getMLIRType(DType type, mlir::MLIRContext *context);

/// `text` on one line, whatever it contains.
std::string escape(llvm::StringRef text);
/// Whether `name` is one of `names`, which have spaces between them.
bool isAmong(llvm::StringRef name, llvm::StringRef names);
/// `name` in quotes, on one line, and not too long.
std::string quote(llvm::StringRef name);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_MODEL_DTYPE_H
