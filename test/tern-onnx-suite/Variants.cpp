//===- Variants.cpp - Change a test's model to a variant ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Suite.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fstream>
#include <map>
#include <onnx/onnx_pb.h>

using namespace tern::suite;

/// Operands that fix ranks, shapes and axes: they have to be known when
/// compiling, but the tests give them as inputs.
static llvm::ArrayRef<int> getShapeOperands(llvm::StringRef op,
                                            Variant variant) {
  // Its extent is the length of the tuples.
  if (op == "GatherND" && variant != Variant::Dynamic)
    return {};
  static const std::map<llvm::StringRef, std::vector<int>> table = {
      {"AffineGrid", {1}},
      {"BlackmanWindow", {0}},
      {"CenterCropPad", {1}},
      {"Col2Im", {1, 2}},
      {"ConstantOfShape", {0}},
      {"CumProd", {1}},
      {"CumSum", {1}},
      {"DFT", {1, 2}},
      {"Dropout", {1, 2}},
      {"Expand", {1}},
      {"GatherND", {1}},
      {"HammingWindow", {0}},
      {"HannWindow", {0}},
      {"OneHot", {1}},
      {"Pad", {1, 3}},
      {"Range", {0, 1, 2}},
      {"Reshape", {1}},
      {"Resize", {1, 2, 3}},
      {"Slice", {1, 2, 3, 4}},
      {"Split", {1}},
      {"Squeeze", {1}},
      {"Tile", {1, 2}},
      {"TopK", {1}},
      {"Trilu", {1}},
      {"Unsqueeze", {1}},
      {"Upsample", {1}},
  };
  static const std::vector<int> axes = {1};
  if (op.starts_with("Reduce"))
    return axes;
  auto found = table.find(op);
  return found == table.end() ? llvm::ArrayRef<int>()
                              : llvm::ArrayRef<int>(found->second);
}

template <typename Proto>
static bool readProto(const std::string &path, Proto &proto) {
  std::ifstream in(path, std::ios::binary);
  return in && proto.ParseFromIstream(&in);
}

static std::string join(llvm::StringRef folder, const llvm::Twine &name) {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

std::vector<std::string> tern::suite::getOperators(llvm::StringRef folder) {
  onnx::ModelProto model;
  std::vector<std::string> ops;
  llvm::StringSet<> seen;
  if (readProto(join(folder, "model.onnx"), model))
    for (const onnx::NodeProto &node : model.graph().node())
      if (seen.insert(node.op_type()).second)
        ops.push_back(node.op_type());
  return ops;
}

/// Takes the data's shape where the model declares another: those of Debian's
/// tests of CastLike with bfloat16 contradict each other. Whether it did.
static bool correctShape(onnx::ValueInfoProto &input, const std::string &data) {
  onnx::TensorProto tensor;
  if (!input.type().has_tensor_type() || !readProto(data, tensor))
    return false;
  onnx::TensorShapeProto &shape =
      *input.mutable_type()->mutable_tensor_type()->mutable_shape();
  bool isSame = shape.dim_size() == tensor.dims_size();
  for (int i = 0; isSame && i < shape.dim_size(); ++i)
    isSame = !shape.dim(i).has_dim_value() || shape.dim(i).dim_value() < 0 ||
             shape.dim(i).dim_value() == tensor.dims(i);
  if (isSame)
    return false;
  shape.clear_dim();
  for (int64_t extent : tensor.dims())
    shape.add_dim()->set_dim_value(extent);
  return true;
}

/// Extents other than 1 become symbols. Those that are equal stay equal: two
/// inputs that are added must keep one shape.
static void makeDynamic(onnx::ValueInfoProto &input) {
  for (onnx::TensorShapeProto::Dimension &dim : *input.mutable_type()
                                                     ->mutable_tensor_type()
                                                     ->mutable_shape()
                                                     ->mutable_dim())
    if (dim.has_dim_value() && dim.dim_value() > 1)
      dim.set_dim_param("d" + std::to_string(dim.dim_value()));
}

/// The leading extent of an input becomes a symbol, if rank and extent are
/// those of the first one.
static void makeBatchDynamic(onnx::ValueInfoProto &input, int &rank,
                             int64_t &extent) {
  onnx::TensorShapeProto &shape =
      *input.mutable_type()->mutable_tensor_type()->mutable_shape();
  if (shape.dim_size() == 0 || !shape.dim(0).has_dim_value())
    return;
  if (rank == 0) {
    rank = shape.dim_size();
    extent = shape.dim(0).dim_value();
  }
  if (shape.dim(0).dim_value() == extent &&
      (extent > 1 || shape.dim_size() == rank))
    shape.mutable_dim(0)->set_dim_param("batch");
}

llvm::Expected<PreparedModel>
tern::suite::prepareModel(llvm::StringRef folder, Variant variant,
                          llvm::StringRef scratch) {
  onnx::ModelProto model;
  PreparedModel result;
  result.path = join(folder, "model.onnx");
  if (!readProto(result.path, model))
    return llvm::createStringError("cannot read '" + result.path + "'");
  onnx::GraphProto &graph = *model.mutable_graph();
  llvm::StringSet<> initializers;
  for (const onnx::TensorProto &tensor : graph.initializer())
    initializers.insert(tensor.name());
  for (const onnx::ValueInfoProto &output : graph.output())
    result.outputs.push_back(output.name());
  // Whatever shape operands are computed from, but for shapes themselves.
  llvm::StringSet<> fixed;
  for (const onnx::NodeProto &node : graph.node())
    for (int i : getShapeOperands(node.op_type(), variant))
      if (i < node.input_size() && !node.input(i).empty())
        fixed.insert(node.input(i));
  for (int i = graph.node_size(); i-- > 0;) {
    const onnx::NodeProto &node = graph.node(i);
    if (node.op_type() == "Shape" || node.op_type() == "Size" ||
        llvm::none_of(node.output(), [&](const std::string &name) {
          return fixed.contains(name);
        }))
      continue;
    for (const std::string &name : node.input())
      fixed.insert(name);
  }

  int number = 0, batchRank = 0;
  int64_t batch = 0;
  bool isChanged = false;
  google::protobuf::RepeatedPtrField<onnx::ValueInfoProto> inputs;
  for (onnx::ValueInfoProto &input : *graph.mutable_input()) {
    if (initializers.contains(input.name())) {
      *inputs.Add() = input;
      continue;
    }
    std::string data =
        join(folder, "test_data_set_0/input_" + llvm::Twine(number) + ".pb");
    bool isFirst = number++ == 0;
    result.inputs.emplace_back();
    if (fixed.contains(input.name()) && variant != Variant::Parameters) {
      result.constantInputs[input.name()] = data;
      *inputs.Add() = input;
      continue;
    }
    if (variant == Variant::Parameters && !isFirst &&
        input.type().has_tensor_type()) {
      onnx::TensorProto &tensor = *graph.add_initializer();
      if (!readProto(data, tensor))
        return llvm::createStringError("cannot read '" + data + "'");
      tensor.set_name(input.name());
      // NumPy has no bfloat16: the files hold its bits.
      if (tensor.data_type() == onnx::TensorProto::UINT16 &&
          input.type().tensor_type().elem_type() == onnx::TensorProto::BFLOAT16)
        tensor.set_data_type(onnx::TensorProto::BFLOAT16);
      isChanged = true;
      continue;
    }
    if (fixed.contains(input.name())) {
      result.constantInputs[input.name()] = data;
      *inputs.Add() = input;
      continue;
    }
    result.inputs.back() = input.name();
    isChanged |= correctShape(input, data);
    if (variant == Variant::Batch && input.type().has_tensor_type()) {
      makeBatchDynamic(input, batchRank, batch);
      isChanged = true;
    }
    if (variant == Variant::Dynamic && input.type().has_tensor_type()) {
      makeDynamic(input);
      isChanged = true;
    }
    *inputs.Add() = input;
  }
  if (!isChanged)
    return result;
  *graph.mutable_input() = inputs;
  result.path = join(scratch, "model.onnx");
  std::ofstream out(result.path, std::ios::binary);
  if (!model.SerializeToOstream(&out) || !out.flush())
    return llvm::createStringError("cannot write '" + result.path + "'");
  return result;
}
