//===- Link.cpp - Shared libraries and executables ------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Link.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace tern;
namespace fs = llvm::sys::fs;

TemporaryFile::~TemporaryFile() {
  if (path.empty())
    return;
  [[maybe_unused]] std::error_code ignored = fs::remove(path);
  llvm::sys::DontRemoveFileOnSignal(path);
}

llvm::Error TemporaryFile::create(llvm::StringRef suffix,
                                  llvm::StringRef beside) {
  llvm::SmallString<128> made;
  std::error_code error;
  int fd;
  if (beside.empty()) {
    error = fs::createTemporaryFile("ternc", suffix, fd, made);
  } else {
    llvm::SmallString<128> model = llvm::sys::path::parent_path(beside);
    llvm::sys::path::append(
        model, "." + llvm::sys::path::filename(beside).take_front(64) +
                   ".%%%%%%%%" + suffix);
    error = fs::createUniqueFile(model, fd, made);
  }
  if (error)
    return llvm::createStringError(
        error,
        "cannot write '" +
            (beside.empty() ? std::string("a temporary file") : beside.str()) +
            "': " + error.message());
  if (std::error_code unclosed =
          llvm::sys::Process::SafelyCloseFileDescriptor(fd))
    return llvm::createStringError(unclosed, "cannot write '" + made.str() +
                                                 "': " + unclosed.message());
  path = made.str();
  llvm::sys::RemoveFileOnSignal(path);
  return llvm::Error::success();
}

llvm::Error TemporaryFile::moveTo(llvm::StringRef target) {
  if (std::error_code error = fs::rename(path, target))
    return llvm::createStringError(error, "cannot write '" + target.str() +
                                              "': " + error.message());
  llvm::sys::DontRemoveFileOnSignal(path);
  path.clear();
  return llvm::Error::success();
}

/// The last lines a program printed, as one.
static std::string readDiagnostics(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return "";
  llvm::SmallVector<llvm::StringRef> lines;
  (*buffer)->getBuffer().trim().split(lines, '\n', -1, /*KeepEmpty=*/false);
  return llvm::join(llvm::ArrayRef(lines).take_front(3), "; ");
}

llvm::Error tern::linkProduct(llvm::ArrayRef<std::string> inputs,
                              llvm::StringRef output, bool isLibrary,
                              llvm::StringRef triple, bool verbose) {
  std::string driver;
  for (const char *name : {"clang-22", "clang", "cc", "gcc"}) {
    if (auto found = llvm::sys::findProgramByName(name)) {
      driver = *found;
      break;
    }
  }
  if (driver.empty())
    return llvm::createStringError(
        "no linker: install clang or gcc, or write an object with -o X.o");

  std::vector<std::string> args = {driver};
  if (llvm::sys::path::filename(driver).starts_with("clang"))
    args.push_back("--target=" + triple.str());
  else if (llvm::Triple(triple).getArch() !=
           llvm::Triple(llvm::sys::getDefaultTargetTriple()).getArch())
    return llvm::createStringError("linking for '" + triple.str() +
                                   "' needs clang-22 on PATH, or write an "
                                   "object with -o X.o and link it there");
  if (isLibrary)
    args.insert(args.end(), {"-shared", "-Wl,-z,defs"});
  args.insert(args.end(), {"-o", output.str()});
  args.insert(args.end(), inputs.begin(), inputs.end());
  // The same input gives the same bytes.
  args.push_back("-Wl,--build-id=none");
#ifdef TERN_RUNTIME_LINK_FLAGS
  if (!isLibrary)
    args.push_back(TERN_RUNTIME_LINK_FLAGS);
#endif
  if (!isLibrary)
    args.insert(args.end(), {"-lstdc++", "-lz", "-lpthread", "-ldl"});
  args.push_back("-lm");
  if (verbose)
    llvm::errs() << llvm::join(args, " ") << "\n";

  TemporaryFile log;
  if (llvm::Error error = log.create("log"))
    return error;
  std::vector<llvm::StringRef> argRefs(args.begin(), args.end());
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""),
                                                llvm::StringRef(log.getPath()),
                                                llvm::StringRef(log.getPath())};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(driver, argRefs, std::nullopt,
                                         redirects, 0, 0, &message);
  if (status == 0)
    return llvm::Error::success();
  std::string details = readDiagnostics(log.getPath());
  return llvm::createStringError(
      "linking failed: " +
      (details.empty() ? (message.empty() ? driver + " exited with status " +
                                                std::to_string(status)
                                          : message)
                       : details));
}
