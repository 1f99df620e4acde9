//===- TernDialect.td - The tern dialect -------------------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TERNDIALECT_TD
#define TERN_DIALECT_TERN_IR_TERNDIALECT_TD

include "mlir/IR/OpBase.td"
include "tern/Dialect/Tern/IR/DiscardableAttributes.td"

def Tern_Dialect : Dialect {
  let name = "tern";
  let cppNamespace = "::tern";
  let summary = "Ternary-weight neural networks";
  let description = [{
    The `tern` dialect says what linalg cannot: linear layers whose weights are
    ternarized (BitNet b1.58), the quantizers that do it, and matrix products
    on packed ternary weights. Everything else in a model stays in upstream
    dialects. The numerics follow docs/numerics.md.

    Discardable attributes of this dialect; there are no others:

    | attribute | on | value | levels | meaning |
    |---|---|---|---|---|}] # "\n" # !interleave(!foreach(attr, !instances<Tern_DiscardableAttr>(),
           "    | `tern." # attr.name # "` | " # attr.on # " | " # attr.type.summary
           # " | " # Tern_LevelRange<attr.levels>.text # " | " # attr.meaning # " |"), "\n");
  let discardableAttrs = !dag(ins,
      !foreach(attr, !instances<Tern_OperationAttr>(), attr.type.storageType),
      !foreach(attr, !instances<Tern_OperationAttr>(), attr.name));
  // The generated parser takes whatever stands in brackets behind a name.
  let useDefaultAttributePrinterParser = 0;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect",
    "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect"
  ];
  let extraClassDeclaration = [{
    /// What is wrong if an attribute of the dialect stands in the module that
    /// does not belong at this level of IR; empty if there is none.
    static std::string checkLevel(::mlir::Operation *module,
                                  ::llvm::StringRef level);

    void registerAttributes();
    void registerOps();

    ::mlir::Attribute parseAttribute(::mlir::DialectAsmParser &parser,
                                     ::mlir::Type type) const override;
    void printAttribute(::mlir::Attribute attribute,
                        ::mlir::DialectAsmPrinter &printer) const override;
  }];
}

#endif // TERN_DIALECT_TERN_IR_TERNDIALECT_TD
