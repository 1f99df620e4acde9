//===- HostCalls.cpp - What functions run by the host ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostCalls.h"
#include "RawBuffers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"

using namespace mlir;
using namespace tern;

/// Field of TernHost that holds parallel_for.
static constexpr int32_t kParallelForField = 3;

Value HostCalls::buildLabel(ImplicitLocOpBuilder &b, func::FuncOp func,
                            StringRef text) {
  std::string bytes = text.str();
  bytes.push_back('\0');
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
  OpBuilder atModule(symbols.getOp()->getRegion(0));
  auto global = LLVM::GlobalOp::create(
      atModule, b.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal,
      ("label_" + func.getName()).str(), b.getStringAttr(bytes),
      /*alignment=*/1);
  symbols.insert(global, symbols.getOp()->getRegion(0).front().begin());
  return LLVM::AddressOfOp::create(b, global);
}

/// `@body(0, n, captures...)` marked parallel becomes
///   env = {captures}; host->parallel_for(host, @body_task, env, n, label)
/// where `@body_task(env, begin, end)` unpacks the environment.
LogicalResult HostCalls::lowerParallelCall(func::FuncOp func, Value host,
                                           func::CallOp call) {
  auto body = symbols.lookup<func::FuncOp>(call.getCallee());
  if (!body || body.isDeclaration() || !body.getBody().hasOneBlock() ||
      body.getNumArguments() < 2 || body.getNumResults() != 0 ||
      !matchPattern(call.getOperand(0), m_Zero()))
    return call.emitError("a parallel call must run a defined function without "
                          "results over a range that begins at 0");
  ImplicitLocOpBuilder b(call.getLoc(), call);
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<Value> fields;
  for (Value operand : call.getOperands().drop_front(2)) {
    if (isa<MemRefType>(operand.getType()))
      splitMemRef(b, operand, fields);
    else
      fields.push_back(operand);
  }
  auto stored = [&](Type type) -> Type {
    return type.isIndex() ? b.getI64Type() : type;
  };
  SmallVector<Type> fieldTypes;
  for (Value field : fields)
    fieldTypes.push_back(stored(field.getType()));
  auto envType = LLVM::LLVMStructType::getLiteral(b.getContext(), fieldTypes);
  auto fieldAddress = [&](Value env, int32_t index) -> Value {
    return LLVM::GEPOp::create(b, pointer, envType, env,
                               ArrayRef<LLVM::GEPArg>{0, index});
  };

  // The task.
  Type i64 = b.getI64Type();
  auto task = func::FuncOp::create(b.getLoc(), (body.getName() + "_task").str(),
                                   b.getFunctionType({pointer, i64, i64}, {}));
  task.setPrivate();
  symbols.insert(task, std::next(Block::iterator(body)));
  if (failed(takeRawBuffers(body)))
    return failure();
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(task.addEntryBlock());
    SmallVector<Value> operands;
    for (Value range : task.getArguments().drop_front())
      operands.push_back(
          arith::IndexCastOp::create(b, b.getIndexType(), range));
    for (auto [i, field] : llvm::enumerate(fields)) {
      Value value = LLVM::LoadOp::create(b, fieldTypes[i],
                                         fieldAddress(task.getArgument(0), i));
      if (field.getType().isIndex())
        value = arith::IndexCastOp::create(b, b.getIndexType(), value);
      operands.push_back(value);
    }
    func::CallOp::create(b, body, operands);
    func::ReturnOp::create(b);
  }

  // The environment stands at the function's entry: in a loop it would take
  // more stack in each iteration.
  Value env;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&func.getBody().front());
    Value one = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(1));
    env = LLVM::AllocaOp::create(b, pointer, envType, one);
  }
  for (auto [i, field] : llvm::enumerate(fields)) {
    Value value = field;
    if (value.getType().isIndex())
      value = arith::IndexCastOp::create(b, i64, value);
    LLVM::StoreOp::create(b, value, fieldAddress(env, i));
  }

  auto hostType = LLVM::LLVMStructType::getLiteral(
      b.getContext(), {i64, pointer, b.getI32Type(), pointer});
  Value slot = LLVM::GEPOp::create(
      b, pointer, hostType, host, ArrayRef<LLVM::GEPArg>{0, kParallelForField});
  Value parallelFor = LLVM::LoadOp::create(b, pointer, slot);
  Value taskRef = func::ConstantOp::create(b, task.getFunctionType(),
                                           FlatSymbolRefAttr::get(task));
  Value taskPointer =
      UnrealizedConversionCastOp::create(b, pointer, taskRef).getResult(0);
  Value count = arith::IndexCastOp::create(b, i64, call.getOperand(1));
  Value label = buildLabel(
      b, func,
      TernDialect::ParallelAttrHelper(call->getContext()).getAttr(call));
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {pointer, pointer, pointer, i64, pointer});
  LLVM::CallOp::create(
      b, type, ValueRange{parallelFor, host, taskPointer, env, count, label});
  call.erase();
  return success();
}

/// Gives the function the host and lowers what runs by it.
FailureOr<HostCalls::Pointers> HostCalls::lower(func::FuncOp func,
                                                bool always) {
  Use use;
  use.needsHost = always;
  SmallVector<func::CallOp> parallel;
  func.walk([&](Operation *op) {
    if (isa<gpu::LaunchFuncOp>(op))
      use.needsHost = use.launches = true;
    auto call = dyn_cast<func::CallOp>(op);
    if (!call)
      return;
    if (TernDialect::ParallelAttrHelper(call->getContext())
            .isAttrPresent(call)) {
      use.needsHost = true;
      parallel.push_back(call);
    }
    Use callee = uses.lookup(symbols.lookup<func::FuncOp>(call.getCallee()));
    use.needsHost |= callee.needsHost;
    use.launches |= callee.launches;
  });
  auto takePointer = [&]() -> Value {
    unsigned index = func.getNumArguments();
    auto type = LLVM::LLVMPointerType::get(func.getContext());
    (void)func.insertArgument(index, type, {}, func.getLoc());
    return func.getArgument(index);
  };
  Pointers pointers;
  if (use.needsHost)
    pointers.host = takePointer();
  if (use.launches) {
    pointers.launchStatus = takePointer();
    auto buildText = [&](Operation *before, StringRef text) {
      ImplicitLocOpBuilder b(before->getLoc(), before);
      return buildLabel(b, func, text);
    };
    if (failed(launches.lower(func, pointers.host, pointers.launchStatus,
                              buildText)))
      return failure();
  }
  uses[func] = use;
  for (func::CallOp call : parallel)
    if (failed(lowerParallelCall(func, pointers.host, call)))
      return failure();
  if (failed(lowerLayerCalls(func, pointers)))
    return failure();
  return pointers;
}

/// Callees have raw pointers by now, and take the host behind them.
LogicalResult HostCalls::lowerLayerCalls(func::FuncOp func,
                                         const Pointers &pointers) {
  SmallVector<func::CallOp> calls;
  func.walk([&](func::CallOp call) {
    if (isLayerCall(call))
      calls.push_back(call);
  });
  for (func::CallOp call : calls) {
    auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
    auto use = uses.find(callee);
    if (use == uses.end())
      continue;
    ImplicitLocOpBuilder b(call.getLoc(), call);
    SmallVector<Value> operands;
    for (Value operand : call.getOperands()) {
      if (isa<MemRefType>(operand.getType()))
        splitMemRef(b, operand, operands);
      else
        operands.push_back(operand);
    }
    if (use->second.needsHost)
      operands.push_back(pointers.host);
    if (use->second.launches)
      operands.push_back(pointers.launchStatus);
    func::CallOp::create(b, callee, operands);
    call.erase();
  }
  return success();
}

LogicalResult HostCalls::lowerCalled(func::FuncOp func) {
  // One on numbers is called as it is.
  if (llvm::none_of(func.getArgumentTypes(), llvm::IsaPred<MemRefType>))
    return success();
  if (!func.getBody().hasOneBlock() || func.getNumResults() != 0)
    return func.emitError("expected a function on buffers without results, as "
                          "the pipeline to level 'buffers' leaves it");
  promiseBuffers(func);
  // LLVM would put the code of each call in its place.
  func->setAttr("passthrough",
                Builder(func.getContext()).getStrArrayAttr({"noinline"}));
  if (failed(lower(func, /*always=*/false)))
    return failure();
  called.insert(func);
  return takeRawBuffers(func);
}
