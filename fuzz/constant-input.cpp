//===- constant-input.cpp - libFuzzer harness of --constant-input ---------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Binds the shape of a Reshape to a file of arbitrary bytes: a .npy if they
// begin like one, else an ONNX tensor. What is refused must come with a
// message.
//
//===----------------------------------------------------------------------===//

#include "FuzzContext.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "tern/Import/ONNX/Import.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <fstream>
#include <onnx/onnx_pb.h>
#include <sys/mman.h>
#include <unistd.h>

/// x [2, 3] reshaped to what the input `shape` says.
static std::string makeModel() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  onnx::GraphProto *graph = model.mutable_graph();
  auto addInput = [&](const char *name, int type,
                      std::initializer_list<int64_t> shape) {
    onnx::ValueInfoProto *input = graph->add_input();
    input->set_name(name);
    auto *tensor = input->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    for (int64_t extent : shape)
      tensor->mutable_shape()->add_dim()->set_dim_value(extent);
  };
  addInput("x", onnx::TensorProto::FLOAT, {2, 3});
  addInput("shape", onnx::TensorProto::INT64, {2});
  onnx::NodeProto *node = graph->add_node();
  node->set_op_type("Reshape");
  node->add_input("x");
  node->add_input("shape");
  node->add_output("y");
  graph->add_output()->set_name("y");
  return model.SerializeAsString();
}

static std::string writeFile(const char *name, const void *data, size_t size) {
  int file = memfd_create(name, 0);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size))
    abort();
  return "/proc/self/fd/" + std::to_string(file);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string model = makeModel();
  static const std::string modelPath =
      writeFile("model", model.data(), model.size());
  // The suffix tells the format, so a name of our choice is needed.
  static llvm::SmallString<128> folder;
  static const bool isMade = [] {
    bool isFine = !llvm::sys::fs::createUniqueDirectory("tern-fuzz", folder);
    std::atexit([] {
      if (llvm::sys::fs::remove_directories(folder))
        llvm::errs() << "cannot remove " << folder << '\n';
    });
    return isFine;
  }();
  bool isNpy = size > 0 && data[0] == 0x93;
  std::string path =
      std::string(folder.str()) + (isNpy ? "/tensor.npy" : "/tensor.pb");
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char *>(data),
             static_cast<std::streamsize>(size));
  file.close();
  if (!isMade || !file)
    abort();

  mlir::MLIRContext &context = getContext(/*lifetime=*/1000);
  unsigned numErrors = 0;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.str().find('\n') != std::string::npos)
          abort();
        ++numErrors;
        return mlir::success();
      });
  tern::ImportOptions options;
  options.constantInputs["shape"] = path;
  if (!tern::importONNX(modelPath, context, options) && numErrors == 0)
    abort();
  return 0;
}
