//===- TernInterfaces.td - Layout and target interfaces ----*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TERNINTERFACES_TD
#define TERN_DIALECT_TERN_IR_TERNINTERFACES_TD

include "mlir/IR/OpBase.td"

def Tern_LayoutAttrInterface : AttrInterface<"LayoutAttrInterface"> {
  let cppNamespace = "::tern";
  let description = [{
    How the codes of a ternary matrix [N, K] stand in bytes.

    The packed tensor is of i8 and of any rank. Its extents are affine in N and
    K, and each of its bytes holds `getFields()` codes. `getPosition()` says
    which: from the indices of a byte and the number of a field to (n, k). A
    layout works in tiles of the matrix: N and K are rounded up to whole tiles,
    and positions past them hold code 0. No two fields have one position, and
    every position of the rounded matrix has a field; `verifyLayout()` checks
    both. So a layout may permute rows and columns in a tile as a machine wants
    them, and only it knows.

    Rows of tiles can be cut out: an extent that depends on N counts tiles of
    N in its order, and does not depend on K.

    How a byte holds its codes is up to two methods that build IR, on scalars
    or vectors alike: by default four codes, field f in bits 2f and 2f+1 as
    code + 1. Packing and unpacking follow from all this; what multiplies
    with packed weights may ask for more, such as `SimdLayoutAttrInterface`.
  }];
  let methods = [
    InterfaceMethod<"Codes in a byte.", "int64_t", "getFields", (ins), "",
      "return 4;">,
    InterfaceMethod<[{
        (N, K) -> extents of the packed tensor.
      }], "::mlir::AffineMap", "getPackedExtents">,
    InterfaceMethod<[{
        (packed indices..., field) -> (n, k).
      }], "::mlir::AffineMap", "getPosition">,
    InterfaceMethod<"Rows and columns of the matrix that it works in.",
      "::tern::LayoutTile", "getTile">,
    InterfaceMethod<[{
        The tile of a product with the transposed matrix, whose rows are the
        columns of this one.
      }], "::tern::LayoutTile", "getTransposedTile", (ins), "", [{
        ::tern::LayoutTile tile = $_attr.getTile();
        return {tile.k, tile.n};
      }]>,
    InterfaceMethod<[{
        This layout, or the most similar one that fits `group` K-positions with
        a scale of their own (0: a scale spans a row); null if there is none.
      }], "::tern::LayoutAttrInterface", "withGroup", (ins "int64_t":$group)>,
    InterfaceMethod<[{
        Combines `getFields()` values of codes -1, 0, 1 (i8, scalar or vector)
        to packed bytes of the same type.
      }], "::mlir::Value", "buildPack",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::ValueRange":$codes), "",
      "return ::tern::buildTwoBitPack(builder, loc, codes);">,
    InterfaceMethod<[{
        Splits packed bytes (i8, scalar or vector) to `getFields()` values of
        the same type, each holding code + 1, that is 0, 1 or 2.
      }], "::llvm::SmallVector<::mlir::Value>", "buildUnpack",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$bytes), "",
      "return ::tern::buildTwoBitUnpack(builder, loc, bytes);">,
  ];
  let extraClassDeclaration = [{
    /// Shape of the packed tensor of an N x K matrix; either may be dynamic.
    ::llvm::SmallVector<int64_t> getPackedShape(int64_t n, int64_t k) const;
    /// The same of extents that are known as the code runs.
    ::llvm::SmallVector<::mlir::OpFoldResult>
    getPackedSizes(::mlir::OpBuilder &b, ::mlir::Location loc,
                   ::mlir::OpFoldResult n, ::mlir::OpFoldResult k) const;
    /// Offsets and sizes of what `nSize` rows from `nOffset`, which is a
    /// multiple of the tile's, are in a packed tensor of these sizes.
    std::pair<::llvm::SmallVector<::mlir::OpFoldResult>,
              ::llvm::SmallVector<::mlir::OpFoldResult>>
    getSlice(::mlir::OpBuilder &b, ::mlir::Location loc,
             ::mlir::OpFoldResult nOffset, ::mlir::OpFoldResult nSize,
             ::llvm::ArrayRef<::mlir::OpFoldResult> packedSizes) const;
    /// The position of one field: (packed indices...) -> (n, k).
    ::mlir::AffineMap getPositionOf(int64_t field) const;
    /// Whether groups of `group` K-positions fit it as it is.
    bool fitsGroup(int64_t group) const;
  }];
}

def Tern_SimdLayoutAttrInterface
    : AttrInterface<"SimdLayoutAttrInterface", [Tern_LayoutAttrInterface]> {
  let cppNamespace = "::tern";
  let description = [{
    A layout for processors whose vectors hold bytes: what Tern's generator of
    microkernels takes.

    A tile is `rows` rows by one block of `lanes * fields` K-positions. A row of
    a tile is `lanes` bytes: field f of byte l of block b is the code of position
    `k = b * block + f * lanes + l`. The packed tensor is
    `[ceil(N/rows), ceil(K/block), rows, lanes]`, one linear stream for a kernel
    that walks tiles, and unpacking `lanes` bytes yields `fields` vectors, each
    of which meets `lanes` adjacent activations. Lanes divide a group.
  }];
  let methods = [
    InterfaceMethod<"Rows of a tile.", "int64_t", "getRows">,
    InterfaceMethod<"Bytes in a row of a tile.", "int64_t", "getLanes">,
  ];
  let extraSharedClassDeclaration = [{
    /// K-positions of a block.
    int64_t getBlock() const { return $_attr.getLanes() * $_attr.getFields(); }
  }];
}

def Tern_TargetAttrInterface : AttrInterface<"TargetAttrInterface"> {
  let cppNamespace = "::tern";
  let description = [{
    The machine that a module is compiled for: facts that common passes ask, and
    how it wants ternary weights packed. How code is lowered to it is
    `TargetLoweringInterface`, which a library attaches: a module may say what it
    is for where nobody can compile it. `#tern.generic` works wherever LLVM does
    and is the reference for the others.
  }];
  let methods = [
    InterfaceMethod<"What passes may ask of the machine.",
      "::tern::MachineInfo", "getMachine">,
    InterfaceMethod<[{
        The layout this target prefers for the matrix of a product, which fits
        the product's groups; null if it has none that does.
      }], "::tern::LayoutAttrInterface", "getPreferredLayout",
      (ins "const ::tern::MatmulShape &":$shape)>,
  ];
}

#endif // TERN_DIALECT_TERN_IR_TERNINTERFACES_TD
