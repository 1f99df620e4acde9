//===- Options.cpp - Options of tern-run ------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

#include <CLI/CLI.hpp>

using namespace tern::runtime;

static constexpr const char *footer =
    R"(Tensors: NAME=@FILE or NAME=LITERAL; without NAME= in the model's order.
  FILE     .npy, IDX (plain or .gz)%s
  LITERAL  2x3xf32=1,2,3,4,5,6    one value fills the tensor: 2x3xf32=0.5

TERN_NUM_THREADS sets the number of threads where --threads does not.)";

std::optional<int> tern::runtime::parseCommandLine(int argc, char **argv,
                                                   bool isLinked,
                                                   bool readsOnnx,
                                                   Options &options) {
  CLI::App app;
  CommandLineTexts texts = {"tern-run",
                            "Runs",
                            "ternc",
                            "Describe the model: its tensors, weights and "
                            "memory",
                            "Print what is loaded and how long invocations "
                            "take",
                            footer};
  texts.footer.replace(texts.footer.find("%s"), 2,
                       readsOnnx ? ", ONNX tensor (.pb)" : "");
  beginCommandLine(app, texts, isLinked, options);
  addList(app, "--input", options.inputs,
          "A tensor to run on; for each input once")
      ->type_name("TENSOR");
  app.add_option("--function", options.function,
                 "The function to run, of a model that has several (default: "
                 "main)")
      ->type_name("NAME");
  addList(app, "--set", options.scalars, "The value of a run-time scalar")
      ->type_name("NAME=VALUE");
  addList(app, "--output", options.outputs,
          "Write an output to a .npy file; without any, outputs are printed")
      ->type_name("[NAME=]@FILE");
  addList(app, "--expect", options.expects,
          "Compare an output, and print what agrees; a difference is an error")
      ->type_name("TENSOR");
  app.add_option(
         "--rtol", options.rtol,
         "Relative tolerance (default 1e-5, and 1e-4 of the largest element of "
         "an f32 output; ONNX test data 1e-3)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--atol", options.atol,
                 "Absolute tolerance (default 1e-6; ONNX test data 1e-7; "
                 "integers 0)")
      ->check(CLI::NonNegativeNumber);
  addList(app, "--labels", options.labels,
          "Class labels (.npy or IDX): print the accuracy of the first, or the "
          "named, output's largest elements along its last dimension")
      ->type_name("[NAME=]FILE");
  if (readsOnnx)
    app.add_option("--onnx-test-data", options.onnxTestData,
                   "Run and compare every test_data_set_* in a folder, or the "
                   "folder itself if it is one")
        ->type_name("DIR");
  app.add_option("--batch", options.batch,
                 "Run at most N rows of the leading symbolic extent at a time")
      ->type_name("N")
      ->check(CLI::Range(int64_t(1), INT64_MAX));
  app.add_option("--benchmark", options.benchmark,
                 "Run repeatedly (default: 2 s) and print times; inputs that "
                 "are not given are made up")
      ->type_name("[=SECONDS]")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--profile", options.profile,
                 "Write a Chrome trace of invocations and parallel loops")
      ->type_name("FILE");
  app.add_option("--weights", options.weights,
                 isLinked ? "Weights file (default: this executable's name "
                            "with .safetensors)"
                          : "Weights file (default: X.safetensors for X.so)")
      ->type_name("FILE");
  endCommandLine(app, texts, isLinked, options);
  return parseArguments(app, argc, argv, {{"--benchmark", "2"}});
}
