//===- Rearranging.cpp - Tile, DepthToSpace, SpaceToDepth -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// Each axis repeated as a whole: broadcast from a new axis before it.
static LogicalResult importTile(Node &node) {
  Tensor input = node.getInput(0);
  int64_t rank = input.getRank();
  Extents repeats(rank, Extent(1));
  if (node.getVersion() < 6) {
    if (!node.hasInput(1) || !node.hasInput(2))
      return node.error("inputs 'tiles' and 'axis' are missing");
    std::optional<ArrayRef<Extent>> tiles = node.getContents(1);
    FailureOr<SmallVector<int64_t>> axes = node.getConstants(2, "the axis");
    if (failed(axes))
      return failure();
    if (!tiles || tiles->size() != 1 || axes->size() != 1)
      return node.error("tiles and axis must be known when compiling");
    FailureOr<int64_t> axis = node.normalizeAxis(axes->front(), rank);
    if (failed(axis))
      return failure();
    repeats[*axis] = tiles->front();
  } else {
    std::optional<ArrayRef<Extent>> given = node.getContents(1);
    if (!given)
      return node.requireKnown(1, "repeats");
    if (static_cast<int64_t>(given->size()) != rank)
      return node.error("there are " + Twine(given->size()) +
                        " repeats for rank " + Twine(rank));
    repeats.assign(given->begin(), given->end());
  }
  Extents spread, wide, shape;
  for (auto [extent, repeat] : llvm::zip_equal(input.shape, repeats)) {
    if (failed(node.requireNonNegative(
            repeat, "a repeat, " + node.describe(repeat) + ", is negative")))
      return failure();
    std::optional<Extent> total = Extent::mul(extent, repeat);
    if (!total)
      return node.error("the extent of the result overflows");
    shape.push_back(*total);
    if (!repeat.isConstant(1)) {
      spread.push_back(1);
      wide.push_back(repeat);
    }
    spread.push_back(extent);
    wide.push_back(extent);
  }
  if (failed(node.checkShape(input.dtype, shape)))
    return failure();
  FailureOr<Tensor> source = node.emitReshape(input, spread);
  if (failed(source))
    return failure();
  FailureOr<Tensor> repeated =
      node.emitMap({*source}, wide, input.dtype,
                   [](B &, ValueRange args) -> Value { return args[0]; });
  if (failed(repeated))
    return failure();
  return node.setResult(node.emitReshape(*repeated, shape));
}

/// The block size and an input [N, C, H, W].
static FailureOr<int64_t> getBlock(Node &node) {
  int64_t block = node.getInt("blocksize", 0);
  if (block < 1 || block > (1 << 20))
    return node.error("attribute 'blocksize' is " + Twine(block));
  if (node.getInput(0).getRank() != 4)
    return node.error("the input must have rank 4, not shape " +
                      node.describe(node.getInput(0).shape));
  return block;
}

/// Reshape, transpose, reshape.
static LogicalResult rearrange(Node &node, ArrayRef<Extent> split,
                               ArrayRef<int64_t> permutation,
                               ArrayRef<Extent> shape) {
  FailureOr<Tensor> parts = node.emitReshape(node.getInput(0), split);
  if (failed(parts))
    return failure();
  FailureOr<Tensor> moved = node.emitTranspose(*parts, permutation);
  if (failed(moved))
    return failure();
  return node.setResult(node.emitReshape(*moved, shape));
}

/// The quotient; that it is exact is checked at run time where it has to be.
static std::optional<Extent> divide(Node &node, const Extent &extent,
                                    int64_t divisor) {
  if (extent.getConstant() || Extent::divExact(extent, divisor))
    return Extent::divExact(extent, divisor);
  return node.getSymbols().floorDiv(node.b, extent, divisor);
}

static LogicalResult importDepthToSpace(Node &node) {
  FailureOr<int64_t> block = getBlock(node);
  StringRef mode = node.getString("mode", "DCR");
  if (failed(block))
    return failure();
  if (mode != "DCR" && mode != "CRD")
    return node.error("attribute 'mode' must be DCR or CRD");
  ArrayRef<Extent> in = node.getInput(0).shape;
  std::optional<Extent> depth = divide(node, in[1], *block * *block);
  std::optional<Extent> height = Extent::mul(in[2], *block);
  std::optional<Extent> width = Extent::mul(in[3], *block);
  if (!depth || !height || !width)
    return node.error("the number of channels must be a multiple of " +
                      Twine(*block * *block));
  Extents shape = {in[0], *depth, *height, *width};
  if (mode == "DCR")
    return rearrange(node, {in[0], *block, *block, *depth, in[2], in[3]},
                     {0, 3, 4, 1, 5, 2}, shape);
  return rearrange(node, {in[0], *depth, *block, *block, in[2], in[3]},
                   {0, 1, 4, 2, 5, 3}, shape);
}

static LogicalResult importSpaceToDepth(Node &node) {
  FailureOr<int64_t> block = getBlock(node);
  StringRef mode = node.getString("mode", "DCR"); // Since opset 28.
  if (failed(block))
    return failure();
  if (mode != "DCR" && mode != "CRD")
    return node.error("attribute 'mode' must be DCR or CRD");
  ArrayRef<Extent> in = node.getInput(0).shape;
  std::optional<Extent> depth = Extent::mul(in[1], *block * *block);
  std::optional<Extent> height = divide(node, in[2], *block);
  std::optional<Extent> width = divide(node, in[3], *block);
  if (!depth || !height || !width)
    return node.error("height and width must be multiples of " + Twine(*block) +
                      "; fix dynamic dimensions with --dim");
  return rearrange(node, {in[0], in[1], *height, *block, *width, *block},
                   mode == "DCR" ? ArrayRef<int64_t>{0, 3, 5, 1, 2, 4}
                                 : ArrayRef<int64_t>{0, 1, 3, 5, 2, 4},
                   {in[0], *depth, *height, *width});
}

void tern::onnx_import::addRearrangingOps(OpTable &ops) {
  ops.onOp("Tile", 1, {2, 3}, importTile);
  ops.onOp("DepthToSpace", 1, 1, importDepthToSpace);
  ops.onOp("SpaceToDepth", 1, 1, importSpaceToDepth);
}
