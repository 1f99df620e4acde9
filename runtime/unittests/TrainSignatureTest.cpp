//===- TrainSignatureTest.cpp - Tests of training signatures ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signature.h"
#include "TestFiles.h"

using namespace tern::runtime;

static constexpr const char *good =
    R"({"abi":4,"kind":"training","tern":"0.1.0","model":"m","triple":"t",
"features":[],"weights":"external","weights_id":"ab",
"loss":"softmax-cross-entropy","optimizer":"adamw","fingerprint":"f0",
"state":[{"name":"w","role":"param","dtype":"f32","shape":[10,4],"trainable":true},
{"name":"w/m","role":"state","dtype":"f32","shape":[10,4],"init":0.5}],
"scalars":[{"name":"lr","dtype":"f32","default":0.25},{"name":"step","dtype":"i64"}],
"functions":{
"forward":{"dims":["batch"],"inputs":[{"name":"x","dtype":"f32","shape":["batch",4]}],
"scalars":[],"params":["w"],
"outputs":[{"name":"y","dtype":"f32","shape":["batch",10]}]},
"eval_step":{"dims":["batch"],"inputs":[{"name":"x","dtype":"f32","shape":["batch",4]},
{"name":"labels","dtype":"i64","shape":["batch"]}],"scalars":[],"params":["w"],
"outputs":[{"name":"loss","dtype":"f32","shape":[]},
{"name":"y","dtype":"f32","shape":["batch",10]}]},
"train_step":{"dims":["batch"],"inputs":[{"name":"x","dtype":"f32","shape":["batch",4]},
{"name":"labels","dtype":"i64","shape":["batch"]}],"scalars":["step","lr"],
"params":["w","w/m"],"donated":["w/m","w"],
"outputs":[{"name":"loss","dtype":"f32","shape":[]}]}}})";

static MaybeError parseWith(const std::string &old, const std::string &fresh,
                            bool last = false) {
  std::string text = good;
  size_t position = last ? text.rfind(old) : text.find(old);
  EXPECT_NE(position, std::string::npos) << old;
  text.replace(position, old.size(), fresh);
  Signature signature;
  return parseSignature(text.c_str(), signature);
}

TEST(TrainSignature, Parses) {
  Signature signature;
  EXPECT_GOOD(parseSignature(good, signature));
  EXPECT_EQ(signature.fingerprint, "f0");
  ASSERT_EQ(signature.state.size(), 2u);
  EXPECT_TRUE(signature.state[0].isParam);
  EXPECT_FALSE(signature.state[0].init);
  EXPECT_EQ(signature.state[1].init, 0.5);
  EXPECT_EQ(signature.scalars[0].defaultValue, 0.25);
  std::optional<size_t> index = signature.findFunction("train_step");
  ASSERT_TRUE(index);
  const FunctionSpec &step = signature.functions[*index];
  EXPECT_EQ(step.scalars, (std::vector<size_t>{1, 0}));
  EXPECT_EQ(step.state, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(step.donated, (std::vector<bool>{true, true}));
  EXPECT_FALSE(signature.findFunction("train_step_float"));
  EXPECT_EQ(signature.classes, 10);
  EXPECT_FALSE(signature.ignoreIndex);
  // A buffer changes though no gradient trains it.
  EXPECT_GOOD(parseWith(
      "\"param\",\"dtype\":\"f32\",\"shape\":[10,4],\"trainable\":true",
      "\"buffer\",\"dtype\":\"f32\",\"shape\":[10,4],\"trainable\":false"));
  EXPECT_GOOD(parseWith("\"kind\"", "\"classes\":7,\"kind\""));
}

TEST(TrainSignature, Refuses) {
  EXPECT_BAD(parseWith("\"abi\":4", "\"abi\":2"), "'abi' is not 4");
  EXPECT_BAD(parseWith("\"f0\"", "\"\""), "'fingerprint' is empty");
  EXPECT_BAD(parseWith("\"kind\"", "\"classes\":0,\"kind\""), "not positive");
  EXPECT_BAD(parseWith("\"kind\"", "\"ignore_index\":0.5,\"kind\""),
             "'ignore_index' is not a 64-bit integer");
  EXPECT_BAD(parseWith("\"param\"", "\"guess\""), "not param, buffer or state");
  EXPECT_BAD(parseWith("[10,4],\"t", "[10,\"n\"],\"t"), "not among the dims");
  EXPECT_BAD(parseWith("true", "1"), "'trainable' is not true or false");
  EXPECT_BAD(parseWith("0.5", "\"0\""), "'init' is not a finite number");
  EXPECT_BAD(parseWith("\"w/m\"", "\"w\""), "in 'w': the name is used twice");
  EXPECT_BAD(parseWith("\"external\",", "\"none\","),
             "in 'w': it has no 'init'");
  EXPECT_BAD(parseWith("\"f32\",\"default\"", "\"u8\",\"default\""),
             "in scalar 'lr': its dtype is not");
  EXPECT_BAD(parseWith("\"step\",\"d", "\"lr\",\"d"), "the name is used twice");
  EXPECT_BAD(parseWith("\"eval_step\"", "\"eval\""), "no function 'eval_step'");
  EXPECT_BAD(parseWith("[\"step\",\"lr\"]", "[\"step\",\"mu\"]"),
             "in function 'train_step': there is no scalar 'mu'");
  EXPECT_BAD(parseWith("[\"w\",\"w/m\"]", "[\"w\",\"v\"]"),
             "'w/m' is donated but not among the params");
  EXPECT_BAD(parseWith("[\"w\",\"w/m\"]", "[\"w\",\"w/m\",\"v\"]"),
             "its param 'v' is not among the state");
  EXPECT_BAD(parseWith("[\"w\",\"w/m\"]", "[\"w\",\"w\"]"), "used twice");
  EXPECT_BAD(parseWith("true", "false"), "donated but not trainable");
  EXPECT_BAD(parseWith("\"loss\",\"dtype\":\"f32\"",
                       "\"loss\",\"dtype\":\"f64\"", /*last=*/true),
             "its output 'loss' is not a single f32");
  EXPECT_BAD(parseWith("\"name\":\"loss\"", "\"name\":\"y\"", /*last=*/true),
             "its first output is not 'loss'");
  // The model may have an output called 'loss'.
  EXPECT_GOOD(parseWith("\"name\":\"loss\"", "\"name\":\"loss.2\""));
  EXPECT_BAD(parseWith("\"name\":\"loss\"", "\"name\":\"loss.y\""),
             "its first output is not 'loss'");
  EXPECT_BAD(parseWith("\"i64\",\"shape\"", "\"i32\",\"shape\""),
             "in function 'eval_step': its inputs are not those of");
  EXPECT_BAD(
      parseWith("\"params\":[\"w\"]", "\"params\":[\"w\"],\"donated\":[\"w\"]"),
      "in function 'forward': it updates params");
  Signature signature;
  EXPECT_BAD(parseSignature("{}", signature), "'abi' is not 4");
  EXPECT_BAD(parseSignature(nullptr, signature), "there is none");
}
