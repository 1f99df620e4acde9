//===- HoistWeightWork.cpp - Move weight-only work ahead of time ----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/DeadCode.h"
#include "tern/Packed/Passes.h"
#include "tern/Support/UniqueNames.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace tern {
#define GEN_PASS_DEF_TERNHOISTWEIGHTWORK
#include "tern/Packed/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// Bytes of a static tensor, or 0.
static int64_t byteSize(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape() ||
      !tensor.getElementType().isIntOrFloat())
    return 0;
  return tensor.getNumElements() *
         llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
}

/// Whether `op` only reinterprets its operand's bytes.
static bool isView(Operation *op) {
  return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(
      op);
}

/// The operation whose result `value` is, seen through views and through what
/// loops carry from one iteration to the next.
static Operation *getOrigin(Value value) {
  while (true) {
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<LoopLikeOpInterface>(arg.getOwner()->getParentOp());
      OpOperand *init = loop ? loop.getTiedLoopInit(arg) : nullptr;
      if (!init)
        return nullptr;
      value = init->get();
    } else if (isView(value.getDefiningOp())) {
      value = value.getDefiningOp()->getOperand(0);
    } else {
      return value.getDefiningOp();
    }
  }
}

namespace {

/// What of one function depends on parameters alone.
class WeightWork {
public:
  explicit WeightWork(func::FuncOp function) : function(function) {
    for (BlockArgument arg : function.getArguments())
      if (function.getArgAttr(arg.getArgNumber(), kParamAttrName))
        dependent.insert(arg);
    // Stored values are read-only; memory that must be written is made by each
    // call.
    function.walk([&](bufferization::MaterializeInDestinationOp write) {
      if (Operation *origin = getOrigin(write.getDest()))
        written.insert(origin);
    });
    classify(function.front());
  }

  /// Values to be stored: computed from parameters, used by other code.
  SmallVector<Value> frontier() {
    SmallVector<Value> values;
    for (Operation &op : function.front())
      for (Value result : op.getResults())
        if (dependent.contains(result) &&
            llvm::any_of(result.getUsers(),
                         [&](Operation *user) {
                           Operation *top =
                               function.front().findAncestorOpInBlock(*user);
                           return !top || !weightOnly.contains(top);
                         }) &&
            isWorthStoring(result))
          values.push_back(result);
    return values;
  }

  /// Operations that compute `value`, in order, and the parameters they use.
  void slice(Value value, llvm::SetVector<Operation *> &ops,
             llvm::SetVector<BlockArgument> &params) {
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      if (arg.getOwner() == &function.front())
        params.insert(arg);
      return;
    }
    Operation *op = value.getDefiningOp();
    if (ops.contains(op))
      return;
    for (Value operand : inputs(op))
      slice(operand, ops, params);
    ops.insert(op);
  }

  /// Does `op` compute from parameters (and not just make a constant)?
  bool computes(Operation *op) {
    return llvm::any_of(op->getResults(),
                        [&](Value v) { return dependent.contains(v); });
  }

private:
  /// Operands, and what the regions use from above.
  static SmallVector<Value> inputs(Operation *op) {
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    SmallVector<Value> values(op->getOperands());
    llvm::append_range(values, captured);
    return values;
  }

  void classify(Block &block) {
    for (Operation &op :
         llvm::make_early_inc_range(block.without_terminator())) {
      if (auto branch = dyn_cast<scf::IfOp>(op))
        for (Region &region : branch->getRegions())
          for (Block &inner : region)
            classify(inner);
      classify(&op);
      // What is stored is there, whichever branch is taken.
      if (computes(&op) && llvm::all_of(op.getResultTypes(), [](Type type) {
            return byteSize(type) > 0;
          }))
        for (Operation *branch = block.getParentOp(); isa<scf::IfOp>(branch);
             branch = branch->getParentOp())
          moveBefore(&op, branch);
    }
  }

  /// Moves an operation out of a branch, with what it depends on there.
  void moveBefore(Operation *op, Operation *branch) {
    if (op->getBlock()->getParentOp() != branch)
      return;
    for (Value input : inputs(op))
      if (Operation *producer = input.getDefiningOp())
        moveBefore(producer, branch);
    op->moveBefore(branch);
  }

  void classify(Operation *op) {
    // tensor.empty is pure for this purpose though it has an identity.
    if (written.contains(op) ||
        (!isMemoryEffectFree(op) && !isa<tensor::EmptyOp>(op)))
      return;
    bool fromParams = false;
    for (Value input : inputs(op)) {
      bool isParam = dependent.contains(input);
      Operation *producer = input.getDefiningOp();
      if (!isParam && !(producer && weightOnly.contains(producer)))
        return;
      fromParams |= isParam;
    }
    weightOnly.insert(op);
    if (fromParams)
      dependent.insert_range(op->getResults());
  }

  bool isWorthStoring(Value value) {
    int64_t bytes = byteSize(value.getType());
    if (bytes == 0)
      return false;
    llvm::SetVector<Operation *> ops;
    llvm::SetVector<BlockArgument> params;
    slice(value, ops, params);
    int64_t sources = 0;
    for (BlockArgument param : params)
      sources += byteSize(param.getType());
    return bytes <= 8 * sources && llvm::any_of(ops, [&](Operation *op) {
             return computes(op) && !isView(op);
           });
  }

  func::FuncOp function;
  DenseSet<Value> dependent;
  DenseSet<Operation *> weightOnly;
  /// Operations whose results other ones write over.
  DenseSet<Operation *> written;
};

struct HoistWeightWorkPass
    : tern::impl::TernHoistWeightWorkBase<HoistWeightWorkPass> {
  void runOnOperation() override {
    // Parameters that change with every step are not worth preparing.
    if (TernDialect::TrainingAttrHelper(&getContext())
            .isAttrPresent(getOperation()))
      return;
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          function.getBody().hasOneBlock() &&
          !TernDialect::PrepareAttrHelper(function->getContext())
               .isAttrPresent(function))
        functions.push_back(function);
    UniqueNames taken;
    for (func::FuncOp function : functions)
      for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
        if (auto name =
                function.getArgAttrOfType<StringAttr>(i, kParamAttrName))
          taken.take(name);
    SmallVector<func::FuncOp> prepared;
    for (func::FuncOp function : functions)
      hoist(function, taken, prepared);
  }

private:
  void hoist(func::FuncOp function, UniqueNames &taken,
             SmallVectorImpl<func::FuncOp> &prepared);
  func::FuncOp outline(func::FuncOp function, ArrayRef<Value> values,
                       WeightWork &work);
};
} // namespace

/// The one of `known` that computes what `prepare` does, of the same
/// parameters; null if there is none.
static func::FuncOp findEqual(func::FuncOp prepare,
                              ArrayRef<func::FuncOp> known) {
  for (func::FuncOp other : known)
    if (other.getFunctionType() == prepare.getFunctionType() &&
        other.getAllArgAttrs() == prepare.getAllArgAttrs() &&
        OperationEquivalence::isRegionEquivalentTo(
            &other.getBody(), &prepare.getBody(),
            OperationEquivalence::IgnoreLocations))
      return other;
  return nullptr;
}

/// What a prepared value is called after its parameter.
static StringRef getSuffix(Value value) {
  if (value.getDefiningOp<PackOp>())
    return ".packed";
  auto quantize = value.getDefiningOp<QuantizeWeightsOp>();
  if (quantize && value == quantize.getScale())
    return ".scale";
  return ".prepared";
}

/// `taken` are the parameters' names of all functions, `prepared` what was
/// outlined of those before: what several functions need is prepared once.
void HoistWeightWorkPass::hoist(func::FuncOp function, UniqueNames &taken,
                                SmallVectorImpl<func::FuncOp> &prepared) {
  WeightWork work(function);
  SmallVector<Value> values = work.frontier();
  if (values.empty())
    return;

  // Values that share an operation belong in one function.
  llvm::EquivalenceClasses<Value> classes;
  DenseMap<Operation *, Value> owner;
  DenseMap<Value, BlockArgument> firstParam;
  for (Value value : values) {
    classes.insert(value);
    llvm::SetVector<Operation *> ops;
    llvm::SetVector<BlockArgument> params;
    work.slice(value, ops, params);
    firstParam[value] = params.front();
    for (Operation *op : ops)
      if (work.computes(op) && !isView(op))
        classes.unionSets(value, owner.try_emplace(op, value).first->second);
  }
  llvm::MapVector<Value, SmallVector<Value>> groups;
  for (Value value : values)
    groups[classes.getLeaderValue(value)].push_back(value);

  auto paramName = [&](unsigned index) {
    return function.getArgAttrOfType<StringAttr>(index, kParamAttrName);
  };
  Builder b(&getContext());
  for (auto &[leader, members] : groups) {
    func::FuncOp prepare = outline(function, members, work);
    if (func::FuncOp known = findEqual(prepare, prepared)) {
      prepare.erase();
      prepare = known;
    } else {
      for (auto [i, value] : llvm::enumerate(members)) {
        std::string base =
            (paramName(firstParam[value].getArgNumber()).getValue() +
             getSuffix(value))
                .str();
        prepare.setResultAttr(i, kParamAttrName,
                              b.getStringAttr(taken.make(base)));
      }
      prepared.push_back(prepare);
      ++numFunctions;
    }
    for (auto [i, value] : llvm::enumerate(members)) {
      Attribute name = prepare.getResultAttr(i, kParamAttrName);
      unsigned index = function.getNumArguments();
      (void)function.insertArgument(
          index, value.getType(),
          b.getDictionaryAttr(b.getNamedAttr(kParamAttrName, name)),
          value.getLoc());
      value.replaceAllUsesWith(function.getArgument(index));
    }
  }

  // Drop what is computed no more, and the parameters nobody reads.
  eraseDeadOps(function.getBody());
  BitVector unused(function.getNumArguments());
  for (BlockArgument arg : function.getArguments())
    if (arg.use_empty() && paramName(arg.getArgNumber()))
      unused.set(arg.getArgNumber());
  (void)function.eraseArguments(unused);
}

/// A prepare function that computes `values`.
func::FuncOp HoistWeightWorkPass::outline(func::FuncOp function,
                                          ArrayRef<Value> values,
                                          WeightWork &work) {
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<BlockArgument> params;
  for (Value value : values)
    work.slice(value, ops, params);

  MLIRContext *context = &getContext();
  SmallVector<Type> inputs, results;
  for (BlockArgument param : params)
    inputs.push_back(param.getType());
  for (Value value : values)
    results.push_back(value.getType());
  SymbolTable symbols(getOperation());
  auto prepare =
      func::FuncOp::create(values.front().getLoc(), "prepare",
                           FunctionType::get(context, inputs, results));
  unsigned number = 0;
  std::string name;
  do
    name = "prepare_" + std::to_string(number++);
  while (symbols.lookup(name));
  prepare.setName(name);
  symbols.insert(prepare);
  TernDialect::PrepareAttrHelper(context).setAttr(prepare,
                                                  UnitAttr::get(context));
  TernDialect::TargetAttrHelper(context).setAttr(
      prepare, GenericTargetAttr::get(context));

  OpBuilder b(context);
  b.setInsertionPointToStart(prepare.addEntryBlock());
  IRMapping mapping;
  for (auto [param, arg] : llvm::zip_equal(params, prepare.getArguments())) {
    mapping.map(param, arg);
    if (DictionaryAttr attrs = function.getArgAttrDict(param.getArgNumber()))
      prepare.setArgAttrs(arg.getArgNumber(), attrs);
  }
  for (Operation *op : ops)
    b.clone(*op, mapping);
  SmallVector<Value> returned;
  for (Value value : values)
    returned.push_back(mapping.lookup(value));
  func::ReturnOp::create(b, prepare.getLoc(), returned);
  return prepare;
}
