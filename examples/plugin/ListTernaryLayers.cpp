//===- ListTernaryLayers.cpp - A plugin with one pass ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The smallest useful plugin: a pass that reports each ternary layer. A plugin
// with a dialect or a target adds it to the registry in the same entry point.
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Plugin.h"

namespace {

struct ListTernaryLayers
    : mlir::PassWrapper<ListTernaryLayers, mlir::OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ListTernaryLayers)

  llvm::StringRef getArgument() const override {
    return "example-list-ternary-layers";
  }
  llvm::StringRef getDescription() const override {
    return "Remark on each tern.bitlinear with its weights' extents";
  }

  void runOnOperation() override {
    getOperation()->walk([](tern::BitLinearOp op) {
      llvm::ArrayRef<int64_t> shape = op.getWeight().getType().getShape();
      op.emitRemark() << "ternary layer, " << shape[0] << " x " << shape[1];
    });
    markAllAnalysesPreserved();
  }
};

} // namespace

TERN_PLUGIN

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "ListTernaryLayers", TERN_VERSION_STRING,
          [](mlir::DialectRegistry *) {
            mlir::PassRegistration<ListTernaryLayers>();
          }};
}
