//===- Passes.td - The pass tern-differentiate -------------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_AUTODIFF_PASSES_TD
#define TERN_AUTODIFF_PASSES_TD

include "mlir/Pass/PassBase.td"

def TernDifferentiate : Pass<"tern-differentiate", "::mlir::ModuleOp"> {
  let summary = "Add the gradient of a function, by reverse mode";
  let description = [{
    Adds `func.func private @<name>_gradient` for the function `@<name>`:

    - arguments: those of `@<name>`; with `seeds=arguments` then a cotangent
      for each of its results of float type,
    - results: those of `@<name>`, then the gradient of each argument in `wrt`,
      of the argument's type.

    With `seeds=one` the function must have one active 0-d float result, the
    loss; its cotangent is 1, and that of all other results is 0.

    Accepts functions of one block on tensors and scalars. Calls of defined
    functions are inlined first. An operation on the way from an argument in
    `wrt` to a seeded result that implements no `DifferentiableOpInterface`, or
    cannot be differentiated as it stands, is an error at its location. The
    gradient of an argument that does not reach a seeded result is zero. The
    function itself is left as it is. A declaration of `@<name>_gradient` with
    the right type becomes the definition.

    docs/differentiation.md lists rules and conventions.

    ```mlir
    func.func @f(%x: tensor<8xf32>, %w: tensor<8xf32>) -> tensor<f32>
    // tern-differentiate=wrt=1
    func.func private @f_gradient(%x: tensor<8xf32>, %w: tensor<8xf32>)
      -> (tensor<f32>, tensor<8xf32>)
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"",
           "The function to differentiate; may be left out if there is one">,
    ListOption<"wrt", "wrt", "unsigned",
               "Numbers of the arguments whose gradient is wanted; all of "
               "float type, if none is given">,
    Option<"seeds", "seeds", "::tern::Seeds", "::tern::Seeds::One",
           "Cotangents of the results", [{::llvm::cl::values(
      clEnumValN(::tern::Seeds::One, "one",
        "1 for the one result that is a 0-d float"),
      clEnumValN(::tern::Seeds::Arguments, "arguments",
        "An argument for each result of float type"))}]>
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::tern::TernDialect"
  ];
}

#endif // TERN_AUTODIFF_PASSES_TD
