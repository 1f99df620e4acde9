//===- TernDialectTargets.cpp - The targets in the tree -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TargetList.h"
#include "tern/Targets/Register.h"

using namespace mlir;
using namespace tern;

static ArrayRef<NamedTarget> getTargets() {
  static const NamedTarget targets[] = {
#define TERN_TARGET(NAME) get##NAME##Target(),
#include "tern/Config/Targets.def"
  };
  return targets;
}

namespace {
struct TernTargets : NamedTargets {
  explicit TernTargets(Dialect *dialect)
      : NamedTargets(dialect, getTargets()) {}

  TargetAttrInterface getHostTarget() const override {
    if (TargetAttrInterface host = NamedTargets::getHostTarget())
      return host;
    return GenericTargetAttr::get(getDialect()->getContext());
  }
};
} // namespace

void tern::registerTargets(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, TernDialect *dialect) {
    dialect->addInterfaces<TernTargets>();
  });
}
