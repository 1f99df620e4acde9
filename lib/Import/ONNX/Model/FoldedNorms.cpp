//===- FoldedNorms.cpp - Find folded batch normalizations -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FoldedNorms.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include <google/protobuf/unknown_field_set.h>

using llvm::StringRef;
using namespace tern::onnx_import;

/// NodeProto.metadata_props of ONNX's IR version 10, which the protobuf classes
/// here do not know: entries of a key and a value.
static constexpr int metadataField = 9;

/// Whether the metadata of a node say that a batch normalization is in it.
static bool isNormByMetadata(const onnx::NodeProto &node) {
  const google::protobuf::UnknownFieldSet &fields =
      node.GetReflection()->GetUnknownFields(node);
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::UnknownField &field = fields.field(i);
    onnx::StringStringEntryProto entry;
    if (field.number() != metadataField ||
        field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED ||
        !entry.ParsePartialFromString(field.length_delimited()))
      continue;
    StringRef key = entry.key(), value = entry.value();
    if (key == "pkg.onnxscript.rewriter.rule_name" &&
        value.contains("FuseBatchNorm"))
      return true;
    if (key == "pkg.torch.onnx.class_hierarchy" &&
        value.contains("modules.batchnorm.BatchNorm"))
      return true;
  }
  return false;
}

/// "onnx::Conv_31": weights that TorchScript's exporter computed anew.
static bool isNormByName(const onnx::NodeProto &node) {
  StringRef weight = node.input_size() > 1 ? StringRef(node.input(1)) : "";
  return weight.consume_front("onnx::Conv") &&
         (weight.consume_front("_") || weight.consume_front("Transpose_")) &&
         !weight.empty() && llvm::all_of(weight, llvm::isDigit) &&
         node.input_size() > 2;
}

std::vector<std::string>
tern::onnx_import::findFoldedNorms(const onnx::GraphProto &graph) {
  std::vector<std::string> names;
  for (const onnx::NodeProto &node : graph.node()) {
    StringRef op = node.op_type();
    bool isConvolution = op == "Conv" || op == "ConvTranspose";
    if (!isConvolution && op != "Gemm" && op != "MatMul")
      continue;
    if (isNormByMetadata(node) || (isConvolution && isNormByName(node)))
      names.push_back(node.name().empty() && node.output_size() ? node.output(0)
                                                                : node.name());
  }
  return names;
}
