//===- Signature.cpp - The artifact's signature ---------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signature.h"
#include "tern/Config/Version.h"
#include "tern/runtime/Artifact.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tern;
namespace json = llvm::json;

SmallVector<int64_t> TensorInfo::staticShape() const {
  SmallVector<int64_t> extents;
  for (auto extent : shape.getAsRange<IntegerAttr>())
    extents.push_back(extent.getInt());
  return extents;
}

std::vector<TensorInfo> tern::getTensors(DictionaryAttr interface,
                                         StringRef key) {
  std::vector<TensorInfo> tensors;
  auto list = interface ? interface.getAs<ArrayAttr>(key) : ArrayAttr();
  if (!list)
    return tensors;
  for (auto dict : list.getAsRange<DictionaryAttr>()) {
    auto name = dict.getAs<StringAttr>("name");
    auto dtype = dict.getAs<StringAttr>("dtype");
    auto shape = dict.getAs<ArrayAttr>("shape");
    if (name && dtype && shape)
      tensors.push_back({name.str(), dtype.str(), shape});
  }
  return tensors;
}

namespace {
void printTensors(json::OStream &out, StringRef key, DictionaryAttr interface) {
  out.attributeArray(key, [&] {
    for (const TensorInfo &tensor : getTensors(interface, key))
      out.object([&] {
        out.attribute("name", tensor.name);
        out.attribute("dtype", tensor.dtype);
        out.attributeArray("shape", [&] {
          for (Attribute extent : tensor.shape) {
            if (auto value = dyn_cast<IntegerAttr>(extent))
              out.value(value.getInt());
            else if (auto symbol = dyn_cast<StringAttr>(extent))
              out.value(json::fixUTF8(symbol.getValue()));
            else
              out.value(nullptr);
          }
        });
      });
  });
}
} // namespace

std::string tern::printSignature(const SignatureFields &fields,
                                 DictionaryAttr interface) {
  std::string text;
  llvm::raw_string_ostream os(text);
  json::OStream out(os);
  out.object([&] {
    out.attribute("abi", TERN_ARTIFACT_ABI);
    out.attribute("tern", TERN_VERSION_STRING);
    out.attribute("model", json::fixUTF8(fields.model));
    out.attribute("triple", fields.triple);
    out.attributeArray("features", [&] {
      for (const std::string &feature : fields.features)
        out.value(feature);
    });
    out.attribute("weights", fields.weights);
    out.attribute("weights_id", fields.weightsId);
    out.attributeArray("dims", [&] {
      if (auto dims = interface.getAs<ArrayAttr>("dims"))
        for (auto dim : dims.getAsRange<StringAttr>())
          out.value(json::fixUTF8(dim.getValue()));
    });
    printTensors(out, "inputs", interface);
    printTensors(out, "params", interface);
    printTensors(out, "outputs", interface);
  });
  return text;
}
