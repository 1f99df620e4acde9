//===- StepBuilder.cpp - The function of one training step ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a step computes, for each trained parameter w with states m. Tensors are
// f32 and, unless it says otherwise, of the parameter's shape; [] is a number.
//
//   loss []         the loss function's first result
//   g               its gradient by w
//   g               (G + g * part) * scale, with --accumulate; G is a state
//   norm []         sqrt(sum over all w of sum(f64(g)^2))
//   factor []       clip_norm > 0 ? min(1, clip_norm / (norm + 1e-6)) : 1
//   g               filter(g * factor, m), for each filter
//   w', m'          update(w, g, m, scalars)
//   G'              0 if this step updates, else g as it was before the norm
//
// Results: loss, norm, then w' and m' of all parameters, donated to w and m. On
// the way to an update w' is w, and m' is m.
//
//===----------------------------------------------------------------------===//

#include "StepBuilder.h"
#include "TrainingForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Dialect/Tern/Utils/Inline.h"
#include "tern/Dialect/Tern/Utils/Tokens.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace tern;

/// A parameter, or a tensor of its shape [a, b, ..., c], as a function of
/// `rank` takes it: tensor<?xf32> [a * b * ... * c], or tensor<?x?xf32> [a, b *
/// ... * c].
static Value toRank(TensorBuilder &b, Value value, int64_t rank) {
  value = joinTrailingAxes(b, b.getLoc(), value, rank);
  SmallVector<int64_t> dynamic(rank, ShapedType::kDynamic);
  return tensor::CastOp::create(
      b, RankedTensorType::get(dynamic, getElementTypeOrSelf(value)), value);
}

SmallVector<func::FuncOp> StepBuilder::getFunctions(const TrainedParam &param) {
  SmallVector<func::FuncOp> functions;
  const OptimizerFile &optimizer = optimizers.getOptimizer();
  for (const OptimizerFile &file : optimizers.getBefore())
    functions.push_back(file.filter);
  if (auto direction =
          param.isMatrix ? optimizer.directionMatrix : optimizer.direction)
    functions.push_back(direction);
  for (const OptimizerFile &file : optimizers.getBehind())
    functions.push_back(file.filter);
  functions.push_back(param.isMatrix ? optimizer.updateMatrix
                                     : optimizer.update);
  return functions;
}

LogicalResult StepBuilder::planScalar(func::FuncOp func, unsigned arg) {
  auto name = func.getArgAttrOfType<StringAttr>(arg, kScalarAttrName);
  auto type = cast<RankedTensorType>(func.getArgument(arg).getType());
  Attribute init = func.getArgAttr(arg, kDefaultAttrName);
  Attribute bound = func.getArgAttr(arg, kBoundAttrName);
  for (Scalar &known : scalars) {
    if (known.name != name.getValue())
      continue;
    if (known.type != type || (init && known.init && known.init != init))
      return func.emitError("scalar '")
             << known.name << "' has another type or default elsewhere";
    if (bound && known.bound && known.bound != bound)
      return func.emitError("scalar '")
             << known.name << "' has another bound elsewhere";
    if (init)
      known.init = init;
    if (bound)
      known.bound = bound;
    return success();
  }
  scalars.push_back({name.str(), type, init, bound});
  return success();
}

/// The usual name is `PARAMETER/STATE`; a parameter may have it.
bool StepBuilder::addState(const TrainedParam &param, StringRef state,
                           FloatAttr init) {
  auto [known, isNew] =
      stateNames.try_emplace(std::pair(param.name, state.str()));
  if (!isNew)
    return false;
  known->second = names.make(param.name + "/" + state.str());
  states.push_back({known->second, param.type, init});
  return true;
}

LogicalResult StepBuilder::plan(const ParamGroups &groups) {
  MLIRContext *context = trained.front().type.getContext();
  Builder b(context);
  auto f32 = RankedTensorType::get({}, b.getF32Type());
  auto i64 = RankedTensorType::get({}, b.getI64Type());
  // Known to every optimizer, used or not: a host always gives them.
  scalars = {{"lr", f32, {}}, {"weight_decay", f32, {}}, {"step", i64, {}}};
  if (variants.size() > 1)
    scalars.push_back({"lambda", f32, b.getF32FloatAttr(1.0f)});
  if (clip)
    scalars.push_back({"clip_norm", f32, b.getF32FloatAttr(0.0f)});
  if (accumulate) {
    scalars.push_back({"accumulate", i64, b.getI64IntegerAttr(1)});
    for (const char *name :
         {"accumulate_start", "accumulate_updates", "accumulate_close"})
      scalars.push_back({name, i64, b.getI64IntegerAttr(0)});
  }
  SmallVector<func::FuncOp> functions;
  for (const StepVariant &variant : variants)
    functions.push_back(variant.loss);
  for (const TrainedParam &param : trained)
    llvm::append_range(functions, getFunctions(param));
  for (func::FuncOp func : functions)
    for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
      if (func.getArgAttr(i, kScalarAttrName) && failed(planScalar(func, i)))
        return failure();
  for (Scalar &scalar : scalars)
    if (scalar.name == "weight_decay" && !scalar.init)
      scalar.init = b.getF32FloatAttr(0.0f);

  for (const StepVariant &variant : variants)
    for (unsigned i = 0, e = func::FuncOp(variant.loss).getNumArguments();
         i < e; ++i)
      if (StringAttr name = getStateName(variant.loss, i))
        names.take(name);
  for (const TrainedParam &param : trained)
    for (func::FuncOp func : getFunctions(param))
      for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
        auto state = func.getArgAttrOfType<StringAttr>(i, kStateAttrName);
        if (!state)
          continue;
        if (!addState(param, state,
                      func.getArgAttrOfType<FloatAttr>(i, kInitAttrName)))
          return func.emitError("two optimizers keep a state '")
                 << state.getValue() << "'";
      }
  for (const TrainedParam &param : trained)
    if (accumulate && !addState(param, "gradient", b.getF32FloatAttr(0.0f)))
      return emitError(UnknownLoc::get(context))
             << "the optimizer has a state 'gradient', which is what "
                "accumulation calls its sums";
  for (const ParamGroup &group : groups.getGroups())
    for (const auto &entry : group.scalars) {
      const auto *it = llvm::find_if(ArrayRef(scalars), [&](const Scalar &s) {
        return s.name == entry.getKey() &&
               isa<FloatType>(s.type.getElementType());
      });
      if (it == ArrayRef(scalars).end())
        return emitError(UnknownLoc::get(context))
               << "parameter group '" << group.pattern
               << "': the optimizer has no scalar '" << entry.getKey() << "'";
    }
  return success();
}

SmallVector<Value> StepBuilder::addArguments(const StepVariant &variant,
                                             func::FuncOp step) {
  Builder b(step.getContext());
  func::FuncOp loss = variant.loss;
  SmallVector<Value> ofLoss(loss.getNumArguments());
  scalarArguments.clear();
  arguments.clear();
  auto add = [&](Type type, DictionaryAttr attrs, Location loc) -> Value {
    unsigned index = step.getNumArguments();
    (void)step.insertArgument(index, type, attrs, loc);
    return step.getArgument(index);
  };
  auto copy = [&](unsigned arg) {
    BlockArgument old = loss.getArgument(arg);
    return add(old.getType(), loss.getArgAttrDict(arg), old.getLoc());
  };
  for (auto [i, argument] : llvm::enumerate(ofLoss))
    if (!getStateName(loss, i) && !loss.getArgAttr(i, kScalarAttrName))
      argument = copy(i);
  for (const Scalar &scalar : scalars) {
    unsigned index = step.getNumArguments();
    scalarArguments[scalar.name] = addScalar(
        step, index, scalar.name, scalar.type.getElementType(), scalar.init);
    if (scalar.bound)
      step.setArgAttr(index, kBoundAttrName, scalar.bound);
  }
  for (auto [i, argument] : llvm::enumerate(ofLoss)) {
    if (StringAttr name = getStateName(loss, i))
      argument = arguments[name] = copy(i);
    else if (auto name = loss.getArgAttrOfType<StringAttr>(i, kScalarAttrName))
      argument = scalarArguments[name];
  }
  for (const State &state : states) {
    NamedAttrList attrs;
    attrs.set(kStateAttrName, b.getStringAttr(state.name));
    attrs.set(kInitAttrName, state.init);
    arguments[state.name] =
        add(state.type, attrs.getDictionary(b.getContext()), step.getLoc());
  }
  return ofLoss;
}

Value StepBuilder::buildNorm(TensorBuilder &b, ValueRange gradients) {
  Type f64 = b.getF64Type();
  FloatAttr zero = b.getF64FloatAttr(0.0);
  // The sum over all gradients, f64.
  Value total = b.constant(f64, 0);
  for (Value gradient : gradients) {
    auto type = cast<RankedTensorType>(gradient.getType());
    unsigned rank = std::min<int64_t>(type.getRank(), 2);
    gradient = joinTrailingAxes(b, b.getLoc(), gradient, rank);
    unsigned kept = rank == 2 ? 1 : 0;
    // g [R, C]: sum[r] [R] f64 = sum over c of f64(g[r, c])^2. Rows can be
    // added side by side, each in order. g [C] or []: sum [] f64.
    SmallVector<OpFoldResult> sizes = b.sizesOf(gradient);
    Value sum = b.reduce(ArrayRef(sizes).take_front(kept), zero, gradient,
                         b.identity(rank), b.leading(rank, kept),
                         [&](TensorBuilder &n, ValueRange args) -> Value {
                           Value g = arith::ExtFOp::create(n, f64, args[0]);
                           Value square = arith::MulFOp::create(n, g, g);
                           return arith::AddFOp::create(n, args[1], square);
                         });
    // sum [] f64 = sum over r of sum[r].
    if (kept)
      sum = b.reduce({}, zero, sum, b.identity(1), b.scalar(1),
                     [](TensorBuilder &n, ValueRange args) -> Value {
                       return arith::AddFOp::create(n, args[1], args[0]);
                     });
    total = arith::AddFOp::create(b, total, b.read(sum));
  }
  // norm = f32(sqrt(total)).
  Value norm = math::SqrtOp::create(b, total);
  return arith::TruncFOp::create(b, b.getF32Type(), norm);
}

/// factor = clip_norm > 0 ? min(clip_norm / (norm + 1e-6), 1) : 1.
Value StepBuilder::buildClip(TensorBuilder &b, Value norm) {
  Value limit = b.read(scalarArguments["clip_norm"]);
  Value one = b.constant(1);
  Value more = arith::AddFOp::create(b, norm, b.constant(1e-6));
  Value factor = arith::DivFOp::create(b, limit, more);
  factor = arith::MinimumFOp::create(b, factor, one);
  Value isOn =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, limit, b.constant(0));
  return arith::SelectOp::create(b, isOn, factor, one);
}

/// Numbers are i64 but for part and scale, which are f32(f64 quotient):
///   count    max(accumulate, 1)            steps of a window
///   before   step - accumulate_start - 1   steps before this one
///   windows  before / count + 1            windows, this one's among them
///   step     accumulate_updates + windows  what the optimizer counts
///   done     before % count + 1            steps of the window, with this one
///   isUpdate done == count or accumulate_close != 0
///   part     1 / count
///   scale    isUpdate ? count / done : 1
///   g        (G + g * part) * scale        [as w]; G is the state `gradient`
void StepBuilder::buildAccumulation(TensorBuilder &b,
                                    MutableArrayRef<Value> gradients) {
  auto whole = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  auto read = [&](StringRef name) { return b.read(scalarArguments[name]); };
  auto ratio = [&](Value numerator, Value denominator) -> Value {
    Type f64 = b.getF64Type();
    Value quotient =
        arith::DivFOp::create(b, arith::SIToFPOp::create(b, f64, numerator),
                              arith::SIToFPOp::create(b, f64, denominator));
    return arith::TruncFOp::create(b, b.getF32Type(), quotient);
  };
  Value one = whole(1), zero = whole(0);
  Value count = arith::MaxSIOp::create(b, read("accumulate"), one);
  // Windows in a row, the step's own among them, since `accumulate_start`.
  Value before = arith::SubIOp::create(
      b, arith::SubIOp::create(b, read("step"), read("accumulate_start")), one);
  Value windows =
      arith::AddIOp::create(b, arith::DivSIOp::create(b, before, count), one);
  scalarArguments["step"] =
      b.wrap(arith::AddIOp::create(b, read("accumulate_updates"), windows));
  // Steps of the window with this one.
  Value done =
      arith::AddIOp::create(b, arith::RemSIOp::create(b, before, count), one);
  Value isFull =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, done, count);
  Value isClosed = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                         read("accumulate_close"), zero);
  isUpdate = arith::OrIOp::create(b, isFull, isClosed);
  Value part = ratio(one, count);
  // 1 but where the window is closed before it is full.
  Value scale =
      arith::SelectOp::create(b, isUpdate, ratio(count, done), b.constant(1));
  for (auto [param, gradient] : llvm::zip_equal(trained, gradients))
    gradient =
        b.zip({arguments[stateNames[{param.name, "gradient"}]], gradient},
              [&](TensorBuilder &n, ValueRange args) -> Value {
                Value added = arith::MulFOp::create(n, args[1], part);
                Value sum = arith::AddFOp::create(n, args[0], added);
                return arith::MulFOp::create(n, sum, scale);
              });
}

/// [], of the scalar's type: what the group of the parameter makes of it,
/// scalar * scale or a value of its own.
Value StepBuilder::getScalar(TensorBuilder &b, const TrainedParam &param,
                             StringRef name) {
  Value scalar = scalarArguments[name];
  if (!param.group)
    return scalar;
  auto it = param.group->scalars.find(name);
  if (it == param.group->scalars.end())
    return scalar;
  Type type = getElementTypeOrSelf(scalar);
  Value value =
      it->second.value ? b.constant(type, *it->second.value) : b.read(scalar);
  if (it->second.scale != 1)
    value = arith::MulFOp::create(b, value, b.constant(type, it->second.scale));
  return b.wrap(value);
}

/// On the way to an update everything stays as it is, but for sums.
void StepBuilder::setUpdated(TensorBuilder &b, StringRef name, Value fresh) {
  if (isUpdate)
    fresh =
        b.zip({fresh, arguments[name]},
              [&](TensorBuilder &n, ValueRange args) -> Value {
                return arith::SelectOp::create(n, isUpdate, args[0], args[1]);
              });
  updated[name] = fresh;
}

void StepBuilder::buildUpdate(TensorBuilder &b, const TrainedParam &param,
                              Value gradient) {
  SmallVector<func::FuncOp> functions = getFunctions(param);
  for (func::FuncOp func : functions) {
    int64_t rank =
        cast<RankedTensorType>(func.getArgument(0).getType()).getRank();
    // A filter(g, m..., scalars...), then update(w, g, m..., scalars...): w, g
    // and m [elements], or [first extent, others] of `update_matrix`; scalars
    // [].
    bool isLast = func == functions.back();
    SmallVector<Value> operands;
    SmallVector<StringRef> resultNames = {param.name};
    if (isLast)
      operands.push_back(toRank(b, arguments[param.name], rank));
    operands.push_back(toRank(b, gradient, rank));
    for (unsigned i = operands.size(), e = func.getNumArguments(); i < e; ++i) {
      if (auto state = func.getArgAttrOfType<StringAttr>(i, kStateAttrName)) {
        StringRef name = stateNames[{param.name, state.str()}];
        operands.push_back(toRank(b, arguments[name], rank));
        resultNames.push_back(name);
      } else {
        operands.push_back(getScalar(
            b, param,
            func.getArgAttrOfType<StringAttr>(i, kScalarAttrName).getValue()));
      }
    }
    // g', m'... or w', m'..., in the parameter's shape again.
    SmallVector<Value> results = inlineFunction(b, func, operands);
    for (auto [i, name] : llvm::enumerate(resultNames)) {
      Value value = splitTrailingAxes(b, b.getLoc(), results[i], param.type);
      if (i == 0 && !isLast)
        gradient = value;
      else
        setUpdated(b, name, value);
    }
  }
}

func::FuncOp StepBuilder::build(const StepVariant &variant) {
  func::FuncOp loss = variant.loss;
  MLIRContext *context = loss.getContext();
  auto step = func::FuncOp::create(loss.getLoc(), variant.name,
                                   FunctionType::get(context, {}, {}));
  step.addEntryBlock();
  SmallVector<Value> operands = addArguments(variant, step);
  TensorBuilder b(loss.getLoc(),
                  OpBuilder::atBlockEnd(&step.getBody().front()));
  // The loss function's results (the loss [], what the model keeps), then
  // gradients [as w].
  SmallVector<Value> computed = inlineFunction(b, variant.gradient, operands);

  auto named = [&](StringRef name) {
    return NameLoc::get(b.getStringAttr(name), loss.getLoc());
  };
  b.setLoc(named("gradient norm"));
  SmallVector<Value> gradients;
  for (const TrainedParam &param : trained)
    gradients.push_back(
        computed[loss.getNumResults() + variant.gradients.lookup(param.name)]);
  isUpdate = nullptr;
  if (accumulate)
    buildAccumulation(b, gradients);
  Value norm = buildNorm(b, gradients);
  Value factor = clip ? buildClip(b, norm) : nullptr;

  SmallVector<Value> results = {computed.front(), b.wrap(norm)};
  updated.clear();
  // What the model itself keeps, such as running statistics.
  for (unsigned i = 0, e = loss.getNumResults(); i < e; ++i)
    if (auto name = loss.getResultAttrOfType<StringAttr>(i, kUpdateAttrName))
      updated[name] = computed[i];
  for (auto [param, sum] : llvm::zip_equal(trained, gradients)) {
    b.setLoc(named("update " + param.name));
    // g [as w] = sum * factor.
    Value gradient = sum;
    if (factor)
      gradient =
          b.zip(gradient, [&](TensorBuilder &n, ValueRange args) -> Value {
            return arith::MulFOp::create(n, args[0], factor);
          });
    // w', m'... [as w]; w and m where the step does not update.
    buildUpdate(b, param, gradient);
    // G' [as w] = isUpdate ? 0 : sum.
    if (isUpdate)
      updated[stateNames[{param.name, "gradient"}]] =
          b.zip(sum, [&](TensorBuilder &n, ValueRange args) -> Value {
            return arith::SelectOp::create(n, isUpdate, n.constant(0), args[0]);
          });
  }
  SmallVector<DictionaryAttr> resultAttrs;
  for (StringRef name : {"loss", "grad_norm"})
    resultAttrs.push_back(b.getDictionaryAttr(
        {b.getNamedAttr(kNameAttrName, b.getStringAttr(name)),
         b.getNamedAttr(kShapeAttrName, b.getArrayAttr({}))}));
  for (unsigned i = 0, e = step.getNumArguments(); i < e; ++i) {
    StringAttr name = getStateName(step, i);
    if (!name || !updated.contains(name))
      continue;
    step.setArgAttr(i, kDonatedAttrName, b.getI64IntegerAttr(results.size()));
    results.push_back(updated[name]);
    resultAttrs.push_back(b.getDictionaryAttr({}));
  }
  b.setLoc(loss.getLoc());
  func::ReturnOp::create(b, results);
  step.setFunctionType(
      b.getFunctionType(step.getArgumentTypes(), TypeRange(results)));
  step.setAllResultAttrs(resultAttrs);
  return step;
}
