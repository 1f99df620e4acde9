//===- IdxTest.cpp - Tests of IDX files -------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Idx.h"
#include "TestFiles.h"

#include <zlib.h>

using namespace tern::runtime;

namespace {
class Idx : public FileTest {
protected:
  static std::string header(char type, const std::vector<uint32_t> &shape) {
    std::string bytes = {0, 0, type, static_cast<char>(shape.size())};
    for (uint32_t extent : shape)
      for (int shift = 24; shift >= 0; shift -= 8)
        bytes += static_cast<char>(extent >> shift);
    return bytes;
  }

  std::string compress(const std::string &bytes) const {
    gzFile file = gzopen(path("z").c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return FileTest::read(path("z"));
  }

  MaybeError parse(const std::string &bytes) {
    return readIdx(write("idx", bytes), tensor);
  }

  HostTensor tensor;
};
} // namespace

TEST_F(Idx, PlainAndCompressed) {
  std::string bytes = header(8, {2, 3}) + "abcdef";
  for (const std::string &file : {bytes, compress(bytes)}) {
    EXPECT_GOOD(parse(file));
    EXPECT_EQ(tensor.dtype, DType::U8);
    EXPECT_EQ(tensor.shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(std::string(tensor.data(), 6), "abcdef");
  }
  EXPECT_GOOD(parse(header(8, {0, 28, 28})));
}

TEST_F(Idx, BigEndianElements) {
  EXPECT_GOOD(parse(header(0x0B, {2}) + std::string("\1\2\xff\xfe", 4)));
  EXPECT_EQ(tensor.at(0), 0x102);
  EXPECT_EQ(tensor.at(1), -2);
  EXPECT_GOOD(parse(header(0x0D, {1}) + std::string("\x3f\x80\0\0", 4)));
  EXPECT_EQ(tensor.at(0), 1);
  EXPECT_GOOD(parse(header(0x0C, {1}) + std::string("\0\0\1\0", 4)));
  EXPECT_EQ(tensor.at(0), 256);
}

TEST_F(Idx, RefusesMalformedFiles) {
  EXPECT_BAD(readIdx(path("none"), tensor), "No such file");
  EXPECT_BAD(readIdx(path("."), tensor), "it is a folder");
  EXPECT_BAD(parse(""), "truncated");
  EXPECT_BAD(parse("plain text"), "not an IDX file");
  EXPECT_BAD(parse(header(7, {1}) + "x"), "not an IDX file");
  EXPECT_BAD(parse(header(8, {2, 3}).substr(0, 9)), "truncated");
  EXPECT_BAD(parse(header(8, {2, 3}) + "abcde"), "truncated");
  EXPECT_BAD(parse(header(8, {2, 3}) + "abcdefg"), "goes on");
  // 2^40 elements, and more than 2^63.
  EXPECT_BAD(parse(header(8, {1u << 20, 1u << 20}) + "a"), "too short");
  EXPECT_BAD(parse(header(14, {1u << 31, 1u << 31, 1u << 31}) + "a"),
             "too short");
}

TEST_F(Idx, RefusesDamagedCompression) {
  std::string bytes = compress(header(8, {64}) + std::string(64, 'x'));
  EXPECT_GOOD(parse(bytes));
  EXPECT_TRUE(parse(bytes.substr(0, bytes.size() - 9)));
  EXPECT_TRUE(parse(bytes.substr(0, 12)));
  // The checksum.
  bytes[bytes.size() - 5] ^= 1;
  EXPECT_BAD(parse(bytes), "damaged");
}
