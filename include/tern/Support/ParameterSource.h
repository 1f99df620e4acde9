//===- ParameterSource.h - Parameters' bytes by name ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parameters are never constants in the IR: an argument with `tern.param`
// names one, and its bytes are looked up here when somebody needs them.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_PARAMETERSOURCE_H
#define TERN_SUPPORT_PARAMETERSOURCE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tern {

/// The parameters of one weights file, by name. Files stay mapped read-only as
/// long as the source lives; nothing is copied unless the file stores a tensor
/// in another form than its plain bytes.
class ParameterSource {
public:
  struct Parameter {
    /// Element type as in the artifact's signature: f32 f64 f16 bf16 i8 i16
    /// i32 i64 u8 u16 u32 u64 bool (one byte an element).
    std::string dtype;
    llvm::SmallVector<int64_t> shape;
    /// Dense, row-major, little-endian; as many bytes as dtype and shape say.
    /// Not necessarily aligned: files do not align their tensors. Valid as
    /// long as both the source and `owner` live.
    llvm::ArrayRef<char> bytes;
    /// Holds `bytes` where they had to be converted, else null.
    std::shared_ptr<const void> owner;
  };

  virtual ~ParameterSource();

  /// The parameter called `name`. An error, naming file and tensor, if there
  /// is none or its data are not what its header claims.
  virtual llvm::Expected<Parameter> lookup(llvm::StringRef name) = 0;

  /// Names of all parameters in the order of the file.
  virtual std::vector<std::string> names() const = 0;

  /// The files that the parameters are in, as far as they exist.
  virtual std::vector<std::string> files() const = 0;

  /// What the file says of itself, by key; empty where formats say nothing.
  virtual std::map<std::string, std::string> metadata() const { return {}; }
};

} // namespace tern

#endif // TERN_SUPPORT_PARAMETERSOURCE_H
