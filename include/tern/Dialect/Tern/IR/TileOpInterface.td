//===- TileOpInterface.td - How operations are tiled -------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TILEOPINTERFACE_TD
#define TERN_DIALECT_TERN_IR_TILEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def Tern_TileOpInterface : OpInterface<"TileOpInterface"> {
  let cppNamespace = "::tern";
  let description = [{
    What `tern-tile` asks an operation of upstream's TilingInterface that is not
    structured. Extents that are not known are kDynamic.
  }];
  let methods = [
    InterfaceMethod<"Extents of the loops that TilingInterface tiles.",
      "::llvm::SmallVector<int64_t>", "getStaticLoopRanges">,
    InterfaceMethod<[{
        Steps at one point of these loops. `guess` stands for extents that are
        not known.
      }], "int64_t", "getStepsAtPoint",
      (ins "const ::tern::MachineInfo &":$machine, "int64_t":$guess)>,
    InterfaceMethod<[{
        Sizes of tiles for an operation of `steps` at a point: what is better
        than to cut the loops from the outermost inwards.
      }], "::llvm::SmallVector<int64_t>", "getTileSizes",
      (ins "const ::tern::MachineInfo &":$machine, "int64_t":$steps)>,
  ];
}

#endif // TERN_DIALECT_TERN_IR_TILEOPINTERFACE_TD
