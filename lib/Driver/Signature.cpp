//===- Signature.cpp - The artifact's signature ---------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signature.h"
#include "mlir/IR/Diagnostics.h"
#include "tern/Config/Version.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/runtime/Artifact.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <charconv>

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
    auto fanIn = dict.getAs<IntegerAttr>("fan_in");
    if (name && dtype && shape)
      tensors.push_back({name.str(), dtype.str(), shape,
                         /*isState=*/dict.contains("role"),
                         /*isBuffer=*/dict.contains("buffer"),
                         /*isDonated=*/dict.contains("donated"),
                         fanIn ? fanIn.getInt() : 0,
                         dict.getAs<FloatAttr>("init")});
  }
  return tensors;
}

/// The artifact's functions, steps of training first.
static SmallVector<std::pair<StringRef, DictionaryAttr>>
getFunctions(DictionaryAttr interface) {
  SmallVector<std::pair<StringRef, DictionaryAttr>> functions;
  auto dict = interface.getAs<DictionaryAttr>("functions");
  if (!dict)
    return functions;
  for (bool steps : {true, false})
    for (NamedAttribute entry : dict)
      if (entry.getName().strref().starts_with("train_step") == steps)
        functions.emplace_back(entry.getName(),
                               cast<DictionaryAttr>(entry.getValue()));
  return functions;
}

FailureOr<std::vector<TensorInfo>> tern::getState(DictionaryAttr interface,
                                                  Location loc) {
  llvm::MapVector<StringRef, TensorInfo> state;
  std::vector<std::vector<TensorInfo>> lists;
  for (auto &[name, info] : getFunctions(interface))
    lists.push_back(getTensors(info, "params"));
  for (const std::vector<TensorInfo> &list : lists) {
    llvm::StringSet<> names;
    for (const TensorInfo &info : list) {
      if (!names.insert(info.name).second)
        return emitError(loc)
               << "two arguments are parameter '" << info.name << "'";
      auto [it, isNew] = state.insert({info.name, info});
      TensorInfo &known = it->second;
      if (known.dtype != info.dtype || known.shape != info.shape ||
          known.isState != info.isState || known.init != info.init)
        return emitError(loc) << "functions of the artifact disagree on the "
                                 "type or the initial value of '"
                              << info.name << "'";
      known.isDonated |= info.isDonated;
    }
  }
  std::vector<TensorInfo> result;
  for (auto &[name, info] : state)
    result.push_back(info);
  return result;
}

namespace {

/// The memory space of a processor's tensors.
constexpr StringRef kHostSpace = "host";

class SignaturePrinter {
public:
  SignaturePrinter(llvm::raw_ostream &os) : out(os) {}

  void print(const SignatureFields &fields, DictionaryAttr interface,
             ArrayRef<TensorInfo> state, DictionaryAttr training,
             DictionaryAttr conversion);

private:
  void describe(const TensorInfo &tensor, StringRef role) {
    out.attribute("name", json::fixUTF8(tensor.name));
    out.attribute("role", role);
    out.attribute("space", kHostSpace);
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
  }
  void tensors(StringRef key, StringRef role, DictionaryAttr interface) {
    out.attributeArray(key, [&] {
      for (const TensorInfo &tensor : getTensors(interface, key))
        out.object([&] { describe(tensor, role); });
    });
  }
  void names(StringRef key, ArrayRef<TensorInfo> list) {
    out.attributeArray(key, [&] {
      for (const TensorInfo &tensor : list)
        out.value(json::fixUTF8(tensor.name));
    });
  }
  void dims(DictionaryAttr interface) {
    out.attributeArray("dims", [&] {
      if (auto dims = interface.getAs<ArrayAttr>("dims"))
        for (auto dim : dims.getAsRange<StringAttr>())
          out.value(json::fixUTF8(dim.getValue()));
    });
    for (StringRef key : {"checks", "element_checks"})
      if (auto checks = interface.getAs<ArrayAttr>(key))
        out.attributeArray(key, [&] {
          for (auto check : checks.getAsRange<StringAttr>())
            out.value(json::fixUTF8(check.getValue()));
        });
    number("scalar_checks", interface.get("scalar_checks"));
  }
  void number(StringRef key, Attribute value) {
    if (auto integer = dyn_cast_or_null<IntegerAttr>(value)) {
      out.attribute(key, integer.getInt());
    } else if (auto real = dyn_cast_or_null<FloatAttr>(value)) {
      // The shortest text that is the same value: 0.001, not its neighbour.
      char text[32];
      APFloat value = real.getValue();
      char *end =
          (real.getType().isF32()
               ? std::to_chars(text, std::end(text), value.convertToFloat())
               : std::to_chars(text, std::end(text), real.getValueAsDouble()))
              .ptr;
      out.attributeBegin(key);
      out.rawValue(StringRef(text, end - text));
      out.attributeEnd();
    }
  }
  void bound(ArrayAttr value) {
    if (!value)
      return;
    out.attributeArray("bound", [&] {
      out.value(cast<IntegerAttr>(value[0]).getInt());
      if (auto name = dyn_cast<StringAttr>(value[1]))
        out.value(json::fixUTF8(name.getValue()));
      else
        out.value(cast<IntegerAttr>(value[1]).getInt());
    });
  }
  void trainingOptions(DictionaryAttr training);
  void conversionOptions(DictionaryAttr conversion);
  void scalars(DictionaryAttr interface);
  void state(ArrayRef<TensorInfo> tensors, bool isTraining);
  void function(DictionaryAttr info);

  json::OStream out;
};

void SignaturePrinter::trainingOptions(DictionaryAttr training) {
  for (StringRef key : {"loss", "optimizer", "fingerprint"})
    if (auto text = training.getAs<StringAttr>(key))
      out.attribute(key, json::fixUTF8(text.getValue()));
  for (StringRef key : {"classes", "ignore_index"})
    number(key, training.get(key));
}

void SignaturePrinter::conversionOptions(DictionaryAttr conversion) {
  out.attributeObject("conversion", [&] {
    for (StringRef key : kConversionKeys)
      if (auto text = conversion.getAs<StringAttr>(key))
        out.attribute(key, json::fixUTF8(text.getValue()));
    out.attributeArray(kExcludeKey, [&] {
      if (auto exclude = conversion.getAs<ArrayAttr>(kExcludeKey))
        for (auto pattern : exclude.getAsRange<StringAttr>())
          out.value(json::fixUTF8(pattern.getValue()));
    });
  });
}

/// Scalars of all functions, each once.
void SignaturePrinter::scalars(DictionaryAttr interface) {
  llvm::StringMap<bool> seen;
  out.attributeArray("scalars", [&] {
    for (auto &[name, info] : getFunctions(interface)) {
      auto list = info.getAs<ArrayAttr>("scalars");
      if (!list)
        continue;
      for (auto scalar : list.getAsRange<DictionaryAttr>()) {
        auto scalarName = scalar.getAs<StringAttr>("name");
        if (!seen.try_emplace(scalarName.getValue(), true).second)
          continue;
        out.object([&] {
          out.attribute("name", json::fixUTF8(scalarName.getValue()));
          out.attribute("role", "scalar");
          out.attribute("space", kHostSpace);
          out.attribute("dtype", scalar.getAs<StringAttr>("dtype").getValue());
          out.attributeArray("shape", [] {});
          number("default", scalar.get("default"));
          bound(scalar.getAs<ArrayAttr>("bound"));
        });
      }
    }
  });
}

void SignaturePrinter::state(ArrayRef<TensorInfo> state, bool isTraining) {
  out.attributeArray("tensors", [&] {
    for (const TensorInfo &tensor : state)
      out.object([&] {
        describe(tensor, tensor.isState    ? "state"
                         : tensor.isBuffer ? "buffer"
                                           : "parameter");
        if (isTraining && !tensor.isState)
          out.attribute("trainable", tensor.isDonated && !tensor.isBuffer);
        number("init", tensor.init);
      });
  });
}

void SignaturePrinter::function(DictionaryAttr info) {
  out.object([&] {
    dims(info);
    tensors("inputs", "input", info);
    names("scalars", getTensors(info, "scalars"));
    std::vector<TensorInfo> params = getTensors(info, "params");
    names("params", params);
    llvm::erase_if(params, [](const TensorInfo &p) { return !p.isDonated; });
    names("donated", params);
    tensors("outputs", "output", info);
  });
}

void SignaturePrinter::print(const SignatureFields &fields,
                             DictionaryAttr interface,
                             ArrayRef<TensorInfo> state,
                             DictionaryAttr training,
                             DictionaryAttr conversion) {
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
    if (!fields.weightsId.empty())
      out.attribute("weights_bytes", static_cast<int64_t>(fields.weightsBytes));
    if (training)
      trainingOptions(training);
    if (training && conversion)
      conversionOptions(conversion);
    out.attributeArray("spaces", [&] { out.value(kHostSpace); });
    this->state(state, /*isTraining=*/!!training);
    scalars(interface);
    out.attributeObject("functions", [&] {
      for (auto &[name, info] : getFunctions(interface)) {
        out.attributeBegin(name);
        function(info);
        out.attributeEnd();
      }
    });
  });
}

} // namespace

std::string tern::printSignature(const SignatureFields &fields,
                                 DictionaryAttr interface,
                                 ArrayRef<TensorInfo> state,
                                 DictionaryAttr training,
                                 DictionaryAttr conversion) {
  std::string text;
  llvm::raw_string_ostream os(text);
  SignaturePrinter(os).print(fields, interface, state, training, conversion);
  return text;
}
