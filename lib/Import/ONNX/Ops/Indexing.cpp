//===- Indexing.cpp - GatherND, ScatterND, Trilu, OneHot and others -------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

Value tern::onnx_import::emitSafeIndex(B &b, Value index, Value extent) {
  Value position = index;
  if (!index.getType().isIndex())
    position = arith::IndexCastOp::create(b, b.getIndexType(), index);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value isNegative =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, position, zero);
  Value wrapped = arith::AddIOp::create(b, position, extent);
  position = arith::SelectOp::create(b, isNegative, wrapped, position);
  position = arith::MaxSIOp::create(b, position, zero);
  Value last = arith::SubIOp::create(b, extent, one);
  return arith::MinSIOp::create(b, position, last);
}

/// There is something to index, or nothing that indexes: the nearest position
/// in a dimension of extent 0 would be beside the tensor. The extents that are
/// not known are checked before a run.
static LogicalResult requireElements(Node &node, const Tensor &indices,
                                     ArrayRef<Extent> extents) {
  B &b = node.b;
  auto compare = [&](arith::CmpIPredicate predicate,
                     const Extent &extent) -> Value {
    return arith::CmpIOp::create(b, predicate,
                                 node.getSymbols().getValue(b, extent),
                                 node.getSymbols().getValue(b, Extent(0)));
  };
  for (const Extent &extent : extents) {
    if (extent.getConstant())
      continue;
    Value isFine = compare(arith::CmpIPredicate::ne, extent);
    for (const Extent &count : indices.shape)
      isFine = arith::OrIOp::create(b, isFine,
                                    compare(arith::CmpIPredicate::eq, count));
    if (failed(node.check(isFine, "cannot index a dimension of extent 0")))
      return failure();
  }
  return success();
}

/// Checks at run time that `isWrong` is false for every element.
static LogicalResult
requireNone(Node &node, Tensor integers,
            llvm::function_ref<Value(B &, Value element)> isWrong,
            const Twine &message) {
  Value no = arith::ConstantOp::create(node.b, node.b.getBoolAttr(false));
  FailureOr<Tensor> wrong = node.emitReduce(
      integers, llvm::to_vector(llvm::seq<int64_t>(0, integers.getRank())), no,
      [&](B &b, ValueRange args) -> Value {
        return arith::OrIOp::create(b, args[1], isWrong(b, args[0]));
      });
  if (failed(wrong))
    return failure();
  Value any = tensor::ExtractOp::create(node.b, wrong->value, ValueRange());
  Value yes = arith::ConstantOp::create(node.b, node.b.getBoolAttr(true));
  return node.check(arith::XOrIOp::create(node.b, any, yes), message);
}

LogicalResult tern::onnx_import::requireUpTo(Node &node, Tensor integers,
                                             const Extent &greatest,
                                             const Twine &message) {
  std::optional<int64_t> limit = greatest.getConstant();
  bool areKnown = integers.contents && limit;
  for (size_t i = 0; areKnown && i < integers.contents->size(); ++i) {
    std::optional<int64_t> integer = (*integers.contents)[i].getConstant();
    areKnown = integer.has_value();
    if (areKnown && (*integer < 0 || *integer > *limit))
      return node.error(message + "; one is " + Twine(*integer));
  }
  if (areKnown)
    return success();
  Type type = node.getElementType(integers.dtype);
  Value most = arith::IndexCastOp::create(
      node.b, type, node.getSymbols().getValue(node.b, greatest));
  return requireNone(
      node, std::move(integers),
      [&](B &b, Value element) -> Value {
        Value isNegative = arith::CmpIOp::create(
            b, arith::CmpIPredicate::slt, element, emitConstant(b, type, 0));
        Value isGreater =
            arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, element, most);
        return arith::OrIOp::create(b, isNegative, isGreater);
      },
      message);
}

LogicalResult tern::onnx_import::requireIndices(Node &node, Tensor indices,
                                                ArrayRef<Extent> extents,
                                                const IndexForms &forms) {
  if (failed(requireElements(node, indices, extents)))
    return failure();
  if (extents.empty())
    return success();
  bool areKnown = indices.contents.has_value();
  for (size_t i = 0; areKnown && i < indices.contents->size(); ++i) {
    std::optional<int64_t> index = (*indices.contents)[i].getConstant();
    std::optional<int64_t> extent = extents[i % extents.size()].getConstant();
    if (index && index == forms.ignored)
      continue;
    areKnown = index && extent;
    if (areKnown &&
        (*index >= *extent || *index < (forms.negative ? -*extent : 0)))
      return node.error("index " + Twine(*index) + " is out of range for " +
                        Twine(*extent) + " elements");
  }
  if (areKnown)
    return success();

  Type type = node.getElementType(indices.dtype);
  auto asIndex = [&](B &b, Value extent) -> Value {
    return arith::IndexCastOp::create(b, type, extent);
  };
  SmallVector<Value> sizes =
      llvm::map_to_vector(getExtentValues(node, extents), [&](Value extent) {
        return asIndex(node.b, extent);
      });
  std::string message = "an index is out of range for ";
  llvm::raw_string_ostream text(message);
  llvm::interleave(
      extents, text,
      [&](const Extent &extent) { text << node.describe(extent); }, " or ");
  text << " elements";
  int64_t rank = indices.getRank();
  return requireNone(
      node, std::move(indices),
      [&](B &b, Value index) -> Value {
        Value size = sizes.back();
        for (size_t i = sizes.size() - 1; i-- > 0;) {
          Value isHere = arith::CmpIOp::create(
              b, arith::CmpIPredicate::eq, linalg::IndexOp::create(b, rank - 1),
              arith::ConstantIndexOp::create(b, i));
          size = arith::SelectOp::create(b, isHere, sizes[i], size);
        }
        Value zero = emitConstant(b, type, 0);
        Value least = forms.negative
                          ? arith::SubIOp::create(b, zero, size).getResult()
                          : zero;
        Value isWrong = arith::OrIOp::create(
            b,
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, least),
            arith::CmpIOp::create(b, arith::CmpIPredicate::sge, index, size));
        if (forms.ignored)
          isWrong = arith::AndIOp::create(
              b, isWrong,
              arith::CmpIOp::create(b, arith::CmpIPredicate::ne, index,
                                    emitConstant(b, type, *forms.ignored)));
        return isWrong;
      },
      message);
}

SmallVector<Value> tern::onnx_import::getExtentValues(Node &node,
                                                      ArrayRef<Extent> shape) {
  return llvm::map_to_vector(shape, [&](const Extent &extent) {
    return node.getSymbols().getValue(node.b, extent);
  });
}

FailureOr<Value> tern::onnx_import::emitOnlyElement(Node &node, Tensor tensor) {
  FailureOr<Tensor> scalar = node.emitReshape(std::move(tensor), {});
  if (failed(scalar))
    return failure();
  Value source = node.getValue(*scalar);
  return tensor::ExtractOp::create(node.b, source, ValueRange()).getResult();
}

static LogicalResult checkIndices(Node &node, const Tensor &indices) {
  if (indices.dtype == DType::I64 || indices.dtype == DType::I32)
    return success();
  return node.error("indices must be i32 or i64");
}

/// Whether the dimensions of the data that indices are for, `indexed`, have
/// positions if there are indices. The others may have none: then nothing is
/// taken or written.
static LogicalResult checkNotEmpty(Node &node, const Tensor &data,
                                   ArrayRef<Extent> indexed,
                                   const Tensor &indices) {
  if (llvm::is_contained(indexed, Extent(0)) &&
      !llvm::is_contained(indices.shape, Extent(0)))
    return node.error("cannot index a tensor without elements, of shape " +
                      node.describe(data.shape));
  return success();
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

/// result[i, j, k] = data[index[i, j, k], j, k] for axis 0.
/// Where constant indices point to in a vector whose elements are known, as a
/// shape's are.
static std::optional<SmallVector<int64_t>>
getKnownPositions(const Tensor &vector, const Tensor &indices) {
  if (vector.getRank() != 1 || !vector.contents || !indices.contents)
    return std::nullopt;
  int64_t count = vector.contents->size();
  SmallVector<int64_t> positions;
  for (const Extent &extent : *indices.contents) {
    std::optional<int64_t> index = extent.getConstant();
    if (!index || *index < -count || *index >= count)
      return std::nullopt;
    positions.push_back(*index < 0 ? *index + count : *index);
  }
  return positions;
}

/// What is gathered from such a vector.
static std::optional<Tensor> foldGather(Node &node, const Tensor &vector,
                                        const Tensor &indices,
                                        ArrayRef<Extent> shape) {
  std::optional<SmallVector<int64_t>> from = getKnownPositions(vector, indices);
  if (!from)
    return std::nullopt;
  Tensor result = node.makeTensor(vector.dtype, shape, nullptr);
  result.contents.emplace();
  for (int64_t position : *from)
    result.contents->push_back((*vector.contents)[position]);
  return result;
}

/// Such a vector after known elements replaced some of its own.
static std::optional<Tensor> foldScatter(Node &node, const Tensor &vector,
                                         const Tensor &indices,
                                         const Tensor &updates) {
  std::optional<SmallVector<int64_t>> to = getKnownPositions(vector, indices);
  if (!to || node.getString("reduction", "none") != "none" ||
      updates.dtype != vector.dtype || !updates.contents ||
      updates.contents->size() != to->size())
    return std::nullopt;
  Tensor result = node.makeTensor(vector.dtype, vector.shape, nullptr);
  result.contents = vector.contents;
  for (auto [position, element] : llvm::zip_equal(*to, *updates.contents))
    (*result.contents)[position] = element;
  return result;
}

static LogicalResult importGatherElements(Node &node) {
  Tensor data = node.getInput(0), indices = node.getInput(1);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 0), data.getRank());
  if (failed(axis) || failed(checkIndices(node, indices)) ||
      failed(checkNotEmpty(node, data, data.shape, indices)))
    return failure();
  if (indices.getRank() != data.getRank())
    return node.error("data and indices have different ranks");
  Extents others(data.shape);
  others.erase(others.begin() + *axis);
  if (failed(requireElements(node, indices, others)) ||
      failed(requireIndices(node, indices, data.shape[*axis])))
    return failure();
  if (std::optional<Tensor> known =
          foldGather(node, data, indices, indices.shape)) {
    node.setResult(0, *known);
    return success();
  }
  Value source = node.getValue(data);
  SmallVector<Value> extents = getExtentValues(node, data.shape);
  return node.setResult(
      node.emitMap({indices}, data.dtype, [&](B &b, ValueRange args) -> Value {
        SmallVector<Value> position;
        for (int64_t i = 0; i < data.getRank(); ++i) {
          Value index =
              i == *axis ? args[0] : linalg::IndexOp::create(b, i).getResult();
          // Indices may have other extents than the data beside the axis.
          position.push_back(i != *axis && indices.shape[i] == data.shape[i]
                                 ? index
                                 : emitSafeIndex(b, index, extents[i]));
        }
        return tensor::ExtractOp::create(b, source, position);
      }));
}

/// The number of dimensions that the rows of indices [..., k] index.
static FailureOr<int64_t> getTupleSize(Node &node, const Tensor &indices,
                                       int64_t most) {
  if (failed(checkIndices(node, indices)))
    return failure();
  if (indices.shape.empty() || !indices.shape.back().getConstant())
    return node.error("the last dimension of the indices must be known");
  int64_t size = *indices.shape.back().getConstant();
  if (size < 1 || size > most)
    return node.error("indices of shape " + node.describe(indices.shape) +
                      " address " + Twine(size) + " dimensions; there are " +
                      Twine(most));
  return size;
}

static LogicalResult importGatherND(Node &node) {
  Tensor data = node.getInput(0), indices = node.getInput(1);
  int64_t batch = node.getInt("batch_dims", 0);
  if (batch < 0 || batch > data.getRank() || batch >= indices.getRank())
    return node.error("attribute 'batch_dims' is " + Twine(batch));
  FailureOr<int64_t> tuple =
      getTupleSize(node, indices, data.getRank() - batch);
  if (failed(tuple) ||
      failed(checkNotEmpty(node, data,
                           ArrayRef(data.shape).slice(batch, *tuple), indices)))
    return failure();
  for (int64_t i = 0; i < batch; ++i)
    if (failed(node.require(data.shape[i], indices.shape[i],
                            "shapes " + node.describe(data.shape) + " and " +
                                node.describe(indices.shape) +
                                " differ in their first " + Twine(batch) +
                                " dimensions")))
      return failure();
  // The positions that indices have, then what they leave of the data.
  int64_t outer = indices.getRank() - 1;
  Extents shape(ArrayRef(indices.shape).drop_back());
  shape.append(data.shape.begin() + batch + *tuple, data.shape.end());
  if (failed(requireIndices(node, indices,
                            ArrayRef(data.shape).slice(batch, *tuple))))
    return failure();
  if (std::optional<Tensor> known =
          batch == 0 ? foldGather(node, data, indices, shape) : std::nullopt) {
    node.setResult(0, *known);
    return success();
  }
  Value source = node.getValue(data), positions = node.getValue(indices);
  SmallVector<Value> extents = getExtentValues(node, data.shape);
  return node.setResult(
      node.emitMap({}, shape, data.dtype, [&](B &b, ValueRange) -> Value {
        SmallVector<Value> row, position;
        for (int64_t i = 0; i < outer; ++i)
          row.push_back(linalg::IndexOp::create(b, i));
        for (int64_t i = 0; i < data.getRank(); ++i) {
          if (i < batch) {
            position.push_back(row[i]);
          } else if (i < batch + *tuple) {
            SmallVector<Value> at(row);
            at.push_back(arith::ConstantIndexOp::create(b, i - batch));
            position.push_back(emitSafeIndex(
                b, tensor::ExtractOp::create(b, positions, at), extents[i]));
          } else {
            position.push_back(
                linalg::IndexOp::create(b, outer + i - batch - *tuple));
          }
        }
        return tensor::ExtractOp::create(b, source, position);
      }));
}

FailureOr<Tensor> tern::onnx_import::emitReverseSequence(Node &node,
                                                         Tensor data,
                                                         Tensor lengths,
                                                         int64_t time) {
  Value source = node.getValue(data), counts = node.getValue(lengths);
  Value extent = getExtentValues(node, data.shape)[time];
  return node.emitMap(
      {}, data.shape, data.dtype, [&](B &b, ValueRange) -> Value {
        SmallVector<Value> position;
        for (int64_t i = 0; i < data.getRank(); ++i)
          position.push_back(linalg::IndexOp::create(b, i));
        Value count = arith::IndexCastOp::create(
            b, b.getIndexType(),
            tensor::ExtractOp::create(b, counts, position[1 - time]));
        Value one = arith::ConstantIndexOp::create(b, 1);
        Value last = arith::SubIOp::create(b, count, one);
        Value turned = arith::SubIOp::create(b, last, position[time]);
        Value isTurned = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                               position[time], count);
        position[time] = emitSafeIndex(
            b, arith::SelectOp::create(b, isTurned, turned, position[time]),
            extent);
        return tensor::ExtractOp::create(b, source, position);
      });
}

/// Turns round the first elements along the time of each entry of the batch, as
/// many as `sequence_lens` says.
static LogicalResult importReverseSequence(Node &node) {
  Tensor data = node.getInput(0), lengths = node.getInput(1);
  int64_t batch = node.getInt("batch_axis", 1);
  int64_t time = node.getInt("time_axis", 0);
  if (data.getRank() < 2)
    return node.error("the input has rank " + Twine(data.getRank()) +
                      ", less than 2");
  if (batch < 0 || batch > 1 || time != 1 - batch)
    return node.error("attributes 'batch_axis' and 'time_axis' must be 0 and "
                      "1, or 1 and 0");
  if (lengths.dtype != DType::I64)
    return node.error("sequence_lens must be i64");
  FailureOr<Tensor> fitting = node.expectShape(
      lengths, {data.shape[batch]},
      "sequence_lens have shape " + node.describe(lengths.shape) + ", not " +
          node.describe({data.shape[batch]}));
  if (failed(fitting) ||
      failed(requireUpTo(node, *fitting, data.shape[time],
                         "sequence_lens must be from 0 to " +
                             node.describe(data.shape[time]) +
                             ", the number of time steps")))
    return failure();
  return node.setResult(emitReverseSequence(node, data, *fitting, time));
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

/// Loops over all positions of a shape that carry a tensor.
static Value emitLoops(B &b, ArrayRef<Value> extents, Value carried,
                       SmallVectorImpl<Value> &position,
                       function_ref<Value(B &, ArrayRef<Value>, Value)> body) {
  if (position.size() == extents.size())
    return body(b, position, carried);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto loop = scf::ForOp::create(b, zero, extents[position.size()], one,
                                 ValueRange(carried));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  position.push_back(loop.getInductionVar());
  Value inner = emitLoops(b, extents, loop.getRegionIterArg(0), position, body);
  position.pop_back();
  scf::YieldOp::create(b, inner);
  return loop.getResult(0);
}

/// What becomes of an element when an update meets it.
static FailureOr<std::function<Value(B &, Value, Value)>>
getUpdate(Node &node, DType dtype) {
  StringRef kind = node.getString("reduction", "none");
  if (kind == "none")
    return std::function<Value(B &, Value, Value)>(
        [](B &, Value, Value update) { return update; });
  if (failed(node.expectTypes(node.getInput(0), Numbers)))
    return failure();
  if (kind == "add")
    return std::function<Value(B &, Value, Value)>([=](B &b, Value old,
                                                       Value update) {
      return emitOfKind<arith::AddFOp, arith::AddIOp>(b, old, update, dtype);
    });
  if (kind == "mul")
    return std::function<Value(B &, Value, Value)>([=](B &b, Value old,
                                                       Value update) {
      return emitOfKind<arith::MulFOp, arith::MulIOp>(b, old, update, dtype);
    });
  if (kind == "min" || kind == "max")
    return std::function<Value(B &, Value, Value)>(
        [=](B &b, Value old, Value update) {
          return kind == "min" ? emitMinimum(b, old, update, dtype)
                               : emitMaximum(b, old, update, dtype);
        });
  return node.error("attribute 'reduction' must be none, add, mul, min or max");
}

/// Writes the updates one after another, so that the last of several wins.
static LogicalResult
importScatter(Node &node, Tensor data, Tensor updates,
              function_ref<SmallVector<Value>(B &, ArrayRef<Value>)> address) {
  auto update = getUpdate(node, data.dtype);
  if (failed(update))
    return failure();
  if (updates.dtype != data.dtype)
    return node.error("inputs have different element types");
  Value target = node.getValue(data), source = node.getValue(updates);
  SmallVector<Value> position, extents = getExtentValues(node, updates.shape);
  Value result =
      emitLoops(node.b, extents, target, position,
                [&](B &b, ArrayRef<Value> position, Value carried) -> Value {
                  SmallVector<Value> at = address(b, position);
                  Value value = tensor::ExtractOp::create(b, source, position);
                  Value old = tensor::ExtractOp::create(b, carried, at);
                  return tensor::InsertOp::create(b, (*update)(b, old, value),
                                                  carried, at);
                });
  node.setResult(0, node.makeTensor(data.dtype, data.shape, result));
  return success();
}

/// The same, unless the result is known, at addresses that `address` computes
/// of the indices, the extents of the data and the position of the update.
static LogicalResult
scatterByIndices(Node &node, const Tensor &data, Tensor indices, Tensor updates,
                 function_ref<SmallVector<Value>(B &, Value, ArrayRef<Value>,
                                                 ArrayRef<Value>)>
                     address) {
  if (std::optional<Tensor> known = foldScatter(node, data, indices, updates)) {
    node.setResult(0, *known);
    return success();
  }
  Value positions = node.getValue(indices);
  SmallVector<Value> extents = getExtentValues(node, data.shape);
  return importScatter(node, data, updates,
                       [&](B &b, ArrayRef<Value> position) {
                         return address(b, positions, extents, position);
                       });
}

static LogicalResult importScatterElements(Node &node) {
  Tensor data = node.getInput(0), indices = node.getInput(1);
  Tensor updates = node.getInput(2);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 0), data.getRank());
  if (failed(axis) || failed(checkIndices(node, indices)) ||
      failed(checkNotEmpty(node, data, data.shape, indices)))
    return failure();
  std::string message = "shapes " + node.describe(indices.shape) +
                        " of the indices and " + node.describe(updates.shape) +
                        " of the updates do not fit " +
                        node.describe(data.shape);
  if (indices.getRank() != data.getRank())
    return node.error(message);
  FailureOr<Tensor> fitting = node.expectShape(updates, indices.shape, message);
  Extents others(data.shape);
  others.erase(others.begin() + *axis);
  if (failed(fitting) || failed(requireElements(node, indices, others)) ||
      failed(requireIndices(node, indices, data.shape[*axis])))
    return failure();
  return scatterByIndices(
      node, data, indices, *fitting,
      [&](B &b, Value positions, ArrayRef<Value> extents,
          ArrayRef<Value> position) {
        SmallVector<Value> at(position);
        at[*axis] = tensor::ExtractOp::create(b, positions, position);
        for (int64_t i = 0; i < data.getRank(); ++i)
          if (i == *axis || indices.shape[i] != data.shape[i])
            at[i] = emitSafeIndex(b, at[i], extents[i]);
        return at;
      });
}

/// Writes updates of a sequence into a cache along an axis, from a position on
/// that each entry of the batch has for itself; beyond the end, a circular
/// cache begins again.
static LogicalResult importTensorScatter(Node &node) {
  Tensor cache = node.getInput(0), updates = node.getInput(1);
  StringRef mode = node.getString("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return node.error("attribute 'mode' is " + quote(mode) +
                      "; it must be linear or circular");
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -2), cache.getRank());
  if (failed(axis))
    return failure();
  if (*axis == 0)
    return node.error("axis 0 is that of the batch");
  if (updates.getRank() != cache.getRank())
    return node.error("inputs have different ranks");
  Extents shape = cache.shape;
  shape[*axis] = updates.shape[*axis];
  FailureOr<Tensor> fitting =
      node.expectShape(updates, shape,
                       "updates of shape " + node.describe(updates.shape) +
                           " do not fit " + node.describe(cache.shape));
  std::optional<Extent> room = Extent::sub(cache.shape[*axis], shape[*axis]);
  if (failed(fitting) || !room ||
      failed(node.requireNonNegative(
          *room, "the cache has " + node.describe(cache.shape[*axis]) +
                     " positions, fewer than the updates, " +
                     node.describe(shape[*axis]))))
    return failure();
  Value starts;
  if (node.hasInput(2)) {
    Tensor given = node.getInput(2);
    if (given.dtype != DType::I64)
      return node.error("write_indices must be i64");
    FailureOr<Tensor> indices = node.expectShape(
        given, {cache.shape[0]},
        "write_indices have shape " + node.describe(given.shape) + ", not " +
            node.describe({cache.shape[0]}));
    bool isCircular = mode == "circular";
    std::string limit =
        isCircular ? "a number of an i64" : node.describe(*room);
    if (failed(indices) ||
        failed(requireUpTo(node, *indices,
                           isCircular ? Extent(1LL << 62) : *room,
                           "write_indices must be from 0 to " + limit)))
      return failure();
    starts = node.getValue(*indices);
  }
  SmallVector<Value> extents = getExtentValues(node, cache.shape);
  return importScatter(
      node, cache, *fitting, [&](B &b, ArrayRef<Value> position) {
        SmallVector<Value> at(position);
        if (!starts)
          return at;
        Value start = arith::IndexCastOp::create(
            b, b.getIndexType(),
            tensor::ExtractOp::create(b, starts, position[0]));
        at[*axis] = arith::AddIOp::create(b, start, position[*axis]);
        if (mode == "circular")
          at[*axis] = arith::RemSIOp::create(b, at[*axis], extents[*axis]);
        at[*axis] = emitSafeIndex(b, at[*axis], extents[*axis]);
        return at;
      });
}

static LogicalResult importScatterND(Node &node) {
  Tensor data = node.getInput(0), indices = node.getInput(1);
  Tensor updates = node.getInput(2);
  FailureOr<int64_t> tuple = getTupleSize(node, indices, data.getRank());
  if (failed(tuple) ||
      failed(checkNotEmpty(node, data, ArrayRef(data.shape).take_front(*tuple),
                           indices)))
    return failure();
  int64_t outer = indices.getRank() - 1;
  Extents shape(ArrayRef(indices.shape).drop_back());
  shape.append(data.shape.begin() + *tuple, data.shape.end());
  FailureOr<Tensor> fitting =
      node.expectShape(updates, shape,
                       "updates have shape " + node.describe(updates.shape) +
                           ", not " + node.describe(shape));
  if (failed(fitting) ||
      failed(requireIndices(node, indices,
                            ArrayRef(data.shape).take_front(*tuple))))
    return failure();
  return scatterByIndices(
      node, data, indices, *fitting,
      [&](B &b, Value positions, ArrayRef<Value> extents,
          ArrayRef<Value> position) {
        SmallVector<Value> at, row(position.take_front(outer));
        row.push_back({});
        for (int64_t i = 0; i < *tuple; ++i) {
          row.back() = arith::ConstantIndexOp::create(b, i);
          at.push_back(emitSafeIndex(
              b, tensor::ExtractOp::create(b, positions, row), extents[i]));
        }
        at.append(position.begin() + outer, position.end());
        return at;
      });
}

//===----------------------------------------------------------------------===//
// Matrices of a form
//===----------------------------------------------------------------------===//

/// Whether column - row >= k, of a matrix's position.
static Value emitIsAbove(B &b, int64_t row, Value k,
                         arith::CmpIPredicate predicate) {
  Value distance = arith::SubIOp::create(b, linalg::IndexOp::create(b, row + 1),
                                         linalg::IndexOp::create(b, row));
  return arith::CmpIOp::create(b, predicate, distance, k);
}

static LogicalResult importTrilu(Node &node) {
  Tensor input = node.getInput(0);
  bool isUpper = node.getFlag("upper", true);
  if (input.getRank() < 2)
    return node.error("the input must have rank 2 or more");
  Value k = arith::ConstantIndexOp::create(node.b, 0);
  if (node.hasInput(1)) {
    if (node.getInput(1).dtype != DType::I64)
      return node.error("k must be i64, not " +
                        getName(node.getInput(1).dtype));
    FailureOr<Value> given = emitOnlyElement(node, node.getInput(1));
    if (failed(given))
      return failure();
    k = arith::IndexCastOp::create(node.b, node.b.getIndexType(), *given);
  }
  Type type = node.getElementType(input.dtype);
  return node.setResult(
      node.emitMap({input}, input.dtype, [&](B &b, ValueRange args) -> Value {
        Value isKept = emitIsAbove(b, input.getRank() - 2, k,
                                   isUpper ? arith::CmpIPredicate::sge
                                           : arith::CmpIPredicate::sle);
        return arith::SelectOp::create(b, isKept, args[0],
                                       emitConstant(b, type, 0));
      }));
}

static LogicalResult importEyeLike(Node &node) {
  Tensor input = node.getInput(0);
  int64_t k = node.getInt("k", 0);
  std::optional<DType> dtype = getDType(static_cast<int>(
      node.getInt("dtype", static_cast<int64_t>(input.dtype))));
  if (!dtype || input.getRank() != 2)
    return node.error(dtype ? "the input must be a matrix"
                            : "attribute 'dtype' is not supported");
  Type type = node.getElementType(*dtype);
  return node.setResult(
      node.emitMap({}, input.shape, *dtype, [&](B &b, ValueRange) -> Value {
        Value isOne =
            emitIsAbove(b, 0, arith::ConstantIndexOp::create(b, k).getResult(),
                        arith::CmpIPredicate::eq);
        return arith::SelectOp::create(b, isOne, emitConstant(b, type, 1),
                                       emitConstant(b, type, 0));
      }));
}

static LogicalResult importOneHot(Node &node) {
  Tensor indices = node.getInput(0), values = node.getInput(2);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -1), indices.getRank() + 1);
  if (failed(axis) || failed(node.expectTypes(indices, Numbers)))
    return failure();
  FailureOr<Tensor> two =
      node.expectShape(values, {2}, "the values must be two, off and on");
  if (failed(two))
    return failure();
  values = *two;
  Tensor depth = node.getInput(1);
  std::optional<Extent> count;
  if (depth.contents && depth.contents->size() == 1 && !isFloat(depth.dtype))
    count = depth.contents->front();
  // A scalar of a float type is allowed, too.
  if (auto floats = dyn_cast_or_null<DenseFPElementsAttr>(depth.constant);
      floats && floats.getNumElements() == 1) {
    APSInt integer(64, /*isUnsigned=*/false);
    bool isExact;
    floats.getValues<APFloat>()[0].convertToInteger(
        integer, APFloat::rmTowardZero, &isExact);
    count = integer.getSExtValue();
  }
  if (!count)
    return node.requireKnown(1, "the depth");
  FailureOr<Tensor> integers = indices;
  if (isFloat(indices.dtype))
    integers = emitCast(node, indices, DType::I64);
  if (failed(integers))
    return failure();
  Extents shape(indices.shape);
  shape.insert(shape.begin() + *axis, *count);
  FailureOr<Tensor> spread = node.emitUnsqueeze(*integers, {*axis});
  if (failed(spread))
    return failure();
  Value source = node.getValue(values);
  Value extent = node.getSymbols().getValue(node.b, *count);
  Value off = tensor::ExtractOp::create(
      node.b, source,
      ValueRange(arith::ConstantIndexOp::create(node.b, 0).getResult()));
  Value on = tensor::ExtractOp::create(
      node.b, source,
      ValueRange(arith::ConstantIndexOp::create(node.b, 1).getResult()));
  bool isUnsignedType = isUnsigned(integers->dtype);
  return node.setResult(node.emitMap(
      {*spread}, shape, values.dtype, [&](B &b, ValueRange args) -> Value {
        Value index =
            isUnsignedType
                ? arith::IndexCastUIOp::create(b, b.getIndexType(), args[0])
                      .getResult()
                : arith::IndexCastOp::create(b, b.getIndexType(), args[0])
                      .getResult();
        Value isNegative =
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index,
                                  arith::ConstantIndexOp::create(b, 0));
        index = arith::SelectOp::create(
            b, isNegative, arith::AddIOp::create(b, index, extent), index);
        Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, index,
                                             linalg::IndexOp::create(b, *axis));
        return arith::SelectOp::create(b, isHere, on, off);
      }));
}

void tern::onnx_import::addIndexingOps(OpTable &ops) {
  ops.onOp("GatherElements", 11, 2, importGatherElements);
  ops.onOp("GatherND", 11, 2, importGatherND);
  ops.onOp("Scatter", 9, 3, importScatterElements);
  ops.onOp("ScatterElements", 11, 3, importScatterElements);
  ops.onOp("ReverseSequence", 10, 2, importReverseSequence);
  ops.onOp("TensorScatter", 24, {2, 3}, importTensorScatter);
  ops.onOp("ScatterND", 11, 3, importScatterND);
  ops.onOp("Trilu", 14, {1, 2}, importTrilu);
  ops.onOp("EyeLike", 9, 1, importEyeLike);
  ops.onOp("OneHot", 9, 3, importOneHot);
}
