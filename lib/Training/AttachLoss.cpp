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
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Dialect/Tern/Utils/Tokens.h"
#include "tern/Support/UniqueNames.h"
#include "tern/Training/Passes.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

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
  FailureOr<Value> addInput(func::FuncOp func, StringRef role, Value output,
                            Attribute shape);
  FailureOr<Value> buildTotal(TensorBuilder &b, Value output,
                              const llvm::StringMap<Value> &compared);
  bool takes(StringRef role) {
    return llvm::any_of(terms,
                        [&](const LossTerm &term) { return term.takes(role); });
  }
  void addFloatLoss(func::FuncOp lossFunction, SymbolTable &symbols);

  /// While `run` has them.
  ArrayRef<LossTerm> terms;
};

/// What a loss may compare the output with, in the order of inputs.
constexpr StringRef kRoles[] = {"teacher", "target", "labels"};

/// Where arguments that are no parameters end.
unsigned endOfInputs(func::FuncOp func) {
  unsigned end = 0;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (!getStateName(func, i))
      end = i + 1;
  return end;
}

StringRef getResultName(func::FuncOp func, unsigned result) {
  auto name = func.getResultAttrOfType<StringAttr>(result, kNameAttrName);
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
    bool hasRows = term.takes("labels") || term.takes("teacher");
    if (hasRows && type.getRank() == 0)
      return fail("rows of logits");
    if (term.isGraph() &&
        (!type.hasStaticShape() || type.getNumElements() != 1))
      return fail("one element");
  }
  return success();
}

/// Adds the argument that a loss compares the output with: labels are the
/// numbers of classes, one for each row, all else is of the output's shape.
FailureOr<Value> AttachLossPass::addInput(func::FuncOp func, StringRef role,
                                          Value output, Attribute shape) {
  OpBuilder b(func.getContext());
  auto type = cast<RankedTensorType>(output.getType());
  auto outputShape = dyn_cast_or_null<ArrayAttr>(shape);
  if (role == "labels") {
    type = RankedTensorType::get(type.getShape().drop_back(), b.getI64Type());
    if (outputShape)
      outputShape = b.getArrayAttr(outputShape.getValue().drop_back());
  }
  UniqueNames names;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (auto known = func.getArgAttrOfType<StringAttr>(i, kNameAttrName))
      names.take(known);
  SmallVector<NamedAttribute> attrs = {
      b.getNamedAttr(kNameAttrName, b.getStringAttr(names.make(role)))};
  if (outputShape)
    attrs.push_back(b.getNamedAttr(kShapeAttrName, outputShape));
  unsigned index = endOfInputs(func);
  if (failed(func.insertArgument(
          index, type, b.getDictionaryAttr(attrs),
          NameLoc::get(b.getStringAttr(role), func.getLoc()))))
    return failure();
  return Value(func.getArgument(index));
}

/// The sum of all terms, a 0-d tensor of f32.
FailureOr<Value>
AttachLossPass::buildTotal(TensorBuilder &b, Value output,
                           const llvm::StringMap<Value> &compared) {
  // What files' functions take, of unknown extents. All terms read the same
  // rows: their gradients are summed one by one.
  auto toRows = [&](Value value, int64_t rank) {
    SmallVector<int64_t> dynamic(rank, ShapedType::kDynamic);
    return b.createOrFold<tensor::CastOp>(
        RankedTensorType::get(dynamic, getElementTypeOrSelf(value)),
        joinLeadingAxes(b, b.getLoc(), value, rank));
  };
  Value rows;
  llvm::StringMap<Value> comparedRows;
  if (llvm::any_of(terms, [](const LossTerm &term) { return !term.isGraph(); }))
    rows = toRows(output, 2);
  for (StringRef role : kRoles)
    if (Value value = compared.lookup(role))
      comparedRows[role] = toRows(value, role == "labels" ? 1 : 2);
  Value total;
  for (const LossTerm &term : terms) {
    FailureOr<Value> value;
    if (term.isGraph()) {
      value = joinLeadingAxes(b, b.getLoc(), output, 0);
    } else {
      SmallVector<Value> operands = {rows};
      func::FuncOp function = term.function;
      for (unsigned i = 1, e = function.getNumArguments(); i < e; ++i) {
        auto role = function.getArgAttrOfType<StringAttr>(i, kRoleAttrName);
        operands.push_back(role ? comparedRows.lookup(role) : Value());
      }
      value = buildLoss(b, term, operands);
      if (failed(value))
        return failure();
    }
    Value part = *value;
    if (term.weight != 1)
      part = b.zip(part, [&](TensorBuilder &n, ValueRange args) -> Value {
        return arith::MulFOp::create(n, args[0], n.constant(term.weight));
      });
    if (total)
      part =
          b.zip({total, part}, [](TensorBuilder &n, ValueRange args) -> Value {
            return arith::AddFOp::create(n, args[0], args[1]);
          });
    total = part;
  }
  return total;
}

FailureOr<func::FuncOp> AttachLossPass::addEvalStep(func::FuncOp main,
                                                    unsigned output,
                                                    SymbolTable &symbols) {
  auto step = main.clone();
  step.setName("eval_step");
  symbols.insert(step, std::next(Block::iterator(main)));
  Operation *ret = step.getBody().front().getTerminator();
  Value value = ret->getOperand(output);
  Attribute shape = main.getResultAttr(output, kShapeAttrName);

  // One argument for each thing to compare with; labels come last.
  llvm::StringMap<Value> compared;
  for (StringRef role : kRoles) {
    if (!takes(role))
      continue;
    FailureOr<Value> arg = addInput(step, role, value, shape);
    if (failed(arg))
      return failure();
    compared[role] = *arg;
  }

  TensorBuilder b(
      NameLoc::get(StringAttr::get(&getContext(), "loss"), step.getLoc()), ret);
  FailureOr<Value> total = buildTotal(b, value, compared);
  if (failed(total))
    return failure();
  ret->insertOperands(0, *total);
  UniqueNames names;
  for (unsigned i = 0, e = step.getNumResults(); i < e; ++i)
    names.take(getResultName(step, i));
  DictionaryAttr attrs = b.getDictionaryAttr(
      {b.getNamedAttr(kNameAttrName, b.getStringAttr(names.make("loss"))),
       b.getNamedAttr(kShapeAttrName, b.getArrayAttr({}))});
  if (failed(step.insertResult(0, total->getType(), attrs)))
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
  Builder b(&getContext());
  Value lambda = addScalar(blended, endOfInputs(blended), "lambda",
                           b.getF32Type(), b.getF32FloatAttr(1.0f));
  for (BitLinearOp op : layers)
    blendBitLinear(op, lambda);
  for (StraightThroughOp op : activations)
    op.getLambdaMutable().assign(lambda);
}

LogicalResult AttachLossPass::run() {
  ModuleOp module = getOperation();
  SymbolTable symbols(module);
  auto main = symbols.lookup<func::FuncOp>("main");
  auto isModel = [](func::FuncOp function) {
    return !TernDialect::PrepareAttrHelper(function->getContext())
                .isAttrPresent(function);
  };
  if (!main || main.isDeclaration() || !main.getBody().hasOneBlock() ||
      llvm::count_if(getEntryFunctions(module), isModel) != 1)
    return module.emitError("a loss is attached to a module whose only public "
                            "function is 'main'");
  std::vector<LossOption> chosen;
  for (const auto &[name, value] :
       {std::pair("ignore-index", &ignoreIndex),
        std::pair("label-smoothing", &labelSmoothing),
        std::pair("temperature", &temperature)})
    if (!value->empty())
      chosen.push_back({name, *value, /*isRequired=*/false});
  for (StringRef option : lossOptions) {
    auto [name, value] = option.split('=');
    if (name.empty() || value.empty())
      return emitError(UnknownLoc::get(&getContext()))
             << "bad option '" << option << "' of a loss: expected NAME=VALUE";
    chosen.push_back({name.str(), value.str()});
  }
  auto loaded = loadLosses(loss, chosen, &getContext());
  if (failed(loaded))
    return failure();
  terms = *loaded;
  FailureOr<unsigned> index = findOutput(main);
  if (failed(index) || failed(checkOutput(main, *index)))
    return failure();
  for (StringRef name : {"forward", "eval_step", "loss", "loss_float"})
    if (symbols.lookup(name))
      return module.emitError("there is a function '") << name << "' already";

  for (BlockArgument arg : main.getArguments())
    if (main.getArgAttr(arg.getArgNumber(), kParamAttrName))
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
  // A name says which of Tern's losses it is, and nothing of the user's.
  std::string name, texts;
  for (const LossTerm &term : terms) {
    name += (name.empty() ? "" : "+") + term.text;
    if (term.isUsers)
      texts += term.file.text;
  }
  training.set("loss", b.getStringAttr(name));
  if (!texts.empty())
    training.set("fingerprint",
                 b.getStringAttr(llvm::toHex(
                     llvm::SHA256::hash(llvm::arrayRefFromStringRef(texts)),
                     /*LowerCase=*/true)));
  bool hasLabels = takes("labels");
  auto logits = cast<RankedTensorType>(main.getResultTypes()[*index]);
  if (hasLabels && !logits.isDynamicDim(logits.getRank() - 1))
    training.set("classes", b.getI64IntegerAttr(logits.getShape().back()));
  for (const LossTerm &term : terms)
    if (TypedAttr ignored = term.getOption("ignore-index"))
      training.set("ignore_index", ignored);
  TernDialect::TrainingAttrHelper(module->getContext())
      .setAttr(module, training.getDictionary(&getContext()));
  return success();
}

} // namespace
