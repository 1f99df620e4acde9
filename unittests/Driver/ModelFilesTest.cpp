//===- ModelFilesTest.cpp - Open each input file once ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/ModelFiles.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace tern;
using llvm::StringRef;
using testing::ElementsAre;

namespace {

/// One field of a protobuf message: its number, and bytes.
std::string field(int number, const std::string &bytes) {
  return {std::string(1, static_cast<char>(number << 3 | 2)) +
          std::string(1, static_cast<char>(bytes.size())) + bytes};
}

/// An ONNX model that returns its one initializer, a float of this name.
std::string makeModel(const std::string &name) {
  std::string tensor = std::string("\x08\x01\x10\x01", 4) + field(8, name) +
                       field(9, std::string("\0\0\x80\x3f", 4));
  std::string node = field(1, name) + field(2, "y") + field(4, "Identity");
  std::string shape = field(1, std::string("\x08\x01", 2));
  std::string type = field(1, std::string("\x08\x01", 2) + field(2, shape));
  std::string output = field(1, "y") + field(2, type);
  std::string graph =
      field(1, node) + field(2, "g") + field(5, tensor) + field(12, output);
  return std::string("\x08\x08", 2) + field(7, graph) +
         field(8, std::string("\x10\x11", 2));
}

/// A safetensors file with one float of this name.
std::string makeWeights(const std::string &name) {
  std::string header = "{\"" + name +
                       "\":{\"dtype\":\"F32\",\"shape\":[1],"
                       "\"data_offsets\":[0,4]}}";
  std::string size(8, '\0');
  size[0] = static_cast<char>(header.size());
  return size + header + std::string(4, '\0');
}

class ModelFilesTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("tern-files", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  /// As programs replace a file: under another name first.
  std::string write(StringRef name, StringRef bytes) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    std::string temporary = (path + ".new").str();
    std::error_code error;
    llvm::raw_fd_ostream(temporary, error) << bytes;
    EXPECT_FALSE(error);
    EXPECT_FALSE(llvm::sys::fs::rename(temporary, path));
    return path.str().str();
  }

  std::vector<std::string> names(StringRef path) {
    auto parameters = files.getParameters(path);
    if (parameters)
      return (*parameters)->names();
    return {llvm::toString(parameters.takeError())};
  }

  llvm::SmallString<128> folder;
  ModelFiles files;
};

TEST_F(ModelFilesTest, WeightsStayWhatTheyWere) {
  std::string path = write("w.safetensors", makeWeights("first"));
  EXPECT_THAT(names(path), ElementsAre("first"));
  write("w.safetensors", makeWeights("second"));
  EXPECT_THAT(names(path), ElementsAre("first"));
  ModelFiles others;
  auto parameters = others.getParameters(path);
  ASSERT_TRUE(!!parameters);
  EXPECT_THAT((*parameters)->names(), ElementsAre("second"));
}

/// Whoever asks first, for whatever.
TEST_F(ModelFilesTest, BytesAndParametersAreOfOneFile) {
  std::string path = write("m.onnx", makeModel("first"));
  auto bytes = files.getBytes(path);
  ASSERT_TRUE(!!bytes);
  EXPECT_EQ((*bytes)->getBuffer(), makeModel("first"));
  write("m.onnx", makeModel("second"));
  EXPECT_THAT(names(path), ElementsAre("first"));
  EXPECT_THAT(files.list(path), ElementsAre(path));
}

TEST_F(ModelFilesTest, GraphAndParametersAreOfOneFile) {
  std::string path = write("m.onnx", makeModel("first"));
  EXPECT_THAT(names(path), ElementsAre("first"));
  write("m.onnx", "no model any more");
  mlir::MLIRContext context;
  auto module = files.importONNX(path, context, {});
  ASSERT_TRUE(module);
  EXPECT_FALSE(ModelFiles().importONNX(path, context, {}));
}

TEST_F(ModelFilesTest, ErrorsDoNotStay) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "w.safetensors");
  std::string message =
      ("cannot read weights '" + path + "': No such file or directory").str();
  EXPECT_THAT(names(path), ElementsAre(message));
  EXPECT_THAT(names(path), ElementsAre(message));
  EXPECT_THAT(files.list(path), ElementsAre(path.str().str()));
  write("w.safetensors", makeWeights("first"));
  EXPECT_THAT(names(path), ElementsAre("first"));
  EXPECT_THAT(names("w.gguf"),
              ElementsAre("cannot read weights 'w.gguf': unknown kind of file "
                          "(expected .onnx or .safetensors)"));
  EXPECT_TRUE(files.list("").empty());
}

} // namespace
