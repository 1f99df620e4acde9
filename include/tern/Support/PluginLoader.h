//===- PluginLoader.h - Loads plugins of dialects and passes ----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_PLUGINLOADER_H
#define TERN_SUPPORT_PLUGINLOADER_H

#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace tern {

/// Loads the plugin `path` (see tern/Plugin.h) for the rest of the process:
/// adds its dialects to `registry` and its passes to the global pass registry.
/// Loading one twice is harmless.
///
/// Errors, each a line that names `path`: the file cannot be loaded, it is not
/// a plugin of Tern, it was built for another version, it has no entry point.
/// Nothing is registered then.
llvm::Error loadPlugin(llvm::StringRef path, mlir::DialectRegistry &registry);

/// Routes the options --load-dialect-plugin and --load-pass-plugin, which
/// mlir::registerCLIOptions has declared, to loadPlugin. A plugin that cannot
/// be loaded then prints `error: ...` and ends the process with status 1,
/// where MLIR's own handling would go on without it. `registry` must live
/// until the command line is parsed.
void makePluginOptionsStrict(mlir::DialectRegistry &registry);

} // namespace tern

#endif // TERN_SUPPORT_PLUGINLOADER_H
