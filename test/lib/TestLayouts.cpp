//===- TestLayouts.cpp - Layouts that no machine of Tern's wants ----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// They permute rows and lanes, are of other ranks than 4, or are wrong: what
// holds for all layouts is tested with them.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectImplementation.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Plugin.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace {

/// A layout of two bits a code, as `Maps` say. Groups of 16 fit it.
template <typename Maps>
class TestLayout
    : public Attribute::AttrBase<TestLayout<Maps>, Attribute, AttributeStorage,
                                 tern::LayoutAttrInterface::Trait> {
  using Base =
      Attribute::AttrBase<TestLayout<Maps>, Attribute, AttributeStorage,
                          tern::LayoutAttrInterface::Trait>;

public:
  using Base::Base;
  static constexpr StringLiteral name = Maps::name;

  AffineMap getPackedExtents() const {
    AffineExpr n, k;
    bindDims(this->getContext(), n, k);
    return AffineMap::get(2, 0, Maps::getExtents(n, k), this->getContext());
  }
  AffineMap getPosition() const {
    unsigned rank = getPackedExtents().getNumResults();
    SmallVector<AffineExpr> d;
    for (unsigned i = 0; i <= rank; ++i)
      d.push_back(getAffineDimExpr(i, this->getContext()));
    return AffineMap::get(rank + 1, 0, Maps::getPosition(d),
                          this->getContext());
  }
  tern::LayoutTile getTile() const { return Maps::tile; }
  tern::LayoutAttrInterface withGroup(int64_t group) const {
    return group % 16 == 0 ? tern::LayoutAttrInterface(*this) : nullptr;
  }
};

using Exprs = SmallVector<AffineExpr>;

/// Of rank 3: a tile is one run of bytes, four for each row; even rows come
/// before odd ones.
struct Interleaved {
  static constexpr StringLiteral name = "test_layouts.interleaved";
  static constexpr tern::LayoutTile tile = {8, 16};
  static Exprs getExtents(AffineExpr n, AffineExpr k) {
    return {n.ceilDiv(8), k.ceilDiv(16), n * 0 + 32};
  }
  static Exprs getPosition(ArrayRef<AffineExpr> d) {
    AffineExpr row = d[2].floorDiv(4), lane = d[2] % 4;
    return {d[0] * 8 + row % 4 * 2 + row.floorDiv(4),
            d[1] * 16 + lane * 4 + d[3]};
  }
};

/// Of rank 5, its tiles column by column, its lanes backwards.
struct Columns {
  static constexpr StringLiteral name = "test_layouts.columns";
  static constexpr tern::LayoutTile tile = {4, 8};
  static Exprs getExtents(AffineExpr n, AffineExpr k) {
    return {k.ceilDiv(8), n.ceilDiv(4), n * 0 + 2, n * 0 + 2, n * 0 + 2};
  }
  static Exprs getPosition(ArrayRef<AffineExpr> d) {
    return {d[1] * 4 + d[4] * 2 + d[2], d[0] * 8 + 7 - d[5] * 2 - d[3]};
  }
};

/// Wrong: odd rows are where even ones are.
struct Twice : Interleaved {
  static constexpr StringLiteral name = "test_layouts.twice";
  static Exprs getPosition(ArrayRef<AffineExpr> d) {
    AffineExpr row = d[2].floorDiv(4), lane = d[2] % 4;
    return {d[0] * 8 + row % 4 * 2, d[1] * 16 + lane * 4 + d[3]};
  }
};

/// Wrong: past the tile.
struct Outside : Interleaved {
  static constexpr StringLiteral name = "test_layouts.outside";
  static Exprs getPosition(ArrayRef<AffineExpr> d) {
    return {d[0] * 8 + d[2].floorDiv(4), d[1] * 16 + d[2] % 4 * 4 + d[3] + 1};
  }
};

/// Wrong: bytes that hold nothing.
struct Wasteful : Interleaved {
  static constexpr StringLiteral name = "test_layouts.wasteful";
  static Exprs getExtents(AffineExpr n, AffineExpr k) {
    return {n.ceilDiv(8), k.ceilDiv(16), n * 0 + 64};
  }
};

/// Wrong: the tiles of rows are counted backwards.
struct Backwards : Interleaved {
  static constexpr StringLiteral name = "test_layouts.backwards";
  static Exprs getPosition(ArrayRef<AffineExpr> d) {
    Exprs position = Interleaved::getPosition(d);
    return {position[0] - d[0] * 16 + 8, position[1]};
  }
};

class TestLayoutsDialect : public Dialect {
public:
  explicit TestLayoutsDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context,
                TypeID::get<TestLayoutsDialect>()) {
    addAttributes<TestLayout<Interleaved>, TestLayout<Columns>,
                  TestLayout<Twice>, TestLayout<Outside>, TestLayout<Wasteful>,
                  TestLayout<Backwards>>();
  }
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestLayoutsDialect)
  static StringRef getDialectNamespace() { return "test_layouts"; }

  Attribute parseAttribute(DialectAsmParser &parser, Type) const override {
    StringRef keyword;
    if (failed(parser.parseKeyword(&keyword)))
      return {};
    MLIRContext *context = getContext();
    if (keyword == "interleaved")
      return TestLayout<Interleaved>::get(context);
    if (keyword == "columns")
      return TestLayout<Columns>::get(context);
    if (keyword == "twice")
      return TestLayout<Twice>::get(context);
    if (keyword == "outside")
      return TestLayout<Outside>::get(context);
    if (keyword == "wasteful")
      return TestLayout<Wasteful>::get(context);
    if (keyword == "backwards")
      return TestLayout<Backwards>::get(context);
    parser.emitError(parser.getNameLoc(), "unknown layout");
    return {};
  }
  void printAttribute(Attribute attribute,
                      DialectAsmPrinter &printer) const override {
    printer << attribute.getAbstractAttribute().getName().split('.').second;
  }
};

} // namespace

TERN_PLUGIN

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "TestLayouts", TERN_VERSION_STRING,
          [](mlir::DialectRegistry *registry) {
            registry->insert<TestLayoutsDialect>();
          }};
}
