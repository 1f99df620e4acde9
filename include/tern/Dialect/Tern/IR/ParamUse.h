//===- ParamUse.h - tern.use: what may be trained ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The attribute `tern.use` of a parameter: a dictionary of one entry, the kind
// of use and why, as in `{constant = "exponent of 'square' (Pow)"}`.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_PARAMUSE_H
#define TERN_DIALECT_TERN_IR_PARAMUSE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include <optional>
#include <string>

namespace tern {

struct ParamUse {
  enum class Kind {
    /// It is trained, as parameters are of which nothing is said.
    Learned,
    /// It is trained if the user names it.
    Optional,
    /// It is never trained.
    Constant,
  };

  Kind kind = Kind::Learned;
  /// What the model uses it as, for the user.
  std::string reason;

  mlir::Attribute toAttribute(mlir::MLIRContext *context) const;
  /// Nothing if the attribute is none of this form.
  static std::optional<ParamUse> fromAttribute(mlir::Attribute attr);
  /// What an argument's attribute says; nothing if it has none.
  static std::optional<ParamUse> get(mlir::FunctionOpInterface function,
                                     unsigned argument);
};

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_PARAMUSE_H
