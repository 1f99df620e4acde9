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

    A layout cuts the matrix in tiles of `rows` rows by one `block` of
    K-positions, `block = lanes * fields`. A row of a tile is `lanes` bytes;
    each byte holds `fields` codes: field f of byte l of block b is the code of
    position `k = b * block + f * lanes + l`. So the packed tensor is
    `[ceil(N/rows), ceil(K/block), rows, lanes]` of i8, one linear stream for a
    kernel that walks tiles, and unpacking `lanes` bytes yields `fields`
    vectors, each of which meets `lanes` adjacent activations. Positions past
    N or K hold code 0.

    What differs between layouts is how a byte holds its codes: two methods
    that build IR, on scalars or vectors alike.
  }];
  let methods = [
    InterfaceMethod<"Rows of a tile.", "int64_t", "getRows">,
    InterfaceMethod<"Bytes in a row of a tile.", "int64_t", "getLanes">,
    InterfaceMethod<"Codes in a byte.", "int64_t", "getFields">,
    InterfaceMethod<[{
        Combines `getFields()` values of codes -1, 0, 1 (i8, scalar or vector)
        to packed bytes of the same type.
      }], "::mlir::Value", "buildPack",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::ValueRange":$codes)>,
    InterfaceMethod<[{
        Splits packed bytes (i8, scalar or vector) to `getFields()` values of
        the same type, each holding code + 1, that is 0, 1 or 2.
      }], "::llvm::SmallVector<::mlir::Value>", "buildUnpack",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$bytes)>,
    InterfaceMethod<[{
        This layout with other tile sizes.
      }], "::tern::LayoutAttrInterface", "withTile",
      (ins "int64_t":$rows, "int64_t":$lanes)>,
  ];
  let extraSharedClassDeclaration = [{
    /// K-positions of a block.
    int64_t getBlock() const { return $_attr.getLanes() * $_attr.getFields(); }
    /// Shape of the packed tensor of an N x K matrix; either may be dynamic.
    ::llvm::SmallVector<int64_t> getPackedShape(int64_t n, int64_t k) const {
      auto tiles = [](int64_t extent, int64_t tile) {
        return ::mlir::ShapedType::isDynamic(extent)
                   ? ::mlir::ShapedType::kDynamic
                   : (extent + tile - 1) / tile;
      };
      return {tiles(n, $_attr.getRows()), tiles(k, getBlock()),
              $_attr.getRows(), $_attr.getLanes()};
    }
  }];
}

def Tern_TargetAttrInterface : AttrInterface<"TargetAttrInterface"> {
  let cppNamespace = "::tern";
  let description = [{
    What Tern must know of a machine: how it wants ternary weights packed, how
    it multiplies and adds codes with activations, which features of the
    processor the code uses, and which tiles suit it. Everything else in the
    pipeline is common to all targets. `#tern.generic` uses the defaults, works
    wherever LLVM does, and is the reference for the others.
  }];
  let methods = [
    InterfaceMethod<"Name for messages and `--list-targets`.",
      "::llvm::StringRef", "getTargetName">,
    InterfaceMethod<"LLVM target triple; empty means the host's.",
      "std::string", "getTriple", (ins), "", "return {};">,
    InterfaceMethod<[{
        Processor features the generated code needs, by LLVM's names and
        without the plus sign. The artifact records them and the runtime
        refuses to load it elsewhere.
      }], "::llvm::SmallVector<std::string>", "getRequiredFeatures",
      (ins), "", "return {};">,
    InterfaceMethod<[{
        The layout this target prefers for an N x K matrix (either may be
        dynamic) that meets activations of type `activation` (i8 or f32).
        `groupSize` is the number of K-positions with one scale, 0 when a
        scale spans a row: the layout's lanes must divide it.
      }], "::tern::LayoutAttrInterface", "getPreferredLayout",
      (ins "int64_t":$n, "int64_t":$k, "int64_t":$groupSize,
           "::mlir::Type":$activation)>,
    InterfaceMethod<[{
        Accumulator for `buildDot` on vectors of `lanes` bytes: a vector of
        i32 whose sum is the dot product.
      }], "::mlir::VectorType", "getAccumulatorType",
      (ins "int64_t":$lanes, "::mlir::MLIRContext *":$context)>,
    InterfaceMethod<[{
        acc + sum over i of codes[i] * activations[i], exact for codes 0..2
        (unsigned) and any i8 activations, folded to the accumulator's type in
        an order of the target's choice. At most 16 pairs a call.
      }], "::mlir::Value", "buildDot",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::ValueRange":$codes, "::mlir::ValueRange":$activations,
           "::mlir::Value":$acc)>,
    InterfaceMethod<[{
        Rows of activations (tokens) that one pass over a weight tile serves.
      }], "int64_t", "getTokenTile", (ins), "", "return 4;">,
    InterfaceMethod<[{
        Rows and columns of the tile that a float matrix product keeps in
        registers, for results of type `element` (f32 or f64): columns a
        multiple of the vector length.
      }], "std::pair<int64_t, int64_t>", "getMatmulTile",
      (ins "::mlir::Type":$element), "", "return {4, 8};">,
    InterfaceMethod<[{
        Whether float matrix products use fused multiply-adds: the machine must
        have them.
      }], "bool", "fusesMultiplyAdd", (ins), "", "return false;">,
  ];
}

#endif // TERN_DIALECT_TERN_IR_TERNINTERFACES_TD
