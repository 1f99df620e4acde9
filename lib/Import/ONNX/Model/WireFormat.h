//===- WireFormat.h - Keep weights out of protobuf objects ------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Protobuf copies every byte of a message to the heap, weights included. So
// the file is mapped, the data of big initializers are located by walking the
// wire format, and protobuf only gets to see what is left.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_MODEL_WIREFORMAT_H
#define TERN_LIB_IMPORT_ONNX_MODEL_WIREFORMAT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace tern::onnx_import {

/// Where the data of an initializer are in the file, if they were cut out.
struct DataSpan {
  enum Kind { None, RawData, FloatData, DoubleData } kind = None;
  llvm::StringRef bytes;
};

struct StrippedModel {
  /// A serialized onnx.ModelProto.
  std::string proto;
  /// One for each initializer of the main graph, in order.
  std::vector<DataSpan> initializers;
};

/// Separates the serialized onnx.ModelProto `file` from the data of its
/// initializers. `file` must outlive the result.
llvm::Expected<StrippedModel> stripInitializers(llvm::StringRef file);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_MODEL_WIREFORMAT_H
