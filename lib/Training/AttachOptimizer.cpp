//===- AttachOptimizer.cpp - Training steps of a loss and an optimizer ----===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OptimizerFile.h"
#include "ParamGroups.h"
#include "StepBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "tern/Autodiff/Differentiate.h"
#include "tern/Dialect/Tern/IR/ParamUse.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Training/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

namespace tern {
#define GEN_PASS_DEF_TERNATTACHOPTIMIZER
#include "tern/Training/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Whether a value is a tensor of zeros as it stands.
bool isZero(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    value = fill.getInputs().front();
  Attribute constant;
  if (!matchPattern(value, m_Constant(&constant)))
    return false;
  if (auto splat = dyn_cast<SplatElementsAttr>(constant))
    constant = splat.getSplatValue<Attribute>();
  auto number = dyn_cast<FloatAttr>(constant);
  return number && number.getValue().isZero();
}

struct AttachOptimizerPass
    : public tern::impl::TernAttachOptimizerBase<AttachOptimizerPass> {
  using TernAttachOptimizerBase::TernAttachOptimizerBase;

  void runOnOperation() override;

  friend class OptimizerAttacher;
};

class OptimizerAttacher {
public:
  explicit OptimizerAttacher(AttachOptimizerPass &pass)
      : pass(pass), module(pass.getOperation()) {}

  LogicalResult run();

private:
  void chooseCandidates(func::FuncOp lossFunction);
  LogicalResult addGradient(func::FuncOp lossFunction, StringRef step);
  void chooseTrained();
  void recordUnreached(ArrayRef<unsigned> arguments);
  void recordUses();
  void setTraining();
  InFlightDiagnostic error(const Twine &text) {
    return emitError(UnknownLoc::get(module.getContext()), text);
  }

  AttachOptimizerPass &pass;
  ModuleOp module;
  ParamGroups groups;
  OptimizerChain optimizers;
  SmallVector<StepVariant> variants;
  std::vector<TrainedParam> trained;
  /// What becomes of each parameter, and why.
  llvm::StringMap<ParamUse> uses;
};

/// Decides which parameters are trained if the loss depends on them.
void OptimizerAttacher::chooseCandidates(func::FuncOp lossFunction) {
  for (unsigned i = 0, e = lossFunction.getNumArguments(); i < e; ++i) {
    auto name = lossFunction.getArgAttrOfType<StringAttr>(i, kParamAttrName);
    if (!name)
      continue;
    auto set = [&](ParamUse::Kind kind, const Twine &reason) {
      uses[name] = {kind, reason.str()};
    };
    std::optional<ParamUse> use = ParamUse::get(lossFunction, i);
    bool isFrozen = groups.isFrozen(name);
    bool isAlsoTrained = groups.isAlsoTrained(name);
    auto type =
        dyn_cast<RankedTensorType>(lossFunction.getArgument(i).getType());
    if (lossFunction.getArgAttr(i, kBufferAttrName)) {
      set(ParamUse::Kind::Constant, ""); // The attribute says it.
    } else if (isFrozen) {
      set(ParamUse::Kind::Constant, "frozen");
    } else if (!type || !type.getElementType().isF32() ||
               !type.hasStaticShape()) {
      set(ParamUse::Kind::Constant, "no tensor of f32");
    } else if (use && use->kind == ParamUse::Kind::Constant) {
      set(ParamUse::Kind::Constant, use->reason);
      if (isAlsoTrained)
        emitWarning(UnknownLoc::get(module.getContext()))
            << "parameter '" << name.getValue()
            << "' is not trained though it is asked for: it is the "
            << use->reason;
    } else if (use && use->kind == ParamUse::Kind::Optional && !isAlsoTrained) {
      set(ParamUse::Kind::Constant, use->reason);
    } else {
      set(ParamUse::Kind::Learned, use             ? StringRef(use->reason)
                                   : isAlsoTrained ? StringRef("asked for")
                                                   : StringRef());
    }
  }
}

/// Differentiates a loss by all parameters that could be trained.
LogicalResult OptimizerAttacher::addGradient(func::FuncOp lossFunction,
                                             StringRef step) {
  StepVariant variant;
  variant.loss = lossFunction;
  variant.name = step.str();
  // Statistics that are frozen stay as they are.
  for (unsigned i = 0, e = lossFunction.getNumResults(); i < e; ++i)
    if (auto name =
            lossFunction.getResultAttrOfType<StringAttr>(i, kUpdateAttrName))
      if (groups.isFrozen(name))
        lossFunction.removeResultAttr(
            i, StringAttr::get(module.getContext(), kUpdateAttrName));
  DifferentiateOptions options;
  options.wrt.emplace();
  for (unsigned i = 0, e = lossFunction.getNumArguments(); i < e; ++i) {
    auto name = lossFunction.getArgAttrOfType<StringAttr>(i, kParamAttrName);
    if (!name || uses.lookup(name).kind != ParamUse::Kind::Learned)
      continue;
    variant.gradients[name] = options.wrt->size();
    options.wrt->push_back(i);
  }
  FailureOr<func::FuncOp> gradient = differentiate(lossFunction, options);
  if (failed(gradient))
    return failure();
  variant.gradient = *gradient;
  variants.push_back(std::move(variant));
  return success();
}

/// Records that no gradient reaches some parameters, and tells why.
void OptimizerAttacher::recordUnreached(ArrayRef<unsigned> arguments) {
  func::FuncOp loss = variants.front().loss;
  auto ends = findLostGradients(loss, arguments);
  for (auto [argument, end] : llvm::zip_equal(arguments, ends)) {
    auto name = loss.getArgAttrOfType<StringAttr>(argument, kParamAttrName);
    ParamUse &use = uses[name];
    use.kind = ParamUse::Kind::Constant;
    if (!end) {
      use.reason = "the loss does not depend on it";
      emitRemark(loss.getLoc())
          << "parameter '" << name.getValue()
          << "' is not trained: the loss does not depend on it";
      continue;
    }
    std::string node = getLocationName(*end, "");
    use.reason = node.empty() ? "its gradient ends where a derivative is zero"
                              : "all of its gradient ends at '" + node + "'";
    emitWarning(*end) << "parameter '" << name.getValue()
                      << "' is not trained: all of its gradient ends here, "
                         "where the derivative is zero";
  }
}

/// Parameters that some loss depends on. The others would only decay.
void OptimizerAttacher::chooseTrained() {
  StepVariant &first = variants.front();
  SmallVector<unsigned> unreached;
  for (unsigned i = 0, e = first.loss.getNumArguments(); i < e; ++i) {
    auto name = first.loss.getArgAttrOfType<StringAttr>(i, kParamAttrName);
    if (!name || !first.gradients.contains(name))
      continue;
    bool isReached = llvm::any_of(variants, [&](StepVariant &variant) {
      unsigned index = variant.gradients[name];
      Operation *ret = variant.gradient.getBody().front().getTerminator();
      return !isZero(ret->getOperand(variant.loss.getNumResults() + index));
    });
    if (!isReached) {
      unreached.push_back(i);
      continue;
    }
    TrainedParam param;
    param.name = name.str();
    param.type = cast<RankedTensorType>(first.loss.getArgument(i).getType());
    param.group = groups.find(name);
    param.isMatrix = optimizers.getOptimizer().updateMatrix &&
                     param.type.getRank() >= 2 && groups.isMatrix(name);
    trained.push_back(std::move(param));
  }
  recordUnreached(unreached);
}

/// The steps tell what became of parameters that are not simply trained; to the
/// other functions it is all the same.
void OptimizerAttacher::recordUses() {
  for (auto func : module.getOps<func::FuncOp>()) {
    bool isStep = llvm::any_of(variants, [&](const StepVariant &variant) {
      return func.getName() == variant.name;
    });
    for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
      auto attrName = StringAttr::get(module.getContext(), kUseAttrName);
      auto name = func.getArgAttrOfType<StringAttr>(i, kParamAttrName);
      ParamUse use = name ? uses.lookup(name) : ParamUse();
      if (!use.reason.empty() && isStep)
        func.setArgAttr(i, attrName, use.toAttribute(module.getContext()));
      else
        func.removeArgAttr(i, attrName);
    }
  }
}

/// What the artifact's signature says of the whole.
void OptimizerAttacher::setTraining() {
  llvm::SHA256 hash;
  auto add = [&](StringRef text) {
    hash.update(text);
    hash.update(StringRef("\0", 1));
  };
  std::string name;
  for (const OptimizerFile &optimizer : optimizers.files) {
    add(optimizer.file.text);
    name +=
        (name.empty() ? "" : "+") + llvm::sys::path::stem(optimizer.name).str();
  }
  for (const std::string &group : pass.paramGroups)
    add(group);
  std::string text;
  llvm::raw_string_ostream os(text);
  auto step = module.lookupSymbol<func::FuncOp>("train_step");
  for (unsigned i = 0, e = step.getNumArguments(); i < e; ++i)
    if (StringAttr name = getStateName(step, i))
      os << name.getValue() << ": " << step.getArgument(i).getType()
         << (step.getArgAttr(i, kDonatedAttrName) ? "\n" : " frozen\n");
  module.lookupSymbol<func::FuncOp>("forward")->print(os);
  add(text);

  Builder b(module.getContext());
  NamedAttrList training(
      TernDialect::TrainingAttrHelper(module->getContext()).getAttr(module));
  for (StringRef key : {"loss", "fingerprint"})
    if (auto known = dyn_cast_or_null<StringAttr>(training.get(key)))
      add(known);
  training.set("optimizer", b.getStringAttr(name));
  training.set("fingerprint",
               b.getStringAttr(llvm::toHex(hash.final(), /*LowerCase=*/true)));
  TernDialect::TrainingAttrHelper(module->getContext())
      .setAttr(module, training.getDictionary(module.getContext()));
}

LogicalResult OptimizerAttacher::run() {
  auto loss = module.lookupSymbol<func::FuncOp>("loss");
  if (!loss ||
      !TernDialect::TrainingAttrHelper(module->getContext())
           .isAttrPresent(module) ||
      !module.lookupSymbol<func::FuncOp>("forward"))
    return module.emitError("an optimizer is attached to a module with a loss, "
                            "as 'tern-attach-loss' makes it");
  if (llvm::Error problem =
          groups.parse(*pass.paramGroups, *pass.freeze, *pass.trainAlso))
    return error(llvm::toString(std::move(problem)));
  auto loaded = loadOptimizers(pass.optimizer, module.getContext());
  if (failed(loaded))
    return failure();
  optimizers = std::move(*loaded);

  chooseCandidates(loss);
  if (failed(addGradient(loss, "train_step")))
    return failure();
  if (auto blended = module.lookupSymbol<func::FuncOp>("loss_float"))
    if (failed(addGradient(blended, "train_step_float")))
      return failure();
  chooseTrained();
  for (const std::string &pattern : groups.getUnused())
    emitWarning(UnknownLoc::get(module.getContext()))
        << "pattern '" << pattern << "' matches no parameter";
  if (trained.empty())
    return error("nothing is left to train; let 'freeze' match less, or name "
                 "with 'train-also' what else is a parameter");

  StepBuilder builder(optimizers, trained, variants, pass.clip,
                      pass.accumulate);
  if (failed(builder.plan(groups)))
    return failure();
  SymbolTable symbols(module);
  for (StepVariant &variant : llvm::reverse(variants)) {
    func::FuncOp step = builder.build(variant);
    if (pass.recompute) // The loss is the first result.
      TernDialect::RecomputeAttrHelper(step->getContext())
          .setAttr(step, Builder(module.getContext()).getI64IntegerAttr(0));
    symbols.insert(step, std::next(Block::iterator(
                             module.lookupSymbol<func::FuncOp>("eval_step"))));
  }
  for (StepVariant &variant : variants) {
    variant.gradient.erase();
    variant.loss.erase();
  }
  recordUses();
  setTraining();
  pass.numTrained = trained.size();
  return success();
}

void AttachOptimizerPass::runOnOperation() {
  if (failed(OptimizerAttacher(*this).run()))
    signalPassFailure();
}

} // namespace
