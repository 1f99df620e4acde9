//===- EmitEntryPoints.cpp - The artifact's C interface -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The interface is runtime/include/tern/runtime/Artifact.h.
//
//===----------------------------------------------------------------------===//

#include "BufferTable.h"
#include "EntryChecks.h"
#include "HostCalls.h"
#include "RawBuffers.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/LLVM/Passes.h"

namespace tern {
#define GEN_PASS_DEF_EMITENTRYPOINTSPASS
#include "tern/LLVM/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Buffers of a function with layers that it takes one by one, at most.
constexpr size_t kManyBuffers = 64;

/// Of the host's memory in the interface's lists of memory spaces.
constexpr int32_t kHostSpace = 0;

StringRef getDtypeName(Type type) {
  if (type.isF32())
    return "f32";
  if (type.isF64())
    return "f64";
  if (type.isF16())
    return "f16";
  if (type.isBF16())
    return "bf16";
  if (type.isInteger(1))
    return "bool";
  if (type.isInteger(8))
    return "i8";
  if (type.isInteger(16))
    return "i16";
  if (type.isInteger(32))
    return "i32";
  if (type.isInteger(64))
    return "i64";
  return "";
}

class EntryPointEmitter {
public:
  EntryPointEmitter(func::FuncOp func, SymbolTable &symbols,
                    HostCalls &hostCalls)
      : func(func), symbols(symbols), hostCalls(hostCalls), dims(func),
        b(func.getLoc(), func.getContext()),
        pointer(LLVM::LLVMPointerType::get(func.getContext())) {}

  /// `stem`: what the exported names start with.
  LogicalResult run(StringRef stem, bool withShapes);
  /// What the signature says of the function.
  DictionaryAttr getInterface() { return interface; }

private:
  LogicalResult classify();
  FailureOr<Attribute> describe(unsigned arg, StringRef nameAttr,
                                StringRef fallback);
  Value allocateStatus();
  void returnStatus(Value launched, Value checked);
  func::FuncOp addExported(const Twine &name, TypeRange inputs,
                           TypeRange results);
  void loadDims(Value dimsPointer, SmallVectorImpl<Value> &values);
  ValueRange getShapes() {
    return shapes.getBody().front().getTerminator()->getOperands();
  }
  SmallVector<Value> cloneShapes(ValueRange dimValues, ValueRange results);
  BufferTable makeTable();
  void emitInvoke(StringRef name);
  void emitCheckedInvoke(StringRef name, StringRef unchecked);
  void emitTableInvoke(StringRef name, StringRef shapesName);
  void emitShapes(StringRef name, bool isExported);
  void emitArenaSizes(StringRef name);
  /// The scratch memory in the host's space, of what invoke is given.
  Value loadArena(func::FuncOp invoke) {
    return LLVM::LoadOp::create(
        b, pointer, element(invoke.getArgument(3), kHostSpace, pointer));
  }
  Value element(Value base, int64_t index, Type type);

  func::FuncOp func;
  SymbolTable &symbols;
  HostCalls &hostCalls;
  SymbolicDims dims;
  ImplicitLocOpBuilder b;
  Type pointer;
  /// Where launches leave what went wrong; null if there are none.
  Value launchStatus;
  /// Arguments in the order of the interface's `buffers`.
  SmallVector<unsigned> order;
  SmallVector<MemRefType> types;
  std::optional<unsigned> arena, failedCheck;
  /// What the shapes function returns.
  size_t numShapes = 0;
  func::FuncOp shapes, arenaSize;
  /// Answers checks of scalars; null if there are none.
  func::FuncOp scalarChecks;
  DictionaryAttr interface;
};

FailureOr<Attribute> EntryPointEmitter::describe(unsigned arg,
                                                 StringRef nameAttr,
                                                 StringRef fallback) {
  auto type = dyn_cast<MemRefType>(func.getArgument(arg).getType());
  auto given = func.getArgAttrOfType<StringAttr>(arg, kDtypeAttrName);
  StringRef dtype = given  ? given.getValue()
                    : type ? getDtypeName(type.getElementType())
                           : "";
  if (dtype.empty()) {
    func.emitError("argument #")
        << arg << " of type " << func.getArgument(arg).getType()
        << " cannot cross the artifact's interface";
    return failure();
  }
  auto name = func.getArgAttrOfType<StringAttr>(arg, nameAttr);
  SmallVector<Attribute> shape;
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    if (!type.isDynamicDim(axis))
      shape.push_back(b.getI64IntegerAttr(type.getDimSize(axis)));
    else if (auto symbol = dims.lookup(arg, axis))
      shape.push_back(b.getStringAttr(dims.getNames()[*symbol]));
    else
      shape.push_back(b.getUnitAttr());
  }
  return Attribute(b.getDictionaryAttr(
      {b.getNamedAttr("name", name ? name : b.getStringAttr(fallback)),
       b.getNamedAttr("dtype", b.getStringAttr(dtype)),
       b.getNamedAttr("shape", b.getArrayAttr(shape))}));
}

/// What the signature says of an argument beside name, type and shape.
static DictionaryAttr describeState(func::FuncOp func, unsigned arg,
                                    DictionaryAttr info) {
  NamedAttrList fields(info);
  for (StringRef attr : {kInitAttrName, kDefaultAttrName, kDonatedAttrName,
                         kFanInAttrName, kBufferAttrName, kBoundAttrName})
    if (Attribute value = func.getArgAttr(arg, attr))
      fields.set(attr.drop_front(StringRef("tern.").size()), value);
  if (func.getArgAttr(arg, kStateAttrName))
    fields.set("role", StringAttr::get(func.getContext(), "state"));
  return fields.getDictionary(func.getContext());
}

/// Sorts the arguments to inputs, scalars, parameters and results.
LogicalResult EntryPointEmitter::classify() {
  SmallVector<unsigned> inputs, scalars, params, results;
  SmallVector<Attribute> inputInfo, scalarInfo, paramInfo, resultInfo;
  bool isPrepare =
      TernDialect::PrepareAttrHelper(func->getContext()).isAttrPresent(func);
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
    if (func.getArgAttr(i, kArenaAttrName)) {
      arena = i;
      continue;
    }
    if (func.getArgAttr(i, kFailedCheckAttrName)) {
      failedCheck = i;
      continue;
    }
    bool isResult = !!func.getArgAttr(i, kResultAttrName);
    bool isScalar = !!func.getArgAttr(i, kScalarAttrName);
    bool isState = !!func.getArgAttr(i, kStateAttrName);
    bool isParam = !!getStateName(func, i);
    auto info = describe(i,
                         isState    ? kStateAttrName
                         : isParam  ? kParamAttrName
                         : isScalar ? kScalarAttrName
                                    : kNameAttrName,
                         isResult ? "output" + std::to_string(results.size())
                                  : "input" + std::to_string(inputs.size()));
    if (failed(info))
      return failure();
    (isResult   ? results
     : isParam  ? params
     : isScalar ? scalars
                : inputs)
        .push_back(i);
    (isResult   ? resultInfo
     : isParam  ? paramInfo
     : isScalar ? scalarInfo
                : inputInfo)
        .push_back(describeState(func, i, cast<DictionaryAttr>(*info)));
    auto type = cast<MemRefType>(func.getArgument(i).getType());
    if (isParam && !isState && !type.hasStaticShape())
      return func.emitError("parameter '") << getStateName(func, i).getValue()
                                           << "' must have a static shape";
    if (isState && failed(checkState(func, i, type)))
      return failure();
    if (isScalar && type.getRank() != 0)
      return func.emitError("scalar '")
             << func.getArgAttrOfType<StringAttr>(i, kScalarAttrName).getValue()
             << "' must be a tensor of rank 0";
    if (isPrepare && !isParam)
      return func.emitError("argument #")
             << i << " of a prepare function must be a parameter";
  }
  order = inputs;
  llvm::append_range(order, scalars);
  llvm::append_range(order, params);
  llvm::append_range(order, results);

  // Extents of results that are symbols show as such.
  if (shapes) {
    auto ret = cast<func::ReturnOp>(shapes.getBody().front().getTerminator());
    unsigned extent = 0;
    for (Attribute &info : resultInfo) {
      auto dict = cast<DictionaryAttr>(info);
      SmallVector<Attribute> shape(
          cast<ArrayAttr>(dict.get("shape")).getValue());
      for (Attribute &axis : shape) {
        Value value = ret.getOperand(extent++);
        if (!isa<UnitAttr>(axis))
          continue;
        if (auto arg = dyn_cast<BlockArgument>(value))
          axis = b.getStringAttr(dims.getNames()[arg.getArgNumber()]);
        else if (auto constant = getConstantIntValue(value))
          axis = b.getI64IntegerAttr(*constant);
      }
      NamedAttrList fields(dict);
      fields.set("shape", b.getArrayAttr(shape));
      info = fields.getDictionary(b.getContext());
    }
  }
  SmallVector<Attribute> dimNames;
  for (const std::string &name : dims.getNames())
    dimNames.push_back(b.getStringAttr(name));
  NamedAttrList fields;
  fields.set("dims", b.getArrayAttr(dimNames));
  fields.set("inputs", b.getArrayAttr(inputInfo));
  fields.set("params", b.getArrayAttr(paramInfo));
  fields.set("outputs", b.getArrayAttr(resultInfo));
  if (!scalarInfo.empty())
    fields.set("scalars", b.getArrayAttr(scalarInfo));
  for (StringRef checks : {TernDialect::ChecksAttrHelper::getNameStr(),
                           TernDialect::ElementChecksAttrHelper::getNameStr()})
    if (Attribute messages = func->removeAttr(checks))
      fields.set(checks.drop_front(StringRef("tern.").size()), messages);
  if (Attribute count =
          func->removeAttr(TernDialect::ScalarChecksAttrHelper::getNameStr()))
    fields.set("scalar_checks", count);
  interface = fields.getDictionary(b.getContext());
  for (BlockArgument arg : func.getArguments())
    types.push_back(cast<MemRefType>(arg.getType()));
  return success();
}

/// Memory for an i32 that is 0.
Value EntryPointEmitter::allocateStatus() {
  Value one = LLVM::ConstantOp::create(b, b.getI64IntegerAttr(1));
  Value status = LLVM::AllocaOp::create(b, pointer, b.getI32Type(), one);
  LLVM::StoreOp::create(b, arith::ConstantIntOp::create(b, b.getI32Type(), 0),
                        status);
  return status;
}

/// What was launched matters more: checks may have looked at what it left.
void EntryPointEmitter::returnStatus(Value launched, Value checked) {
  auto load = [&](Value status) -> Value {
    return LLVM::LoadOp::create(b, b.getI32Type(), status);
  };
  Value zero = arith::ConstantIntOp::create(b, b.getI32Type(), 0);
  Value result = checked ? load(checked) : zero;
  if (launched) {
    Value status = load(launched);
    Value isFine =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, status, zero);
    result = arith::SelectOp::create(b, isFine, result, status);
  }
  func::ReturnOp::create(b, result);
}

Value EntryPointEmitter::element(Value base, int64_t index, Type type) {
  return LLVM::GEPOp::create(b, pointer, type, base,
                             ArrayRef<LLVM::GEPArg>{(int32_t)index});
}

func::FuncOp EntryPointEmitter::addExported(const Twine &name, TypeRange inputs,
                                            TypeRange results) {
  auto exported = func::FuncOp::create(func.getLoc(), name.str(),
                                       b.getFunctionType(inputs, results));
  symbols.insert(exported);
  b.setLoc(func.getLoc());
  b.setInsertionPointToStart(exported.addEntryBlock());
  return exported;
}

void EntryPointEmitter::loadDims(Value dimsPointer,
                                 SmallVectorImpl<Value> &values) {
  for (size_t i = 0; i < dims.size(); ++i) {
    Value value = LLVM::LoadOp::create(b, b.getI64Type(),
                                       element(dimsPointer, i, b.getI64Type()));
    values.push_back(arith::IndexCastOp::create(b, b.getIndexType(), value));
  }
}

/// Computes some of what the shapes function returns. Its body is copied rather
/// than called: a result of some thousand extents would be a structure, whose
/// every insertion copies all of it.
SmallVector<Value> EntryPointEmitter::cloneShapes(ValueRange dimValues,
                                                  ValueRange results) {
  Block &body = shapes.getBody().front();
  BackwardSliceOptions options;
  options.omitBlockArguments = true;
  SetVector<Operation *> needed;
  for (Value result : results)
    if (Operation *source = result.getDefiningOp()) {
      (void)getBackwardSlice(source, &needed, options);
      needed.insert(source);
    }
  IRMapping mapping;
  mapping.map(body.getArguments(), dimValues);
  for (Operation &op : body.without_terminator())
    if (needed.contains(&op))
      b.clone(op, mapping);
  SmallVector<Value> extents;
  for (Value result : results)
    extents.push_back(mapping.lookup(result));
  return extents;
}

BufferTable EntryPointEmitter::makeTable() {
  SmallVector<BufferSource> sources(types.size());
  for (auto [source, type] : llvm::zip_equal(sources, types))
    source.type = type;
  unsigned extent = 0;
  for (auto [i, arg] : llvm::enumerate(order)) {
    sources[arg].index = i;
    bool isResult = !!func.getArgAttr(arg, kResultAttrName);
    for (int64_t axis = 0; axis < types[arg].getRank(); ++axis) {
      if (types[arg].isDynamicDim(axis))
        sources[arg].extents.push_back(
            {isResult, isResult ? extent : *dims.lookup(arg, axis)});
      extent += isResult;
    }
  }
  if (arena)
    sources[*arena].kind = BufferSource::Arena;
  if (failedCheck)
    sources[*failedCheck].kind = BufferSource::FailedCheck;
  return BufferTable(std::move(sources));
}

/// For a function that takes the table of buffers.
void EntryPointEmitter::emitTableInvoke(StringRef name, StringRef shapesName) {
  func::FuncOp invoke =
      addExported(name, {pointer, pointer, pointer, pointer}, b.getI32Type());
  Value dimsPointer = invoke.getArgument(2);
  Value count = LLVM::ConstantOp::create(b, b.getI64IntegerAttr(numShapes));
  Value extents = LLVM::AllocaOp::create(b, pointer, b.getI64Type(), count);
  func::CallOp::create(b, shapesName, TypeRange(),
                       ValueRange{dimsPointer, extents});
  SmallVector<Value> dimValues;
  loadDims(dimsPointer, dimValues);
  Value size = func::CallOp::create(b, arenaSize, dimValues).getResult(0);
  Value status = allocateStatus(), launched;
  SmallVector<Value> operands = {invoke.getArgument(0)};
  if (launchStatus)
    operands.push_back(launched = allocateStatus());
  operands.append({invoke.getArgument(1), dimsPointer, extents,
                   loadArena(invoke), size, status});
  func::CallOp::create(b, func.getName(), TypeRange(), operands);
  returnStatus(launched, status);
}

void EntryPointEmitter::emitInvoke(StringRef name) {
  func::FuncOp invoke =
      addExported(name, {pointer, pointer, pointer, pointer}, b.getI32Type());
  Value buffers = invoke.getArgument(1);
  SmallVector<Value> dimValues;
  loadDims(invoke.getArgument(2), dimValues);
  SmallVector<Value> extents = cloneShapes(dimValues, getShapes());

  SmallVector<SmallVector<Value>> parts(types.size());
  size_t extent = 0;
  for (auto [i, arg] : llvm::enumerate(order)) {
    parts[arg].push_back(
        LLVM::LoadOp::create(b, pointer, element(buffers, i, pointer)));
    bool isResult = !!func.getArgAttr(arg, kResultAttrName);
    for (int64_t axis = 0; axis < types[arg].getRank(); ++axis) {
      bool isDynamic = types[arg].isDynamicDim(axis);
      if (isDynamic && isResult)
        parts[arg].push_back(extents[extent]);
      else if (isDynamic)
        parts[arg].push_back(dimValues[*dims.lookup(arg, axis)]);
      extent += isResult;
    }
  }
  if (arena) {
    parts[*arena].push_back(loadArena(invoke));
    parts[*arena].push_back(
        func::CallOp::create(b, arenaSize, dimValues).getResult(0));
  }
  Value checked, launched;
  if (failedCheck)
    parts[*failedCheck].push_back(checked = allocateStatus());
  SmallVector<Value> operands;
  for (ArrayRef<Value> values : parts)
    llvm::append_range(operands, values);
  operands.push_back(invoke.getArgument(0));
  if (launchStatus)
    operands.push_back(launched = allocateStatus());
  // Called once `func` takes raw buffers.
  func::CallOp::create(b, func.getName(), TypeRange(), operands);
  returnStatus(launched, checked);
}

/// Runs nothing if a scalar is not what the function is for.
void EntryPointEmitter::emitCheckedInvoke(StringRef name, StringRef unchecked) {
  func::FuncOp invoke =
      addExported(name, {pointer, pointer, pointer, pointer}, b.getI32Type());
  SmallVector<Value> operands;
  loadDims(invoke.getArgument(2), operands);
  for (auto [i, arg] : llvm::enumerate(order))
    if (func.getArgAttr(arg, kScalarAttrName)) {
      Value address = LLVM::LoadOp::create(
          b, pointer, element(invoke.getArgument(1), i, pointer));
      operands.push_back(
          LLVM::LoadOp::create(b, types[arg].getElementType(), address));
    }
  callIfScalarsFit(b, scalarChecks, operands, unchecked, invoke.getArguments());
}

void EntryPointEmitter::emitShapes(StringRef name, bool isExported) {
  func::FuncOp exported = addExported(name, {pointer, pointer}, {});
  if (!isExported)
    exported.setPrivate();
  // No vectors: LLVM 22 gathers the answers of checks in a mask, and on AVX-512
  // one of them was wrong from the second call on.
  exported->setAttr("passthrough", b.getStrArrayAttr({"noimplicitfloat"}));
  // LLVM compares the stores of a block with each other: of many, some are
  // another function's.
  constexpr size_t maxStores = 512;
  ValueRange results = getShapes();
  for (size_t first = 0; first < results.size(); first += maxStores) {
    ValueRange some =
        results.slice(first, std::min(maxStores, results.size() - first));
    func::FuncOp storing = exported;
    if (some.size() != results.size()) {
      storing = addExported((name + "_from").str() + Twine(first),
                            {pointer, pointer}, {});
      storing.setPrivate();
      storing->setAttr("passthrough",
                       b.getStrArrayAttr({"noimplicitfloat", "noinline"}));
    }
    SmallVector<Value> dimValues;
    loadDims(storing.getArgument(0), dimValues);
    for (auto [i, extent] : llvm::enumerate(cloneShapes(dimValues, some)))
      LLVM::StoreOp::create(
          b, arith::IndexCastOp::create(b, b.getI64Type(), extent),
          element(storing.getArgument(1), first + i, b.getI64Type()));
    if (storing == exported)
      continue;
    func::ReturnOp::create(b);
    b.setInsertionPointToEnd(&exported.getBody().front());
    func::CallOp::create(b, storing, exported.getArguments());
  }
  func::ReturnOp::create(b);
}

void EntryPointEmitter::emitArenaSizes(StringRef name) {
  Type i64 = b.getI64Type();
  func::FuncOp exported = addExported(name, {pointer, i64, pointer}, {});
  SmallVector<Value> dimValues;
  loadDims(exported.getArgument(0), dimValues);
  Value size = arenaSize
                   ? func::CallOp::create(b, arenaSize, dimValues).getResult(0)
                   : arith::ConstantIndexOp::create(b, 0).getResult();
  Value space = arith::ConstantOp::create(b, b.getI64IntegerAttr(kHostSpace));
  Value isAsked = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt,
                                        exported.getArgument(1), space);
  auto ifAsked = scf::IfOp::create(b, isAsked, /*withElseRegion=*/false);
  func::ReturnOp::create(b);
  b.setInsertionPointToStart(ifAsked.thenBlock());
  LLVM::StoreOp::create(b, arith::IndexCastOp::create(b, i64, size),
                        element(exported.getArgument(2), kHostSpace, i64));
}

LogicalResult EntryPointEmitter::run(StringRef stem, bool withShapes) {
  if (!func.getBody().hasOneBlock() || func.getNumResults() != 0 ||
      !llvm::all_of(func.getArgumentTypes(), llvm::IsaPred<MemRefType>))
    return func.emitError("expected a function on buffers without results, as "
                          "the pipeline to level 'buffers' leaves it");
  shapes = symbols.lookup<func::FuncOp>(getShapesFunctionName(func));
  arenaSize = symbols.lookup<func::FuncOp>(getArenaSizeFunctionName(func));
  if (!shapes || !arenaSize)
    return func.emitError("expected functions '")
           << getShapesFunctionName(func) << "' and '"
           << getArenaSizeFunctionName(func) << "' beside this one";
  if (failed(verifyHelperFunction(func, shapes, getNumShapesResults(func))) ||
      failed(verifyHelperFunction(func, arenaSize, 1)))
    return failure();
  if (failed(findScalarChecks(func, dims.size(), symbols, scalarChecks)) ||
      failed(classify()))
    return failure();
  numShapes = shapes.getNumResults();
  promiseBuffers(func);
  FailureOr<HostCalls::Pointers> pointers =
      hostCalls.lower(func, /*always=*/true);
  if (failed(pointers))
    return failure();
  launchStatus = pointers->launchStatus;
  // Out of the way of the exported names, and of C's `main`.
  std::string exported = stem.str();
  if (failed(symbols.rename(func, "tern_internal_" + func.getName().str())))
    return failure();
  func.setPrivate();
  bool isPrepare =
      TernDialect::PrepareAttrHelper(func->getContext()).isAttrPresent(func);
  // Parts need the table of buffers; layers have so many that to pass each to
  // this function first would be most of its code.
  bool takesTable = llvm::any_of(
      func.getBody().front().getOps<func::CallOp>(), [&](func::CallOp call) {
        return TernDialect::PartAttrHelper(call->getContext())
                   .isAttrPresent(call) ||
               (order.size() > kManyBuffers && hostCalls.isCalled(call));
      });
  std::string invokeName = isPrepare ? exported : exported + "_invoke";
  std::string shapesName = exported + "_shapes";
  std::string runName = scalarChecks ? exported + "_run" : invokeName;
  if (takesTable)
    emitTableInvoke(runName, shapesName);
  else
    emitInvoke(runName);
  if (scalarChecks) {
    symbols.lookup<func::FuncOp>(runName).setPrivate();
    emitCheckedInvoke(invokeName, runName);
  }
  emitArenaSizes(exported + "_arena_sizes");
  if (withShapes || takesTable)
    emitShapes(shapesName, /*isExported=*/withShapes);
  // The size of the arena may be computed of them, too.
  SmallVector<func::CallOp> calls;
  for (auto call : arenaSize.getBody().front().getOps<func::CallOp>())
    if (call.getCallee() == shapes.getName())
      calls.push_back(call);
  for (func::CallOp call : calls) {
    b.setInsertionPoint(call);
    call->replaceAllUsesWith(cloneShapes(call.getOperands(), getShapes()));
    call->erase();
  }
  if (SymbolTable::symbolKnownUseEmpty(shapes, symbols.getOp()))
    symbols.erase(shapes);
  return takesTable ? makeTable().replaceArguments(func, symbols)
                    : takeRawBuffers(func);
}

/// What the signature says of a prepare function, with other names for the
/// parameters that it reads and makes.
static Attribute rename(NamedAttrList info, ArrayAttr names) {
  MLIRContext *context = names.getContext();
  ArrayRef<Attribute> left = names.getValue();
  for (StringRef list : {"params", "outputs"}) {
    SmallVector<Attribute> tensors;
    for (Attribute tensor : cast<ArrayAttr>(info.get(list))) {
      NamedAttrList fields(cast<DictionaryAttr>(tensor));
      fields.set("name", left.front());
      left = left.drop_front();
      tensors.push_back(fields.getDictionary(context));
    }
    info.set(list, ArrayAttr::get(context, tensors));
  }
  return info.getDictionary(context);
}

struct EmitEntryPointsPass
    : public tern::impl::EmitEntryPointsPassBase<EmitEntryPointsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    OpBuilder b(&getContext());
    func::FuncOp main;
    SmallVector<Attribute> prepares;
    SmallVector<NamedAttribute> functions;
    bool isTraining = TernDialect::TrainingAttrHelper(module->getContext())
                          .isAttrPresent(module);
    SmallVector<func::FuncOp> entries = getEntryFunctions(module);
    auto isPrepareFunction = [](func::FuncOp func) {
      return TernDialect::PrepareAttrHelper(func->getContext())
          .isAttrPresent(func);
    };
    // Of inference a single function is the artifact's `main`, whatever it is
    // called.
    bool isSingle = !isTraining && llvm::count_if(entries, [&](auto func) {
                                     return !isPrepareFunction(func);
                                   }) == 1;
    HostCalls hostCalls(symbols);
    FailureOr<SmallVector<func::FuncOp>> called = getCalledFunctions(module);
    if (failed(called))
      return signalPassFailure();
    for (func::FuncOp func : *called)
      if (failed(hostCalls.lowerCalled(func)))
        return signalPassFailure();
    for (func::FuncOp func : entries) {
      bool isPrepare = isPrepareFunction(func);
      if (!isPrepare)
        main = func;
      if (!isPrepare && !isTraining && failed(checkDonated(func)))
        return signalPassFailure();
      std::string name = !isPrepare && isSingle ? "main" : func.getName().str();
      std::string stem = (isPrepare ? "tern_" : "tern_model_") + name;
      Attribute instances =
          func->removeAttr(TernDialect::InstancesAttrHelper::getNameStr());
      EntryPointEmitter emitter(func, symbols, hostCalls);
      if (failed(emitter.run(stem, /*withShapes=*/!isPrepare)))
        return signalPassFailure();
      if (!isPrepare) {
        functions.push_back(b.getNamedAttr(name, emitter.getInterface()));
        continue;
      }
      NamedAttrList info(emitter.getInterface());
      info.set("symbol", b.getStringAttr(stem));
      if (TernDialect::InitialAttrHelper(func->getContext())
              .isAttrPresent(func))
        info.set("initial", b.getUnitAttr());
      prepares.push_back(info.getDictionary(&getContext()));
      if (instances)
        for (auto names : cast<ArrayAttr>(instances).getAsRange<ArrayAttr>())
          prepares.push_back(rename(info, names));
    }
    // Nested modules need no entry: no product has a place for it.
    if (!prepares.empty())
      TernDialect::PreparesAttrHelper(module->getContext())
          .setAttr(module, b.getArrayAttr(prepares));
    else if (!main && !module->getParentOp()) {
      module.emitError("no entry function: expected a public function 'main'");
      return signalPassFailure();
    }
    if (main)
      TernDialect::InterfaceAttrHelper(module->getContext())
          .setAttr(module, b.getDictionaryAttr(b.getNamedAttr(
                               "functions", b.getDictionaryAttr(functions))));
    if (!hostCalls.getKernels().empty())
      TernDialect::KernelsAttrHelper(module->getContext())
          .setAttr(module, b.getArrayAttr(hostCalls.getKernels()));
    for (auto func : module.getOps<func::FuncOp>()) {
      WalkResult result = func.walk([](gpu::LaunchFuncOp op) {
        op.emitError("only functions that entry functions call one after "
                     "another have a host that launches");
        return WalkResult::interrupt();
      });
      if (result.wasInterrupted())
        return signalPassFailure();
    }
    // Only the interface is visible outside.
    for (auto func : module.getOps<func::FuncOp>())
      if (func.isPrivate() && !func.isDeclaration())
        func->setAttr(
            "llvm.linkage",
            LLVM::LinkageAttr::get(&getContext(), LLVM::Linkage::Internal));
  }
};

} // namespace
