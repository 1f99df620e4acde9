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
    R"({"abi":5,"tern":"0.1.0","model":"m","triple":"t","features":[],
"weights":"external","weights_id":"ab",
"loss":"softmax-cross-entropy","optimizer":"adamw","fingerprint":"f0","spaces":["host"],
"tensors":[
{"name":"w","role":"parameter","space":"host","dtype":"f32","shape":[10,4],"trainable":true},
{"name":"w/m","role":"state","space":"host","dtype":"f32","shape":[10,4],"init":0.5}],
"scalars":[
{"name":"lr","role":"scalar","space":"host","dtype":"f32","shape":[],"default":0.25},
{"name":"step","role":"scalar","space":"host","dtype":"i64","shape":[]}],
"functions":{
"forward":{"dims":["batch"],
"inputs":[
{"name":"x","role":"input","space":"host","dtype":"f32","shape":["batch",4]}],"scalars":[],
"params":["w"],"donated":[],
"outputs":[
{"name":"y","role":"output","space":"host","dtype":"f32","shape":["batch",10]}]},
"eval_step":{"dims":["batch"],
"inputs":[
{"name":"x","role":"input","space":"host","dtype":"f32","shape":["batch",4]},
{"name":"labels","role":"input","space":"host","dtype":"i64","shape":["batch"]}],"scalars":[],
"params":["w"],"donated":[],
"outputs":[
{"name":"loss","role":"output","space":"host","dtype":"f32","shape":[]},
{"name":"y","role":"output","space":"host","dtype":"f32","shape":["batch",10]}]},
"train_step":{"dims":["batch"],
"inputs":[
{"name":"x","role":"input","space":"host","dtype":"f32","shape":["batch",4]},
{"name":"labels","role":"input","space":"host","dtype":"i64","shape":["batch"]}],"scalars":["step","lr"],
"params":["w","w/m"],"donated":["w/m","w"],
"outputs":[
{"name":"loss","role":"output","space":"host","dtype":"f32","shape":[]}]}}})";

static MaybeError parseWith(const std::string &old, const std::string &fresh,
                            bool last = false) {
  Signature signature;
  return parseSignature(replaced(good, old, fresh, last).c_str(), signature);
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
  std::string parameter = "\"parameter\",\"space\":\"host\",\"dtype\":\"f32\","
                          "\"shape\":[10,4],\"trainable\":true";
  EXPECT_GOOD(parseWith(parameter, "\"buffer\",\"space\":\"host\",\"dtype\":"
                                   "\"f32\",\"shape\":[10,4],"
                                   "\"trainable\":false"));
  EXPECT_GOOD(parseWith("\"loss\":", "\"classes\":7,\"loss\":"));
}

TEST(TrainSignature, Refuses) {
  EXPECT_BAD(parseWith("\"abi\":5", "\"abi\":2"), "'abi' is not 5");
  EXPECT_BAD(parseWith("\"f0\"", "\"\""), "'fingerprint' is empty");
  EXPECT_BAD(parseWith("\"loss\":", "\"classes\":0,\"loss\":"), "not positive");
  EXPECT_BAD(parseWith("\"loss\":", "\"ignore_index\":0.5,\"loss\":"),
             "'ignore_index' is not a 64-bit integer");
  EXPECT_BAD(parseWith("\"parameter\"", "\"guess\""),
             "not parameter, buffer or state");
  EXPECT_BAD(parseWith("[10,4],\"t", "[10,\"n\"],\"t"),
             "only state can have symbolic extents");
  EXPECT_BAD(parseWith("true", "1"), "'trainable' is not true or false");
  EXPECT_BAD(parseWith("0.5", "\"0\""), "'init' is not a finite number");
  EXPECT_BAD(parseWith("\"w/m\"", "\"w\""), "in 'w': the name is used twice");
  EXPECT_BAD(parseWith("\"external\",", "\"none\","),
             "in 'w': it has no 'init'");
  EXPECT_BAD(parseWith("\"f32\",\"shape\":[],\"default\"",
                       "\"u8\",\"shape\":[],\"default\""),
             "in scalar 'lr': its dtype is not");
  EXPECT_BAD(parseWith("\"step\",\"role", "\"lr\",\"role"),
             "the name is used twice");
  EXPECT_BAD(parseWith("\"eval_step\"", "\"eval\""), "no function 'eval_step'");
  EXPECT_BAD(parseWith("[\"step\",\"lr\"]", "[\"step\",\"mu\"]"),
             "in function 'train_step': there is no scalar 'mu'");
  EXPECT_BAD(parseWith("[\"w\",\"w/m\"]", "[\"w\",\"v\"]"),
             "'w/m' is donated but not among the params");
  EXPECT_BAD(parseWith("[\"w\",\"w/m\"]", "[\"w\",\"w/m\",\"v\"]"),
             "its param 'v' is not among the tensors");
  EXPECT_BAD(parseWith("[\"w\",\"w/m\"]", "[\"w\",\"w\"]"), "used twice");
  EXPECT_BAD(parseWith("true", "false"), "donated but not trainable");
  EXPECT_BAD(parseWith("\"f32\",\"shape\":[]}]}}", "\"f64\",\"shape\":[]}]}}"),
             "its output 'loss' is not a single f32");
  EXPECT_BAD(parseWith("\"name\":\"loss\"", "\"name\":\"y\"", /*last=*/true),
             "its first output is not 'loss'");
  // The model may have an output called 'loss'.
  EXPECT_GOOD(parseWith("\"name\":\"loss\"", "\"name\":\"loss.2\""));
  EXPECT_BAD(parseWith("\"name\":\"loss\"", "\"name\":\"loss.y\""),
             "its first output is not 'loss'");
  EXPECT_BAD(parseWith("\"i64\",\"shape\":[\"", "\"i32\",\"shape\":[\""),
             "in function 'eval_step': its inputs are not those of");
  EXPECT_BAD(parseWith("[\"w\"],\"donated\":[]", "[\"w\"],\"donated\":[\"w\"]"),
             "in function 'forward': it updates params");
  Signature signature;
  EXPECT_BAD(parseSignature("{}", signature), "'abi' is not 5");
  EXPECT_BAD(parseSignature(nullptr, signature), "there is none");
}
