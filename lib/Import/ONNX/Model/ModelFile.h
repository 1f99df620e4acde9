//===- ModelFile.h - An ONNX file and the data of its tensors ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_MODEL_MODELFILE_H
#define TERN_LIB_IMPORT_ONNX_MODEL_MODELFILE_H

#include "DType.h"
#include "WireFormat.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <onnx/onnx_pb.h>

namespace tern::onnx_import {

/// Type and shape of a tensor, checked: its extents are not negative and its
/// size in bytes fits 63 bits.
struct TensorHeader {
  DType dtype;
  llvm::SmallVector<int64_t> shape;
  int64_t numElements;
};

/// The verified data of a tensor: dense, row-major, little-endian, and as many
/// bytes as the header needs, one for each element of a narrow type; not
/// necessarily aligned.
struct TensorData : TensorHeader {
  llvm::ArrayRef<char> bytes;
  /// Holds the bytes if they had to be converted.
  std::shared_ptr<const void> owner;
};

/// Extents bigger than any sane tensor's are refused, so that arithmetic on
/// sizes cannot overflow.
constexpr int64_t maxRank = 32;

/// The tensor that a Constant's attribute (`value`, `value_float`, ...) stands
/// for; `storage` holds it if the attribute is not itself a tensor. Null if the
/// attribute is none of these.
const onnx::TensorProto *
getConstantTensor(const onnx::AttributeProto &attribute,
                  onnx::TensorProto &storage);

/// An ONNX file, mapped, with everything in it but the data of big
/// initializers parsed.
class ModelFile {
public:
  /// `bytes`: what is in the file, or null if it is still to be opened.
  static llvm::Expected<std::shared_ptr<ModelFile>>
  open(llvm::StringRef path, std::shared_ptr<llvm::MemoryBuffer> bytes);

  llvm::StringRef getPath() const { return path; }
  const onnx::ModelProto &getModel() const { return model; }

  /// Type and shape of a tensor. The data are not looked at. Errors name the
  /// tensor, but not the file.
  static llvm::Expected<TensorHeader>
  getHeader(const onnx::TensorProto &tensor);

  /// The data of a tensor of this file.
  llvm::Expected<TensorData> getData(const onnx::TensorProto &tensor);

private:
  llvm::Expected<llvm::StringRef>
  getExternalData(const onnx::TensorProto &tensor, int64_t numBytes);
  llvm::Expected<const llvm::MemoryBuffer *>
  openExternalFile(llvm::StringRef location);

  std::string path;
  std::shared_ptr<llvm::MemoryBuffer> file;
  onnx::ModelProto model;
  /// Data that were cut out before parsing.
  llvm::DenseMap<const onnx::TensorProto *, DataSpan> spans;
  llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> externalFiles;
};

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_MODEL_MODELFILE_H
