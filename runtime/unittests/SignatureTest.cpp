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
  EXPECT_BAD(parseWith("64,7", "\"n\",7"), "'n' is not among the dims");
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
