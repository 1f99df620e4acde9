//===- TextTest.cpp - Tests of escapes and suggestions --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Text.h"

#include <gtest/gtest.h>

using namespace tern::runtime;
using namespace std::string_literals;

TEST(TextTest, PrintableIsOneLineWithoutCommands) {
  EXPECT_EQ(printable("conv1/weight:0 \\ 'x' \u00e4\u4e2d\U0001F600"),
            "conv1/weight:0 \\ 'x' \u00e4\u4e2d\U0001F600");
  EXPECT_EQ(printable("a\nb\r\tc\x1b[31md\0e\x7f"s),
            "a\\nb\\r\\tc\\x1b[31md\\x00e\\x7f");
  // C1 controls, marks of direction, separators of lines, an order mark, a tag.
  EXPECT_EQ(printable("\u009b1m\u202egnp\u2066\u200f\u2028\ufeff\U000e0041"),
            "\\u009b1m\\u202egnp\\u2066\\u200f\\u2028\\ufeff\\U000e0041");
}

TEST(TextTest, BytesThatAreNotUTF8) {
  // Alone, cut off, too long, a surrogate, past the last character.
  EXPECT_EQ(printable("\xff|\xc3|\xc0\xaf|\xed\xa0\x80|\xf4\x90\x80\x80|\x80"),
            "\\xff|\\xc3|\\xc0\\xaf|\\xed\\xa0\\x80|\\xf4\\x90\\x80\\x80|"
            "\\x80");
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");
}

TEST(TextTest, PrintableTwiceIsPrintable) {
  std::string all;
  for (int c = 0; c < 256; ++c)
    all += static_cast<char>(c);
  std::string once = printable(all);
  EXPECT_EQ(printable(once), once);
  for (char c : once)
    EXPECT_TRUE(c >= ' ' && c < 0x7f);
}

TEST(TextTest, ShortenKeepsTheEnds) {
  EXPECT_EQ(shorten("weight", 6), "weight");
  EXPECT_EQ(shorten("layer.0.weight", 9), "lay...ght");
  EXPECT_EQ(shorten("layer.0.weight", 8), "la...ght");
  EXPECT_EQ(shorten("\u00e4\u00e4\u00e4\u00e4\u00e4\u00f6\u00f6\u00f6", 7),
            "\u00e4\u00e4...\u00f6\u00f6");
  EXPECT_EQ(countCharacters("\u00e4\u4e2d\U0001F600."), 4u);
  EXPECT_EQ(shorten(std::string(10000, 'x'), 20).size(), 20u);
}

TEST(TextTest, SuggestTheNearest) {
  const std::vector<std::string> losses = {"softmax-cross-entropy", "mse", "l1",
                                           "bce-with-logits", "kl"};
  EXPECT_EQ(suggest("mes", losses), "; did you mean 'mse'?");
  EXPECT_EQ(suggest("MSE", losses), "; did you mean 'mse'?");
  EXPECT_EQ(suggest("softmax_cross_entropi", losses),
            "; did you mean 'softmax-cross-entropy'?");
  EXPECT_EQ(suggest("softmax", losses),
            "; did you mean 'softmax-cross-entropy'?");
  EXPECT_EQ(suggest("bce", losses), "; did you mean 'bce-with-logits'?");
  EXPECT_EQ(suggest("hinge", losses), "");
  EXPECT_EQ(suggest("mse", losses), "");
  EXPECT_EQ(suggest("", losses), "");
  EXPECT_EQ(suggest(std::string(100000, 'x'), losses), "");
}
