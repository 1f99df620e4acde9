//===- InitialValues.cpp - Parameters that tern.initial computes ----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InitialValues.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Support/UniqueNames.h"

using namespace mlir;
using namespace tern;

void tern::findSlice(Value value, llvm::SetVector<Operation *> &ops,
                     llvm::SetVector<BlockArgument> &arguments) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    arguments.insert(argument);
    return;
  }
  Operation *op = value.getDefiningOp();
  if (ops.contains(op))
    return;
  for (Value operand : op->getOperands())
    findSlice(operand, ops, arguments);
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  for (Value operand : captured)
    findSlice(operand, ops, arguments);
  ops.insert(op);
}

std::string tern::getFreeName(func::FuncOp function, StringRef base) {
  UniqueNames names;
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    for (StringRef attr : {kParamAttrName, kNameAttrName})
      if (auto known = function.getArgAttrOfType<StringAttr>(i, attr))
        names.take(known);
  return names.make(base);
}

Value tern::addComputedParameter(
    func::FuncOp function, Value value, Type type, StringRef name,
    function_ref<Value(OpBuilder &, Value)> finish) {
  MLIRContext *context = function.getContext();
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<BlockArgument> arguments;
  findSlice(value, ops, arguments);
  SmallVector<Type> inputs;
  for (BlockArgument argument : arguments)
    inputs.push_back(argument.getType());
  SymbolTable symbols(function->getParentOfType<ModuleOp>());
  unsigned number = 0;
  std::string symbol;
  do
    symbol = "initial_" + std::to_string(number++);
  while (symbols.lookup(symbol));
  auto initial = func::FuncOp::create(value.getLoc(), symbol,
                                      FunctionType::get(context, inputs, type));
  symbols.insert(initial);
  OpBuilder b(context);
  StringAttr nameAttr = b.getStringAttr(name);
  TernDialect::PrepareAttrHelper(context).setAttr(initial, b.getUnitAttr());
  TernDialect::InitialAttrHelper(context).setAttr(initial, b.getUnitAttr());
  TernDialect::TargetAttrHelper(context).setAttr(
      initial, GenericTargetAttr::get(context));
  initial.setResultAttr(0, kParamAttrName, nameAttr);
  b.setInsertionPointToStart(initial.addEntryBlock());
  IRMapping mapping;
  for (auto [from, to] : llvm::zip_equal(arguments, initial.getArguments())) {
    mapping.map(from, to);
    initial.setArgAttrs(to.getArgNumber(),
                        function.getArgAttrDict(from.getArgNumber()));
  }
  for (Operation *op : ops)
    b.clone(*op, mapping);
  func::ReturnOp::create(b, value.getLoc(), finish(b, mapping.lookup(value)));

  unsigned index = function.getNumArguments();
  if (failed(function.insertArgument(
          index, type,
          b.getDictionaryAttr(b.getNamedAttr(kParamAttrName, nameAttr)),
          NameLoc::get(nameAttr, value.getLoc()))))
    return nullptr;
  return function.getArgument(index);
}
