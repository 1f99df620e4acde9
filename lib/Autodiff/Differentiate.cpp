//===- Differentiate.cpp - Gradients of functions -------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Autodiff/Differentiate.h"
#include "LinalgAdjoint.h"
#include "Models.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "tern/Autodiff/Reverse.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/DeadCode.h"
#include "tern/Dialect/Tern/Utils/Inline.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace tern;

/// Whether the type is that of a loss.
static bool isScalarFloat(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.getRank() == 0 && isa<FloatType>(tensor.getElementType());
  return isa<FloatType>(type);
}

/// The arguments whose gradients are wanted.
static FailureOr<SmallVector<unsigned>>
getWanted(func::FuncOp primal, const DifferentiateOptions &options) {
  ArrayRef<Type> types = primal.getArgumentTypes();
  SmallVector<unsigned> wanted;
  if (!options.wrt) {
    for (auto [i, type] : llvm::enumerate(types))
      if (isDifferentiable(type))
        wanted.push_back(i);
    return wanted;
  }
  for (unsigned i : *options.wrt) {
    if (i >= types.size())
      return primal.emitError() << "there is no argument " << i
                                << " to differentiate with respect to";
    if (!isDifferentiable(types[i]))
      return primal.emitError() << "argument " << i << " of type " << types[i]
                                << " has no gradient: it is not of float type";
    if (llvm::is_contained(wanted, i))
      return primal.emitError() << "argument " << i << " is given twice";
    wanted.push_back(i);
  }
  return wanted;
}

/// The result that gradients are of.
static FailureOr<unsigned> findLoss(func::FuncOp primal, ValueRange results,
                                    const Reverse &reverse) {
  SmallVector<unsigned> scalars, active;
  for (auto [i, value] : llvm::enumerate(results)) {
    if (!isScalarFloat(value.getType()))
      continue;
    scalars.push_back(i);
    if (reverse.isVaried(value))
      active.push_back(i);
  }
  if (active.size() == 1)
    return active.front();
  if (active.empty() && scalars.size() == 1)
    return scalars.front();
  return primal.emitError()
         << "needs one 0-d float result that depends on the arguments, the "
            "loss, but has "
         << active.size()
         << "; with seeds=arguments results of any shape are differentiated";
}

/// Attributes of the cotangent of what `attributes` describe: its shape, and
/// its name with `suffix`.
static DictionaryAttr describe(DictionaryAttr attributes, StringRef suffix) {
  if (!attributes)
    return {};
  Builder b(attributes.getContext());
  SmallVector<NamedAttribute> kept;
  for (StringRef key : {kNameAttrName, kParamAttrName})
    if (auto name = attributes.getAs<StringAttr>(key)) {
      kept.push_back(b.getNamedAttr(
          kNameAttrName, b.getStringAttr(name.getValue() + "/" + suffix)));
      break;
    }
  if (Attribute shape = attributes.get(kShapeAttrName))
    kept.push_back(b.getNamedAttr(kShapeAttrName, shape));
  return b.getDictionaryAttr(kept);
}

/// Makes `gradient`, a copy of the primal, the function of the gradient.
static LogicalResult buildGradient(func::FuncOp primal, func::FuncOp gradient,
                                   ArrayRef<unsigned> wanted, Seeds seeds) {
  Block &block = gradient.getBody().front();
  Operation *terminator = block.getTerminator();
  SmallVector<Value> results(terminator->getOperands());
  SmallVector<Operation *> operations;
  for (Operation &op : block.without_terminator())
    operations.push_back(&op);
  ImplicitLocOpBuilder b(gradient.getLoc(), terminator);
  Reverse reverse(b);
  for (unsigned i : wanted)
    reverse.setVaried(block.getArgument(i));
  reverse.findVaried(block);

  if (seeds == Seeds::One) {
    FailureOr<unsigned> loss = findLoss(primal, results, reverse);
    if (failed(loss))
      return failure();
    if (reverse.isVaried(results[*loss]))
      reverse.add(results[*loss], createNumber(b, 1, results[*loss]));
  } else {
    for (auto [i, result] : llvm::enumerate(results)) {
      if (!isDifferentiable(result.getType()))
        continue;
      if (failed(gradient.insertArgument(
              block.getNumArguments(), result.getType(),
              describe(primal.getResultAttrDict(i), "cotangent"),
              result.getLoc())))
        return failure();
      reverse.add(result, block.getArguments().back());
    }
  }
  if (failed(reverse.passBackwards(operations)))
    return failure();

  // Adjoints of loops may have replaced what was returned.
  results.assign(terminator->operand_begin(), terminator->operand_end());
  for (unsigned i : wanted) {
    Value argument = block.getArgument(i);
    Value cotangent = reverse.getCotangent(argument);
    if (!cotangent)
      cotangent = createZeroLike(b, argument);
    if (failed(gradient.insertResult(
            gradient.getNumResults(), argument.getType(),
            describe(primal.getArgAttrDict(i), "gradient"))))
      return failure();
    results.push_back(cotangent);
  }
  terminator->setOperands(results);
  eraseDeadOps(gradient.getBody());
  return success();
}

FailureOr<func::FuncOp>
tern::differentiate(func::FuncOp primal, const DifferentiateOptions &options) {
  if (!primal.getBody().hasOneBlock())
    return primal.emitError()
           << "cannot be differentiated: "
           << (primal.isDeclaration() ? "it has no body"
                                      : "it has more than one block");
  FailureOr<SmallVector<unsigned>> wanted = getWanted(primal, options);
  if (failed(wanted))
    return failure();
  std::string name = options.name.empty()
                         ? (primal.getName() + "_gradient").str()
                         : options.name;
  auto declared = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      primal->getParentOp(), StringAttr::get(primal.getContext(), name));
  if (declared && !declared.isDeclaration())
    return primal.emitError() << "there is a function '" << name << "' already";

  func::FuncOp gradient = primal.clone();
  gradient.setName(name);
  gradient.setPrivate();
  inlineCalls(gradient, primal);
  if (failed(buildGradient(primal, gradient, *wanted, options.seeds))) {
    gradient.erase();
    return failure();
  }
  if (declared && declared.getFunctionType() != gradient.getFunctionType()) {
    declared.emitError() << "the gradient has type "
                         << gradient.getFunctionType();
    gradient.erase();
    return failure();
  }
  if (declared)
    declared.erase();
  OpBuilder(primal->getContext()).setInsertionPointAfter(primal);
  primal->getBlock()->getOperations().insertAfter(primal->getIterator(),
                                                  gradient);
  return gradient;
}

/// The values whose elements matter to the results of `op`.
static SmallVector<Value> getReadElements(Operation *op) {
  if (isa<tensor::DimOp, tensor::EmptyOp>(op))
    return {};
  SmallVector<Value> values = getReadValues(op);
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    llvm::erase_if(values, [&](Value value) {
      return llvm::is_contained(op->getOperands(), value) &&
             llvm::none_of(op->getOpOperands(), [&](OpOperand &operand) {
               return operand.get() == value &&
                      structured.payloadUsesValueFromOperand(&operand);
             });
    });
  return values;
}

/// Whether `op` reads `value` as a scale, or whatever else a surrogate makes a
/// constant of.
static bool isDetached(Operation *op, Value value) {
  if (auto surrogate = dyn_cast<SurrogateOp>(op))
    return !surrogate.getFunction();
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  if (!structured)
    return false;
  for (auto surrogate : structured.getBlock()->getOps<SurrogateOp>()) {
    if (surrogate.getFunction())
      continue;
    llvm::SetVector<Value> slice =
        getBodySlice(structured, surrogate.getValue());
    if (slice.contains(value))
      return true;
    for (auto [operand, scalar] : getScalars(structured))
      if (operand->get() == value && slice.contains(scalar))
        return true;
  }
  return false;
}

SmallVector<std::optional<Location>>
tern::findLostGradients(func::FuncOp primal, ArrayRef<unsigned> arguments) {
  SmallVector<std::optional<Location>> ends(arguments.size());
  if (arguments.empty())
    return ends;
  OwningOpRef<func::FuncOp> inlined = primal.clone();
  inlineCalls(*inlined, primal);
  Block &block = inlined->getBody().front();
  DenseSet<Value> needed;
  for (Value result : block.getTerminator()->getOperands())
    needed.insert(result);
  for (Operation &op : llvm::reverse(block.without_terminator()))
    if (llvm::any_of(op.getResults(),
                     [&](Value result) { return needed.contains(result); }))
      needed.insert_range(getReadElements(&op));

  // One pass for all arguments: those that each value varies with.
  DenseMap<Value, BitVector> varied;
  for (auto [i, argument] : llvm::enumerate(arguments))
    varied.try_emplace(block.getArgument(argument), arguments.size())
        .first->second.set(i);
  BitVector open(arguments.size(), true);
  for (Operation &op : block.without_terminator()) {
    BitVector passed(arguments.size());
    bool isNeeded = false;
    for (OpResult result : op.getResults()) {
      BitVector own(arguments.size());
      for (Value source : getGradientSources(result))
        if (auto it = varied.find(source); it != varied.end())
          own |= it->second;
      passed |= own;
      if (own.any())
        varied[result] = std::move(own);
      isNeeded |= needed.contains(result);
    }
    if (!isNeeded)
      continue;
    BitVector ended(arguments.size());
    for (Value value : getReadElements(&op))
      if (auto it = varied.find(value);
          it != varied.end() && !isDetached(&op, value))
        ended |= it->second;
    ended.reset(passed);
    ended &= open;
    for (unsigned i : ended.set_bits())
      ends[i] = op.getLoc();
    open.reset(ended);
    if (open.none())
      break;
  }
  return ends;
}

void tern::registerDifferentiableOpModels(DialectRegistry &registry) {
  registerLinalgModels(registry);
  registerScalarModels(registry);
  registerScfModels(registry);
  registerTensorModels(registry);
  registerTernModels(registry);
}
