//===- DiscardableAttributes.cpp - Verifiers of tern.* attributes ---------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes rely on these attributes, and anybody may write them. What a pass
// would have to check before it reads one is checked here, once. There are no
// others than those in the tables below.
//
//===----------------------------------------------------------------------===//

#include "DiscardableAttributes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"
#include "tern/Dialect/Tern/IR/BufferAttributes.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/Dialect/Tern/IR/Facts.h"
#include "tern/Dialect/Tern/IR/ParamUse.h"
#include "tern/Dialect/Tern/IR/SumOrder.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/IR/TrainingAttributes.h"

using namespace mlir;
using namespace tern;

//===----------------------------------------------------------------------===//
// Kinds of values
//===----------------------------------------------------------------------===//

/// What the value must be, or "" if it is that.
using Check = StringRef (*)(Attribute);

/// What depends on more than the value is checked elsewhere.
static StringRef isAnything(Attribute) { return ""; }
static StringRef isUnit(Attribute attr) {
  return isa<UnitAttr>(attr) ? "" : "must be a unit attribute";
}
static StringRef isText(Attribute attr) {
  return isa<StringAttr>(attr) ? "" : "must be a string";
}
static StringRef isInteger(Attribute attr) {
  return isa<IntegerAttr>(attr) ? "" : "must be an integer";
}
static StringRef isFloat(Attribute attr) {
  return isa<FloatAttr>(attr) ? "" : "must be a float";
}
static StringRef isNumber(Attribute attr) {
  return isa<FloatAttr, IntegerAttr>(attr) ? "" : "must be a number";
}
static StringRef isTexts(Attribute attr) {
  auto array = dyn_cast<ArrayAttr>(attr);
  return array && llvm::all_of(array, llvm::IsaPred<StringAttr>)
             ? ""
             : "must be an array of strings";
}
/// "tensor", "row" or "group:G" with G > 0.
static StringRef isFact(Attribute attr) {
  auto text = dyn_cast<StringAttr>(attr);
  StringRef fact = text ? text.getValue() : "";
  int64_t group;
  return fact == "tensor" || fact == "row" ||
                 (fact.consume_front("group:") &&
                  !fact.getAsInteger(10, group) && group > 0)
             ? ""
             : "must be \"tensor\", \"row\" or \"group:G\"";
}
static StringRef isShape(Attribute attr) {
  auto shape = dyn_cast<ArrayAttr>(attr);
  return shape && llvm::all_of(shape, llvm::IsaPred<StringAttr, IntegerAttr>)
             ? ""
             : "must be an array of integers and strings";
}
/// Which result, '--tern-donate' checks.
static StringRef isResultNumber(Attribute attr) {
  return isa<IntegerAttr, UnitAttr>(attr)
             ? ""
             : "must be the number of a result, or a unit attribute";
}
static StringRef isOrder(Attribute attr) {
  auto text = dyn_cast<StringAttr>(attr);
  return text && (text == "ascending" || text == "descending")
             ? ""
             : "must be \"ascending\" or \"descending\"";
}
static StringRef isFrom(Attribute attr) {
  auto symbol = dyn_cast<SymbolRefAttr>(attr);
  return symbol && symbol.getNestedReferences().size() == 1
             ? ""
             : "must be '@file::@function'";
}
static StringRef isRole(Attribute attr) {
  auto text = dyn_cast<StringAttr>(attr);
  return text && (text == "labels" || text == "target" || text == "teacher")
             ? ""
             : "must be \"labels\", \"target\" or \"teacher\"";
}
static StringRef isTraining(Attribute attr) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  bool isFine = dict != nullptr;
  for (StringRef key : {"loss", "optimizer", "fingerprint"})
    isFine = isFine && (!dict.get(key) || isa<StringAttr>(dict.get(key)));
  for (StringRef key : {"classes", "ignore_index"})
    isFine = isFine && (!dict.get(key) || isa<IntegerAttr>(dict.get(key)));
  return isFine ? ""
                : "must be a dictionary of 'loss', 'optimizer', "
                  "'fingerprint' (strings), 'classes' and "
                  "'ignore_index' (integers)";
}

static StringRef isUse(Attribute attr) {
  return ParamUse::fromAttribute(attr)
             ? ""
             : "must be {learned = \"why\"}, {optional = \"why\"} or "
               "{constant = \"why\"}";
}

static StringRef isConversion(Attribute attr) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  bool isFine =
      dict && dict.get(kExcludeKey) && isTexts(dict.get(kExcludeKey)).empty();
  for (StringRef key : kConversionKeys)
    isFine = isFine && dict.getAs<StringAttr>(key);
  return isFine ? ""
                : "must be a dictionary of 'ternarize', 'quantizer', "
                  "'activations' (strings) and 'exclude' (an array of strings)";
}

//===----------------------------------------------------------------------===//
// The interface of level llvm
//===----------------------------------------------------------------------===//

static bool isTensorInfo(Attribute attr, bool isStatic) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  if (!dict || !dict.getAs<StringAttr>("name") ||
      !dict.getAs<StringAttr>("dtype"))
    return false;
  auto shape = dict.getAs<ArrayAttr>("shape");
  if (!shape || !llvm::all_of(shape, [&](Attribute extent) {
        auto value = dyn_cast<IntegerAttr>(extent);
        return value ? value.getInt() >= 0
                     : !isStatic && isa<StringAttr, UnitAttr>(extent);
      }))
    return false;
  auto isAbsentOr = [&](StringRef key, auto isa) {
    Attribute value = dict.get(key);
    return !value || isa(value);
  };
  return isAbsentOr("init", llvm::IsaPred<FloatAttr>) &&
         isAbsentOr("default", llvm::IsaPred<FloatAttr, IntegerAttr>) &&
         isAbsentOr("fan_in", llvm::IsaPred<IntegerAttr>);
}

static bool isFunctionInfo(Attribute attr) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  if (!dict)
    return false;
  for (StringRef key : {"inputs", "params", "outputs", "scalars"}) {
    auto tensors = dict.getAs<ArrayAttr>(key);
    if (!tensors && (key != "scalars" || dict.get(key)))
      return false;
    if (tensors && !llvm::all_of(tensors, [&](Attribute tensor) {
          return isTensorInfo(tensor, key == "params" || key == "scalars");
        }))
      return false;
  }
  for (StringRef key : {"dims", "checks", "element_checks"}) {
    Attribute texts = dict.get(key);
    if (texts ? !isTexts(texts).empty() : key == "dims")
      return false;
  }
  return true;
}

static StringRef isInterface(Attribute attr) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  auto functions = dict ? dict.getAs<DictionaryAttr>("functions") : nullptr;
  bool isFine =
      functions && llvm::all_of(functions, [](NamedAttribute function) {
        return isFunctionInfo(function.getValue());
      });
  return isFine ? ""
                : "does not describe an interface, as "
                  "'tern-emit-entry-points' makes it";
}

static StringRef arePrepares(Attribute attr) {
  auto array = dyn_cast<ArrayAttr>(attr);
  bool isFine =
      array && llvm::all_of(array, [](Attribute prepare) {
        return isFunctionInfo(prepare) &&
               cast<DictionaryAttr>(prepare).getAs<StringAttr>("symbol");
      });
  return isFine ? ""
                : "does not describe prepare functions, as "
                  "'tern-emit-entry-points' makes it";
}

static StringRef areKernels(Attribute attr) {
  auto array = dyn_cast<ArrayAttr>(attr);
  return array && llvm::all_of(array, llvm::IsaPred<KernelAttr>)
             ? ""
             : "must be an array of '#tern.kernel'";
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

namespace {
/// What an attribute stands on.
enum class Place { Any, Module, Function, Call, Structured };

struct OperationAttribute {
  StringLiteral name;
  Place place;
  Check check;
};

struct ValueAttribute {
  StringLiteral name;
  bool isOnArguments, isOnResults;
  Check check;
};
} // namespace

static constexpr OperationAttribute operationAttributes[] = {
    {TernDialect::getTargetAttrName(), Place::Any, isAnything},
    {TernDialect::getPrepareAttrName(), Place::Any, isAnything},
    {TernDialect::getTernaryAttrName(), Place::Any, isAnything},
    {TernDialect::getWeightsAttrName(), Place::Any, isText},
    {TernDialect::getModelAttrName(), Place::Any, isText},
    {kSumOrderAttrName, Place::Any, isAnything},
    {kDetachedAttrName, Place::Structured, isUnit},
    {kOriginAttrName, Place::Any, isText},
    {kFloatReasonAttrName, Place::Any, isText},
    {kUnquantizedAttrName, Place::Any, isText},
    {kLevelAttrName, Place::Module, isText},
    {kTrainingAttrName, Place::Module, isTraining},
    {kConversionAttrName, Place::Module, isConversion},
    {kInterfaceAttrName, Place::Module, isInterface},
    {kPreparesAttrName, Place::Module, arePrepares},
    {kKernelsAttrName, Place::Module, areKernels},
    {kInitialAttrName, Place::Function, isUnit},
    {kFromAttrName, Place::Function, isFrom},
    {kChecksAttrName, Place::Function, isTexts},
    {kElementChecksAttrName, Place::Function, isTexts},
    {kRecomputeAttrName, Place::Function, isInteger},
    {kRecomputedAttrName, Place::Any, isInteger},
    {kParallelAttrName, Place::Call, isText},
    {kPartAttrName, Place::Call, isUnit},
    {kSortedAttrName, Place::Any, isOrder},
};

static constexpr ValueAttribute valueAttributes[] = {
    {TernDialect::getNameAttrName(), true, true, isText},
    {TernDialect::getParamAttrName(), true, true, isText},
    {TernDialect::getDtypeAttrName(), true, true, isText},
    {TernDialect::getTernaryAttrName(), true, false, isFact},
    {TernDialect::getShapeAttrName(), true, true, isShape},
    {kDonatedAttrName, true, false, isResultNumber},
    {kStateAttrName, true, false, isText},
    {kInitAttrName, true, false, isFloat},
    {kFanInAttrName, true, false, isInteger},
    {kBufferAttrName, true, false, isUnit},
    {kUseAttrName, true, false, isUse},
    {kScalarAttrName, true, false, isText},
    {kDefaultAttrName, true, false, isNumber},
    {kRoleAttrName, true, false, isRole},
    {kUpdateAttrName, false, true, isText},
    {kResultAttrName, true, false, isUnit},
    {kArenaAttrName, true, false, isUnit},
    {kFailedCheckAttrName, true, true, isUnit},
};

/// An error about an attribute that is in none of the tables.
template <typename Entry, size_t Size>
static InFlightDiagnostic refuseUnknown(Operation *op, StringRef name,
                                        const Entry (&table)[Size]) {
  InFlightDiagnostic error = op->emitOpError()
                             << "'" << name << "' is no attribute of 'tern'";
  const Entry *nearest = nullptr;
  unsigned least = 3;
  for (const Entry &entry : table)
    if (unsigned distance = name.edit_distance(entry.name); distance < least) {
      least = distance;
      nearest = &entry;
    }
  if (nearest)
    error << "; did you mean '" << nearest->name << "'?";
  return error;
}

LogicalResult tern::verifyOperationMarker(Operation *op, NamedAttribute attr) {
  const OperationAttribute *entry =
      llvm::find_if(operationAttributes, [&](const OperationAttribute &known) {
        return known.name == attr.getName().strref();
      });
  if (entry == std::end(operationAttributes))
    return refuseUnknown(op, attr.getName(), operationAttributes);
  StringRef place = entry->place == Place::Module ? "a module"
                    : entry->place == Place::Call ? "a call"
                    : entry->place == Place::Structured
                        ? "a structured operation"
                        : "a function";
  bool isThere =
      entry->place == Place::Any ||
      (entry->place == Place::Module && isa<ModuleOp>(op)) ||
      (entry->place == Place::Function && isa<FunctionOpInterface>(op)) ||
      (entry->place == Place::Call && isa<CallOpInterface>(op)) ||
      (entry->place == Place::Structured && isa<linalg::LinalgOp>(op));
  if (!isThere)
    return op->emitOpError() << "'" << entry->name << "' belongs on " << place;
  if (StringRef problem = entry->check(attr.getValue()); !problem.empty())
    return op->emitOpError() << "'" << entry->name << "' " << problem;
  return success();
}

//===----------------------------------------------------------------------===//
// Arguments and results
//===----------------------------------------------------------------------===//

/// Whether a host may see elements of the type as `dtype`: what signless
/// integers are, a pass cannot tell.
static bool fits(StringRef dtype, Type element) {
  if (auto integer = dyn_cast<IntegerType>(element)) {
    unsigned width;
    if (dtype == "bool")
      return integer.getWidth() == 1 || integer.getWidth() == 8;
    return (dtype.consume_front("u") || dtype.consume_front("i")) &&
           !dtype.getAsInteger(10, width) && width == integer.getWidth();
  }
  std::string name;
  llvm::raw_string_ostream(name) << element;
  return !element.isIntOrIndexOrFloat() || dtype == name;
}

LogicalResult tern::verifyValueMarker(FunctionOpInterface function,
                                      unsigned index, bool isArgument,
                                      NamedAttribute attr) {
  StringRef name = attr.getName();
  Type type = isArgument ? function.getArgumentTypes()[index]
                         : function.getResultTypes()[index];
  auto shaped = dyn_cast<ShapedType>(type);
  auto fail = [&](const Twine &what) {
    return function->emitOpError() << (isArgument ? "argument " : "result ")
                                   << index << ": '" << name << "' " << what;
  };
  auto has = [&](StringRef other) {
    return isArgument && function.getArgAttr(index, other);
  };

  const ValueAttribute *entry =
      llvm::find_if(valueAttributes, [&](const ValueAttribute &known) {
        return known.name == name;
      });
  if (entry == std::end(valueAttributes))
    return refuseUnknown(function, name, valueAttributes);
  if (isArgument ? !entry->isOnArguments : !entry->isOnResults)
    return fail(isArgument ? "belongs on results" : "belongs on arguments");
  if (StringRef problem = entry->check(attr.getValue()); !problem.empty())
    return fail(problem);
  if (name == TernDialect::getShapeAttrName()) {
    auto shape = cast<ArrayAttr>(attr.getValue());
    if (shaped && shaped.hasRank() &&
        shaped.getRank() != static_cast<int64_t>(shape.size()))
      return fail("must have one entry per dimension");
  } else if (name == TernDialect::getDtypeAttrName()) {
    auto dtype = cast<StringAttr>(attr.getValue());
    if (shaped && !fits(dtype, shaped.getElementType()))
      return fail("is \"" + dtype.getValue() +
                  "\", which elements of the type cannot be");
  } else if (name == kScalarAttrName) {
    if (shaped && (!shaped.hasRank() || shaped.getRank() != 0))
      return fail("belongs on a tensor of rank 0");
  } else if (name == kArenaAttrName) {
    auto memref = dyn_cast<MemRefType>(type);
    if (shaped && (!memref || memref.getRank() != 1 ||
                   !memref.getElementType().isInteger(8)))
      return fail("belongs on a memref<?xi8>");
    if (index + 1 != function.getNumArguments())
      return fail("belongs on the last argument");
    for (StringRef other : {kResultAttrName, kScalarAttrName, kStateAttrName})
      if (has(other))
        return fail("and '" + other + "' exclude each other");
  } else if (name == kResultAttrName) {
    if (!shaped)
      return fail("belongs on a buffer");
    for (StringRef other : {kScalarAttrName, kStateAttrName, kDonatedAttrName})
      if (has(other))
        return fail("and '" + other + "' exclude each other");
  } else if (name == kFailedCheckAttrName) {
    if (shaped && (!shaped.hasRank() || shaped.getRank() != 0 ||
                   !shaped.getElementType().isInteger(32)))
      return fail("belongs on a tensor of rank 0 of i32");
  } else if (name == kFanInAttrName) {
    if (cast<IntegerAttr>(attr.getValue()).getInt() < 1)
      return fail("must be positive");
  }
  return success();
}
