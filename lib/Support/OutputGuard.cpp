//===- OutputGuard.cpp - Refuse to write over inputs ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/OutputGuard.h"
#include "tern/runtime/AtomicFile.h"
#include "tern/runtime/Safetensors.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <unistd.h>

using namespace tern;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;
using llvm::StringRef;
using llvm::Twine;

void OutputGuard::addInput(const Twine &path, StringRef what) {
  fs::file_status status;
  if (!fs::status(path, status) && fs::is_regular_file(status))
    inputs.try_emplace(status.getUniqueID(), File{path.str(), what.str()});
}

void OutputGuard::addStandardInput() {
  fs::file_status status;
  if (!fs::status(STDIN_FILENO, status) && fs::is_regular_file(status))
    inputs.try_emplace(status.getUniqueID(),
                       File{"-", "the file on standard input"});
}

static llvm::Error clash(StringRef what, const std::string &otherWhat,
                         const std::string &otherPath) {
  return llvm::createStringError(what + " would replace " + otherWhat + " '" +
                                 otherPath +
                                 "'; choose another name for the output");
}

llvm::Error OutputGuard::checkNotInput(const Twine &path, StringRef what) {
  fs::UniqueID id;
  if (fs::getUniqueID(path, id))
    return llvm::Error::success();
  auto it = inputs.find(id);
  if (it == inputs.end())
    return llvm::Error::success();
  return clash(what, it->second.what, it->second.path);
}

/// Why a file must not be replaced that may be weights; empty if it may.
static std::string checkReplaceable(const std::string &name) {
  auto buffer = llvm::MemoryBuffer::getFile(name, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  bool isNamedSo = StringRef(name).ends_with_insensitive(".safetensors");
  if (!buffer)
    return isNamedSo ? buffer.getError().message() : "";
  StringRef contents = (*buffer)->getBuffer();
  runtime::SafetensorsIndex index;
  if (auto problem =
          runtime::parseSafetensors(contents.data(), contents.size(), index))
    return isNamedSo
               ? "it is not a weights file that ternc wrote (" + *problem + ")"
               : "";
  if (index.metadata.count("tern_fingerprint") ||
      index.metadata.count("tern_step"))
    return "it is a checkpoint";
  if (!index.metadata.count("tern_weights_id"))
    return "it is not a weights file that ternc wrote (its metadata has no "
           "tern_weights_id)";
  return "";
}

llvm::Error OutputGuard::claim(const Twine &name, StringRef what) {
  std::string path = name.str();
  if (llvm::Error error = checkNotInput(path, what))
    return error;
  auto fail = [&](const Twine &why) {
    return llvm::createStringError("cannot write '" + path + "': " + why);
  };
  std::string target = runtime::AtomicFile::resolve(path);
  StringRef parent = path::parent_path(target);
  fs::UniqueID folder;
  if (std::error_code error =
          fs::getUniqueID(parent.empty() ? "." : parent, folder))
    return fail(error.message());
  File file{path, what.str()};
  auto [named, isNew] =
      outputs.try_emplace({folder, path::filename(target).str()}, file);
  if (!isNew)
    return clash(what, named->second.what, named->second.path);

  fs::file_status status;
  if (fs::status(target, status))
    return llvm::Error::success(); // Writing tells if it is more than missing.
  auto [there, isFirst] = existing.try_emplace(status.getUniqueID(), file);
  if (!isFirst)
    return clash(what, there->second.what, there->second.path);
  // Renaming onto a device or folder would replace it, or fail in the end.
  if (!fs::is_regular_file(status))
    return fail("it is not a regular file");
  // Renaming needs no permission on the file, but its owner meant something.
  if (std::error_code error = fs::access(target, fs::AccessMode::Write))
    return fail(error.message());
  if (force)
    return llvm::Error::success();
  std::string why = checkReplaceable(target);
  if (!why.empty())
    return fail(why + "; choose another name, or replace it with --force");
  return llvm::Error::success();
}

llvm::Error tern::checkCommandLineOutputs(int argc, const char *const *argv) {
  struct Mention {
    StringRef option, path;
  };
  std::map<fs::UniqueID, Mention> seen;
  StringRef option;
  for (StringRef argument : llvm::ArrayRef(argv, argc).drop_front()) {
    StringRef value = argument;
    if (argument.size() > 1 && argument.consume_front("-")) {
      argument.consume_front("-");
      std::tie(option, value) = argument.split('=');
    }
    fs::file_status status;
    StringRef name = std::exchange(option, value.empty() ? option : "");
    if (value.empty() || fs::status(value, status) ||
        !fs::is_regular_file(status))
      continue;
    auto [it, isNew] =
        seen.try_emplace(status.getUniqueID(), Mention{name, value});
    // Plugins may be loaded as both kinds.
    if (!isNew &&
        !(name.ends_with("plugin") && it->second.option.ends_with("plugin")))
      return llvm::createStringError("'" + value + "' is named twice ('" +
                                     it->second.path +
                                     "' is the same file); an output must not "
                                     "replace an input");
  }
  return llvm::Error::success();
}
