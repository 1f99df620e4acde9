//===- Losses.cpp - Losses as MLIR files ----------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Losses.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/FoldUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/Inline.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace tern;

static StringRef getText(func::FuncOp func, unsigned arg, StringRef attr) {
  auto text = func.getArgAttrOfType<StringAttr>(arg, attr);
  return text ? text.getValue() : "";
}

bool LossTerm::takes(StringRef role) const {
  func::FuncOp func = function;
  return func &&
         llvm::any_of(llvm::seq(func.getNumArguments()), [&](unsigned arg) {
           return getText(func, arg, kRoleAttrName) == role;
         });
}

TypedAttr LossTerm::getOption(StringRef name) const {
  for (auto [arg, value] : llvm::enumerate(options))
    if (value && getText(function, arg, kScalarAttrName) == name)
      return value;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Checks a function's type and its arguments' roles.
static LogicalResult check(func::FuncOp func) {
  Builder b(func.getContext());
  constexpr int64_t dynamic = ShapedType::kDynamic;
  Type rows = RankedTensorType::get({dynamic, dynamic}, b.getF32Type());
  Type labels = RankedTensorType::get({dynamic}, b.getI64Type());
  Type result = RankedTensorType::get({}, b.getF32Type());
  auto checkRole = [&](unsigned i, StringRef role) -> LogicalResult {
    Type expected = role == "labels" ? labels : rows;
    if (func.getArgument(i).getType() != expected)
      return func.emitError("'") << role << "' must be of type " << expected;
    return success();
  };
  if (failed(checkArguments(func, "a loss", rows, kRoleAttrName, "role",
                            checkRole)))
    return failure();
  if (func.getFunctionType().getResults() != ArrayRef(result))
    return func.emitError("expected one result of type ") << result;
  return success();
}

/// `[weight *] name`
static LogicalResult loadTerm(StringRef text, MLIRContext *context,
                              LossTerm &term) {
  auto [weight, name] =
      text.contains('*') ? text.split('*') : std::pair(StringRef("1"), text);
  weight = weight.trim();
  name = name.trim();
  term.text = text.str();
  Location unknown = UnknownLoc::get(context);
  if (weight.getAsDouble(term.weight))
    return emitError(unknown) << "bad weight '" << weight << "' of a loss";
  if (name == "graph")
    return success();
  auto file = loadFunctionFile({"loss", "losses", {"graph"}}, name, context);
  if (failed(file))
    return failure();
  term.file = std::move(*file);
  term.isUsers = name.ends_with(".mlir");
  if (term.isUsers)
    term.text = (text.take_front(name.begin() - text.begin()) +
                 llvm::sys::path::stem(name))
                    .str();
  FailureOr<func::FuncOp> function = term.file.find("loss");
  if (failed(function))
    return failure();
  if (!*function)
    return emitError(unknown) << "loss '" << name << "' has no function 'loss'";
  term.function = *function;
  return check(term.function);
}

/// The value of an option, the last that is given.
static FailureOr<TypedAttr> readOption(func::FuncOp function, unsigned arg,
                                       ArrayRef<LossOption> options) {
  auto init = function.getArgAttrOfType<TypedAttr>(arg, kDefaultAttrName);
  StringRef name = getText(function, arg, kScalarAttrName);
  if (!init ||
      init.getType() != getElementTypeOrSelf(function.getArgument(arg)))
    return function.emitError("option '")
           << name << "' has no '" << kDefaultAttrName << "' of its type";
  for (const LossOption &option : llvm::reverse(options)) {
    if (option.name != name)
      continue;
    Builder b(function.getContext());
    int64_t integer;
    double number;
    bool isInteger = isa<IntegerType>(init.getType());
    if (isInteger && !StringRef(option.value).getAsInteger(10, integer))
      return TypedAttr(b.getIntegerAttr(init.getType(), integer));
    if (!isInteger && !StringRef(option.value).getAsDouble(number))
      return TypedAttr(b.getFloatAttr(init.getType(), number));
    return emitError(UnknownLoc::get(function.getContext()))
           << "'" << name << "' is '" << option.value << "'; expected "
           << (isInteger ? "an integer" : "a number");
  }
  return init;
}

FailureOr<std::vector<LossTerm>> tern::loadLosses(StringRef text,
                                                  ArrayRef<LossOption> options,
                                                  MLIRContext *context) {
  SmallVector<StringRef> parts;
  text.split(parts, '+');
  std::vector<LossTerm> terms(parts.size());
  std::vector<std::string> known;
  for (auto [part, term] : llvm::zip_equal(parts, terms)) {
    if (failed(loadTerm(part, context, term)))
      return failure();
    if (term.isGraph())
      continue;
    for (unsigned i = 0, e = term.function.getNumArguments(); i < e; ++i) {
      TypedAttr &value = term.options.emplace_back();
      StringRef name = getText(term.function, i, kScalarAttrName);
      if (name.empty())
        continue;
      known.push_back(name.str());
      FailureOr<TypedAttr> read = readOption(term.function, i, options);
      if (failed(read))
        return failure();
      value = *read;
    }
  }
  llvm::sort(known);
  known.erase(llvm::unique(known), known.end());
  for (const LossOption &option : options)
    if (option.isRequired && !llvm::is_contained(known, option.name))
      return emitError(UnknownLoc::get(context))
             << "loss '" << text << "' has no option '" << option.name << "'; "
             << (known.empty() ? "it has none"
                               : "there are: " + llvm::join(known, ", "))
             << runtime::suggest(option.name, known);
  return terms;
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

/// The text of an assertion with the values of `$option` in it.
static std::string expandText(StringRef text, const LossTerm &term) {
  std::string result = text.str();
  for (auto [arg, value] : llvm::enumerate(term.options)) {
    if (!value)
      continue;
    std::string name = "$" + getText(term.function, arg, kScalarAttrName).str();
    std::string number;
    llvm::raw_string_ostream os(number);
    if (auto real = dyn_cast<FloatAttr>(value))
      os << llvm::format("%g", real.getValueAsDouble());
    else
      os << cast<IntegerAttr>(value).getInt();
    for (size_t at; (at = result.find(name)) != std::string::npos;)
      result.replace(at, name.size(), number);
  }
  return result;
}

/// Decides in a loss's function what its options decide.
static LogicalResult bindOptions(const LossTerm &term, func::FuncOp function) {
  Block &body = function.getBody().front();
  OpBuilder b = OpBuilder::atBlockBegin(&body);
  for (auto [argument, value] :
       llvm::zip_equal(body.getArguments(), term.options))
    if (value)
      argument.replaceAllUsesWith(arith::ConstantOp::create(
          b, argument.getLoc(),
          DenseElementsAttr::get(cast<ShapedType>(argument.getType()),
                                 ArrayRef<Attribute>(value))));
  // What loops over elements do stays as it is written.
  OperationFolder folder(b.getContext());
  function.walk([&](Operation *op) {
    if (op != function && !isa<linalg::LinalgOp>(op->getParentOp()))
      (void)folder.tryToFold(op);
  });
  RewritePatternSet patterns(b.getContext());
  scf::IfOp::getCanonicalizationPatterns(patterns, b.getContext());
  cf::AssertOp::getCanonicalizationPatterns(patterns, b.getContext());
  if (failed(applyPatternsGreedily(function, std::move(patterns),
                                   GreedyRewriteConfig().enableFolding(false))))
    return failure();
  WalkResult result = function.walk([&](cf::AssertOp op) {
    if (matchPattern(op.getArg(), m_Zero()))
      emitError(UnknownLoc::get(b.getContext()), expandText(op.getMsg(), term));
    else
      emitError(op.getLoc(),
                "a loss can assert nothing but what its options are");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

FailureOr<Value> tern::buildLoss(TensorBuilder &b, const LossTerm &term,
                                 ArrayRef<Value> operands) {
  OwningOpRef<func::FuncOp> function = func::FuncOp(term.function).clone();
  if (failed(bindOptions(term, *function)))
    return failure();
  // As all that a model has, it is called by a name.
  function->getBody().walk([&](Operation *op) {
    op->setLoc(NameLoc::get(b.getStringAttr("loss"), op->getLoc()));
  });
  return inlineFunction(b, *function, operands).front();
}
