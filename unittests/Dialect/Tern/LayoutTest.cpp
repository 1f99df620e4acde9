//===- LayoutTest.cpp - Packed shapes of layouts --------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using mlir::ShapedType;
using testing::ElementsAre;

namespace {

class LayoutTest : public testing::Test {
protected:
  LayoutTest() { context.loadDialect<tern::TernDialect>(); }

  mlir::MLIRContext context;
};

TEST_F(LayoutTest, Bits2HoldsFourCodesAByte) {
  tern::LayoutAttrInterface layout = tern::Bits2Attr::get(&context, 4, 32);
  EXPECT_EQ(layout.getFields(), 4);
  EXPECT_EQ(layout.getBlock(), 128);
  EXPECT_THAT(layout.getPackedShape(1, 1), ElementsAre(1, 1, 4, 32));
  EXPECT_THAT(layout.getPackedShape(4, 128), ElementsAre(1, 1, 4, 32));
  EXPECT_THAT(layout.getPackedShape(5, 129), ElementsAre(2, 2, 4, 32));
  EXPECT_THAT(layout.getPackedShape(2560, 6912), ElementsAre(640, 54, 4, 32));
}

TEST_F(LayoutTest, Base3HoldsFiveCodesAByte) {
  tern::LayoutAttrInterface layout = tern::Base3Attr::get(&context, 4, 32);
  EXPECT_EQ(layout.getFields(), 5);
  EXPECT_EQ(layout.getBlock(), 160);
  EXPECT_THAT(layout.getPackedShape(257, 160), ElementsAre(65, 1, 4, 32));
  EXPECT_THAT(layout.getPackedShape(257, 161), ElementsAre(65, 2, 4, 32));
}

TEST_F(LayoutTest, DynamicExtentsStayDynamic) {
  tern::LayoutAttrInterface layout = tern::Bits2Attr::get(&context, 4, 32);
  EXPECT_THAT(layout.getPackedShape(ShapedType::kDynamic, 100),
              ElementsAre(ShapedType::kDynamic, 1, 4, 32));
  EXPECT_THAT(layout.getPackedShape(100, ShapedType::kDynamic),
              ElementsAre(25, ShapedType::kDynamic, 4, 32));
}

TEST_F(LayoutTest, WithTileKeepsTheKind) {
  tern::LayoutAttrInterface layout = tern::Base3Attr::get(&context, 4, 32);
  tern::LayoutAttrInterface other = layout.withTile(8, 16);
  EXPECT_EQ(other, tern::Base3Attr::get(&context, 8, 16));
}

} // namespace
