//===- Philox.cpp - Philox4x32-10 random numbers as IR --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/Philox.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tern;

static Value constant(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
}

static Value low(ImplicitLocOpBuilder &b, Value value) {
  return arith::AndIOp::create(b, value, constant(b, 0xffffffff));
}

static Value high(ImplicitLocOpBuilder &b, Value value) {
  return arith::ShRUIOp::create(b, value, constant(b, 32));
}

Philox::Philox(ImplicitLocOpBuilder &b, Value seed, Value step, uint64_t stream)
    : step(low(b, step)),
      stream(constant(b, static_cast<int64_t>(stream & 0xffffffff))) {
  constexpr std::array<int64_t, 2> weyl = {0x9e3779b9, 0xbb67ae85};
  keys[0] = {low(b, seed), high(b, seed)};
  for (int round = 1; round < numRounds; ++round)
    for (int word = 0; word < 2; ++word)
      keys[round][word] =
          low(b, arith::AddIOp::create(b, keys[round - 1][word],
                                       constant(b, weyl[word])));
}

Value Philox::draw(ImplicitLocOpBuilder &b, Value place) const {
  Value first = constant(b, 0xd2511f53), second = constant(b, 0xcd9e8d57);
  std::array<Value, 4> c = {low(b, place), high(b, place), step, stream};
  for (const std::array<Value, 2> &key : keys) {
    Value p = arith::MulIOp::create(b, first, c[0]);
    Value q = arith::MulIOp::create(b, second, c[2]);
    auto mix = [&](Value product, Value word, Value part) -> Value {
      Value mixed = arith::XOrIOp::create(b, high(b, product), word);
      return arith::XOrIOp::create(b, mixed, part);
    };
    c = {mix(q, c[1], key[0]), low(b, q), mix(p, c[3], key[1]), low(b, p)};
  }
  return c[0];
}
