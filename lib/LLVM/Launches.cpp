//===- Launches.cpp - Launches of kernels as calls of the host ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launches.h"
#include "RawBuffers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/LLVM/KernelParams.h"

using namespace mlir;
using namespace tern;

unsigned tern::getKernelParam(BlockArgument argument) {
  unsigned number = argument.getArgNumber();
  for (BlockArgument earlier :
       argument.getOwner()->getArguments().take_front(number))
    if (auto memref = dyn_cast<MemRefType>(earlier.getType()))
      number += memref.getNumDynamicDims();
  return number;
}

/// Field of TernHost that holds launch.
static constexpr int32_t kLaunchField = 4;

/// TERN_GRID_TOO_LARGE of Artifact.h.
static constexpr int32_t kGridTooLarge = INT32_MIN;

/// How the device table writes a parameter of this type; 0 if it cannot.
static char getParamLetter(Type type) {
  if (isa<LLVM::LLVMPointerType>(type))
    return 'p';
  if (!type.isIntOrFloat())
    return 0;
  unsigned bits = type.getIntOrFloatBitWidth();
  return bits == 8 || bits == 16 || bits == 32 || bits == 64
             ? static_cast<char>('0' + bits / 8)
             : 0;
}

FailureOr<unsigned> LaunchLowering::getNumber(gpu::LaunchFuncOp op,
                                              StringRef params) {
  SmallVector<int32_t> block;
  gpu::KernelDim3 size = op.getBlockSizeOperandValues();
  for (Value extent : {size.x, size.y, size.z}) {
    auto value = getConstantIntValue(extent);
    if (!value || *value < 1 || *value > INT32_MAX)
      return op.emitError("the extents of blocks must be positive constants: "
                          "the artifact's device table says them");
    block.push_back(static_cast<int32_t>(*value));
  }
  MLIRContext *context = op.getContext();
  auto kernel = KernelAttr::get(context, op.getKernel(),
                                DenseI32ArrayAttr::get(context, block),
                                StringAttr::get(context, params));
  for (auto [number, known] : llvm::enumerate(kernels))
    if (cast<KernelAttr>(known).getKernel() == op.getKernel() &&
        known != kernel)
      return op.emitError("is launched in two ways: as ")
             << known << " and as " << kernel;
  kernels.insert(kernel);
  return static_cast<unsigned>(llvm::find(kernels, kernel) - kernels.begin());
}

LogicalResult LaunchLowering::lower(gpu::LaunchFuncOp op, func::FuncOp func,
                                    Value host, Value status,
                                    BuildText buildText) {
  if (!op.getAsyncDependencies().empty() || op.getAsyncToken() ||
      op.getAsyncObject() || op.hasClusterSize())
    return op.emitError("must be neither asynchronous nor of clusters: the "
                        "host runs what is launched in order");
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto element = [&](Type type, Value base, int32_t index) -> Value {
    return LLVM::GEPOp::create(b, pointer, type, base,
                               ArrayRef<LLVM::GEPArg>{index});
  };
  // Memory on the stack stands at the function's entry: in a loop it would take
  // more in each iteration.
  auto allocate = [&](Type type, int64_t count) -> Value {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&func.getBody().front());
    Value number = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(count));
    return LLVM::AllocaOp::create(b, pointer, type, number);
  };
  auto load = [&](Type type, Value from) -> Value {
    return LLVM::LoadOp::create(b, type, from);
  };

  Value label = buildText(
      op, getLocationName(op.getLoc(), op.getKernelName().getValue()));
  // What 32 bits cannot count must not become a smaller grid.
  gpu::KernelDim3 size = op.getGridSizeOperandValues();
  Value before = load(i32, status);
  for (Value extent : {size.x, size.y, size.z}) {
    if (extent.getType().isInteger(32))
      continue;
    Value most = arith::ConstantOp::create(
        b, b.getIntegerAttr(extent.getType(), int64_t(UINT32_MAX)));
    Value fits =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ule, extent, most);
    Value tooLarge = arith::ConstantIntOp::create(b, i32, kGridTooLarge);
    before = arith::SelectOp::create(b, fits, before, tooLarge);
  }
  LLVM::StoreOp::create(b, before, status);
  // Nothing is launched after an error.
  Value zero = arith::ConstantIntOp::create(b, i32, 0);
  Value isFine =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, before, zero);
  auto ifFine = scf::IfOp::create(b, isFine, /*withElseRegion=*/false);
  b.setInsertionPointToStart(ifFine.thenBlock());

  SmallVector<Value> values;
  for (Value operand : op.getKernelOperands()) {
    auto memref = dyn_cast<MemRefType>(operand.getType());
    if (!memref) {
      values.push_back(operand);
      continue;
    }
    if (!memref.getLayout().isIdentity())
      return op.emitError("operand of type ")
             << memref << " is no dense row-major buffer";
    splitMemRef(b, operand, values);
  }
  std::string params;
  for (Value &value : values) {
    if (value.getType().isIndex())
      value = arith::IndexCastOp::create(b, i64, value);
    params.push_back(getParamLetter(value.getType()));
    if (!params.back())
      return op.emitError("a kernel takes no parameter of type ")
             << value.getType();
  }
  FailureOr<unsigned> number = getNumber(op, params);
  if (failed(number))
    return failure();

  Value pointers = allocate(pointer, std::max<int64_t>(1, values.size()));
  for (auto [i, value] : llvm::enumerate(values)) {
    Value slot = allocate(value.getType(), 1);
    LLVM::StoreOp::create(b, value, slot);
    LLVM::StoreOp::create(b, slot,
                          element(pointer, pointers, static_cast<int32_t>(i)));
  }
  Value grid = allocate(i32, 3);
  for (auto [i, extent] : llvm::enumerate(ArrayRef{size.x, size.y, size.z})) {
    Value value = extent;
    if (!value.getType().isInteger(32))
      value = value.getType().isIndex()
                  ? arith::IndexCastOp::create(b, i32, value).getResult()
                  : arith::TruncIOp::create(b, i32, value).getResult();
    LLVM::StoreOp::create(b, value,
                          element(i32, grid, static_cast<int32_t>(i)));
  }
  Value shared = op.getDynamicSharedMemorySize();
  if (!shared)
    shared = arith::ConstantIntOp::create(b, i32, 0);
  auto hostType = LLVM::LLVMStructType::getLiteral(
      b.getContext(), {i64, pointer, i32, pointer, pointer});
  Value launch = load(
      pointer, LLVM::GEPOp::create(b, pointer, hostType, host,
                                   ArrayRef<LLVM::GEPArg>{0, kLaunchField}));
  Value kernel = arith::ConstantIntOp::create(b, i32, *number);
  auto type = LLVM::LLVMFunctionType::get(
      i32, {pointer, i32, pointer, i32, pointer, pointer});
  auto call = LLVM::CallOp::create(
      b, type, ValueRange{launch, host, kernel, grid, shared, pointers, label});
  LLVM::StoreOp::create(b, call.getResult(), status);
  op.erase();
  return success();
}

LogicalResult LaunchLowering::lower(func::FuncOp func, Value host, Value status,
                                    BuildText buildText) {
  SmallVector<gpu::LaunchFuncOp> launches;
  func.walk([&](gpu::LaunchFuncOp op) { launches.push_back(op); });
  for (gpu::LaunchFuncOp op : launches)
    if (failed(lower(op, func, host, status, buildText)))
      return failure();
  return success();
}
