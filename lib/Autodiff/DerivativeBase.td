//===- DerivativeBase.td - Classes of Derivatives.td -------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_AUTODIFF_DERIVATIVEBASE_TD
#define TERN_AUTODIFF_DERIVATIVEBASE_TD

// One operation with one result. For each operand, what it gets of the result's
// cotangent: an expression over
//
//   $dy               the cotangent of the result
//   $y                the result
//   $x0 (or $x), $x1  the operands
//
// or (none) if the result does not depend on it, or not in a way that has a
// derivative. Code is made for operands that need it only.
class Derivative<string cppOp, list<dag> operandRules> {
  string op = cppOp;
  list<dag> operands = operandRules;
}

// A step of an expression: a function of ScalarExpressions.h.
class Step<string cppFunction, bit takesType = 0> {
  string function = cppFunction;
  bit needsType = takesType;
}

def none : Step<"">;
// A number: (c "0.5").
def c : Step<"number", 1>;
def neg : Step<"apply<arith::NegFOp>">;
def add : Step<"apply<arith::AddFOp>">;
def sub : Step<"apply<arith::SubFOp>">;
def mul : Step<"apply<arith::MulFOp>">;
def div : Step<"apply<arith::DivFOp>">;
def sqrt : Step<"apply<math::SqrtOp>">;
def rsqrt : Step<"apply<math::RsqrtOp>">;
def exp : Step<"apply<math::ExpOp>">;
def log : Step<"apply<math::LogOp>">;
def sin : Step<"apply<math::SinOp>">;
def cos : Step<"apply<math::CosOp>">;
def sinh : Step<"apply<math::SinhOp>">;
def cosh : Step<"apply<math::CoshOp>">;
def pow : Step<"apply<math::PowFOp>">;
def trunc : Step<"apply<math::TruncOp>">;
// (where condition, then, else)
def where : Step<"apply<arith::SelectOp>">;
// Comparisons; false where an operand is NaN.
def eq : Step<"compare<arith::CmpFPredicate::OEQ>">;
def lt : Step<"compare<arith::CmpFPredicate::OLT>">;
def gt : Step<"compare<arith::CmpFPredicate::OGT>">;
def ge : Step<"compare<arith::CmpFPredicate::OGE>">;
// The same of integers.
def sge : Step<"compareIntegers<arith::CmpIPredicate::sge>">;
def sle : Step<"compareIntegers<arith::CmpIPredicate::sle>">;
def uge : Step<"compareIntegers<arith::CmpIPredicate::uge>">;
def ule : Step<"compareIntegers<arith::CmpIPredicate::ule>">;
def both : Step<"apply<arith::AndIOp>">;
// A float in the type of the cotangents of the second expression.
def cast : Step<"convertTo">;
// An integer as a float of the type of $dy, and the integer less one.
def toFloat : Step<"toFloat", 1>;
def pred : Step<"predecessor">;
def powi : Step<"apply<math::FPowIOp>">;

#endif // TERN_AUTODIFF_DERIVATIVEBASE_TD
