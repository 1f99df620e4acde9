//===- Tally.td - An invented accelerator ------------------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "tern/Dialect/Tern/IR/TernInterfaces.td"

def Tally_Dialect : Dialect {
  let summary = "an accelerator that shares the memory of its host";
  let name = "tally";
  let cppNamespace = "::tally";
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::tern::TernDialect"];
  let useDefaultAttributePrinterParser = 1;
}

def Tally_TargetAttr : AttrDef<Tally_Dialect, "Target",
    [DeclareAttrInterfaceMethods<Tern_TargetAttrInterface>]> {
  let mnemonic = "target";
  let summary = "a host that LLVM generates code for, with a tally beside it";
}

def Tally_CodesAttr : AttrDef<Tally_Dialect, "Codes",
    [DeclareAttrInterfaceMethods<Tern_LayoutAttrInterface>]> {
  let mnemonic = "codes";
  let summary = "codes in the order that the machine reads them";
  let description = [{
    Of rank 3: tiles of 8 rows by 16 columns, even rows before odd ones, columns
    backwards. For groups of rank 5: 4 by 8, and tiles go down columns.
  }];
  let parameters = (ins "bool":$grouped);
  let assemblyFormat = "`<` `grouped` `=` $grouped `>`";
}

def Tally_ProductOp : Op<Tally_Dialect, "product"> {
  let summary = "tern.packed_matmul, of the token that is the block's number";
  let arguments = (ins
    Arg<MemRefRankOf<[I8], [2]>, "", [MemRead]>:$activations,
    Arg<MemRefRankOf<[I8], [3, 5]>, "", [MemRead]>:$packed,
    Arg<Optional<MemRefRankOf<[F32], [2]>>, "", [MemRead]>:$scales,
    Arg<MemRefRankOf<[I32, F32], [2]>, "", [MemWrite]>:$out,
    I64Attr:$group);
  let assemblyFormat = "operands attr-dict `:` type(operands)";
}
