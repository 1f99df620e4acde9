//===- NpyTest.cpp - Tests of .npy files ------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npy.h"
#include "TestFiles.h"

#include <cstring>

using namespace tern::runtime;

namespace {
class Npy : public FileTest {
protected:
  static std::string file(const std::string &header, size_t dataSize,
                          char version = 1) {
    std::string bytes = std::string("\x93NUMPY") + version + '\0';
    uint32_t size = static_cast<uint32_t>(header.size());
    bytes.append(reinterpret_cast<const char *>(&size), version == 1 ? 2 : 4);
    return bytes + header + std::string(dataSize, '\1');
  }

  static std::string dict(const std::string &descr, const std::string &shape) {
    return "{'descr': " + descr +
           ", 'fortran_order': False, 'shape': " + shape + ", }\n";
  }

  static MaybeError parse(const std::string &bytes) {
    std::vector<char> exact(bytes.begin(), bytes.end());
    NpyHeader header;
    return parseNpy(exact.data(), exact.size(), header);
  }
};
} // namespace

TEST_F(Npy, RoundTripOfAllTypes) {
  for (size_t i = 0; i < numDTypes; ++i)
    for (const std::vector<int64_t> &shape :
         {std::vector<int64_t>{}, {3}, {0, 4}, {2, 3}, {1, 2, 3, 4}}) {
      HostTensor tensor, again;
      DType dtype = static_cast<DType>(i);
      ASSERT_FALSE(HostTensor::allocate(dtype, shape, tensor));
      for (int64_t k = 0; k < tensor.numElements(); ++k)
        storeElement(tensor, k, dtype == DType::Bool ? k % 2 : k);
      EXPECT_GOOD(writeNpy(path("t.npy"), tensor));
      EXPECT_GOOD(readNpy(path("t.npy"), again));
      EXPECT_EQ(again.dtype, dtype);
      EXPECT_EQ(again.shape, shape);
      EXPECT_EQ(std::memcmp(again.data(), tensor.data(),
                            static_cast<size_t>(tensor.numBytes())),
                0);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(again.data()) % 64, 0u);
    }
}

TEST_F(Npy, Versions) {
  for (char version : {1, 2, 3})
    EXPECT_GOOD(parse(file(dict("'<f4'", "(2,)"), 8, version)));
  EXPECT_BAD(parse(file(dict("'<f4'", "(2,)"), 8, 4)), "version 4");
  EXPECT_BAD(parse(file(dict("'<f4'", "(2,)"), 8, 0)), "version 0");
}

TEST_F(Npy, UnalignedElementsAreCopied) {
  // Old NumPy aligned to 16 bytes only, others to none.
  std::string bytes = file(dict("'<f8'", "(1,)") + " ", 8);
  ASSERT_NE((bytes.size() - 8) % 8, 0u);
  HostTensor tensor;
  EXPECT_GOOD(readNpy(write("t.npy", bytes), tensor));
  EXPECT_EQ(tensor.data()[7], 1);
}

TEST_F(Npy, AcceptsOtherSpellings) {
  EXPECT_GOOD(parse(file(dict("'=f4'", "(1,)"), 4)));
  EXPECT_GOOD(parse(file(dict("\"<f4\"", "(1,2)"), 8)));
  EXPECT_GOOD(
      parse(file("{'shape':(),'fortran_order':False,'descr':'|u1'}", 1)));
}

TEST_F(Npy, RefusesMalformedFiles) {
  struct {
    std::string bytes;
    const char *expected;
  } cases[] = {
      {"", "not a .npy file"},
      {"\x93NUMPX", "not a .npy file"},
      {"\x93NUMPY", "truncated"},
      {std::string("\x93NUMPY\1\0\xff\xff{", 11), "header is truncated"},
      {std::string("\x93NUMPY\2\0\xff\xff", 10), "truncated"},
      {std::string("\x93NUMPY\2\0\xff\xff\xff\xff{", 13), "header is truncat"},
      {file("", 0), "not a dictionary"},
      {file("{", 0), "malformed"},
      {file("{}", 0), "lacks descr"},
      {file("{'descr': '<f4'}", 0), "lacks descr, fortran_order or shape"},
      {file("{'descr': '<f4', 'descr': '<f4'}", 0), "unexpected key 'descr'"},
      {file("{'a': 1}", 0), "unexpected key 'a'"},
      {file("{'a", 0), "malformed"},
      {file(dict("'<f4'", "(2,)") + "x", 8), "goes on"},
      {file(dict("'>f4'", "(2,)"), 8), "big-endian"},
      {file(dict("'<c8'", "(2,)"), 16), "'<c8' is not supported"},
      {file(dict("'O'", "(2,)"), 16), "malformed descr"},
      {file(dict("'|O8'", "(2,)"), 16), "not supported"},
      {file(dict("[('a','<f4')]", "(2,)"), 8), "structured"},
      {file(dict("3", "(2,)"), 8), "malformed descr"},
      {file(dict("'<f4'", "(2)"), 8), "malformed shape"},
      {file(dict("'<f4'", "2"), 8), "malformed shape"},
      {file(dict("'<f4'", "(-2,)"), 8), "malformed shape"},
      {file(dict("'<f4'", "(2,"), 8), "malformed shape"},
      {file(dict("'<f4'", "(2,,)"), 8), "malformed shape"},
      {file(dict("'<f4'", "(99999999999999999999,)"), 8), "malformed shape"},
      {file(dict("'<f4'", "(1099511627776,)"), 8), "takes 4398046511104 bytes"},
      {file(dict("'<f4'", "(9223372036854775807,)"), 8), "overflows"},
      {file(dict("'<f4'", "(4294967296, 4294967296)"), 8), "overflows"},
      {file(dict("'<f4'", "(2,)"), 7), "takes 8 bytes, but it has 7"},
      {file(dict("'<f4'", "(2,)"), 9), "takes 8 bytes, but it has 9"},
  };
  for (const auto &[bytes, expected] : cases)
    EXPECT_BAD(parse(bytes), expected);
  std::string fortran = dict("'<f4'", "(2, 2)");
  fortran.replace(fortran.find("False"), 5, "True");
  EXPECT_BAD(parse(file(fortran, 16)), "Fortran order");
}

TEST_F(Npy, EveryTruncationIsAnError) {
  std::string bytes = file(dict("'<f4'", "(2, 3)"), 24);
  EXPECT_GOOD(parse(bytes));
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_TRUE(parse(bytes.substr(0, size))) << size;
}

TEST_F(Npy, FilesThatCannotBeRead) {
  HostTensor tensor;
  EXPECT_BAD(readNpy(path("none.npy"), tensor), "No such file");
  EXPECT_BAD(readNpy(path("."), tensor), "it is a folder");
  EXPECT_BAD(readNpy(write("empty.npy", ""), tensor), "not a .npy file");
}
