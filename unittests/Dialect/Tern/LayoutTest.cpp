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
  EXPECT_EQ(layout.getTile().n, 4);
  EXPECT_EQ(layout.getTile().k, 128);
  EXPECT_EQ(layout.getTransposedTile().n, 128);
  EXPECT_EQ(layout.getTransposedTile().k, 4);
  EXPECT_THAT(layout.getPackedShape(1, 1), ElementsAre(1, 1, 4, 32));
  EXPECT_THAT(layout.getPackedShape(4, 128), ElementsAre(1, 1, 4, 32));
  EXPECT_THAT(layout.getPackedShape(5, 129), ElementsAre(2, 2, 4, 32));
  EXPECT_THAT(layout.getPackedShape(2560, 6912), ElementsAre(640, 54, 4, 32));
}

TEST_F(LayoutTest, Base3HoldsFiveCodesAByte) {
  tern::LayoutAttrInterface layout = tern::Base3Attr::get(&context, 4, 32);
  EXPECT_EQ(layout.getFields(), 5);
  EXPECT_EQ(layout.getTile().k, 160);
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

TEST_F(LayoutTest, LanesDivideAGroup) {
  tern::LayoutAttrInterface layout = tern::Base3Attr::get(&context, 4, 32);
  EXPECT_EQ(layout.withGroup(0), layout);
  EXPECT_EQ(layout.withGroup(64), layout);
  EXPECT_TRUE(layout.fitsGroup(64));
  EXPECT_FALSE(layout.fitsGroup(24));
  EXPECT_EQ(layout.withGroup(24), tern::Base3Attr::get(&context, 4, 24));
  EXPECT_EQ(layout.withGroup(7), tern::Base3Attr::get(&context, 4, 7));
}

TEST_F(LayoutTest, PositionsOfAFieldAreAffine) {
  tern::LayoutAttrInterface layout = tern::Bits2Attr::get(&context, 4, 32);
  mlir::AffineExpr tile, block, row, lane;
  bindDims(&context, tile, block, row, lane);
  EXPECT_EQ(layout.getPositionOf(3),
            mlir::AffineMap::get(
                4, 0, {tile * 4 + row, block * 128 + 96 + lane}, &context));
}

TEST_F(LayoutTest, EveryPositionHasOneField) {
  mlir::DiagnosticEngine &engine = context.getDiagEngine();
  auto emitError = [&] {
    return engine.emit(mlir::UnknownLoc::get(&context),
                       mlir::DiagnosticSeverity::Error);
  };
  for (int64_t rows : {1, 2, 3, 4, 17, 64})
    for (int64_t lanes : {1, 3, 16, 32, 33, 256}) {
      EXPECT_TRUE(succeeded(tern::verifyLayout(
          tern::Bits2Attr::get(&context, rows, lanes), emitError)));
      EXPECT_TRUE(succeeded(tern::verifyLayout(
          tern::Base3Attr::get(&context, rows, lanes), emitError)));
    }
}

} // namespace
