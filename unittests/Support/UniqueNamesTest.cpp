//===- UniqueNamesTest.cpp - Make names unique by a number ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/UniqueNames.h"
#include "gtest/gtest.h"

using tern::UniqueNames;

TEST(UniqueNamesTest, GivesWay) {
  UniqueNames names;
  names.take("loss");
  names.take("loss");
  names.take("loss.3");
  EXPECT_EQ(names.make("loss"), "loss.2");
  EXPECT_EQ(names.make("loss"), "loss.4");
  EXPECT_EQ(names.make("target"), "target");
  EXPECT_EQ(names.make("target"), "target.2");
  // What was made is taken as what was given.
  EXPECT_EQ(names.make("loss.2"), "loss.2.2");
  EXPECT_EQ(names.make("loss", "_"), "loss_5");
  EXPECT_EQ(names.make(""), "");
  EXPECT_EQ(names.make(""), ".2");
}

TEST(UniqueNamesTest, TakesManyOfOneName) {
  UniqueNames names;
  std::string last;
  for (int i = 0; i < 100000; ++i)
    last = names.make("x");
  EXPECT_EQ(last, "x.100000");
}
