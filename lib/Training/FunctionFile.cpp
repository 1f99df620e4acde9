//===- FunctionFile.cpp - Functions that are read from MLIR files ---------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FunctionFile.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Parser/Parser.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/Inline.h"
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
namespace path = llvm::sys::path;

/// share/tern/FOLDER beside the folder of libTern.so.
static std::string getFolder(StringRef folder) {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&getFolder), &info) || !info.dli_fname)
    return "";
  llvm::SmallString<128> real;
  if (llvm::sys::fs::real_path(info.dli_fname, real))
    return "";
  llvm::SmallString<128> found;
  StringRef above = path::parent_path(real);
  // Distributions put libraries a folder deeper: lib/x86_64-linux-gnu.
  for (int depth = 0; depth < 2; ++depth) {
    above = path::parent_path(above);
    found = above;
    path::append(found, "share", "tern", folder);
    if (llvm::sys::fs::exists(found))
      break;
  }
  return found.str().str();
}

static std::vector<std::string> listNames(const FileKind &kind) {
  std::vector<std::string> names;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(getFolder(kind.folder), error), end;
       it != end && !error; it.increment(error))
    if (path::extension(it->path()) == ".mlir")
      names.push_back(path::stem(it->path()).str());
  llvm::sort(names);
  for (StringRef name : kind.builtin)
    names.push_back(name.str());
  return names;
}

/// The path of Tern's file of this name; empty if there is none.
static std::string findFile(const FileKind &kind, StringRef name) {
  llvm::SmallString<128> found(getFolder(kind.folder));
  path::append(found, name + ".mlir");
  if (name.empty() || name.contains('/') || !llvm::sys::fs::exists(found))
    return "";
  return found.str().str();
}

FailureOr<func::FuncOp> FunctionFile::find(StringRef function) {
  auto found = module->lookupSymbol<func::FuncOp>(function);
  if (!found)
    return found;
  inlineCalls(found, found);
  WalkResult left = found.walk([&](func::CallOp call) {
    auto callee = module->lookupSymbol<func::FuncOp>(call.getCallee());
    if (!callee || !callee.getBody().hasOneBlock())
      call.emitError("expected a call of a function of one block in this file");
    else
      found.emitError("functions of ")
          << (StringRef("aeiou").contains(kind.front()) ? "an " : "a ") << kind
          << " must not be recursive";
    return WalkResult::interrupt();
  });
  if (left.wasInterrupted())
    return failure();
  return found;
}

namespace {
/// Reads a file and what it takes from others.
class Reader {
public:
  Reader(const FileKind &kind, MLIRContext *context)
      : kind(kind), context(context) {}

  /// `from`: who asks for the file.
  FailureOr<FunctionFile> read(StringRef path, Location from);

private:
  LogicalResult takeFunctions(FunctionFile &file);
  LogicalResult take(FunctionFile &file, func::FuncOp declaration,
                     SymbolRefAttr from);

  const FileKind &kind;
  MLIRContext *context;
  /// Files that are being read, one for the other.
  SmallVector<std::string> open;
};
} // namespace

FailureOr<FunctionFile> Reader::read(StringRef path, Location from) {
  FunctionFile file;
  file.kind = kind.name;
  file.path = path.str();
  auto buffer = openInputFile(path, /*orPipe=*/open.empty());
  if (!buffer)
    return emitError(from) << "cannot read " << kind.name << " '" << path
                           << "': " << llvm::toString(buffer.takeError());
  file.text = (*buffer)->getBuffer().str();
  llvm::SourceMgr sources;
  // The parser wants a zero at the end.
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBufferCopy(file.text, path), llvm::SMLoc());
  file.module = parseSourceFile<ModuleOp>(sources, context);
  if (!file.module)
    return failure();
  open.push_back(file.path);
  if (failed(takeFunctions(file)))
    return failure();
  open.pop_back();
  return file;
}

LogicalResult Reader::takeFunctions(FunctionFile &file) {
  for (auto func : file.module->getOps<func::FuncOp>())
    if (auto from =
            TernDialect::FromAttrHelper(func->getContext()).getAttr(func))
      if (failed(take(file, func, from)))
        return failure();
  return success();
}

LogicalResult Reader::take(FunctionFile &file, func::FuncOp declaration,
                           SymbolRefAttr from) {
  auto error = [&] { return declaration.emitError() << "'" << from << "': "; };
  StringRef stem = from.getRootReference();
  StringRef function = from.getLeafReference();
  if (!declaration.isDeclaration())
    return error() << "a function with a body is taken from no file";
  llvm::SmallString<128> beside(path::parent_path(file.path));
  path::append(beside, stem + ".mlir");
  std::string path = !stem.contains('/') && llvm::sys::fs::exists(beside)
                         ? beside.str().str()
                         : findFile(kind, stem);
  if (path.empty()) {
    std::vector<std::string> known = listNames(kind);
    return error() << "there is no file '" << stem << ".mlir' beside this one, "
                   << "and no " << kind.name << " of this name"
                   << runtime::suggest(stem.str(), known);
  }
  if (llvm::is_contained(open, path))
    return error() << "files take functions from each other";
  FailureOr<FunctionFile> other = read(path, declaration.getLoc());
  if (failed(other))
    return failure();
  FailureOr<func::FuncOp> found = other->find(function);
  if (failed(found))
    return failure();
  if (!*found || found->isDeclaration() || !found->getBody().hasOneBlock()) {
    std::vector<std::string> known;
    for (auto func : other->module->getOps<func::FuncOp>())
      known.push_back(func.getName().str());
    return error() << "'" << path << "' has no function '" << function
                   << "' of one block"
                   << runtime::suggest(function.str(), known);
  }
  if (found->getFunctionType() != declaration.getFunctionType())
    return error() << "is of type " << found->getFunctionType()
                   << " and declared as " << declaration.getFunctionType();
  // The other file has been read for this function alone.
  declaration.getBody().takeBody(found->getBody());
  TernDialect::FromAttrHelper(context).removeAttr(declaration);
  // Once, however many functions are taken from it.
  if (!StringRef(file.text).contains(other->text))
    file.text += other->text;
  return success();
}

LogicalResult
tern::checkArguments(func::FuncOp func, StringRef owner, TypeRange leading,
                     StringRef attr, StringRef what,
                     function_ref<LogicalResult(unsigned, StringRef)> check) {
  if (func.isDeclaration() || !func.getBody().hasOneBlock())
    return func.emitError() << owner << "'s function must have one block";
  if (func.getNumArguments() < leading.size())
    return func.emitError("expected ")
           << leading.size() << " leading arguments";
  llvm::StringSet<> names;
  for (auto [i, type] : llvm::enumerate(func.getArgumentTypes())) {
    if (i < leading.size()) {
      if (type != leading[i])
        return func.emitError("argument #")
               << i << " must be of type " << leading[i];
      continue;
    }
    auto other = func.getArgAttrOfType<StringAttr>(i, attr);
    auto scalar = func.getArgAttrOfType<StringAttr>(i, kScalarAttrName);
    if (!!other == !!scalar)
      return func.emitError("argument #")
             << i << " must be a " << what << " ('" << attr
             << "') or a scalar ('" << kScalarAttrName << "')";
    StringRef name = other ? other.getValue() : scalar.getValue();
    if (!names.insert(name).second)
      return func.emitError("two arguments are '") << name << "'";
    if (other) {
      if (failed(check(i, name)))
        return failure();
      continue;
    }
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getRank() != 0 ||
        !(tensor.getElementType().isF32() || tensor.getElementType().isF64() ||
          tensor.getElementType().isInteger(64)))
      return func.emitError("scalar '")
             << name << "' must be a tensor<f32>, tensor<f64> or tensor<i64>";
  }
  return success();
}

FailureOr<FunctionFile> tern::loadFunctionFile(const FileKind &kind,
                                               StringRef name,
                                               MLIRContext *context) {
  Location unknown = UnknownLoc::get(context);
  std::string path =
      name.ends_with(".mlir") ? name.str() : findFile(kind, name);
  if (path.empty()) {
    std::vector<std::string> known = listNames(kind);
    return emitError(unknown) << "unknown " << kind.name << " '" << name
                              << "'; known are: " << llvm::join(known, ", ")
                              << ", or the path of a .mlir file"
                              << runtime::suggest(name.str(), known);
  }
  return Reader(kind, context).read(path, unknown);
}
