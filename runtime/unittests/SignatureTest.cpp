//===- SignatureTest.cpp - Tests of signatures and processors ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signature.h"
#include "CpuFeatures.h"
#include "TestFiles.h"

#include <set>
#include <sstream>

using namespace tern::runtime;

static constexpr const char *good =
    R"({"abi":5,"tern":"0.1.0","model":"m","triple":"t","features":["avx2"],
"weights":"external","weights_id":"ab","spaces":["host"],
"tensors":[
{"name":"w","role":"parameter","space":"host","dtype":"i8","shape":[64,7]}],"scalars":[],
"functions":{
"main":{"dims":["batch","n"],
"inputs":[
{"name":"x","role":"input","space":"host","dtype":"u8","shape":["batch",28,"n"]}],"scalars":[],
"params":["w"],"donated":[],
"outputs":[
{"name":"y","role":"output","space":"host","dtype":"f32","shape":["batch",10,null]}]}}})";

static MaybeError parseWith(const std::string &old, const std::string &fresh) {
  Signature signature;
  return parseSignature(replaced(good, old, fresh).c_str(), signature);
}

TEST(Signature, Parses) {
  Signature signature;
  EXPECT_GOOD(parseSignature(good, signature));
  ASSERT_EQ(signature.functions.size(), 1u);
  const FunctionSpec &main = signature.functions[0];
  EXPECT_EQ(main.name, "main");
  EXPECT_EQ(main.dims, (std::vector<std::string>{"batch", "n"}));
  ASSERT_EQ(main.inputs.size(), 1u);
  EXPECT_EQ(main.inputs[0].shape, (std::vector<int64_t>{-1, 28, -1}));
  EXPECT_EQ(main.inputs[0].dims, (std::vector<int>{0, -1, 1}));
  EXPECT_EQ(main.inputs[0].symbols,
            (std::vector<std::string>{"batch", "", "n"}));
  EXPECT_EQ(main.inputs[0].type(), "batchx28xnxu8");
  EXPECT_EQ(main.outputs[0].type(), "batchx10x?xf32");
  EXPECT_EQ(main.state, (std::vector<size_t>{0}));
  ASSERT_EQ(signature.state.size(), 1u);
  EXPECT_EQ(signature.state[0].type(), "64x7xi8");
  EXPECT_FALSE(signature.isTraining());
  EXPECT_EQ(signature.weightsId, "ab");
}

TEST(Signature, Refuses) {
  EXPECT_BAD(parseWith("{\"abi\"", "\"abi\""), "not valid JSON");
  EXPECT_BAD(parseWith("\"model\":\"m\"", "\"model\":1"), "'model' is not");
  EXPECT_BAD(parseWith("\"triple\":\"t\",", ""), "'triple' is not a string");
  EXPECT_BAD(parseWith("[\"avx2\"]", "\"avx2\""), "'features' is not a list");
  EXPECT_BAD(parseWith("[\"avx2\"]", "[2]"), "not a string");
  EXPECT_BAD(parseWith("\"external\"", "\"lost\""), "neither external");
  EXPECT_BAD(parseWith("\"external\"", "\"none\""), "the artifact no weights");
  EXPECT_BAD(parseWith("\"u8\"", "\"u7\""), "in 'x': unknown dtype 'u7'");
  EXPECT_BAD(parseWith("\"batch\",28", "\"b\",28"),
             "'b' is not among the dims");
  EXPECT_BAD(parseWith("28", "-28"), "neither a number nor a symbol");
  EXPECT_BAD(parseWith("28", "2.8"), "neither a number nor a symbol");
  EXPECT_BAD(parseWith("28", "null"), "neither a number nor a symbol");
  EXPECT_BAD(parseWith("\"batch\",28,\"n\"", "\"batch\",28"),
             "no input has the extent 'n'");
  EXPECT_BAD(parseWith("64,7", "\"n\",7"),
             "in 'w': only state can have symbolic extents");
  EXPECT_BAD(parseWith("[64,7]", "64"), "shape is not a list");
  EXPECT_BAD(parseWith("\"shape\":[64,7]", "\"s\":1"), "no shape");
  EXPECT_BAD(parseWith("\"model\":", "\"abi\":5,\"model\":"), "'abi' twice");
  EXPECT_BAD(parseWith("\"abi\":5", "\"abi\":4"), "'abi' is not 5");
  EXPECT_BAD(parseWith("\"host\",\"dtype\":\"i8", "\"cuda\",\"dtype\":\"i8"),
             "in 'w': its memory space 'cuda' is none of this runtime's");
  EXPECT_BAD(parseWith("\"input\"", "\"output\""),
             "in 'x': its role is not input");
  EXPECT_BAD(parseWith("\"main\"", "\"predict\""), "no function 'main'");
  EXPECT_BAD(parseWith("\"donated\":[]", "\"donated\":[\"w\"]"),
             "in function 'main': it updates params");
  Signature signature;
  EXPECT_BAD(parseSignature("[]", signature), "not a JSON object");
  EXPECT_BAD(parseSignature("", signature), "not valid JSON");
  EXPECT_BAD(parseSignature(nullptr, signature), "there is none");
}

static constexpr const char *withState =
    R"({"abi":5,"model":"m","triple":"t","features":[],
"weights":"none","spaces":["host"],
"tensors":[
{"name":"c","role":"state","space":"host","dtype":"f32","shape":["room",7],"init":0.5}],
"scalars":[
{"name":"n","role":"scalar","space":"host","dtype":"i64","shape":[],"bound":[1,"room"]},
{"name":"m","role":"scalar","space":"host","dtype":"i32","shape":[],"bound":[0,9]}],
"functions":{
"add":{"dims":["b","room"],
"inputs":[
{"name":"x","role":"input","space":"host","dtype":"f32","shape":["b"]}],
"scalars":["n"],"params":["c"],"donated":["c"],"element_checks":["p","q"],"scalar_checks":1,
"outputs":[]},
"get":{"dims":["room"],"inputs":[],"scalars":["m"],"params":["c"],
"outputs":[]}}})";

TEST(Signature, ParsesState) {
  Signature signature;
  EXPECT_GOOD(parseSignature(withState, signature));
  EXPECT_EQ(signature.stateDims, (std::vector<std::string>{"room"}));
  EXPECT_EQ(signature.state[0].type(), "roomx7xf32");
  EXPECT_FALSE(signature.isTraining());
  ASSERT_EQ(signature.functions.size(), 2u);
  const FunctionSpec &add = signature.functions[0];
  EXPECT_EQ(add.stateDims, (std::vector<int>{-1, 0}));
  EXPECT_EQ(add.scalarChecks, 1u);
  EXPECT_EQ(add.donated, (std::vector<bool>{true}));
  ASSERT_TRUE(signature.scalars[0].bound && signature.scalars[1].bound);
  EXPECT_EQ(signature.scalars[0].bound->least, 1);
  EXPECT_EQ(signature.scalars[0].bound->dim, "room");
  EXPECT_EQ(signature.scalars[1].bound->greatest, 9);
}

TEST(Signature, RefusesState) {
  auto parse = [](const std::string &old, const std::string &fresh) {
    Signature signature;
    return parseSignature(replaced(withState, old, fresh).c_str(), signature);
  };
  EXPECT_BAD(parse(",\"init\":0.5", ""), "has symbolic extents, but no 'init'");
  EXPECT_BAD(parse("\"room\",7],\"init\":0.5", "3,7]"), "no 'init'");
  EXPECT_BAD(parse("\"role\":\"state\"", "\"role\":\"parameter\""),
             "only state can have symbolic extents");
  EXPECT_BAD(parse("[\"b\",\"room\"]", "[\"b\"]"),
             "in function 'add': the extent 'room' of its state is not among "
             "the dims");
  EXPECT_BAD(parse("[1,\"room\"]", "[1,\"rooms\"]"),
             "the bound 'rooms' of its scalar 'n' is not among the dims");
  for (const char *bound : {"[1]", "[-1,\"room\"]", "[1,2.5]", "7"})
    EXPECT_BAD(parse("[1,\"room\"]", bound), "is not [least, greatest]");
  EXPECT_BAD(parse("\"dtype\":\"i64\"", "\"dtype\":\"f64\""),
             "has a 'bound', but is no integer");
  EXPECT_BAD(parse("\"scalar_checks\":1", "\"scalar_checks\":3"),
             "is no number of 'element_checks'");
}

TEST(CpuFeatures, Unknown) {
  EXPECT_GOOD(checkCpuFeatures({}));
  EXPECT_BAD(checkCpuFeatures({"avx1024"}), "cannot check");
  EXPECT_BAD(checkCpuFeatures({"avx1024", "Avx2"}), "avx1024, Avx2");
}

#if defined(__x86_64__)
TEST(CpuFeatures, AgreeWithTheKernel) {
  // LLVM's names and the kernel's.
  const std::pair<const char *, const char *> names[] = {
      {"sse2", "sse2"},
      {"ssse3", "ssse3"},
      {"sse4.1", "sse4_1"},
      {"sse4.2", "sse4_2"},
      {"popcnt", "popcnt"},
      {"avx", "avx"},
      {"avx2", "avx2"},
      {"fma", "fma"},
      {"f16c", "f16c"},
      {"bmi", "bmi1"},
      {"bmi2", "bmi2"},
      {"lzcnt", "abm"},
      {"movbe", "movbe"},
      {"gfni", "gfni"},
      {"avx512f", "avx512f"},
      {"avx512bw", "avx512bw"},
      {"avx512cd", "avx512cd"},
      {"avx512dq", "avx512dq"},
      {"avx512vl", "avx512vl"},
      {"avx512vnni", "avx512_vnni"},
      {"avx512vbmi", "avx512vbmi"},
      {"avx512bf16", "avx512_bf16"},
      {"avx512fp16", "avx512_fp16"},
      {"avxvnni", "avx_vnni"},
      {"amx-int8", "amx_int8"},
  };
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; flags.empty() && std::getline(cpuinfo, line);)
    if (line.rfind("flags", 0) == 0) {
      std::istringstream words(line);
      for (std::string word; words >> word;)
        flags.insert(word);
    }
  ASSERT_TRUE(flags.count("sse2"));
  for (const auto &[name, flag] : names) {
    MaybeError error = checkCpuFeatures({name});
    EXPECT_EQ(!error, flags.count(flag) == 1) << name;
    if (error)
      EXPECT_THAT(*error, ::testing::HasSubstr("lacks " + std::string(name)));
  }
}
#endif
