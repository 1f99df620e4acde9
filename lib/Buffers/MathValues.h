//===- MathValues.h - Arithmetic on f32 written as in C++ -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values of IR with operators, so that a formula reads as one. Each is a scalar
// or a vector; all of one formula have the same shape. What the operators make
// is rounded as IEEE 754 says and never rewritten: two targets that follow it
// get the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_BUFFERS_MATHVALUES_H
#define TERN_LIB_BUFFERS_MATHVALUES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tern {

/// Where the values of one formula are made.
struct MathContext {
  MathContext(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type,
              bool hasFma)
      : b(loc, builder), type(type), hasFma(hasFma) {}

  mlir::Type withElement(mlir::Type element) const {
    if (auto shaped = mlir::dyn_cast<mlir::ShapedType>(type))
      return shaped.clone(element);
    return element;
  }
  mlir::Value constant(mlir::TypedAttr value) {
    if (auto shaped =
            mlir::dyn_cast<mlir::ShapedType>(withElement(value.getType())))
      value = mlir::DenseElementsAttr::get(shaped, mlir::Attribute(value));
    return mlir::arith::ConstantOp::create(b, value);
  }

  mlir::ImplicitLocOpBuilder b;
  /// f32, or vectors of it.
  mlir::Type type;
  bool hasFma;
};

/// Whether something holds.
struct Truth {
  MathContext *m;
  mlir::Value value;

  friend Truth operator&(Truth x, Truth y) {
    return {x.m, mlir::arith::AndIOp::create(x.m->b, x.value, y.value)};
  }
  friend Truth operator|(Truth x, Truth y) {
    return {x.m, mlir::arith::OrIOp::create(x.m->b, x.value, y.value)};
  }
  friend Truth operator!(Truth x) {
    mlir::Value yes = x.m->constant(x.m->b.getBoolAttr(true));
    return {x.m, mlir::arith::XOrIOp::create(x.m->b, x.value, yes)};
  }
};

/// Integers of `Bits` bits, which wrap. Comparisons and right shifts are
/// signed.
template <unsigned Bits> struct Word {
  MathContext *m;
  mlir::Value value;

  Word(MathContext *m, mlir::Value value) : m(m), value(value) {}
  Word(MathContext *m, int64_t number)
      : m(m), value(m->constant(m->b.getIntegerAttr(
                  m->b.getIntegerType(Bits),
                  llvm::APInt(Bits, number, /*isSigned=*/true,
                              /*implicitTrunc=*/true)))) {}

  template <typename Op> static Word make(Word x, Word y) {
    return {x.m, Op::create(x.m->b, x.value, y.value).getResult()};
  }
#define TERN_WORD_OPERATOR(SYMBOL, OP)                                         \
  friend Word operator SYMBOL(Word x, Word y) {                                \
    return make<mlir::arith::OP>(x, y);                                        \
  }                                                                            \
  friend Word operator SYMBOL(Word x, int64_t y) {                             \
    return x SYMBOL Word(x.m, y);                                              \
  }
  TERN_WORD_OPERATOR(+, AddIOp)
  TERN_WORD_OPERATOR(-, SubIOp)
  TERN_WORD_OPERATOR(*, MulIOp)
  TERN_WORD_OPERATOR(&, AndIOp)
  TERN_WORD_OPERATOR(|, OrIOp)
  TERN_WORD_OPERATOR(^, XOrIOp)
  TERN_WORD_OPERATOR(<<, ShLIOp)
  TERN_WORD_OPERATOR(>>, ShRSIOp)
#undef TERN_WORD_OPERATOR

  Truth compare(mlir::arith::CmpIPredicate predicate, int64_t y) const {
    return {m, mlir::arith::CmpIOp::create(m->b, predicate, value,
                                           Word(m, y).value)};
  }
  friend Truth operator==(Word x, int64_t y) {
    return x.compare(mlir::arith::CmpIPredicate::eq, y);
  }
  friend Truth operator!=(Word x, int64_t y) {
    return x.compare(mlir::arith::CmpIPredicate::ne, y);
  }
};
using Int = Word<32>;
using Long = Word<64>;

/// The right shift that fills with zeros.
template <unsigned Bits>
Word<Bits> shiftRight(Word<Bits> x, Word<Bits> distance) {
  return Word<Bits>::template make<mlir::arith::ShRUIOp>(x, distance);
}
template <unsigned Bits> Word<Bits> shiftRight(Word<Bits> x, int64_t distance) {
  return shiftRight(x, Word<Bits>(x.m, distance));
}

inline Long extend(Int x) {
  return {x.m, mlir::arith::ExtUIOp::create(
                   x.m->b, x.m->withElement(x.m->b.getI64Type()), x.value)
                   .getResult()};
}
inline Int truncate(Long x) {
  return {x.m, mlir::arith::TruncIOp::create(
                   x.m->b, x.m->withElement(x.m->b.getI32Type()), x.value)
                   .getResult()};
}

/// f32.
struct Float {
  MathContext *m;
  mlir::Value value;

  Float(MathContext *m, mlir::Value value) : m(m), value(value) {}
  Float(MathContext *m, float number)
      : m(m), value(m->constant(m->b.getF32FloatAttr(number))) {}

  template <typename Op> static Float make(Float x, Float y) {
    return {x.m, Op::create(x.m->b, x.value, y.value).getResult()};
  }
#define TERN_FLOAT_OPERATOR(SYMBOL, OP)                                        \
  friend Float operator SYMBOL(Float x, Float y) {                             \
    return make<mlir::arith::OP>(x, y);                                        \
  }                                                                            \
  friend Float operator SYMBOL(Float x, float y) {                             \
    return x SYMBOL Float(x.m, y);                                             \
  }                                                                            \
  friend Float operator SYMBOL(float x, Float y) {                             \
    return Float(y.m, x) SYMBOL y;                                             \
  }
  TERN_FLOAT_OPERATOR(+, AddFOp)
  TERN_FLOAT_OPERATOR(-, SubFOp)
  TERN_FLOAT_OPERATOR(*, MulFOp)
  TERN_FLOAT_OPERATOR(/, DivFOp)
#undef TERN_FLOAT_OPERATOR
  friend Float operator-(Float x) {
    return {x.m, mlir::arith::NegFOp::create(x.m->b, x.value).getResult()};
  }

  // False of NaN, but for !=.
#define TERN_FLOAT_COMPARISON(SYMBOL, PREDICATE)                               \
  friend Truth operator SYMBOL(Float x, Float y) {                             \
    return {x.m, mlir::arith::CmpFOp::create(                                  \
                     x.m->b, mlir::arith::CmpFPredicate::PREDICATE, x.value,   \
                     y.value)};                                                \
  }                                                                            \
  friend Truth operator SYMBOL(Float x, float y) {                             \
    return x SYMBOL Float(x.m, y);                                             \
  }
  TERN_FLOAT_COMPARISON(<, OLT)
  TERN_FLOAT_COMPARISON(>, OGT)
  TERN_FLOAT_COMPARISON(==, OEQ)
  TERN_FLOAT_COMPARISON(!=, UNE)
#undef TERN_FLOAT_COMPARISON
};

template <typename T> T select(Truth condition, T x, T y) {
  return {x.m, mlir::arith::SelectOp::create(x.m->b, condition.value, x.value,
                                             y.value)
                   .getResult()};
}
inline Float select(Truth condition, Float x, float y) {
  return select(condition, x, Float(x.m, y));
}
inline Float select(Truth condition, float x, Float y) {
  return select(condition, Float(y.m, x), y);
}

inline Int bits(Float x) {
  return {x.m, mlir::arith::BitcastOp::create(
                   x.m->b, x.m->withElement(x.m->b.getI32Type()), x.value)
                   .getResult()};
}
inline Float fromBits(Int x) {
  return {
      x.m,
      mlir::arith::BitcastOp::create(x.m->b, x.m->type, x.value).getResult()};
}
/// The float of a signed integer.
inline Float toFloat(Int x) {
  return {
      x.m,
      mlir::arith::SIToFPOp::create(x.m->b, x.m->type, x.value).getResult()};
}
inline Float sqrt(Float x) {
  return {x.m, mlir::math::SqrtOp::create(x.m->b, x.value).getResult()};
}

/// x * y in f64, which is exact.
inline mlir::Value multiplyWide(Float x, Float y) {
  MathContext *m = x.m;
  mlir::Type wide = m->withElement(m->b.getF64Type());
  return mlir::arith::MulFOp::create(
      m->b, mlir::arith::ExtFOp::create(m->b, wide, x.value),
      mlir::arith::ExtFOp::create(m->b, wide, y.value));
}

/// x * y + z, rounded once. For where the product nearly is -z: without the
/// instruction the sum is exact in f64, then.
inline Float fma(Float x, Float y, Float z) {
  MathContext *m = x.m;
  if (m->hasFma)
    return {
        m,
        mlir::math::FmaOp::create(m->b, x.value, y.value, z.value).getResult()};
  mlir::Value product = multiplyWide(x, y);
  mlir::Value term =
      mlir::arith::ExtFOp::create(m->b, product.getType(), z.value);
  mlir::Value sum = mlir::arith::AddFOp::create(m->b, product, term);
  return {m, mlir::arith::TruncFOp::create(m->b, m->type, sum).getResult()};
}

/// x * y + z, rounded once where there is an instruction for it, else twice.
/// For where the product is exact, or small beside the result.
inline Float multiplyAdd(Float x, Float y, Float z) {
  return x.m->hasFma ? fma(x, y, z) : x * y + z;
}
inline Float multiplyAdd(Float x, Float y, float z) {
  return multiplyAdd(x, y, Float(x.m, z));
}
inline Float multiplyAdd(Float x, float y, Float z) {
  return multiplyAdd(x, Float(x.m, y), z);
}
inline Float multiplyAdd(Float x, float y, float z) {
  return multiplyAdd(x, y, Float(x.m, z));
}

/// The sum of coefficients[i] * x^i.
inline Float polynomial(Float x, llvm::ArrayRef<float> coefficients) {
  Float sum(x.m, coefficients.back());
  for (float coefficient : llvm::reverse(coefficients.drop_back()))
    sum = multiplyAdd(sum, x, coefficient);
  return sum;
}

/// A number that is the exact sum of two: high is the sum, rounded.
struct Pair {
  Float high, low;
};

/// x + y, where |x| is not less than |y|, or x is 0.
inline Pair addToLarger(Float x, Float y) {
  Float sum = x + y;
  return {sum, y - (sum - x)};
}
inline Pair add(Float x, Float y) {
  Float sum = x + y, other = sum - x;
  return {sum, (x - (sum - other)) + (y - other)};
}
inline Pair multiply(Float x, Float y) {
  MathContext *m = x.m;
  if (m->hasFma) {
    Float product = x * y;
    return {product, fma(x, y, -product)};
  }
  mlir::Value exact = multiplyWide(x, y);
  auto narrow = [&](mlir::Value value) {
    return Float(
        m, mlir::arith::TruncFOp::create(m->b, m->type, value).getResult());
  };
  Float product = narrow(exact);
  mlir::Value rounded =
      mlir::arith::ExtFOp::create(m->b, exact.getType(), product.value);
  return {product, narrow(mlir::arith::SubFOp::create(m->b, exact, rounded))};
}

} // namespace tern

#endif // TERN_LIB_BUFFERS_MATHVALUES_H
