//===- tern-run.cpp - Run compiled models -----------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../io/OnnxTensor.h"
#include "TernRun.h"

#include <google/protobuf/stubs/common.h>
#include <google/protobuf/stubs/logging.h>

int main(int argc, char **argv) {
  // Malformed files are reported by the reader, in one line.
  google::protobuf::SetLogHandler(nullptr);
  int code = tern::runtime::runModels(argc, argv, nullptr,
                                      tern::runtime::readOnnxTensor);
  google::protobuf::ShutdownProtobufLibrary();
  return code;
}
