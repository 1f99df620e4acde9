//===- CompareTest.cpp - Tests of comparing tensors -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compare.h"
#include "Literal.h"
#include "TestFiles.h"

using namespace tern::runtime;

static HostTensor make(const std::string &literal) {
  HostTensor tensor;
  EXPECT_GOOD(parseLiteral(literal, tensor));
  return tensor;
}

static MaybeError compare(const std::string &got, const std::string &expected,
                          Tolerance tolerance = {0.1, 0.01}) {
  return compareTensors(make(got), make(expected), tolerance);
}

TEST(Compare, Tolerances) {
  EXPECT_GOOD(compare("3xf32=1,10,0", "3xf32=1.1,11,0.005"));
  EXPECT_BAD(compare("2x2xf32=1,2,3,4", "2x2xf32=1,2.5,3,5"),
             "2 of 4 elements differ (rtol 0.1, atol 0.01): largest error 1; "
             "first at [0, 1]: got 2, expected 2.5");
  EXPECT_GOOD(compare("f16=1", "f16=1.05"));
}

TEST(Compare, IntegersAreExact) {
  EXPECT_GOOD(
      compare("2xi64=1,9223372036854775807", "2xi64=1,9223372036854775807"));
  EXPECT_BAD(compare("i64=9223372036854775807", "i64=9223372036854775806"),
             "1 of 1 elements differ");
  EXPECT_BAD(compare("u64=18446744073709551615", "u64=18446744073709551614"),
             "largest error 1");
  EXPECT_GOOD(compare("i8=5", "i8=6", {0, 0, 1}));
  EXPECT_BAD(compare("bool=1", "bool=0"), "got true, expected false");
}

TEST(Compare, SpecialValues) {
  EXPECT_GOOD(compare("4xf32=nan,inf,-inf,-0.0", "4xf32=nan,inf,-inf,0"));
  EXPECT_BAD(compare("f32=nan", "f32=1"), "largest error inf");
  EXPECT_BAD(compare("f32=1", "f32=nan"), "got 1, expected nan");
  EXPECT_BAD(compare("f32=inf", "f32=-inf"), "1 of 1");
  EXPECT_BAD(compare("f32=1", "f32=inf"), "1 of 1");
  EXPECT_BAD(compare("f32=inf", "f32=1"), "1 of 1");
}

TEST(Compare, TypesMustAgree) {
  EXPECT_BAD(compare("2xf32", "2xf64"), "has type 2xf32, expected 2xf64");
  EXPECT_BAD(compare("2xf32", "1x2xf32"), "expected 1x2xf32");
  EXPECT_GOOD(compare("0x3xf32", "0x3xf32"));
}

TEST(Compare, CountsCorrectLabels) {
  int64_t correct = -1, total = -1;
  HostTensor scores = make("5x3xf32=1,2,0, 5,5,5, nan,1,0, -3,-2,-1, 0,nan,9");
  EXPECT_GOOD(countCorrect(scores, make("5xu8=1,0,1,2,2"), correct, total));
  EXPECT_EQ(correct, 3);
  EXPECT_EQ(total, 5);
  EXPECT_BAD(countCorrect(scores, make("4xu8"), correct, total), "4 labels");
  EXPECT_BAD(countCorrect(scores, make("5xi64=0,0,-1,0,0"), correct, total),
             "label -1 at index 2 is out of range for 3 classes");
  EXPECT_BAD(countCorrect(scores, make("5xu8=3"), correct, total), "label 3");
  EXPECT_BAD(countCorrect(scores, make("5xf32"), correct, total),
             "must be integers, not f32");
  EXPECT_BAD(countCorrect(make("f32"), make("u8"), correct, total),
             "no classes");
  EXPECT_BAD(countCorrect(make("3x0xf32"), make("3xu8"), correct, total),
             "no classes");
}

TEST(Compare, PartOfTheLargest) {
  Tolerance tolerance = {0, 0, 0, /*ofLargest=*/0.01};
  Agreement agreement;
  HostTensor expected = make("4xf32=-100,0,nan,inf");
  EXPECT_GOOD(compareTensors(make("4xf32=-99.5,0.5,nan,inf"), expected,
                             tolerance, &agreement));
  EXPECT_EQ(agreement.elements, 4);
  EXPECT_EQ(agreement.largestError, 0.5);
  EXPECT_EQ(agreement.atol, 1);
  EXPECT_BAD(
      compareTensors(make("4xf32=-100,1.5,nan,inf"), expected, tolerance),
      "1 of 4 elements differ (rtol 0, atol 1): largest error 1.5");
  // Not of integers.
  EXPECT_BAD(compareTensors(make("i8=100"), make("i8=99"), tolerance),
             "1 of 1");
  EXPECT_GT(getNetworkTolerance(DType::F16), getNetworkTolerance(DType::F32));
  EXPECT_EQ(getNetworkTolerance(DType::I8), 0);
}

TEST(Compare, TopAgreement) {
  HostTensor expected = make("4x3xf32=1,2,0, 5,5.1,0, 9,0,1, 3,3,3");
  auto top =
      compareTop(make("4x3xf32=1,2,0, 5.2,5.1,0, 0,9,1, 3,3,4"), expected, 0.2);
  ASSERT_TRUE(top);
  EXPECT_EQ(top->rows, 4);
  EXPECT_EQ(top->equal, 1);
  EXPECT_EQ(top->ties, 2);
  EXPECT_FALSE(compareTop(make("2x1xf32"), make("2x1xf32"), 0));
  EXPECT_FALSE(compareTop(make("f32"), make("f32"), 0));
  EXPECT_FALSE(compareTop(make("2xbool"), make("2xbool"), 0));
  top = compareTop(make("2xf32=nan,1"), make("2xf32=0,1"), 0);
  ASSERT_TRUE(top);
  EXPECT_EQ(top->equal, 1);
  top = compareTop(make("0x3xi8"), make("0x3xi8"), 0);
  ASSERT_TRUE(top);
  EXPECT_EQ(top->rows, 0);
}
