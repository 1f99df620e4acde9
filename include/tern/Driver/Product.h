//===- Product.h - Write code and weights of a module -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DRIVER_PRODUCT_H
#define TERN_DRIVER_PRODUCT_H

#include "mlir/IR/BuiltinOps.h"
#include "tern/Support/OutputGuard.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tern {
class ModelFiles;

enum class ProductKind {
  /// LLVM IR as text.
  LLVMIR,
  /// Assembly as text.
  Assembly,
  /// A relocatable object.
  Object,
  /// A shared library with the interface of tern/runtime/Artifact.h.
  Library,
  /// A program: the object linked with Tern's runtime.
  Executable,
  /// The weights alone, as safetensors.
  Weights
};

struct ProductOptions {
  ProductKind kind = ProductKind::Library;
  /// Where the product goes. The weights go beside it: X.safetensors for X,
  /// X.so and X.o.
  std::string output;
  /// 0 to 3, as a C compiler's -O.
  unsigned optLevel = 2;
  /// Put the weights in the object instead of a file beside it.
  bool embedWeights = false;
  /// What the name of the artifact's symbol begins with: the beginning of a C
  /// identifier. Only for products that someone else links.
  std::string symbolPrefix;
  /// Where parameters come from; empty: the module's `tern.weights`.
  std::string weights;
  /// What has been opened already; null: nothing.
  ModelFiles *files = nullptr;
  /// In training: draw weights of layers anew, from this seed.
  std::optional<uint64_t> seed;
  /// Folder of the runtime's archives, which executables are linked with.
  std::string runtimeFolder;
  /// Print the commands that are run.
  bool verbose = false;
  /// Knows the inputs and has claimed the output; null: only the weights are an
  /// input.
  OutputGuard *guard = nullptr;
  /// Put the product on the disk before it takes the place of an older one, and
  /// lock its folder meanwhile against other compilers. False is for a
  /// temporary folder of this process, which nobody else writes to and which
  /// need not last.
  bool durable = true;
  /// Called with each parameter of the artifact as it is written.
  std::function<void(llvm::StringRef name, llvm::ArrayRef<char> bytes)>
      onParameter;
};

/// What was written.
struct ProductInfo {
  /// Empty if there are no weights, or they are embedded.
  std::string weightsPath;
  /// Size of the weights file, embedded or not.
  uint64_t weightsBytes = 0;
};

/// Compiles a module at level `llvm` and writes the product and its weights.
/// Until both are complete they are in a folder beside the output that only the
/// user may enter; an error before leaves what was there. Whenever the machine
/// fails, or one of the last renames does, there is a product with the weights
/// that it was made with, old or new: new weights have their id in their name
/// until the new product is there. Only if it is and their last rename fails is
/// there an error beside a new product, which finds them by their id. Runs the
/// module's prepare functions on this machine, one at a time, on parameters
/// read from the weights file. Products LLVMIR and Assembly are for reading:
/// they have no weights and their signature no weights id. The same input gives
/// the same bytes. Errors are reported on the module.
llvm::FailureOr<ProductInfo> writeProduct(mlir::ModuleOp module,
                                          const ProductOptions &options);

/// The runtime's archives in `folder` that executables are linked with, in the
/// order of the command line.
std::vector<std::string> getRuntimeArchives(llvm::StringRef folder,
                                            bool isTraining);

} // namespace tern

#endif // TERN_DRIVER_PRODUCT_H
