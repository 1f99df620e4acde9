//===- Branches.cpp - The operator If -------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// With a condition that is not known when compiling, an If becomes an scf.if:
// only the branch that is taken runs. What is computed from extents alone and
// the checks of it stand in front. A branch runs only if they hold: nothing in
// it has to be prepared for shapes that do not fit.
//
//===----------------------------------------------------------------------===//

#include "../Model/Importer.h"
#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace tern::onnx_import;

namespace {
/// The code of one branch, and the checks in it.
class BranchBody {
public:
  /// Takes what stands between the placeholder, which goes, and `end`.
  BranchBody(Operation *begin, Operation *end);

  ArrayRef<Operation *> getCode() const { return code; }
  /// Checks that can be made before it is known which branch is taken.
  ArrayRef<cf::AssertOp> getEarlyChecks() const { return earlyChecks; }
  ArrayRef<cf::AssertOp> getLateChecks() const { return lateChecks; }
  /// Whether the early checks hold; null if there are none.
  Value emitFits(ImplicitLocOpBuilder &b);

private:
  bool isInside(Value value) const {
    return inside.contains(value.getDefiningOp());
  }
  bool staysOutside(Operation *op) const;

  DenseSet<Operation *> inside;
  SmallVector<Operation *> code;
  SmallVector<cf::AssertOp> earlyChecks, lateChecks;
};

/// An If of which either branch may be taken.
class Choice {
public:
  explicit Choice(Node &node);
  LogicalResult run();

private:
  Tensor &getSource(unsigned i, bool isThen) {
    return node.getInput(1 + i + (isThen ? 0 : node.getNumResults()));
  }
  FailureOr<Tensor> makeResult(unsigned i);
  FailureOr<Extent> chooseExtent(const Extent &x, const Extent &y,
                                 const Twine &message);
  Value emitWhole(ImplicitLocOpBuilder &inner, Value source,
                  RankedTensorType type, ArrayRef<Extent> shape);
  void emit(ArrayRef<unsigned> written);
  void fill(Block &block, BranchBody &body, bool isThen,
            ArrayRef<unsigned> written);

  Node &node;
  ImplicitLocOpBuilder &b;
  unsigned firstAtom;
  /// Taken before anything else is emitted: their code comes last so far.
  BranchBody thenBody, elseBody;
  /// The condition, 0 or 1, if it follows from extents.
  std::optional<Extent> extent;
  Value condition;
  Value thenFits, elseFits;
  SmallVector<Tensor> results;
  SmallVector<Value> destinations;
};
} // namespace

/// Scalars that follow from others outside, and constants: what is known of
/// extents is shared with code that comes later.
bool BranchBody::staysOutside(Operation *op) const {
  if (!isMemoryEffectFree(op) || op->getNumRegions() != 0 ||
      llvm::any_of(op->getOperands(), [&](Value v) { return isInside(v); }))
    return false;
  auto isTensor = [](Type type) { return isa<ShapedType>(type); };
  return op->hasTrait<OpTrait::ConstantLike>() ||
         isa<tensor::DimOp, tensor::FromElementsOp>(op) ||
         (llvm::none_of(op->getOperandTypes(), isTensor) &&
          llvm::none_of(op->getResultTypes(), isTensor));
}

BranchBody::BranchBody(Operation *begin, Operation *end) {
  if (!begin)
    return;
  for (Operation *op = begin->getNextNode(); op != end; op = op->getNextNode())
    if (auto check = dyn_cast<cf::AssertOp>(op)) {
      (isInside(check.getArg()) ? lateChecks : earlyChecks).push_back(check);
    } else if (!staysOutside(op)) {
      inside.insert(op);
      code.push_back(op);
    }
  begin->erase();
}

Value BranchBody::emitFits(ImplicitLocOpBuilder &b) {
  Value fits;
  for (cf::AssertOp check : earlyChecks) {
    Value holds = check.getArg();
    fits = fits ? Value(arith::AndIOp::create(b, fits, holds)) : holds;
  }
  return fits;
}

static unsigned getFirstAtom(Node &node) {
  const GraphNode &self = node.getGraphNode();
  Importer &importer = node.getImporter();
  return std::min(importer.getCode(self.thenBranch).firstAtom,
                  importer.getCode(self.elseBranch).firstAtom);
}

/// Where the code of the first branch ends.
static Operation *getEnd(Node &node) {
  return node.getImporter().getCode(node.getGraphNode().elseBranch).begin;
}

Choice::Choice(Node &node)
    : node(node), b(node.b), firstAtom(getFirstAtom(node)),
      thenBody(node.getImporter().getCode(node.getGraphNode().thenBranch).begin,
               getEnd(node)),
      elseBody(getEnd(node), nullptr),
      condition(node.getImporter().getCondition(b, node.getProto().input(0),
                                                extent)) {}

/// One of two extents, according to which branch is taken; or they are equal.
FailureOr<Extent> Choice::chooseExtent(const Extent &x, const Extent &y,
                                       const Twine &message) {
  if (x == y)
    return x;
  Symbols &symbols = node.getSymbols();
  Extent first = symbols.leaveScope(b, x, firstAtom);
  Extent second = symbols.leaveScope(b, y, firstAtom);
  if (extent)
    return symbols.select(b, *extent, first, second);
  if (!thenFits && !elseFits) {
    if (failed(node.require(first, second, message)))
      return failure();
    return first;
  }
  if (symbols.solve(first, second).isImpossible)
    return node.error(message);
  // A branch that cannot be taken has no say.
  Value xValue = symbols.getValue(b, first);
  Value yValue = symbols.getValue(b, second);
  Value isRight =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, xValue, yValue);
  Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
  for (Value fits : {thenFits, elseFits})
    if (fits)
      isRight = arith::OrIOp::create(
          b, isRight, arith::XOrIOp::create(b, fits, yes).getResult());
  if (failed(node.check(isRight, message)))
    return failure();
  if (!thenFits)
    return first;
  std::string name = "branch#" + std::to_string(symbols.getNumAtoms());
  return symbols.compute(
      name, {first, second},
      symbols.getRange(first).unite(symbols.getRange(second)), [&]() -> Value {
        return arith::SelectOp::create(b, thenFits, xValue, yValue);
      });
}

FailureOr<Tensor> Choice::makeResult(unsigned i) {
  Tensor &first = getSource(i, true), &second = getSource(i, false);
  std::string message =
      ("output " + Twine(i) + " has type " + getName(first.dtype) +
       " and shape " + node.describe(first.shape) + " in one branch, " +
       getName(second.dtype) + " and " + node.describe(second.shape) +
       " in the other; which is taken is known at run time only")
          .str();
  if (first.dtype != second.dtype || first.shape.size() != second.shape.size())
    return node.error(message);
  Tensor result = node.makeTensor(first.dtype, {}, nullptr);
  bool isKnown = true;
  for (auto [x, y] : llvm::zip_equal(first.shape, second.shape)) {
    FailureOr<Extent> chosen = chooseExtent(x, y, message);
    isKnown &= succeeded(chosen);
    // All of them, so that the import starts over once.
    result.shape.push_back(succeeded(chosen) ? *chosen : x);
  }
  if (!isKnown || failed(node.checkShape(result.dtype, result.shape)))
    return failure();
  // Shapes that a graph computes.
  if (first.contents && second.contents && !isFloat(result.dtype) &&
      first.contents->size() == second.contents->size() &&
      first.shape == second.shape) {
    Extents contents;
    for (auto [x, y] : llvm::zip_equal(*first.contents, *second.contents)) {
      if (x != y && !extent)
        break;
      if (x == y) {
        contents.push_back(x);
        continue;
      }
      Symbols &symbols = node.getSymbols();
      Extent chosen =
          symbols.select(b, *extent, symbols.leaveScope(b, x, firstAtom),
                         symbols.leaveScope(b, y, firstAtom));
      if (!fitsType(chosen, result.dtype))
        break;
      contents.push_back(chosen);
    }
    if (contents.size() == first.contents->size())
      result.contents = std::move(contents);
  }
  return result;
}

/// A tensor in a type that says another part of what is known of its shape.
Value Choice::emitWhole(ImplicitLocOpBuilder &inner, Value source,
                        RankedTensorType type, ArrayRef<Extent> shape) {
  SmallVector<int64_t> dynamic(type.getRank(), ShapedType::kDynamic);
  source = tensor::CastOp::create(inner, type.clone(dynamic), source);
  SmallVector<OpFoldResult> offsets(type.getRank(), inner.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), inner.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes;
  // Made before the branches.
  for (const Extent &extent : shape)
    sizes.push_back(node.getSymbols().getFoldResult(inner, extent));
  return tensor::ExtractSliceOp::create(inner, type, source, offsets, sizes,
                                        strides);
}

/// Fills one region. The two of them write to the same memory.
void Choice::fill(Block &block, BranchBody &body, bool isThen,
                  ArrayRef<unsigned> written) {
  ImplicitLocOpBuilder inner =
      ImplicitLocOpBuilder::atBlockEnd(b.getLoc(), &block);
  Value fits = isThen ? thenFits : elseFits;
  Value yes = arith::ConstantOp::create(inner, b.getBoolAttr(true));
  auto yield = [&](function_ref<Value(unsigned, Value)> write, bool isTaken) {
    SmallVector<Value> values;
    for (auto [i, destination] : llvm::zip_equal(written, destinations))
      values.push_back(write(i, destination));
    for (BranchBody *from : {&thenBody, &elseBody})
      for (cf::AssertOp check : from->getLateChecks())
        values.push_back(isTaken && from == &body ? check.getArg() : yes);
    scf::YieldOp::create(inner, values);
  };
  scf::IfOp check;
  if (fits) {
    check = scf::IfOp::create(inner, block.getParentOp()->getResultTypes(),
                              fits, /*addThenBlock=*/true,
                              /*addElseBlock=*/true);
    scf::YieldOp::create(inner, check.getResults());
    inner.setInsertionPointToEnd(&check.getElseRegion().front());
    yield(
        [&](unsigned, Value destination) -> Value {
          Type type =
              cast<RankedTensorType>(destination.getType()).getElementType();
          Value zero =
              arith::ConstantOp::create(inner, inner.getZeroAttr(type));
          return linalg::FillOp::create(inner, zero, destination).getResult(0);
        },
        /*isTaken=*/false);
    inner.setInsertionPointToEnd(&check.getThenRegion().front());
  }
  for (Operation *op : body.getCode())
    op->moveBefore(inner.getInsertionBlock(), inner.getInsertionBlock()->end());
  yield(
      [&](unsigned i, Value destination) -> Value {
        Value source = node.getValue(getSource(i, isThen));
        // A cast would be folded into the copy, and the result have another
        // destination, of another type.
        if (source.getType() != destination.getType())
          source = emitWhole(inner, source,
                             cast<RankedTensorType>(destination.getType()),
                             results[i].shape);
        return linalg::CopyOp::create(inner, source, destination).getResult(0);
      },
      /*isTaken=*/true);
}

void Choice::emit(ArrayRef<unsigned> written) {
  SmallVector<Type> types;
  for (unsigned i : written) {
    // Before the branches, wherever it is made.
    for (bool isThen : {true, false})
      node.getValue(getSource(i, isThen));
    destinations.push_back(node.emitEmpty(node.getElementType(results[i].dtype),
                                          results[i].shape));
    types.push_back(destinations.back().getType());
  }
  Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
  auto move = [&](cf::AssertOp check, Value holds) {
    check.getArgMutable().assign(holds);
    check->moveBefore(b.getInsertionBlock(), b.getInsertionPoint());
  };
  for (bool isThen : {true, false}) {
    BranchBody &body = isThen ? thenBody : elseBody;
    Value isElsewhere = condition;
    if (isThen && !body.getEarlyChecks().empty())
      isElsewhere = arith::XOrIOp::create(b, condition, yes);
    for (cf::AssertOp check : body.getEarlyChecks())
      move(check, arith::OrIOp::create(b, check.getArg(), isElsewhere));
    types.append(body.getLateChecks().size(), b.getI1Type());
  }
  auto choice = scf::IfOp::create(b, types, condition, /*addThenBlock=*/true,
                                  /*addElseBlock=*/true);
  fill(choice.getThenRegion().front(), thenBody, /*isThen=*/true, written);
  fill(choice.getElseRegion().front(), elseBody, /*isThen=*/false, written);
  for (auto [i, value] : llvm::zip(written, choice.getResults()))
    results[i].value = value;
  unsigned next = written.size();
  for (BranchBody *body : {&thenBody, &elseBody})
    for (cf::AssertOp check : body->getLateChecks())
      move(check, choice.getResult(next++));
}

LogicalResult Choice::run() {
  thenFits = thenBody.emitFits(b);
  elseFits = elseBody.emitFits(b);
  SmallVector<unsigned> written;
  bool isWhole = true;
  for (unsigned i = 0; i < node.getNumResults(); ++i) {
    FailureOr<Tensor> result = makeResult(i);
    isWhole &= succeeded(result);
    if (failed(result))
      continue;
    if (!result->contents)
      written.push_back(i);
    results.push_back(std::move(*result));
  }
  if (!isWhole)
    return failure();
  emit(written);
  for (auto [i, result] : llvm::enumerate(results))
    node.setResult(i, std::move(result));
  return success();
}

/// The inputs are the condition, what one branch makes and what the other does
/// (see InlinedGraph). A condition that is known takes its branch.
static LogicalResult importIf(Node &node) {
  Importer &importer = node.getImporter();
  Tensor &condition = node.getInput(0);
  if (condition.dtype != DType::Bool || condition.getRank() > 1)
    return node.error("the condition must be one bool");
  if (!node.getGraphNode().thenBranch)
    return node.error("attributes 'then_branch' and 'else_branch' are missing");
  const std::string &name = node.getProto().input(0);
  std::optional<bool> known = importer.getKnownCondition(name);
  unsigned numResults = node.getNumResults();
  for (unsigned i = 0; i < numResults; ++i) {
    unsigned inputs[] = {1 + i, 1 + numResults + i};
    for (bool isElse : {false, true})
      if (known != isElse && !node.hasInput(inputs[isElse]))
        return node.error("a branch does not make output " + Twine(i));
    if (known)
      node.setResult(i, node.getInput(inputs[!*known]));
  }
  if (known)
    return success();
  Choice choice(node);
  if (failed(node.expectShape(condition,
                              Extents(condition.getRank(), Extent(1)),
                              "the condition must be one bool")))
    return failure();
  return choice.run();
}

void tern::onnx_import::addBranchOps(OpTable &ops) {
  ops.onOp("If", 1, {1, Inputs::any}, importIf);
}
