//===- Link.cpp - Shared libraries and executables ------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Link.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <unistd.h>

using namespace tern;

/// The absolute folders of a list as in PATH. Relative ones, and empty ones,
/// which mean the current folder, would let any folder choose the linker.
static llvm::SmallVector<llvm::StringRef> getFolders(llvm::StringRef list) {
  llvm::SmallVector<llvm::StringRef> folders;
  list.split(folders, llvm::sys::EnvPathSeparator);
  llvm::erase_if(folders, [](llvm::StringRef folder) {
    return !llvm::sys::path::is_absolute(folder);
  });
  return folders;
}

/// The environment of the compiler: only absolute folders in what it and the
/// linker look for programs and libraries in, temporary files in `folder`.
static std::vector<std::string> getEnvironment(llvm::StringRef folder) {
  std::vector<std::string> environment;
  for (char **entry = environ; *entry; ++entry) {
    auto [name, value] = llvm::StringRef(*entry).split('=');
    bool isList = llvm::is_contained({"PATH", "COMPILER_PATH", "LIBRARY_PATH",
                                      "LD_LIBRARY_PATH", "LD_RUN_PATH",
                                      "GCC_EXEC_PREFIX"},
                                     name);
    if (name == "TMPDIR")
      continue;
    if (!isList) {
      environment.push_back(*entry);
      continue;
    }
    std::string kept = llvm::join(getFolders(value), ":");
    if (!kept.empty())
      environment.push_back((name + "=" + kept).str());
  }
  environment.push_back(("TMPDIR=" + folder).str());
  return environment;
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

/// What helps against what a linker printed; empty if nothing is known.
static llvm::StringRef getRemedy(llvm::StringRef details) {
  auto has = [&](std::initializer_list<llvm::StringRef> parts) {
    return llvm::any_of(
        parts, [&](llvm::StringRef part) { return details.contains(part); });
  };
  if (has({"No space left", "File too large", "Disk quota"}))
    return "free some space, or write elsewhere";
  if (has({"file in wrong format", "is incompatible with", "wrong EM_",
           "unknown architecture", "Relocations in generic ELF"}))
    return "the linker is for another machine: write an object with -o X.o and "
           "link it there";
  if (has({"stdc++"}))
    return "install the C++ library for development (libstdc++-12-dev, or "
           "gcc-c++), or write a library with -o X.so";
  if (has({"-lz"}))
    return "install zlib for development (zlib1g-dev, or zlib-devel), or write "
           "a library with -o X.so";
  if (has({"crt1.o", "crti.o", "crtbegin", "-lgcc", "-lm", "-lc", "-ldl",
           "-lpthread"}))
    return "install the C library and compiler for development (gcc and "
           "libc6-dev, or glibc-devel), or write an object with -o X.o";
  if (has({"doesn't exist", "cannot find 'ld'", "invalid linker name",
           "cannot execute"}))
    return "install a linker (binutils, or lld)";
  return "";
}

llvm::Error tern::linkProduct(llvm::ArrayRef<std::string> inputs,
                              llvm::StringRef output, bool isLibrary,
                              llvm::StringRef triple,
                              const TemporaryFolder &folder, bool verbose) {
  std::string driver;
  std::string list = llvm::sys::Process::GetEnv("PATH").value_or("");
  llvm::SmallVector<llvm::StringRef> folders = getFolders(list);
  for (const char *name : {"clang-22", "clang", "cc", "gcc"}) {
    // Without folders LLVM would look into PATH itself.
    if (folders.empty())
      break;
    if (auto found = llvm::sys::findProgramByName(name, folders)) {
      driver = *found;
      break;
    }
  }
  if (driver.empty())
    return llvm::createStringError("no linker: install clang or gcc in a "
                                   "folder of PATH (an absolute one), "
                                   "or write an object with -o X.o");

  std::vector<std::string> args = {driver};
  if (llvm::sys::path::filename(driver).starts_with("clang"))
    args.push_back("--target=" + triple.str());
  else if (llvm::Triple(triple).getArch() !=
           llvm::Triple(llvm::sys::getDefaultTargetTriple()).getArch())
    return llvm::createStringError(
        "linking for '" + triple.str() +
        "' needs clang-22 on PATH; install it, or write an "
        "object with -o X.o and link it there");
  if (isLibrary)
    args.insert(args.end(), {"-shared", "-Wl,-z,defs"});
  else
    args.push_back("-pie");
  // Nothing that the loader fills in stays writable, the code is never
  // written to, and nothing else is run. Compilers differ in what they default
  // to.
  args.push_back("-Wl,-z,relro,-z,now,-z,noexecstack,-z,text");
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
    llvm::errs() << runtime::printable(llvm::join(args, " ")) << "\n";

  std::string log = folder.getFile("linker.log");
  std::vector<std::string> environment = getEnvironment(folder.getPath());
  std::vector<llvm::StringRef> environmentRefs(environment.begin(),
                                               environment.end());
  std::vector<llvm::StringRef> argRefs(args.begin(), args.end());
  std::optional<llvm::StringRef> redirects[] = {
      llvm::StringRef(""), llvm::StringRef(log), llvm::StringRef(log)};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(driver, argRefs, environmentRefs,
                                         redirects, 0, 0, &message);
  if (status == 0)
    return llvm::Error::success();
  std::string details = readDiagnostics(log);
  if (details.empty())
    details = message.empty()
                  ? driver + " exited with status " + std::to_string(status)
                  : message;
  llvm::StringRef remedy = getRemedy(details);
  if (remedy.empty())
    remedy = "--verbose prints the command; or write an object with -o X.o and "
             "link that";
  return llvm::createStringError("linking failed: " + details + "; " + remedy);
}
