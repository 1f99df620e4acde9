//===- OptimizerFile.cpp - Optimizers as MLIR files -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OptimizerFile.h"
#include "TensorBuilder.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Parser/Parser.h"
#include "tern/Dialect/Tern/IR/TrainingAttributes.h"
#include "tern/Support/InputFile.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include <dlfcn.h>

using namespace mlir;
using namespace tern;

/// share/tern/optimizers beside the folder of libTern.so.
static std::string getFolder() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&getFolder), &info) || !info.dli_fname)
    return "";
  llvm::SmallString<128> real;
  if (llvm::sys::fs::real_path(info.dli_fname, real))
    return "";
  llvm::SmallString<128> folder(
      llvm::sys::path::parent_path(llvm::sys::path::parent_path(real)));
  llvm::sys::path::append(folder, "share", "tern", "optimizers");
  // Distributions put libraries a folder deeper: lib/x86_64-linux-gnu.
  if (!llvm::sys::fs::exists(folder)) {
    folder = llvm::sys::path::parent_path(
        llvm::sys::path::parent_path(llvm::sys::path::parent_path(real)));
    llvm::sys::path::append(folder, "share", "tern", "optimizers");
  }
  return folder.str().str();
}

static std::vector<std::string> listOptimizers(StringRef folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(folder, error), end;
       it != end && !error; it.increment(error))
    if (llvm::sys::path::extension(it->path()) == ".mlir")
      names.push_back(llvm::sys::path::stem(it->path()).str());
  llvm::sort(names);
  return names;
}

/// Checks a function's type and its arguments' roles. `numLeading` arguments
/// are of the parameter's shape, of which the first is returned anew.
static LogicalResult check(func::FuncOp func, unsigned numLeading,
                           int64_t rank) {
  if (func.isDeclaration() || !func.getBody().hasOneBlock())
    return func.emitError("an optimizer's function must have one block");
  OpBuilder b(func.getContext());
  SmallVector<int64_t> dynamic(rank, ShapedType::kDynamic);
  Type shaped = RankedTensorType::get(dynamic, b.getF32Type());
  if (func.getNumArguments() < numLeading)
    return func.emitError("expected ") << numLeading << " leading arguments";
  SmallVector<Type> results = {shaped};
  llvm::StringSet<> names;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
    Type type = func.getArgument(i).getType();
    if (i < numLeading) {
      if (type != shaped)
        return func.emitError("argument #")
               << i << " must be of type " << shaped;
      continue;
    }
    auto state = func.getArgAttrOfType<StringAttr>(i, kStateAttrName);
    auto scalar = func.getArgAttrOfType<StringAttr>(i, kScalarAttrName);
    if (!!state == !!scalar)
      return func.emitError("argument #")
             << i << " must be a state ('" << kStateAttrName
             << "') or a scalar ('" << kScalarAttrName << "')";
    StringRef name = state ? state.getValue() : scalar.getValue();
    if (!names.insert(name).second)
      return func.emitError("two arguments are '") << name << "'";
    if (state) {
      results.push_back(type);
      if (type != shaped)
        return func.emitError("state '")
               << name << "' must be of type " << shaped;
      if (!func.getArgAttrOfType<FloatAttr>(i, kInitAttrName))
        return func.emitError("state '")
               << name << "' has no '" << kInitAttrName << "' of a float";
      continue;
    }
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getRank() != 0 ||
        !(tensor.getElementType().isF32() || tensor.getElementType().isF64() ||
          tensor.getElementType().isInteger(64)))
      return func.emitError("scalar '")
             << name << "' must be a tensor<f32>, tensor<f64> or tensor<i64>";
  }
  if (func.getFunctionType().getResults() != ArrayRef(results))
    return func.emitError("expected results ")
           << results << ": what is updated, then the states in order";
  return success();
}

/// Inlines what a function calls, wherever in it.
static LogicalResult inlineCalls(func::FuncOp func) {
  // More is a recursion: files are read and written by people.
  for (int depth = 0; depth < 64; ++depth) {
    SmallVector<func::CallOp> calls;
    func.walk([&](func::CallOp call) { calls.push_back(call); });
    if (calls.empty())
      return success();
    for (func::CallOp call : calls) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
          call, call.getCalleeAttr());
      if (!callee || callee.isDeclaration() || !callee.getBody().hasOneBlock())
        return call.emitError("expected a call of a function of one block in "
                              "this file");
      OpBuilder b(call);
      call.replaceAllUsesWith(inlineFunction(b, callee, call.getOperands()));
      call.erase();
    }
  }
  return func.emitError("functions of an optimizer must not be recursive");
}

static LogicalResult load(StringRef name, MLIRContext *context, bool isLast,
                          OptimizerFile &file) {
  auto error = [&](const Twine &text) -> LogicalResult {
    return emitError(UnknownLoc::get(context), text);
  };
  std::string path = name.str();
  if (!name.ends_with(".mlir")) {
    llvm::SmallString<128> found(getFolder());
    llvm::sys::path::append(found, name + ".mlir");
    path = found.str().str();
    if (name.empty() || name.contains('/') || !llvm::sys::fs::exists(path)) {
      std::vector<std::string> known = listOptimizers(getFolder());
      return error("unknown optimizer '" + name + "'; known are: " +
                   llvm::join(known, ", ") + ", or the path of a .mlir file" +
                   runtime::suggest(name, known));
    }
  }
  auto buffer = openInputFile(path, /*orPipe=*/true);
  if (!buffer)
    return error("cannot read optimizer '" + path +
                 "': " + llvm::toString(buffer.takeError()));
  file.text = (*buffer)->getBuffer().str();
  llvm::SourceMgr sources;
  // The parser wants a zero at the end.
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBufferCopy(file.text, path), llvm::SMLoc());
  file.module = parseSourceFile<ModuleOp>(sources, context);
  if (!file.module)
    return failure();
  auto find = [&](StringRef function) {
    return file.module->lookupSymbol<func::FuncOp>(function);
  };
  file.update = find("update");
  file.updateMatrix = find("update_matrix");
  file.filter = find("filter");
  if (isLast && !file.update)
    return error("optimizer '" + name + "' has no function 'update'");
  if (!isLast && !file.filter)
    return error("'" + name +
                 "' stands before another optimizer, but has no "
                 "function 'filter'");
  if ((isLast && failed(check(file.update, 2, 1))) ||
      (isLast && file.updateMatrix && failed(check(file.updateMatrix, 2, 2))) ||
      (!isLast && failed(check(file.filter, 1, 1))))
    return failure();
  for (func::FuncOp func : {file.update, file.updateMatrix, file.filter})
    if (func && failed(inlineCalls(func)))
      return failure();
  return success();
}

FailureOr<std::vector<OptimizerFile>>
tern::loadOptimizers(StringRef chain, MLIRContext *context) {
  SmallVector<StringRef> names;
  chain.split(names, '+');
  std::vector<OptimizerFile> files(names.size());
  for (auto [i, name] : llvm::enumerate(names))
    if (failed(load(name.trim(), context, i + 1 == names.size(), files[i])))
      return failure();
  return files;
}
