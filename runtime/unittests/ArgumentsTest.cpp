//===- ArgumentsTest.cpp - Tests of tensors in arguments --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Literal.h"
#include "TensorArguments.h"
#include "TestFiles.h"

#include <cmath>
#include <cstring>

using namespace tern::runtime;

static std::string show(const std::string &literal) {
  HostTensor tensor;
  MaybeError error = parseLiteral(literal, tensor);
  return error ? "error: " + *error : describeTensor("", tensor);
}

TEST(Literal, Values) {
  EXPECT_EQ(show("2x3xf32=1,2,3,4,5,-6.5"),
            ": 2x3xf32 [[1, 2, 3], [4, 5, -6.5]]");
  EXPECT_EQ(show("2x2xi8=7"), ": 2x2xi8 [[7, 7], [7, 7]]");
  EXPECT_EQ(show("f64=1e300"), ": f64 1e+300");
  EXPECT_EQ(show("2xi64=-9223372036854775808 9223372036854775807"),
            ": 2xi64 [-9223372036854775808, 9223372036854775807]");
  EXPECT_EQ(show("u64=18446744073709551615"), ": u64 18446744073709551615");
  EXPECT_EQ(show("3xbool=1,false,true"), ": 3xbool [true, false, true]");
  EXPECT_EQ(show("2xi1=0,1"), ": 2xbool [false, true]");
  EXPECT_EQ(show("2xf32"), ": 2xf32 [0, 0]");
  EXPECT_EQ(show("0x2xf32="), ": 0x2xf32 []");
  EXPECT_EQ(show("3xf32=nan,inf,-inf"), ": 3xf32 [nan, inf, -inf]");
  EXPECT_EQ(show("20xi32=1"), ": 20xi32 [1, 1, 1, 1, ..., 1, 1, 1, 1]");
}

TEST(Literal, Refuses) {
  for (const char *text : {"2x3xf33=1", "x3xf32=1", "2x=1", "=1", "", "-2xf32",
                           "2 xf32=1", "99999999999999999999xf32=1", "f32x2=1"})
    EXPECT_THAT(show(text), ::testing::StartsWith("error: ")) << text;
  for (const char *text :
       {"i8=128", "i8=-129", "u8=256", "u8=-1", "u64=-1", "i32=1.5", "i32=0x10",
        "f32=1e99", "f16=70000", "f64=1e999", "f32=1.0f", "bool=2", "bool=True",
        "i64=9223372036854775808", "f32=one", "2xi8=1,,x"})
    EXPECT_THAT(show(text), ::testing::HasSubstr("is not a value of")) << text;
  EXPECT_THAT(show("2xf32=1,2,3"), ::testing::HasSubstr("2 elements, got 3"));
  EXPECT_THAT(show("3xf32=1,2"), ::testing::HasSubstr("3 elements, got 2"));
  EXPECT_THAT(show("2xf32="), ::testing::HasSubstr("2 elements, got 0"));
  EXPECT_THAT(show("1099511627776xf64=1"),
              ::testing::HasSubstr("does not fit in memory"));
  EXPECT_THAT(show("2147483648x2147483648x2147483648xf64=1"),
              ::testing::HasSubstr("overflows"));
}

TEST(Literal, NarrowFloatsRoundToEven) {
  struct {
    DType dtype;
    double value;
    uint16_t bits;
  } cases[] = {
      {DType::F16, 1.0, 0x3c00},
      {DType::F16, -2.5, 0xc100},
      {DType::F16, 1.0 + 1.0 / 2048, 0x3c00}, // A tie, to even.
      {DType::F16, 1.0 + 3.0 / 2048, 0x3c02}, // A tie, to even.
      {DType::F16, 1.0 + 1.1 / 2048, 0x3c01},
      {DType::F16, 65504, 0x7bff},
      {DType::F16, 65519.9, 0x7bff},
      {DType::F16, 65520, 0x7c00},
      {DType::F16, 5.9604644775390625e-8, 0x0001},
      {DType::F16, 2.98e-8, 0x0000},
      {DType::F16, 6.097555160522461e-05, 0x03ff},
      {DType::F16, 6.103515625e-05, 0x0400},
      {DType::F16, -0.0, 0x8000},
      {DType::BF16, 1.0, 0x3f80},
      {DType::BF16, 1.00390625, 0x3f80}, // A tie, to even.
      {DType::BF16, 1.01171875, 0x3f82}, // A tie, to even.
      {DType::BF16, 3.4e38, 0x7f80},
      {DType::BF16, 3.3895313892515355e38, 0x7f7f},
      {DType::BF16, 9.183549615799121e-41, 0x0001},
  };
  for (const auto &[dtype, value, bits] : cases) {
    HostTensor tensor;
    ASSERT_FALSE(HostTensor::allocate(dtype, {}, tensor));
    storeElement(tensor, 0, value);
    uint16_t got;
    std::memcpy(&got, tensor.data(), sizeof(got));
    EXPECT_EQ(got, bits) << value;
  }
  // Every 16-bit float survives the way to double and back.
  for (DType dtype : {DType::F16, DType::BF16})
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      HostTensor tensor;
      ASSERT_FALSE(HostTensor::allocate(dtype, {2}, tensor));
      uint16_t narrow = static_cast<uint16_t>(bits), got;
      std::memcpy(tensor.mutableData(), &narrow, sizeof(narrow));
      double value = static_cast<double>(tensor.at(0));
      storeElement(tensor, 1, value);
      std::memcpy(&got, tensor.data() + 2, sizeof(got));
      if (!std::isnan(value))
        ASSERT_EQ(got, narrow);
    }
}

TEST(Literal, Describes) {
  EXPECT_EQ(show("2x9x2xi8=1"),
            ": 2x9x2xi8 [[[1, 1], [1, 1], [1, 1], [1, 1], ..., [1, 1], [1, 1], "
            "[1, 1], [1, 1]], [[1, 1], [1, 1], [1, 1], [1, 1], ..., [1, 1], "
            "[1, 1], [1, 1], [1, 1]]]");
  // What follows a gap is the end.
  HostTensor tensor;
  ASSERT_FALSE(HostTensor::allocate(DType::I32, {20, 2}, tensor));
  for (int64_t i = 0; i < 40; ++i)
    storeElement(tensor, i, static_cast<double>(i));
  EXPECT_EQ(describeTensor("t", tensor),
            "t: 20x2xi32 [[0, 1], [2, 3], [4, 5], [6, 7], ..., [32, 33], "
            "[34, 35], [36, 37], [38, 39]]");
}

namespace {
class Arguments : public FileTest {
protected:
  MaybeError read(const std::vector<std::string> &arguments) {
    return readTensorArguments("--input", arguments, specs, nullptr, values,
                               taken);
  }
  std::vector<Session::Tensor> specs = {{"x", DType::F32, {2}, {""}},
                                        {"a=b", DType::F32, {}, {}},
                                        {"f32", DType::F32, {}, {}}};
  std::vector<HostTensor> values;
  std::vector<bool> taken;
};
} // namespace

TEST_F(Arguments, NamedAndInOrder) {
  EXPECT_GOOD(read({"2xf32=1", "f32=f32=2", "a=b=f32=3"}));
  EXPECT_EQ(values[0].at(1), 1);
  EXPECT_EQ(values[1].at(0), 3);
  EXPECT_EQ(values[2].at(0), 2);
  EXPECT_GOOD(read({"f32=f32=2", "2xf32"}));
  EXPECT_EQ(taken, (std::vector<bool>{true, false, true}));
}

TEST_F(Arguments, Refuses) {
  EXPECT_BAD(read({"x=2xf32", "x=2xf32"}), "'x' is given twice");
  EXPECT_BAD(read({"y=2xf32"}), "there is no 'y' among x: 2xf32, a=b: f32");
  EXPECT_BAD(read({"u8", "u8", "u8", "u8"}), "more tensors");
  EXPECT_BAD(read({""}), "not a type");
  EXPECT_BAD(read({"x="}), "not a type");
  EXPECT_BAD(read({"x=@"}), "No such file");
  EXPECT_BAD(read({"x=@" + write("t.txt", "hello")}), "neither a .npy nor");
  EXPECT_BAD(read({"x=@" + write("t.npy", "hello")}), "not a .npy file");
  EXPECT_BAD(read({"x=@t.pb"}), "no ONNX tensors");
}
