//===- OutlineLayers.cpp - One function for equal layers ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Repeats.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Contraction.h"
#include "tern/Dialect/Tern/Utils/DeadCode.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Dialect/Tern/Utils/Storage.h"
#include "tern/Tiled/Passes.h"
#include "llvm/ADT/SetVector.h"
#include <functional>

namespace tern {
#define GEN_PASS_DEF_TERNOUTLINELAYERS
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// Candidates that are looked at, at most.
static constexpr size_t kMaxCandidates = 32;

namespace {

/// One outlining: the runs of a repeat become calls of a function.
class Outliner {
public:
  Outliner(func::FuncOp func, const RunSequence &sequence,
           const Repeat &candidate)
      : func(func), sequence(sequence), repeat(sequence.cutBest(candidate)),
        b(func.getContext()) {}

  /// Whether the runs can be calls: they match, have products among their
  /// operations and tensors as results, whose extents are known in front.
  bool plan();
  /// The runs, which nothing uses then, are left for the caller to erase, with
  /// what `plan` asked of extents in them.
  func::FuncOp outline(SymbolTable &symbols);

  size_t getNumRuns() const { return repeat.count; }
  size_t getNumOps() const { return repeat.length; }

private:
  bool matchRuns();
  bool hasProducts();
  bool planResults();
  bool planDonations();
  Value findExtent(Value value, unsigned axis, size_t run);
  Value traceExtent(Value extent, size_t run);
  bool isInRun(Value value, size_t run) const;
  bool isReadBehind(Value value, size_t run) const;
  Value getResult(size_t run, unsigned index) const {
    auto [op, number] = results[index];
    return sequence.getOps()[repeat.getFirst(run) + op]->getResult(number);
  }
  Operation *getLast(size_t run) const {
    return sequence.getOps()[repeat.getFirst(run) + repeat.length - 1];
  }
  /// The operation in front of which the call of a run goes.
  Operation *getNext(size_t run) const { return next[run]; }
  void buildBody(func::FuncOp layer);

  func::FuncOp func;
  const RunSequence &sequence;
  Repeat repeat;
  OpBuilder b;
  /// The arguments that are read, in the order in which a run reads of others:
  /// what is one value in one run may be two in another.
  SmallVector<unsigned> reads;
  /// For each argument its value in each run.
  SmallVector<SmallVector<Value>> arguments;
  SmallVector<RunSequence::ResultNumber> results;
  SmallVector<Operation *> next;
  /// For each result the argument that gives it its memory; none if the caller
  /// makes that, of the extents in each run.
  SmallVector<std::optional<unsigned>> donors;
  SmallVector<SmallVector<SmallVector<Value>>> extents;
};

} // namespace

bool Outliner::isInRun(Value value, size_t run) const {
  Operation *source = value.getDefiningOp();
  auto position = source ? sequence.getPosition(source) : std::nullopt;
  return position && *position >= repeat.getFirst(run) &&
         *position < repeat.getFirst(run) + repeat.length;
}

/// Keeps those of the runs around the one in the middle that are like it.
bool Outliner::matchRuns() {
  size_t model = (repeat.count - 1) / 2;
  SmallVector<SmallVector<RunSequence::ValuePair>> outer(repeat.count);
  SmallVector<bool> matches;
  for (size_t run = 0; run < repeat.count; ++run)
    matches.push_back(run == model ||
                      sequence.match(repeat, model, run, outer[run]));
  size_t first = model, last = model;
  while (first > 0 && matches[first - 1])
    --first;
  while (last + 1 < repeat.count && matches[last + 1])
    ++last;
  repeat.start = repeat.getFirst(first);
  repeat.count = last - first + 1;
  if (repeat.count < 2)
    return false;
  // What is the same in each run is one argument, however often it is read.
  llvm::SetVector<SmallVector<Value>> unique;
  ArrayRef<RunSequence::ValuePair> pairs = outer[first == model ? last : first];
  for (auto [i, pair] : llvm::enumerate(pairs)) {
    SmallVector<Value> values;
    for (size_t run = first; run <= last; ++run)
      values.push_back(run == model ? pair.first : outer[run][i].second);
    unique.insert(values);
    reads.push_back(llvm::find(unique, values) - unique.begin());
  }
  arguments = unique.takeVector();
  return true;
}

/// Code without a matrix product is small, and its loops are shared anyway.
bool Outliner::hasProducts() {
  size_t first = repeat.getFirst(0);
  return llvm::any_of(sequence.getOps().slice(first, repeat.length),
                      [](Operation *op) {
                        auto structured = dyn_cast<linalg::LinalgOp>(op);
                        return isa<PackedMatmulOp>(op) ||
                               (structured && matchContraction(structured)) ||
                               isa<linalg::ConvolutionOpInterface>(op);
                      });
}

/// An index that is computed inside of a run, from what is known in front.
Value Outliner::traceExtent(Value extent, size_t run) {
  Operation *source = extent.getDefiningOp();
  if (!source)
    return extent.getParentBlock() == &func.getBody().front() ? extent
                                                              : Value();
  if (auto dim = dyn_cast<tensor::DimOp>(source))
    if (std::optional<int64_t> axis = dim.getConstantIndex())
      return findExtent(dim.getSource(), *axis, run);
  if (source->getNumRegions() != 0 || !isPure(source))
    return nullptr;
  IRMapping mapping;
  for (Value operand : source->getOperands()) {
    Value traced =
        operand.getType().isIntOrIndex() ? traceExtent(operand, run) : Value();
    if (!traced)
      return nullptr;
    mapping.map(operand, traced);
  }
  unsigned number = cast<OpResult>(extent).getResultNumber();
  b.setInsertionPoint(getNext(run));
  return b.clone(*source, mapping)->getResult(number);
}

/// The extent of a tensor, computed behind the run from what is known in front
/// of it; null if that does not say it.
Value Outliner::findExtent(Value value, unsigned axis, size_t run) {
  Location loc = value.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  b.setInsertionPoint(getNext(run));
  if (!type.isDynamicDim(axis))
    return arith::ConstantIndexOp::create(b, loc, type.getDimSize(axis));
  Operation *source = value.getDefiningOp();
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(source))
    return traceExtent(empty.getDynamicSize(axis), run);
  if (!isInRun(value, run) && !sequence.isMadeAgain(value))
    return tensor::DimOp::create(b, loc, value, axis);
  if (auto styled = dyn_cast<DestinationStyleOpInterface>(source))
    return findExtent(styled.getTiedOpOperand(cast<OpResult>(value))->get(),
                      axis, run);
  if (auto cast = dyn_cast<tensor::CastOp>(source))
    return findExtent(cast.getSource(), axis, run);
  // What its operation says; that may ask for extents of values in the run.
  auto reifiable = dyn_cast<ReifyRankedShapedTypeOpInterface>(source);
  ReifiedRankedShapedTypeDims shapes;
  b.setInsertionPointAfter(source);
  if (!reifiable || failed(reifiable.reifyResultShapes(b, shapes)))
    return nullptr;
  OpFoldResult extent = shapes[cast<OpResult>(value).getResultNumber()][axis];
  if (auto constant = dyn_cast<Attribute>(extent)) {
    b.setInsertionPoint(getNext(run));
    return arith::ConstantIndexOp::create(b, loc,
                                          cast<IntegerAttr>(constant).getInt());
  }
  Value asked = cast<Value>(extent);
  auto dim = asked.getDefiningOp<tensor::DimOp>();
  if (dim && dim.getSource() == value)
    return nullptr;
  return traceExtent(asked, run);
}

bool Outliner::planResults() {
  llvm::SetVector<RunSequence::ResultNumber> live;
  for (size_t run = 0; run < repeat.count; ++run)
    for (auto result : sequence.getLiveOut(repeat.getFirst(run), repeat.length))
      live.insert(result);
  results = live.takeVector();
  llvm::sort(results);
  for (unsigned i = 0; i < results.size(); ++i)
    if (!isa<RankedTensorType>(getResult(0, i).getType()))
      return false;
  return true;
}

/// Whether anything behind the run reads the value or a view of it.
bool Outliner::isReadBehind(Value value, size_t run) const {
  Operation *last = getLast(run);
  SmallVector<Value> views{value};
  while (!views.empty())
    for (Operation *user : views.pop_back_val().getUsers()) {
      Operation *here = last->getBlock()->findAncestorOpInBlock(*user);
      if (last->isBeforeInBlock(here))
        return true;
      if (isView(user))
        views.push_back(user->getResult(0));
    }
  return false;
}

/// Pairs results that are new values of the function's donated arguments with
/// these. Fails if one is made in a run and cannot take its place there.
bool Outliner::planDonations() {
  donors.assign(results.size(), std::nullopt);
  Operation *ret = func.getBody().front().getTerminator();
  SmallVector<DenseMap<Value, BlockArgument>> donated(repeat.count);
  size_t numDonated = 0;
  for (BlockArgument arg : func.getArguments()) {
    auto number = func.getArgAttrOfType<IntegerAttr>(arg.getArgNumber(),
                                                     kDonatedAttrName);
    // `tern-donate` reports what is wrong.
    if (!number || number.getInt() < 0 ||
        number.getInt() >= ret->getNumOperands())
      continue;
    Value value = ret->getOperand(number.getInt());
    for (size_t run = 0; run < repeat.count; ++run)
      if (isInRun(getViewedValue(value), run)) {
        if (!isInRun(value, run) || isReadBehind(arg, run) ||
            !donated[run].insert({value, arg}).second)
          return false;
        ++numDonated;
      }
  }
  for (unsigned i = 0; i < results.size(); ++i) {
    SmallVector<Value> values;
    for (size_t run = 0; run < repeat.count; ++run)
      if (BlockArgument arg = donated[run].lookup(getResult(run, i)))
        values.push_back(arg);
    if (values.empty())
      continue;
    auto *argument = llvm::find(arguments, values);
    if (argument == arguments.end())
      return false;
    // What a call writes over it must not read by another argument, too.
    for (ArrayRef<Value> others : arguments)
      for (size_t run = 0; run < repeat.count; ++run)
        if (others != ArrayRef(*argument) &&
            getViewedValue(others[run]) == values[run])
          return false;
    donors[i] = argument - arguments.begin();
    numDonated -= values.size();
  }
  return numDonated == 0;
}

bool Outliner::plan() {
  if (repeat.getSaved() == 0 || !matchRuns() || !hasProducts() ||
      !planResults() || !planDonations())
    return false;
  for (size_t run = 0; run < repeat.count; ++run)
    next.push_back(getLast(run)->getNextNode());
  extents.resize(results.size());
  for (unsigned i = 0; i < results.size(); ++i) {
    if (donors[i])
      continue;
    for (size_t run = 0; run < repeat.count; ++run) {
      Value value = getResult(run, i);
      auto type = cast<RankedTensorType>(value.getType());
      SmallVector<Value> &sizes = extents[i].emplace_back();
      for (unsigned axis = 0; axis < type.getRank(); ++axis) {
        if (!type.isDynamicDim(axis))
          continue;
        Value extent = findExtent(value, axis, run);
        if (!extent)
          return false;
        sizes.push_back(extent);
      }
    }
  }
  return true;
}

/// Clones the first run. Its constants and destinations come with it.
void Outliner::buildBody(func::FuncOp layer) {
  Block *block = layer.addEntryBlock();
  b.setInsertionPointToEnd(block);
  IRMapping mapping;
  const unsigned *nextRead = reads.begin();
  std::function<Operation *(Operation *)> clone = [&](Operation *op) {
    SmallVector<Value> values;
    for (OpOperand *operand : getReads(op)) {
      Value value = operand->get();
      if (isInRun(value, 0)) {
        values.push_back(mapping.lookup(value));
      } else if (sequence.isMadeAgain(value)) {
        unsigned number = cast<OpResult>(value).getResultNumber();
        values.push_back(clone(value.getDefiningOp())->getResult(number));
      } else {
        values.push_back(block->getArgument(*nextRead++));
      }
    }
    Operation *copy = b.clone(*op);
    for (auto [operand, value] : llvm::zip_equal(getReads(copy), values))
      operand->set(value);
    return copy;
  };
  for (Operation *op :
       sequence.getOps().slice(repeat.getFirst(0), repeat.length))
    mapping.map(op->getResults(), clone(op)->getResults());
  SmallVector<Value> returned;
  for (unsigned i = 0; i < results.size(); ++i)
    returned.push_back(mapping.lookup(getResult(0, i)));
  func::ReturnOp::create(b, layer.getLoc(), returned);
}

func::FuncOp Outliner::outline(SymbolTable &symbols) {
  SmallVector<Type> inputs, outputs;
  for (ArrayRef<Value> values : arguments)
    inputs.push_back(values.front().getType());
  for (unsigned i = 0; i < results.size(); ++i) {
    outputs.push_back(getResult(0, i).getType());
    if (!donors[i])
      inputs.push_back(outputs.back());
  }
  Location loc = sequence.getOps()[repeat.getFirst(0)]->getLoc();
  std::string name;
  unsigned number = 0;
  do
    name = (func.getName() + "_layer" + Twine(number++)).str();
  while (symbols.lookup(name));
  b.setInsertionPointAfter(func);
  auto layer =
      func::FuncOp::create(b, loc, name, b.getFunctionType(inputs, outputs));
  layer.setPrivate();
  symbols.insert(layer);
  unsigned fresh = arguments.size();
  for (unsigned i = 0; i < results.size(); ++i)
    layer.setArgAttr(donors[i] ? *donors[i] : fresh++, kDonatedAttrName,
                     b.getI64IntegerAttr(i));
  buildBody(layer);

  // What a run reads of another is a result of that one's call.
  IRMapping replaced;
  for (size_t run = 0; run < repeat.count; ++run) {
    Location at = getLast(run)->getLoc();
    b.setInsertionPoint(getNext(run));
    SmallVector<Value> operands;
    for (ArrayRef<Value> values : arguments)
      operands.push_back(replaced.lookupOrDefault(values[run]));
    for (unsigned i = 0; i < results.size(); ++i)
      if (!donors[i])
        operands.push_back(tensor::EmptyOp::create(
            b, at, cast<RankedTensorType>(outputs[i]), extents[i][run]));
    auto call = func::CallOp::create(b, at, layer, operands);
    for (unsigned i = 0; i < results.size(); ++i) {
      replaced.map(getResult(run, i), call.getResult(i));
      getResult(run, i).replaceUsesWithIf(
          call.getResult(i), [&](OpOperand &use) {
            Operation *user =
                func.getBody().front().findAncestorOpInBlock(*use.getOwner());
            auto position = sequence.getPosition(user);
            return !position || *position < repeat.getFirst(run) ||
                   *position >= repeat.getFirst(run) + repeat.length;
          });
    }
  }
  return layer;
}

namespace {
struct OutlineLayersPass
    : tern::impl::TernOutlineLayersBase<OutlineLayersPass> {
  using TernOutlineLayersBase::TernOutlineLayersBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (func::FuncOp func : getEntryFunctions(getOperation()))
      if (func.getBody().hasOneBlock())
        while (outlineOne(func, symbols))
          ++numFunctions;
  }

private:
  bool outlineOne(func::FuncOp func, SymbolTable &symbols) {
    RunSequence sequence(func.getBody().front());
    SmallVector<Repeat> candidates = sequence.find(minLength, minSaved);
    if (candidates.size() > kMaxCandidates)
      candidates.resize(kMaxCandidates);
    for (const Repeat &candidate : candidates) {
      Outliner outliner(func, sequence, candidate);
      if (!outliner.plan())
        continue;
      numCalls += outliner.getNumRuns();
      share(outliner.outline(symbols), symbols);
      eraseDeadOps(func.getBody());
      return true;
    }
    // Extents that nobody needed after all.
    eraseDeadOps(func.getBody());
    return false;
  }

  /// Functions of one model, such as its forward pass in evaluation and in
  /// training, may have equal layers.
  void share(func::FuncOp layer, SymbolTable &symbols) {
    for (func::FuncOp other : layers)
      if (other.getFunctionType() == layer.getFunctionType() &&
          other.getAllArgAttrs() == layer.getAllArgAttrs() &&
          OperationEquivalence::isRegionEquivalentTo(
              &other.getBody(), &layer.getBody(),
              OperationEquivalence::Flags::IgnoreLocations)) {
        (void)SymbolTable::replaceAllSymbolUses(layer, other.getSymNameAttr(),
                                                getOperation());
        symbols.erase(layer);
        return;
      }
    layers.push_back(layer);
  }

  SmallVector<func::FuncOp> layers;
};
} // namespace
