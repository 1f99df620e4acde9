//===- FoldedNorms.h - Find folded batch normalizations ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_MODEL_FOLDEDNORMS_H
#define TERN_LIB_IMPORT_ONNX_MODEL_FOLDEDNORMS_H

#include <onnx/onnx_pb.h>
#include <string>
#include <vector>

namespace tern::onnx_import {

/// The names of convolutions and products into whose weights the exporter
/// folded a batch normalization, by what PyTorch's exporters leave of it: the
/// rewriter's rule or the module's class in the node's metadata, or the name
/// that folded weights get.
std::vector<std::string> findFoldedNorms(const onnx::GraphProto &graph);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_MODEL_FOLDEDNORMS_H
