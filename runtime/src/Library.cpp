//===- Library.cpp - A shared library with a model -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Library.h"
#include "MappedFile.h"

#include <cstring>

#include <dlfcn.h>

using namespace tern::runtime;

Library::~Library() {
  if (handle)
    ::dlclose(handle);
}

MaybeFailure Library::open(const std::string &path) {
  {
    // dlopen's own messages for these are unclear.
    MappedFile file;
    if (MaybeError error = file.open(path))
      return Failure{TERN_IO_ERROR, *error};
    if (file.size() < 4 || std::memcmp(file.data(), "\177ELF", 4) != 0)
      return Failure{TERN_BAD_ARTIFACT,
                     "'" + path +
                         "' is not a shared library (ternc -o NAME.so makes "
                         "one)"};
  }
  // Without a slash dlopen would search the system's folders.
  std::string located =
      path.find('/') == std::string::npos ? "./" + path : path;
  handle = ::dlopen(located.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle)
    return std::nullopt;
  const char *why = ::dlerror();
  return Failure{TERN_BAD_ARTIFACT, "cannot load '" + path +
                                        "': " + (why ? why : "unknown reason")};
}

void *Library::find(const std::string &symbol) const {
  return ::dlsym(handle, symbol.c_str());
}

MaybeFailure tern::runtime::checkAbi(uint32_t (*abi)(void),
                                     const std::string &name) {
  if (!abi)
    return Failure{TERN_BAD_ARTIFACT, name + " has no function abi"};
  if (uint32_t version = abi(); version != TERN_ARTIFACT_ABI)
    return Failure{TERN_BAD_ARTIFACT, name + " has artifact ABI " +
                                          std::to_string(version) +
                                          ", this runtime has " +
                                          std::to_string(TERN_ARTIFACT_ABI) +
                                          "; compile the model again"};
  return std::nullopt;
}

std::string tern::runtime::defaultWeightsPath(const std::string &artifact) {
  std::string stem = artifact;
  if (stem.size() > 3 && stem.compare(stem.size() - 3, 3, ".so") == 0)
    stem.resize(stem.size() - 3);
  return stem + ".safetensors";
}
