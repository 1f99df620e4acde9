//===- SafetensorsTest.cpp - Tests of safetensors files ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Safetensors.h"
#include "TestFiles.h"

#include <csignal>

#include <sys/resource.h>

using namespace tern::runtime;
using Writer = SafetensorsWriter;

namespace {
class Safetensors : public FileTest {
protected:
  static std::string file(const std::string &header, const std::string &data) {
    uint64_t size = header.size();
    return std::string(reinterpret_cast<const char *>(&size), sizeof(size)) +
           header + data;
  }

  static MaybeError parse(const std::string &bytes) {
    // A copy of exactly this size, so that sanitizers see any overrun.
    std::vector<char> exact(bytes.begin(), bytes.end());
    SafetensorsIndex index;
    return parseSafetensors(exact.data(), exact.size(), index);
  }

  static MaybeError parseHeader(const std::string &header, size_t dataSize) {
    return parse(file(header, std::string(dataSize, 'x')));
  }
};
} // namespace

TEST_F(Safetensors, RoundTrip) {
  Writer writer;
  std::string odd = "\x01\x02\x03";
  std::vector<double> doubles = {1, 2, 3};
  std::vector<float> floats(32, 0.5f);
  EXPECT_GOOD(writer.open(path("w"),
                          {{"odd", DType::U8, {3}},
                           {"empty", DType::F32, {0, 5}},
                           {"doubles", DType::F64, {3}},
                           {"scalar", DType::I16, {}},
                           {"floats", DType::F32, {4, 8}}},
                          {{"format", "tern"}, {"id", "????"}}));
  EXPECT_FALSE(std::filesystem::exists(path("w")));
  EXPECT_GOOD(writer.append(odd.data(), 1));
  EXPECT_GOOD(writer.append(odd.data() + 1, 2));
  EXPECT_GOOD(writer.append(doubles.data(), 24));
  // Bytes of several tensors at once.
  std::string rest = "\x07\x01";
  rest.append(reinterpret_cast<const char *>(floats.data()), 128);
  EXPECT_GOOD(writer.append(rest.data(), rest.size()));
  EXPECT_BAD(writer.setMetadata("id", "12345"), "with this length");
  EXPECT_BAD(writer.setMetadata("none", "1234"), "was not declared");
  EXPECT_GOOD(writer.setMetadata("id", "1234"));
  EXPECT_GOOD(writer.finish());
  EXPECT_EQ(numFiles(), 1u);

  std::string bytes = read(path("w"));
  EXPECT_EQ(bytes.size(), writer.fileSize());
  SafetensorsIndex index;
  ASSERT_FALSE(parseSafetensors(bytes.data(), bytes.size(), index));
  EXPECT_EQ(index.metadata.at("id"), "1234");
  EXPECT_EQ(index.metadata.at("format"), "tern");
  EXPECT_EQ(index.tensors.size(), 5u);
  auto offset = [&](const char *name) {
    return index.tensors.at(name).data - bytes.data();
  };
  EXPECT_EQ(offset("floats") % 64, 0);
  EXPECT_EQ(offset("doubles") % 8, 0);
  EXPECT_EQ(offset("scalar") % 2, 0);
  auto bytesOf = [&](const char *name) {
    const SafetensorsView &view = index.tensors.at(name);
    return std::string(view.data, view.size);
  };
  EXPECT_EQ(bytesOf("odd"), odd);
  EXPECT_EQ(bytesOf("scalar"), rest.substr(0, 2));
  EXPECT_EQ(bytesOf("floats"), rest.substr(2));
  EXPECT_EQ(bytesOf("doubles"),
            std::string(reinterpret_cast<const char *>(doubles.data()), 24));
  EXPECT_EQ(index.tensors.at("floats").shape, (std::vector<int64_t>{4, 8}));
  EXPECT_EQ(index.tensors.at("empty").size, 0u);
}

TEST_F(Safetensors, SameBytesEachTime) {
  std::string files[2];
  for (std::string &file : files) {
    Writer writer;
    EXPECT_GOOD(writer.open(
        path("w"), {{"b", DType::U8, {5}}, {"a", DType::U8, {2}}}, {}));
    EXPECT_GOOD(writer.append("1234567", 7));
    EXPECT_GOOD(writer.finish());
    file = read(path("w"));
  }
  EXPECT_EQ(files[0], files[1]);
}

TEST_F(Safetensors, WriterChecksItsUse) {
  {
    Writer writer;
    EXPECT_BAD(writer.open(path("w"),
                           {{"a", DType::U8, {1}}, {"a", DType::U8, {1}}}, {}),
               "used twice");
    EXPECT_BAD(writer.open(path("w"), {{"__metadata__", DType::U8, {1}}}, {}),
               "reserved");
    EXPECT_BAD(
        writer.open(path("w"), {{"a", DType::F32, {int64_t(1) << 62}}}, {}),
        "overflows");
    EXPECT_BAD(writer.open(path("w"), {{"\xff", DType::U8, {1}}}, {}), "UTF-8");
    EXPECT_BAD(writer.open(path("none/w"), {}, {}), "No such file");
  }
  {
    Writer writer;
    EXPECT_GOOD(writer.open(path("w"), {{"a", DType::U8, {4}}}, {}));
    EXPECT_GOOD(writer.append("123", 3));
    EXPECT_BAD(writer.finish(), "'a' is incomplete");
  }
  {
    Writer writer;
    EXPECT_GOOD(writer.open(path("w"), {{"a", DType::U8, {4}}}, {}));
    EXPECT_BAD(writer.append("12345", 5), "more data");
    EXPECT_BAD(writer.finish(), "not open");
  }
  {
    Writer writer;
    EXPECT_GOOD(writer.open(path("w"), {{"a", DType::U8, {4}}}, {}));
  }
  EXPECT_EQ(numFiles(), 0u);
}

TEST_F(Safetensors, FullDiskLeavesTheOldFile) {
  write("w", "old");
  // A limit on file sizes stands in for the end of the disk.
  struct rlimit old, limit;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  limit = {100000, old.rlim_max};
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  Writer writer;
  std::vector<char> data(200000);
  MaybeError opened = writer.open(path("w"), {{"a", DType::U8, {200000}}}, {});
  MaybeError appended = writer.append(data.data(), data.size());
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_GOOD(opened);
  EXPECT_BAD(appended, "too large");
  EXPECT_BAD(writer.finish(), "not open");
  EXPECT_EQ(read(path("w")), "old");
  EXPECT_EQ(numFiles(), 1u);
}

TEST_F(Safetensors, MoreThanFourGigabytes) {
  // Sparse: takes no room. Only the ends are written.
  int64_t size = (int64_t(5) << 30) + 64;
  Writer writer;
  EXPECT_GOOD(writer.open(
      path("w"), {{"a", DType::U8, {0}}, {"b", DType::F64, {size / 8}}}, {}));
  EXPECT_GE(writer.fileSize(), static_cast<uint64_t>(size));
  EXPECT_BAD(writer.finish(), "'b' is incomplete");
}

TEST_F(Safetensors, AcceptsWhatOthersWrite) {
  EXPECT_GOOD(parseHeader("{}", 0));
  EXPECT_GOOD(parseHeader("{\"__metadata__\":{}}   ", 0));
  EXPECT_GOOD(parseHeader(
      R"({"a":{"dtype":"F16","shape":[2,1],"data_offsets":[1,5]},
          "b":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}})",
      5));
}

TEST_F(Safetensors, RefusesMalformedFiles) {
  EXPECT_BAD(parse(""), "shorter");
  EXPECT_BAD(parse("1234567"), "shorter");
  EXPECT_BAD(parse(std::string(8, '\xff') + "{}"), "absurd");
  EXPECT_BAD(parse(file("{}", "").substr(0, 9)), "header is truncated");
  EXPECT_BAD(parseHeader("", 0), "not valid JSON");
  EXPECT_BAD(parseHeader("{", 0), "not valid JSON");
  EXPECT_BAD(parseHeader("[]", 0), "not a JSON object");
  EXPECT_BAD(parseHeader("{\"a\xff\":1}", 0), "not valid JSON");
  EXPECT_BAD(parseHeader(std::string(1000000, '['), 0), "nested too deeply");
  EXPECT_BAD(parseHeader("{\"__metadata__\":{\"a\":1}}", 0), "not a string");
  EXPECT_BAD(parseHeader("{\"__metadata__\":[]}", 0), "not an object");
  EXPECT_BAD(parseHeader("{}", 4), "belong to no tensor");
}

TEST_F(Safetensors, RefusesMalformedTensors) {
  auto tensor = [](const char *dtype, const char *shape, const char *range) {
    return std::string("{\"dtype\":") + dtype + ",\"shape\":" + shape +
           ",\"data_offsets\":" + range + "}";
  };
  struct {
    std::string tensor;
    const char *expected;
  } cases[] = {
      {"1", "not described by an object"},
      {"{\"dtype\":\"U8\"}", "lacks dtype, shape or data_offsets"},
      {tensor("3", "[8]", "[0,8]"), "dtype that is not a string"},
      {tensor("\"F8_E4M3\"", "[8]", "[0,8]"), "unsupported dtype 'F8_E4M3'"},
      {tensor("\"U8\"", "8", "[0,8]"), "shape that is not a list"},
      {tensor("\"U8\"", "[-8]", "[0,8]"), "not a non-negative"},
      {tensor("\"U8\"", "[8.0]", "[0,8]"), "not a non-negative"},
      {tensor("\"U8\"", "[\"8\"]", "[0,8]"), "not a non-negative"},
      {tensor("\"U8\"", "[18446744073709551615]", "[0,8]"), "not a non-negat"},
      {tensor("\"U8\"", "[8]", "[0]"), "not a range"},
      {tensor("\"U8\"", "[8]", "[8,0]"), "not a range"},
      {tensor("\"U8\"", "[8]", "[-8,0]"), "not a range"},
      {tensor("\"U8\"", "[9]", "[0,9]"), "beyond the end"},
      {tensor("\"U8\"", "[8]", "[0,18446744073709551615]"), "beyond the end"},
      {tensor("\"U8\"", "[7]", "[0,8]"), "takes 7 bytes but has 8"},
      {tensor("\"F64\"", "[1099511627776]", "[0,8]"), "takes 8796093022208"},
      {tensor("\"F64\"", "[2305843009213693952]", "[0,8]"), "overflows"},
      {tensor("\"U8\"", "[4294967296,4294967296]", "[0,8]"), "overflows"},
  };
  for (const auto &[text, expected] : cases)
    EXPECT_BAD(parseHeader("{\"a\":" + text + "}", 8), expected);

  auto two = [&](const char *first, const char *second) {
    return "{\"a\":" + tensor("\"U8\"", "[4]", first) +
           ",\"b\":" + tensor("\"U8\"", "[4]", second) + "}";
  };
  EXPECT_GOOD(parseHeader(two("[4,8]", "[0,4]"), 8));
  EXPECT_BAD(parseHeader(two("[0,4]", "[0,4]"), 4), "overlaps");
  EXPECT_BAD(parseHeader(two("[0,4]", "[3,7]"), 7), "overlaps");
  EXPECT_BAD(parseHeader(two("[0,4]", "[5,9]"), 9), "hole before tensor 'b'");
  EXPECT_BAD(parseHeader("{\"a\":" + tensor("\"U8\"", "[8]", "[0,8]") +
                             ",\"a\":" + tensor("\"U8\"", "[8]", "[0,8]") + "}",
                         8),
             "'a' twice");
}

TEST_F(Safetensors, EveryTruncationIsAnError) {
  Writer writer;
  EXPECT_GOOD(writer.open(path("w"), {{"a", DType::U8, {5}}}, {{"k", "v"}}));
  EXPECT_GOOD(writer.append("12345", 5));
  EXPECT_GOOD(writer.finish());
  std::string bytes = read(path("w"));
  EXPECT_GOOD(parse(bytes));
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_TRUE(parse(bytes.substr(0, size))) << size;
}
