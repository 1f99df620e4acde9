//===- Node.h - One ONNX node being imported --------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a rule of the op table works with: the node's attributes and inputs,
// its results, and the building blocks that code is made of. None of it trusts
// the model: whatever does not fit is reported and the rule fails.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_NODE_H
#define TERN_LIB_IMPORT_ONNX_OPS_NODE_H

#include "../Shape/Symbols.h"
#include "OpTable.h"
#include "Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringSet.h"

namespace onnx {
class AttributeProto;
class NodeProto;
} // namespace onnx

namespace tern::onnx_import {
class Importer;
struct GraphNode;

/// Sets of element types.
enum Types : unsigned {
  Floats = 1,
  Integers = 2,
  Booleans = 4,
  Numbers = Floats | Integers,
  AllTypes = Numbers | Booleans,
};

/// Builds a scalar from the elements of the operands.
using ScalarBuilder = llvm::function_ref<mlir::Value(
    mlir::ImplicitLocOpBuilder &, mlir::ValueRange)>;

class Node {
public:
  Node(Importer &importer, const GraphNode &graphNode, int64_t version,
       mlir::ImplicitLocOpBuilder builder);

  int64_t getVersion() const { return version; }
  llvm::StringRef getOpType() const;

  /// Reports why the node cannot be imported. Always fails.
  mlir::LogicalResult error(const llvm::Twine &reason);
  /// What messages begin with: "node 'fc1' (MatMul, opset 17): ".
  std::string describe();

  //===--------------------------------------------------------------------===//
  // Inputs and results
  //===--------------------------------------------------------------------===//

  unsigned getNumInputs() const { return inputs.size(); }
  bool hasInput(unsigned i) const { return i < inputs.size() && inputs[i]; }
  /// An input that the node has: required ones were checked to be there.
  Tensor &getInput(unsigned i) { return *inputs[i]; }
  /// The elements of an integer input, if they are known at import, be it in
  /// terms of extents.
  std::optional<llvm::ArrayRef<Extent>> getContents(unsigned i);
  /// The same, all constants; otherwise reports that `what` must be known.
  mlir::FailureOr<llvm::SmallVector<int64_t>> getConstants(unsigned i,
                                                           const char *what);
  /// Reports that `what`, which input `i` says, must be known when compiling,
  /// and what it depends on instead. Always fails.
  mlir::LogicalResult requireKnown(unsigned i, const llvm::Twine &what);
  /// The elements of a small float input, be it a constant or a parameter whose
  /// values the model holds.
  std::optional<llvm::SmallVector<double>> getFloatContents(unsigned i);
  mlir::LogicalResult expectTypes(const Tensor &tensor, unsigned types);
  /// All inputs, which must be there, of one element type out of `types`.
  mlir::FailureOr<llvm::SmallVector<Tensor>> getSameTyped(unsigned types);

  unsigned getNumResults() const;
  bool hasResult(unsigned i) const;
  void setResult(unsigned i, Tensor tensor);
  mlir::LogicalResult setResult(mlir::FailureOr<Tensor> tensor);
  /// Whether every result that the graph uses was set; else reports it.
  mlir::LogicalResult checkResults();
  std::vector<std::optional<Tensor>> takeResults() {
    return std::move(results);
  }

  //===--------------------------------------------------------------------===//
  // Attributes. One of another kind than asked for counts as an error, which
  // `checkAttributes` finds later; the default stands in for it until then.
  //===--------------------------------------------------------------------===//

  bool hasAttribute(llvm::StringRef name);
  int64_t getInt(llvm::StringRef name, int64_t defaultValue);
  /// An integer that says yes or no: what is neither 0 nor 1 is an error.
  bool getFlag(llvm::StringRef name, bool defaultValue);
  double getFloat(llvm::StringRef name, double defaultValue);
  llvm::StringRef getString(llvm::StringRef name, llvm::StringRef defaultValue);
  std::optional<llvm::SmallVector<int64_t>> getInts(llvm::StringRef name);
  /// A list of floats; empty if there is none.
  llvm::SmallVector<double> getFloats(llvm::StringRef name);
  std::optional<std::vector<std::string>> getStrings(llvm::StringRef name);
  /// The attribute as it is, or null.
  const onnx::AttributeProto *getAttribute(llvm::StringRef name);
  const onnx::NodeProto &getProto() const { return proto; }
  const GraphNode &getGraphNode() const { return graphNode; }
  /// Reports attributes of a wrong type or value, those that stand twice, and
  /// those that nobody asked for: to ignore one would be to compute something
  /// else.
  mlir::LogicalResult checkAttributes();

  /// `axis` of `rank`, counted from the end if negative.
  mlir::FailureOr<int64_t> normalizeAxis(int64_t axis, int64_t rank);
  mlir::FailureOr<llvm::SmallVector<int64_t>>
  normalizeAxes(llvm::ArrayRef<int64_t> axes, int64_t rank, bool sorts = true);

  //===--------------------------------------------------------------------===//
  // Code
  //===--------------------------------------------------------------------===//

  Importer &getImporter() { return importer; }
  Symbols &getSymbols();
  std::string describe(llvm::ArrayRef<Extent> shape);
  std::string describe(const Extent &extent);
  /// The tensor's SSA value.
  mlir::Value getValue(Tensor &tensor);
  mlir::Type getElementType(DType dtype);
  mlir::RankedTensorType getTensorType(DType dtype,
                                       llvm::ArrayRef<Extent> shape);
  /// Whether the shape is sane and small enough; else reports it.
  mlir::LogicalResult checkShape(DType dtype, llvm::ArrayRef<Extent> shape);
  mlir::Value emitEmpty(mlir::Type elementType, llvm::ArrayRef<Extent> shape);
  mlir::Value emitFill(mlir::Value scalar, llvm::ArrayRef<Extent> shape);
  /// A scalar constant; `type` is a float or integer type.
  mlir::Value emitScalar(mlir::Type type, double value);
  /// An extent as a scalar of a float type.
  mlir::Value emitExtentAsFloat(const Extent &extent, mlir::Type type);
  Tensor makeTensor(DType dtype, llvm::ArrayRef<Extent> shape,
                    mlir::Value value);
  /// A rank-0 constant.
  Tensor makeConstant(DType dtype, double value);

  //===--------------------------------------------------------------------===//
  // Extents that have to agree. What is only known at run time is checked then,
  // before the model runs; dimensions of inputs that can have one value only
  // get it, for which the import starts over.
  //===--------------------------------------------------------------------===//

  /// The two are equal, or the model fails with `message`. Fails too, without a
  /// message, if the import has to start over.
  mlir::LogicalResult require(const Extent &a, const Extent &b,
                              const llvm::Twine &message);
  /// The extent is not negative, or the model fails with `message`.
  mlir::LogicalResult requireNonNegative(const Extent &extent,
                                         const llvm::Twine &message);
  /// A tensor of the shape is one that a machine could hold, or the model
  /// fails.
  mlir::LogicalResult requireSize(llvm::ArrayRef<Extent> shape);
  /// Checks a condition at run time; in a branch, only if it is taken. What
  /// follows from extents is checked before the branch runs.
  mlir::LogicalResult check(mlir::Value condition, const llvm::Twine &message);
  /// The tensor with a shape that its own is known to equal at run time.
  Tensor assumeShape(Tensor tensor, llvm::ArrayRef<Extent> shape);
  /// The tensor with a shape that its own is required to equal.
  mlir::FailureOr<Tensor> expectShape(Tensor tensor,
                                      llvm::ArrayRef<Extent> shape,
                                      const llvm::Twine &message);
  /// NumPy's broadcasting; reports shapes that do not match.
  mlir::FailureOr<Extents> broadcast(llvm::ArrayRef<Extent> a,
                                     llvm::ArrayRef<Extent> b);
  /// Whether `shape` broadcasts to `target`; else reports or checks it.
  mlir::LogicalResult requireBroadcast(llvm::ArrayRef<Extent> shape,
                                       llvm::ArrayRef<Extent> target,
                                       const llvm::Twine &message);
  /// The operand with those of its dimensions repeated that broadcasting to
  /// `shape` may have to repeat, but which are not known to be 1.
  mlir::FailureOr<Tensor> emitStretch(Tensor operand,
                                      llvm::ArrayRef<Extent> shape);

  /// Element by element over the broadcast operands: one linalg.generic; or,
  /// for a few elements that follow from extents, scalars ahead of the model.
  mlir::FailureOr<Tensor> emitMap(llvm::ArrayRef<Tensor> operands,
                                  DType resultType, ScalarBuilder body);
  /// The same over a given shape, which the operands' shapes broadcast to.
  mlir::FailureOr<Tensor> emitMap(llvm::ArrayRef<Tensor> operands,
                                  llvm::ArrayRef<Extent> shape,
                                  DType resultType, ScalarBuilder body);
  /// Folds the axes (ascending) by `body(element, accumulator)`, starting from
  /// `init`; they disappear. One linalg.generic. The accumulator's type is
  /// init's.
  mlir::FailureOr<Tensor> emitReduce(Tensor operand,
                                     llvm::ArrayRef<int64_t> axes,
                                     mlir::Value init, ScalarBuilder body);
  /// The sum over the axes, accumulated in f32 for narrower floats.
  mlir::FailureOr<Tensor> emitSum(Tensor operand, llvm::ArrayRef<int64_t> axes);
  mlir::FailureOr<Tensor> emitMax(Tensor operand, llvm::ArrayRef<int64_t> axes);
  /// The sum divided by the number of elements.
  mlir::FailureOr<Tensor> emitMean(Tensor operand,
                                   llvm::ArrayRef<int64_t> axes);
  /// Puts axes of extent 1 (given by their position in the result, ascending)
  /// back.
  mlir::FailureOr<Tensor> emitUnsqueeze(Tensor operand,
                                        llvm::ArrayRef<int64_t> axes);
  /// The same elements in another shape; reports a number that does not or
  /// might not match.
  mlir::FailureOr<Tensor> emitReshape(Tensor operand,
                                      llvm::ArrayRef<Extent> shape);
  /// Dimension i of the result is dimension permutation[i] of the operand.
  mlir::FailureOr<Tensor> emitTranspose(Tensor operand,
                                        llvm::ArrayRef<int64_t> permutation);
  /// NumPy's matmul, for any ranks.
  mlir::FailureOr<Tensor> emitMatmul(Tensor lhs, Tensor rhs);
  /// Converts between float types, or is the operand itself.
  mlir::FailureOr<Tensor> emitFloatCast(Tensor operand, DType type);

  mlir::ImplicitLocOpBuilder b;

  /// The elements of any small tensor, if they are known at import or follow
  /// from extents.
  std::optional<Extents> getElements(const Tensor &tensor);
  /// A tensor of elements of `tensor`, if these are known: `move` makes the
  /// position of an element of the result that of its source.
  std::optional<Tensor>
  pickElements(const Tensor &tensor, llvm::ArrayRef<Extent> shape,
               llvm::function_ref<void(llvm::SmallVectorImpl<int64_t> &)> move);

private:
  /// The tensor that `emitMap` makes, if its elements are known or follow from
  /// extents.
  std::optional<Tensor> evaluate(llvm::ArrayRef<Tensor> operands,
                                 llvm::ArrayRef<Extent> shape, DType resultType,
                                 ScalarBuilder body);
  mlir::FailureOr<mlir::Value> emitGeneric(llvm::ArrayRef<Tensor> operands,
                                           llvm::ArrayRef<Extent> shape,
                                           DType resultType,
                                           ScalarBuilder body);
  mlir::Value emitReassociation(mlir::Value value, llvm::ArrayRef<Extent> from,
                                llvm::ArrayRef<Extent> to, DType dtype);

  Importer &importer;
  const GraphNode &graphNode;
  const onnx::NodeProto &proto;
  int64_t version;
  llvm::SmallVector<Tensor *> inputs;
  std::vector<std::optional<Tensor>> results;
  llvm::StringSet<> usedAttributes;
  std::string attributeError;

  friend class Importer;
};

/// The DType that sums and products of a float type accumulate in.
DType getAccumulatorType(DType type);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_NODE_H
