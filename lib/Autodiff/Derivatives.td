//===- Derivatives.td - Derivatives of scalar operations ---*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Integers that vary are the codes of quantizers (tern.surrogate): arithmetic on
// them has the derivatives of real numbers. Nothing passes from floats to
// integers but there.
//
// At kinks and ties as PyTorch has it: |x|'(0) = 0, a maximum or minimum splits
// a tie evenly, a clamp passes the gradient at both bounds.
//
//===----------------------------------------------------------------------===//

include "DerivativeBase.td"

//===----------------------------------------------------------------------===//
// arith
//===----------------------------------------------------------------------===//

def AddF : Derivative<"arith::AddFOp", [(cast $dy, $x0), (cast $dy, $x1)]>;
def SubF : Derivative<"arith::SubFOp", [(cast $dy, $x0), (neg $dy)]>;
def NegF : Derivative<"arith::NegFOp", [(neg $dy)]>;
def MulF : Derivative<"arith::MulFOp", [(mul $dy, $x1), (mul $dy, $x0)]>;
def DivF : Derivative<"arith::DivFOp", [
  (div $dy, $x1), (neg (div (mul $dy, $y), $x1))]>;
def RemF : Derivative<"arith::RemFOp", [
  (cast $dy, $x0), (neg (mul $dy, (trunc (div $x0, $x1))))]>;
def ExtF : Derivative<"arith::ExtFOp", [(cast $dy, $x)]>;
def TruncF : Derivative<"arith::TruncFOp", [(cast $dy, $x)]>;
def Select : Derivative<"arith::SelectOp", [
  (none), (where $x0, $dy, (c "0.0")), (where $x0, (c "0.0"), $dy)]>;

// All of $dy to the operand that is the result, half at a tie.
class Maximum<string op> : Derivative<op, [
  (where (eq $x0, $x1), (mul $dy, (c "0.5")),
         (where (lt $x0, $x1), (c "0.0"), $dy)),
  (where (eq $x0, $x1), (mul $dy, (c "0.5")),
         (where (gt $x0, $x1), (c "0.0"), $dy))]>;
class Minimum<string op> : Derivative<op, [
  (where (eq $x0, $x1), (mul $dy, (c "0.5")),
         (where (gt $x0, $x1), (c "0.0"), $dy)),
  (where (eq $x0, $x1), (mul $dy, (c "0.5")),
         (where (lt $x0, $x1), (c "0.0"), $dy))]>;
def MaximumF : Maximum<"arith::MaximumFOp">;
def MaxNumF : Maximum<"arith::MaxNumFOp">;
def MinimumF : Minimum<"arith::MinimumFOp">;
def MinNumF : Minimum<"arith::MinNumFOp">;

//===----------------------------------------------------------------------===//
// arith on codes
//===----------------------------------------------------------------------===//

def SIToFP : Derivative<"arith::SIToFPOp", [(cast $dy, $x)]>;
def UIToFP : Derivative<"arith::UIToFPOp", [(cast $dy, $x)]>;
def ExtSI : Derivative<"arith::ExtSIOp", [(cast $dy, $x)]>;
def ExtUI : Derivative<"arith::ExtUIOp", [(cast $dy, $x)]>;
def TruncI : Derivative<"arith::TruncIOp", [(cast $dy, $x)]>;
def AddI : Derivative<"arith::AddIOp", [(cast $dy, $x0), (cast $dy, $x1)]>;
def SubI : Derivative<"arith::SubIOp", [(cast $dy, $x0), (neg $dy)]>;

// All of $dy to the operand that is the result, the first at a tie: bounds,
// which come second, pass it as a clamp does.
class IntegerExtremum<string op, string comparison> : Derivative<op, [
  (where (!cast<Step>(comparison) $x0, $x1), $dy, (c "0.0")),
  (where (!cast<Step>(comparison) $x0, $x1), (c "0.0"), $dy)]>;
def MaxSI : IntegerExtremum<"arith::MaxSIOp", "sge">;
def MaxUI : IntegerExtremum<"arith::MaxUIOp", "uge">;
def MinSI : IntegerExtremum<"arith::MinSIOp", "sle">;
def MinUI : IntegerExtremum<"arith::MinUIOp", "ule">;

//===----------------------------------------------------------------------===//
// math
//===----------------------------------------------------------------------===//

def AbsF : Derivative<"math::AbsFOp", [
  (where (gt $x, (c "0.0")), $dy,
         (where (lt $x, (c "0.0")), (neg $dy), (mul $dy, $x)))]>;
def CopySign : Derivative<"math::CopySignOp", [
  (where (eq $x0, (c "0.0")), (c "0.0"),
         (where (eq $x0, $y), $dy, (neg $dy))), (none)]>;
def ClampF : Derivative<"math::ClampFOp", [
  (where (lt $x0, $x1), (c "0.0"), (where (gt $x0, $x2), (c "0.0"), $dy)),
  (where (lt $x0, $x1), $dy, (c "0.0")),
  (where (gt $x0, $x2), $dy, (c "0.0"))]>;
def Fma : Derivative<"math::FmaOp", [
  (mul $dy, $x1), (mul $dy, $x0), (cast $dy, $x2)]>;

def Sqrt : Derivative<"math::SqrtOp", [(div (mul $dy, (c "0.5")), $y)]>;
def Rsqrt : Derivative<"math::RsqrtOp", [
  (mul (mul $dy, (c "-0.5")), (mul $y, (mul $y, $y)))]>;
def Cbrt : Derivative<"math::CbrtOp", [
  (div $dy, (mul (c "3.0"), (mul $y, $y)))]>;
def Exp : Derivative<"math::ExpOp", [(mul $dy, $y)]>;
def Exp2 : Derivative<"math::Exp2Op", [
  (mul $dy, (mul $y, (c "0.693147180559945309417")))]>;
def ExpM1 : Derivative<"math::ExpM1Op", [(mul $dy, (add $y, (c "1.0")))]>;
def Log : Derivative<"math::LogOp", [(div $dy, $x)]>;
def Log2 : Derivative<"math::Log2Op", [
  (div $dy, (mul $x, (c "0.693147180559945309417")))]>;
def Log10 : Derivative<"math::Log10Op", [
  (div $dy, (mul $x, (c "2.30258509299404568402")))]>;
def Log1p : Derivative<"math::Log1pOp", [(div $dy, (add $x, (c "1.0")))]>;

// The base gets 0 where the exponent is 0, the exponent where the base is 0
// and 0^exponent stays 0.
def PowF : Derivative<"math::PowFOp", [
  (where (eq $x1, (c "0.0")), (c "0.0"),
         (mul $dy, (mul $x1, (pow $x0, (sub $x1, (c "1.0")))))),
  (where (both (eq $x0, (c "0.0")), (ge $x1, (c "0.0"))), (c "0.0"),
         (mul $dy, (mul $y, (log $x0))))]>;
def FPowI : Derivative<"math::FPowIOp", [
  (where (eq (toFloat $x1), (c "0.0")), (c "0.0"),
         (mul $dy, (mul (toFloat $x1), (powi $x0, (pred $x1))))), (none)]>;

def Erf : Derivative<"math::ErfOp", [
  (mul $dy, (mul (c "1.12837916709551257390"), (exp (neg (mul $x, $x)))))]>;
def Erfc : Derivative<"math::ErfcOp", [
  (mul $dy, (mul (c "-1.12837916709551257390"), (exp (neg (mul $x, $x)))))]>;

def Sin : Derivative<"math::SinOp", [(mul $dy, (cos $x))]>;
def Cos : Derivative<"math::CosOp", [(neg (mul $dy, (sin $x)))]>;
def Tan : Derivative<"math::TanOp", [
  (mul $dy, (add (mul $y, $y), (c "1.0")))]>;
def Asin : Derivative<"math::AsinOp", [
  (mul $dy, (rsqrt (sub (c "1.0"), (mul $x, $x))))]>;
def Acos : Derivative<"math::AcosOp", [
  (neg (mul $dy, (rsqrt (sub (c "1.0"), (mul $x, $x)))))]>;
def Atan : Derivative<"math::AtanOp", [
  (div $dy, (add (mul $x, $x), (c "1.0")))]>;
def Atan2 : Derivative<"math::Atan2Op", [
  (mul $dy, (div $x1, (add (mul $x0, $x0), (mul $x1, $x1)))),
  (neg (mul $dy, (div $x0, (add (mul $x0, $x0), (mul $x1, $x1)))))]>;
def Sinh : Derivative<"math::SinhOp", [(mul $dy, (cosh $x))]>;
def Cosh : Derivative<"math::CoshOp", [(mul $dy, (sinh $x))]>;
def Tanh : Derivative<"math::TanhOp", [
  (mul $dy, (sub (c "1.0"), (mul $y, $y)))]>;
def Asinh : Derivative<"math::AsinhOp", [
  (mul $dy, (rsqrt (add (mul $x, $x), (c "1.0"))))]>;
def Acosh : Derivative<"math::AcoshOp", [
  (mul $dy, (rsqrt (sub (mul $x, $x), (c "1.0"))))]>;
def Atanh : Derivative<"math::AtanhOp", [
  (div $dy, (sub (c "1.0"), (mul $x, $x)))]>;
