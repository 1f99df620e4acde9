//===- PluginLoader.cpp - Loads plugins of dialects and passes ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/PluginLoader.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "tern/Config/Version.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/WithColor.h"
#include <optional>

using llvm::StringRef;

template <typename... Args>
static llvm::Error pluginError(StringRef path, Args &&...why) {
  std::string message;
  llvm::raw_string_ostream stream(message);
  stream << "cannot load plugin '" << path << "': ";
  (stream << ... << std::forward<Args>(why));
  return llvm::createStringError(message);
}

llvm::Error tern::loadPlugin(StringRef path, mlir::DialectRegistry &registry) {
  std::string name = path.str();
  std::string reason;
  auto library =
      llvm::sys::DynamicLibrary::getPermanentLibrary(name.c_str(), &reason);
  if (!library.isValid())
    return pluginError(path, reason);

  const auto *version = static_cast<const char *>(
      library.getAddressOfSymbol("ternPluginVersion"));
  if (!version)
    return pluginError(path, "it does not say which version of Tern it was "
                             "built for (TERN_PLUGIN of tern/Plugin.h)");
  if (StringRef(version) != TERN_VERSION_STRING)
    return pluginError(path, "it was built for Tern ", version,
                       ", this is Tern " TERN_VERSION_STRING
                       "; rebuild the plugin");

  // Both entry points are checked before either registers anything.
  std::optional<mlir::DialectPlugin> dialects;
  std::optional<mlir::PassPlugin> passes;
  auto load = [&](const char *entry, auto &plugin) -> llvm::Error {
    if (!library.getAddressOfSymbol(entry))
      return llvm::Error::success();
    auto loaded = std::decay_t<decltype(*plugin)>::load(name);
    if (!loaded)
      return pluginError(path, llvm::toString(loaded.takeError()));
    plugin = *loaded;
    return llvm::Error::success();
  };
  if (llvm::Error error = load("mlirGetDialectPluginInfo", dialects))
    return error;
  if (llvm::Error error = load("mlirGetPassPluginInfo", passes))
    return error;
  if (!dialects && !passes)
    return pluginError(path, "it has neither mlirGetDialectPluginInfo nor "
                             "mlirGetPassPluginInfo");

  if (dialects)
    dialects->registerDialectRegistryCallbacks(registry);
  if (passes)
    passes->registerPassRegistryCallbacks();
  return llvm::Error::success();
}

void tern::makePluginOptionsStrict(mlir::DialectRegistry &registry) {
  // MLIR declares the options as function-local statics and offers no handle
  // on them, but the registry of options does. Replacing the callbacks keeps
  // --help and the order of evaluation (before the pass pipeline is parsed) as
  // they are; a scan of argv would have to repeat how options are spelled.
  auto load = [&registry](const std::string &path) {
    if (llvm::Error error = loadPlugin(path, registry)) {
      llvm::WithColor::error() << llvm::toString(std::move(error)) << "\n";
      std::exit(1);
    }
  };
  auto &options = llvm::cl::getRegisteredOptions();
  for (StringRef name : {"load-dialect-plugin", "load-pass-plugin"}) {
    auto option = options.find(name);
    if (option == options.end())
      llvm::report_fatal_error("MLIR has no option --" + name);
    static_cast<llvm::cl::list<std::string> *>(option->second)
        ->setCallback(load);
  }
}
