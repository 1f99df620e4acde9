//===- AttachLoss.cpp - Add a loss to a model -----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlendBitLinear.h"
#include "FanIn.h"
#include "Losses.h"
#include "TrainingForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Support/UniqueNames.h"
#include "tern/Training/Passes.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"

namespace tern {
#define GEN_PASS_DEF_TERNATTACHLOSS
#include "tern/Training/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

struct AttachLossPass : public tern::impl::TernAttachLossBase<AttachLossPass> {
  using TernAttachLossBase::TernAttachLossBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run();
  FailureOr<unsigned> findOutput(func::FuncOp main);
  LogicalResult checkOutput(func::FuncOp main, unsigned output);
  FailureOr<func::FuncOp> addEvalStep(func::FuncOp main, unsigned output,
                                      SymbolTable &symbols);
  FailureOr<Value> addInput(func::FuncOp func, LossInput input, Value output,
                            Attribute shape);
  void addFloatLoss(func::FuncOp lossFunction, SymbolTable &symbols);

  SmallVector<LossTerm> terms;
};

/// Where arguments that are no parameters end.
unsigned endOfInputs(func::FuncOp func) {
  unsigned end = 0;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (!getStateName(func, i))
      end = i + 1;
  return end;
}

StringRef getResultName(func::FuncOp func, unsigned result) {
  auto name = func.getResultAttrOfType<StringAttr>(
      result, TernDialect::getNameAttrName());
  return name ? name.getValue() : "";
}

FailureOr<unsigned> AttachLossPass::findOutput(func::FuncOp main) {
  if (main.getNumResults() == 0)
    return main.emitError("the model has no output that a loss could be of");
  if (output.empty())
    return 0u;
  std::vector<std::string> known;
  for (unsigned i = 0, e = main.getNumResults(); i < e; ++i) {
    if (getResultName(main, i) == output)
      return i;
    known.push_back(getResultName(main, i).str());
  }
  return main.emitError("the model has no output '")
         << output << "'; there are: " << llvm::join(known, ", ")
         << runtime::suggest(output, known);
}

LogicalResult AttachLossPass::checkOutput(func::FuncOp main, unsigned output) {
  auto type = dyn_cast<RankedTensorType>(main.getResultTypes()[output]);
  auto fail = [&](const Twine &what) -> LogicalResult {
    return main.emitError("loss '")
           << loss << "': output '" << getResultName(main, output) << "' is "
           << main.getResultTypes()[output] << ", expected " << what;
  };
  if (!type || !type.getElementType().isF32())
    return fail("a tensor of f32");
  for (const LossTerm &term : terms) {
    bool hasRows =
        term.kind == LossKind::SoftmaxCrossEntropy || term.kind == LossKind::KL;
    if (hasRows && type.getRank() == 0)
      return fail("rows of logits");
    if (term.kind == LossKind::Graph &&
        (!type.hasStaticShape() || type.getNumElements() != 1))
      return fail("one element");
  }
  return success();
}

/// Adds the argument that a loss compares the output with.
FailureOr<Value> AttachLossPass::addInput(func::FuncOp func, LossInput input,
                                          Value output, Attribute shape) {
  OpBuilder b(func.getContext());
  auto type = cast<RankedTensorType>(output.getType());
  StringRef name;
  auto outputShape = dyn_cast_or_null<ArrayAttr>(shape);
  switch (input) {
  case LossInput::None:
    return Value();
  case LossInput::Labels:
    name = "labels";
    type = RankedTensorType::get(type.getShape().drop_back(), b.getI64Type());
    if (outputShape)
      outputShape = b.getArrayAttr(outputShape.getValue().drop_back());
    break;
  case LossInput::Target:
    name = "target";
    break;
  case LossInput::Teacher:
    name = "teacher";
    break;
  }
  UniqueNames names;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (auto known = func.getArgAttrOfType<StringAttr>(
            i, TernDialect::getNameAttrName()))
      names.take(known);
  SmallVector<NamedAttribute> attrs = {b.getNamedAttr(
      TernDialect::getNameAttrName(), b.getStringAttr(names.make(name)))};
  if (outputShape)
    attrs.push_back(
        b.getNamedAttr(TernDialect::getShapeAttrName(), outputShape));
  unsigned index = endOfInputs(func);
  if (failed(func.insertArgument(
          index, type, b.getDictionaryAttr(attrs),
          NameLoc::get(b.getStringAttr(name), func.getLoc()))))
    return failure();
  return Value(func.getArgument(index));
}

FailureOr<func::FuncOp> AttachLossPass::addEvalStep(func::FuncOp main,
                                                    unsigned output,
                                                    SymbolTable &symbols) {
  auto step = main.clone();
  step.setName("eval_step");
  symbols.insert(step, std::next(Block::iterator(main)));
  Operation *ret = step.getBody().front().getTerminator();
  Value value = ret->getOperand(output);
  Attribute shape = main.getResultAttr(output, TernDialect::getShapeAttrName());

  // One argument for each thing to compare with; labels come last.
  Value compared[4];
  for (LossInput input :
       {LossInput::Teacher, LossInput::Target, LossInput::Labels}) {
    bool used = llvm::any_of(terms, [&](const LossTerm &term) {
      return getInput(term.kind) == input;
    });
    if (!used)
      continue;
    FailureOr<Value> arg = addInput(step, input, value, shape);
    if (failed(arg))
      return failure();
    compared[static_cast<int>(input)] = *arg;
  }

  TensorBuilder b(
      NameLoc::get(StringAttr::get(&getContext(), "loss"), step.getLoc()), ret);
  LossOptions options{ignoreIndex, labelSmoothing, temperature};
  Value total;
  for (const LossTerm &term : terms) {
    Value part =
        buildLoss(b, term.kind, value,
                  compared[static_cast<int>(getInput(term.kind))], options);
    if (term.weight != 1)
      part = b.map({}, b.getF32Type(), part, b.identity(0),
                   [&](TensorBuilder &n, ValueRange args) -> Value {
                     return arith::MulFOp::create(n, args[0],
                                                  n.constant(term.weight));
                   });
    if (total)
      part = b.map({}, b.getF32Type(), {total, part},
                   {b.identity(0), b.identity(0)},
                   [&](TensorBuilder &n, ValueRange args) -> Value {
                     return arith::AddFOp::create(n, args[0], args[1]);
                   });
    total = part;
  }
  ret->insertOperands(0, total);
  UniqueNames names;
  for (unsigned i = 0, e = step.getNumResults(); i < e; ++i)
    names.take(getResultName(step, i));
  DictionaryAttr attrs = b.getDictionaryAttr(
      {b.getNamedAttr(TernDialect::getNameAttrName(),
                      b.getStringAttr(names.make("loss"))),
       b.getNamedAttr(TernDialect::getShapeAttrName(), b.getArrayAttr({}))});
  if (failed(step.insertResult(0, total.getType(), attrs)))
    return failure();
  return step;
}

/// Whether a value is codes times scales. What else goes straight through is
/// detached whatever lambda is.
bool isDequantized(Value value) {
  auto map = value.getDefiningOp<linalg::LinalgOp>();
  return map && llvm::any_of(map.getDpsInputs(), [](Value codes) {
           while (auto reshape = codes.getDefiningOp<tensor::ExpandShapeOp>())
             codes = reshape.getSrc();
           return codes.getDefiningOp<QuantizeActivationsOp>() != nullptr;
         });
}

void AttachLossPass::addFloatLoss(func::FuncOp lossFunction,
                                  SymbolTable &symbols) {
  auto blended = lossFunction.clone();
  SmallVector<BitLinearOp> layers;
  // Convolutions quantize whole samples, before their windows are taken.
  SmallVector<StraightThroughOp> activations;
  blended.walk([&](Operation *op) {
    if (auto layer = dyn_cast<BitLinearOp>(op))
      layers.push_back(layer);
    else if (auto through = dyn_cast<StraightThroughOp>(op);
             through && !through.getLambda() &&
             isDequantized(through.getQuantized()))
      activations.push_back(through);
  });
  if (layers.empty()) {
    blended.erase();
    return;
  }
  blended.setName("loss_float");
  symbols.insert(blended, std::next(Block::iterator(lossFunction)));
  OpBuilder b(&getContext());
  unsigned index = endOfInputs(blended);
  DictionaryAttr attrs = b.getDictionaryAttr(
      {b.getNamedAttr(kScalarAttrName, b.getStringAttr("lambda")),
       b.getNamedAttr(kDefaultAttrName, b.getF32FloatAttr(1.0f))});
  (void)blended.insertArgument(index, RankedTensorType::get({}, b.getF32Type()),
                               attrs, blended.getLoc());
  for (BitLinearOp op : layers)
    blendBitLinear(op, blended.getArgument(index));
  for (StraightThroughOp op : activations)
    op.getLambdaMutable().assign(blended.getArgument(index));
}

LogicalResult AttachLossPass::run() {
  ModuleOp module = getOperation();
  SymbolTable symbols(module);
  auto main = symbols.lookup<func::FuncOp>("main");
  auto isModel = [](func::FuncOp function) {
    return !function->hasAttr(TernDialect::getPrepareAttrName());
  };
  if (!main || main.isDeclaration() || !main.getBody().hasOneBlock() ||
      llvm::count_if(getEntryFunctions(module), isModel) != 1)
    return module.emitError("a loss is attached to a module whose only public "
                            "function is 'main'");
  auto parsed = parseLoss(loss);
  if (!parsed)
    return emitError(UnknownLoc::get(&getContext()),
                     llvm::toString(parsed.takeError()));
  terms = std::move(*parsed);
  if (!(labelSmoothing >= 0 && labelSmoothing < 1))
    return emitError(UnknownLoc::get(&getContext()))
           << "'label-smoothing' is " << double(labelSmoothing)
           << "; it must be at least 0 and less than 1";
  if (!(temperature > 0))
    return emitError(UnknownLoc::get(&getContext()))
           << "'temperature' is " << double(temperature)
           << "; it must be positive";
  FailureOr<unsigned> index = findOutput(main);
  if (failed(index) || failed(checkOutput(main, *index)))
    return failure();
  for (StringRef name : {"forward", "eval_step", "loss", "loss_float"})
    if (symbols.lookup(name))
      return module.emitError("there is a function '") << name << "' already";

  for (BlockArgument arg : main.getArguments())
    if (main.getArgAttr(arg.getArgNumber(), TernDialect::getParamAttrName()))
      if (int64_t fanIn = getFanIn(arg))
        main.setArgAttr(
            arg.getArgNumber(), kFanInAttrName,
            IntegerAttr::get(IntegerType::get(&getContext(), 64), fanIn));
  FailureOr<func::FuncOp> evalStep = addEvalStep(main, *index, symbols);
  if (failed(evalStep))
    return failure();
  auto lossFunction = evalStep->clone();
  lossFunction.setName("loss");
  lossFunction.setPrivate();
  symbols.insert(lossFunction, std::next(Block::iterator(*evalStep)));
  BitVector outputs(lossFunction.getNumResults(), true);
  outputs.reset(0);
  lossFunction.getBody().front().getTerminator()->eraseOperands(outputs);
  if (failed(lossFunction.eraseResults(outputs)) ||
      failed(enterTraining(lossFunction, endOfInputs(lossFunction))) ||
      failed(dropTraining(*evalStep)) || failed(dropTraining(main)))
    return failure();
  addFloatLoss(lossFunction, symbols);
  if (failed(symbols.rename(main, "forward")))
    return failure();

  Builder b(&getContext());
  NamedAttrList training;
  training.set("loss", b.getStringAttr(loss));
  bool hasLabels = llvm::any_of(terms, [](const LossTerm &term) {
    return getInput(term.kind) == LossInput::Labels;
  });
  auto logits = cast<RankedTensorType>(main.getResultTypes()[*index]);
  if (hasLabels && !logits.isDynamicDim(logits.getRank() - 1))
    training.set("classes", b.getI64IntegerAttr(logits.getShape().back()));
  if (hasLabels)
    training.set("ignore_index", b.getI64IntegerAttr(ignoreIndex));
  module->setAttr(kTrainingAttrName, training.getDictionary(&getContext()));
  return success();
}

} // namespace
