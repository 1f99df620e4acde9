//===- Plugin.h - TERN_PLUGIN, the version of a plugin ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plugin is a shared library, linked with Tern::Tern, that implements MLIR's
// entry points mlirGetDialectPluginInfo or mlirGetPassPluginInfo (or both) and
// says once, at namespace scope, which Tern it was built for:
//
//   TERN_PLUGIN
//
// The C++ interfaces of Tern change between versions, so tools load a plugin
// only if that version is their own. examples/plugin is a complete one.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_PLUGIN_H
#define TERN_PLUGIN_H

#include "tern/Config/Version.h"

/// Exports the version of Tern that the plugin is being compiled for.
#define TERN_PLUGIN                                                            \
  extern "C" __attribute__((visibility("default"), used))                      \
  const char ternPluginVersion[] = TERN_VERSION_STRING;

#endif // TERN_PLUGIN_H
