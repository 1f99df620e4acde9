//===- Reverse.h - Reverse mode over a block --------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_AUTODIFF_REVERSE_H
#define TERN_AUTODIFF_REVERSE_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseSet.h"

namespace tern {

/// Whether gradients can be asked of values of the type, and for them: floats
/// and tensors of floats.
bool isDifferentiable(mlir::Type type);

/// The type of the cotangents of values of `type`: that of floats is their own.
/// Integers of more than one bit have f32 in their place, since they may be the
/// codes of a quantizer that has a derivative (`tern.surrogate`). Null for all
/// others.
mlir::Type getCotangentType(mlir::Type type);

/// The values that `result` may depend on with a derivative. An operation
/// without `DifferentiableOpInterface` passes none from floats to integers: a
/// conversion that is not marked, a comparison, a search have derivative zero.
llvm::SmallVector<mlir::Value> getGradientSources(mlir::OpResult result);

/// Reverse mode over the operations of a block: which values vary, and the
/// cotangents of those that a seeded value depends on. The block is that of a
/// function, or one of scalars in the body of an operation.
class Reverse {
public:
  /// New operations go where `builder` stands.
  explicit Reverse(mlir::ImplicitLocOpBuilder &builder) : b(builder) {}

  mlir::ImplicitLocOpBuilder &getBuilder() { return b; }

  /// Declares that gradients with respect to `value` are wanted.
  void setVaried(mlir::Value value) { varied.insert(value); }

  /// Finds the values that depend on varied ones, operation by operation.
  void findVaried(mlir::Block &block);

  /// Whether the cotangent of `value` is of use.
  bool isVaried(mlir::Value value) const { return varied.contains(value); }

  /// The cotangent so far, of type `getCotangentType`; null if it is zero.
  mlir::Value getCotangent(mlir::Value value) const {
    return cotangents.lookup(value);
  }

  /// Adds to the cotangent of `value`; does nothing if it does not vary.
  void add(mlir::Value value, mlir::Value cotangent);

  /// Puts `cotangent` in place of the one so far.
  void set(mlir::Value value, mlir::Value cotangent) {
    cotangents[value] = cotangent;
  }

  /// Passes all of `operations`, last to first. Each emits its adjoint.
  llvm::LogicalResult
  passBackwards(llvm::ArrayRef<mlir::Operation *> operations);

private:
  mlir::ImplicitLocOpBuilder &b;
  llvm::DenseSet<mlir::Value> varied;
  llvm::DenseMap<mlir::Value, mlir::Value> cotangents;
};

//===----------------------------------------------------------------------===//
// What adjoints are made of
//===----------------------------------------------------------------------===//

/// Zero of the type that cotangents of `like` have.
mlir::Value createZeroLike(mlir::ImplicitLocOpBuilder &b, mlir::Value like);

/// An uninitialized tensor with the extents of `like`.
mlir::Value createEmptyLike(mlir::ImplicitLocOpBuilder &b, mlir::Value like,
                            mlir::Type elementType);

/// The number in the type that cotangents of `like` have.
mlir::Value createNumber(mlir::ImplicitLocOpBuilder &b, double value,
                         mlir::Value like);

/// A float converted to the float type `type`, or a tensor of floats to one of
/// these.
mlir::Value createFloatCast(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                            mlir::Type type);

/// An elementwise linalg.generic over tensors of one shape, that of `like` or
/// of the first.
mlir::Value
createElementwise(mlir::ImplicitLocOpBuilder &b, mlir::ValueRange operands,
                  mlir::Type elementType,
                  llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                                 mlir::ValueRange)>
                      body,
                  mlir::Value like = nullptr);

/// The result of a loop or branch with extents that can be asked for, which are
/// those of `like`.
mlir::Value createWithExtents(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                              mlir::Value like);

/// The sum of two values of one type; `like`, if given, has their extents.
mlir::Value createSum(mlir::ImplicitLocOpBuilder &b, mlir::Value lhs,
                      mlir::Value rhs, mlir::Value like = nullptr);

} // namespace tern

#endif // TERN_AUTODIFF_REVERSE_H
