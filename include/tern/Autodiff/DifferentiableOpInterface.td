//===- DifferentiableOpInterface.td - Derivatives of operations *- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_AUTODIFF_DIFFERENTIABLEOPINTERFACE_TD
#define TERN_AUTODIFF_DIFFERENTIABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def Tern_DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::tern";
  let description = [{
    An operation that reverse mode can pass: it turns the cotangents of its
    results into cotangents of what it reads. Operations without the interface
    are an error if a gradient must pass them.
  }];
  let methods = [
    InterfaceMethod<[{
        The values that `result` depends on with a derivative: operands and
        values captured by regions. What is not among them is a constant as far
        as `result` is concerned. Integers need not be left out.
      }], "::llvm::SmallVector<::mlir::Value>", "getGradientSources",
      (ins "::mlir::OpResult":$result), "", [{
        return ::tern::getReadValues($_op);
      }]>,
    InterfaceMethod<[{
        Adds to the cotangents of the varied sources (`Reverse::isVaried`,
        `Reverse::add`) what they get of the cotangents of the results
        (`Reverse::getCotangent`, at least one of which is not null). New
        operations go where `Reverse::getBuilder` stands. Fails after an error
        at the operation.
      }], "::llvm::LogicalResult", "buildAdjoint",
      (ins "::tern::Reverse &":$reverse)>
  ];
}

#endif // TERN_AUTODIFF_DIFFERENTIABLEOPINTERFACE_TD
