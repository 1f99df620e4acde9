//===- DiscardableAttributes.cpp - Verifiers of tern.* attributes ---------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes rely on these attributes, and anybody may write them. What a pass
// would have to check before it reads one is checked here, once. The tables are
// made of DiscardableAttributes.td; here is what they call.
//
//===----------------------------------------------------------------------===//

#include "DiscardableAttributes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/Dialect/Tern/IR/ParamUse.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"

using namespace mlir;
using namespace tern;

//===----------------------------------------------------------------------===//
// Kinds of values
//===----------------------------------------------------------------------===//

static bool isOneOf(Attribute attr, std::initializer_list<StringRef> texts) {
  auto text = dyn_cast<StringAttr>(attr);
  return text && llvm::is_contained(texts, text.getValue());
}

static bool areTexts(Attribute attr) {
  auto array = dyn_cast_if_present<ArrayAttr>(attr);
  return array && llvm::all_of(array, llvm::IsaPred<StringAttr>);
}

/// "tensor", "row" or "group:G" with G > 0.
static bool isTernaryFact(Attribute attr) {
  auto text = dyn_cast<StringAttr>(attr);
  StringRef fact = text ? text.getValue() : "";
  int64_t group;
  return fact == "tensor" || fact == "row" ||
         (fact.consume_front("group:") && !fact.getAsInteger(10, group) &&
          group > 0);
}

static bool isShape(Attribute attr) {
  auto shape = dyn_cast<ArrayAttr>(attr);
  return shape && llvm::all_of(shape, llvm::IsaPred<StringAttr, IntegerAttr>);
}

static bool isBound(Attribute attr) {
  auto bound = dyn_cast<ArrayAttr>(attr);
  if (!bound || bound.size() != 2)
    return false;
  auto least = dyn_cast<IntegerAttr>(bound[0]);
  auto greatest = dyn_cast<IntegerAttr>(bound[1]);
  auto name = dyn_cast<StringAttr>(bound[1]);
  return least && least.getInt() >= 0 &&
         (greatest ? greatest.getInt() >= least.getInt()
                   : name && !name.empty());
}

static bool isFrom(Attribute attr) {
  auto symbol = dyn_cast<SymbolRefAttr>(attr);
  return symbol && symbol.getNestedReferences().size() == 1;
}

static bool isTraining(Attribute attr) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  bool isFine = dict != nullptr;
  for (StringRef key : {"loss", "optimizer", "fingerprint"})
    isFine = isFine && (!dict.get(key) || isa<StringAttr>(dict.get(key)));
  for (StringRef key : {"classes", "ignore_index"})
    isFine = isFine && (!dict.get(key) || isa<IntegerAttr>(dict.get(key)));
  return isFine;
}

static bool areKernels(Attribute attr) {
  auto array = dyn_cast<ArrayAttr>(attr);
  return array && llvm::all_of(array, llvm::IsaPred<KernelAttr>);
}

static bool isInstances(Attribute attr) {
  auto array = dyn_cast<ArrayAttr>(attr);
  return array && llvm::all_of(array, areTexts);
}

static bool isConversion(Attribute attr) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  bool isFine = dict && areTexts(dict.get(kExcludeKey));
  for (StringRef key : kConversionKeys)
    isFine = isFine && dict.getAs<StringAttr>(key);
  return isFine;
}

//===----------------------------------------------------------------------===//
// The interface of level llvm
//===----------------------------------------------------------------------===//

static bool isTensorInfo(Attribute attr, bool isStatic) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  if (!dict || !dict.getAs<StringAttr>("name") ||
      !dict.getAs<StringAttr>("dtype"))
    return false;
  // State may have extents of its own.
  isStatic &= !dict.contains("role");
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
         isAbsentOr("fan_in", llvm::IsaPred<IntegerAttr>) &&
         isAbsentOr("bound", isBound);
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
    if (texts ? !areTexts(texts) : key == "dims")
      return false;
  }
  Attribute scalarChecks = dict.get("scalar_checks");
  return !scalarChecks || isa<IntegerAttr>(scalarChecks);
}

static std::string verifyInterface(Operation *, DictionaryAttr interface) {
  auto functions = interface.getAs<DictionaryAttr>("functions");
  bool isFine =
      functions && llvm::all_of(functions, [](NamedAttribute function) {
        return isFunctionInfo(function.getValue());
      });
  return isFine ? ""
                : "does not describe an interface, as "
                  "'tern-emit-entry-points' makes it";
}

static std::string verifyPrepares(Operation *, ArrayAttr prepares) {
  bool isFine = llvm::all_of(prepares, [](Attribute prepare) {
    return isFunctionInfo(prepare) &&
           cast<DictionaryAttr>(prepare).getAs<StringAttr>("symbol");
  });
  return isFine ? ""
                : "does not describe prepare functions, as "
                  "'tern-emit-entry-points' makes it";
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// "tensor", "axis:A" or "group:G:A", of a result of this rank.
static bool isTernaryFactOfRank(StringRef fact, int64_t rank) {
  int64_t group = 1, axis = 0;
  if (fact.consume_front("group:")) {
    auto [first, second] = fact.split(':');
    return rank == 2 && !first.getAsInteger(10, group) && group > 0 &&
           !second.getAsInteger(10, axis) && axis >= 0 && axis < rank;
  }
  return fact == "tensor" ||
         (fact.consume_front("axis:") && !fact.getAsInteger(10, axis) &&
          axis >= 0 && axis < rank);
}

static std::string verifyInstances(Operation *op, ArrayAttr instances) {
  auto function = cast<FunctionOpInterface>(op);
  size_t numNames = 0;
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    numNames += !!function.getArgAttr(i, kParamAttrName);
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    numNames += !!function.getResultAttr(i, kParamAttrName);
  return llvm::all_of(instances.getAsRange<ArrayAttr>(),
                      [&](ArrayAttr names) { return names.size() == numNames; })
             ? ""
             : "must have a name for each parameter that the function reads or "
               "makes, of which there are " +
                   std::to_string(numNames);
}

static std::string verifyTernary(Operation *op, StringAttr fact) {
  // On buffers there is nobody left to read it.
  auto type = op->getNumResults() == 1
                  ? dyn_cast<RankedTensorType>(op->getResult(0).getType())
                  : nullptr;
  return !type || isTernaryFactOfRank(fact, type.getRank())
             ? ""
             : "must be \"tensor\", \"axis:A\" or, for a matrix, "
               "\"group:G:A\"";
}

static std::string verifyOrder(Operation *op, StringAttr) {
  if (!isa<arith::AddFOp, arith::MulFOp>(op))
    return "must be \"lanes\", \"ascending\" or \"chunks\", on arith.addf or "
           "arith.mulf";
  return isa_and_present<linalg::LinalgOp>(op->getParentOp())
             ? ""
             : "belongs in the body of a structured operation";
}

//===----------------------------------------------------------------------===//
// Arguments and results
//===----------------------------------------------------------------------===//

namespace {
/// An argument or a result of a function.
struct SignatureValue {
  FunctionOpInterface function;
  unsigned index;
  bool isArgument;

  Type getType() {
    return isArgument ? function.getArgumentTypes()[index]
                      : function.getResultTypes()[index];
  }
  /// Null where the type has no shape.
  ShapedType getShapedType() { return dyn_cast<ShapedType>(getType()); }
  bool isOfRank(int64_t rank) {
    ShapedType type = getShapedType();
    return !type || (type.hasRank() && type.getRank() == rank);
  }
};
} // namespace

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

static std::string verifyShape(SignatureValue value, ArrayAttr shape) {
  ShapedType type = value.getShapedType();
  return !type || !type.hasRank() || value.isOfRank(shape.size())
             ? ""
             : "must have one entry per dimension";
}

static std::string verifyDtype(SignatureValue value, StringAttr dtype) {
  ShapedType type = value.getShapedType();
  return !type || fits(dtype, type.getElementType())
             ? ""
             : "is \"" + dtype.str() +
                   "\", which elements of the type cannot be";
}

static std::string verifyFanIn(SignatureValue, IntegerAttr fanIn) {
  return fanIn.getInt() >= 1 ? "" : "must be positive";
}

static std::string verifyScalar(SignatureValue value, StringAttr) {
  return value.isOfRank(0) ? "" : "belongs on a tensor of rank 0";
}

static std::string verifyBound(SignatureValue value, ArrayAttr) {
  ShapedType type = value.getShapedType();
  bool isInteger = !type || type.getElementType().isInteger(32) ||
                   type.getElementType().isInteger(64);
  return isInteger && value.function.getArgAttr(value.index, kScalarAttrName)
             ? ""
             : "belongs on a 'tern.scalar' of i32 or i64";
}

static std::string verifyFailedCheck(SignatureValue value, UnitAttr) {
  ShapedType type = value.getShapedType();
  return value.isOfRank(0) && (!type || type.getElementType().isInteger(32))
             ? ""
             : "belongs on a tensor of rank 0 of i32";
}

/// An error if the argument has one of these attributes, too.
static std::string refuseBoth(SignatureValue value,
                              std::initializer_list<StringRef> others) {
  for (StringRef other : others)
    if (value.isArgument && value.function.getArgAttr(value.index, other))
      return "and '" + other.str() + "' exclude each other";
  return "";
}

static std::string verifyResult(SignatureValue value, UnitAttr) {
  if (!value.getShapedType())
    return "belongs on a buffer";
  return refuseBoth(value, {kScalarAttrName, kStateAttrName, kDonatedAttrName});
}

static std::string verifyArena(SignatureValue value, UnitAttr) {
  auto memref = dyn_cast<MemRefType>(value.getType());
  if (value.getShapedType() && (!memref || memref.getRank() != 1 ||
                                !memref.getElementType().isInteger(8)))
    return "belongs on a memref<?xi8>";
  if (value.index + 1 != value.function.getNumArguments())
    return "belongs on the last argument";
  return refuseBoth(value, {kResultAttrName, kScalarAttrName, kStateAttrName});
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

namespace {
struct KnownAttribute {
  StringLiteral name;
  /// Separated by ", ".
  StringLiteral levels;
  /// What the value must be, and whether it is that.
  StringLiteral value;
  bool (*check)(Attribute);
};

struct OperationAttribute : KnownAttribute {
  /// What else is wrong, or ""; null where nothing can be.
  std::string (*verify)(Operation *, Attribute);
  StringLiteral place;
  bool (*isPlace)(Operation *);
};

struct ValueAttribute : KnownAttribute {
  std::string (*verify)(SignatureValue, Attribute);
  bool isOnArguments, isOnResults;
};
} // namespace

#include "tern/Dialect/Tern/IR/DiscardableAttributes.cpp.inc"

/// The row of the attribute; null after an error if there is none.
template <typename Table>
static auto *find(const Table &table, Operation *op, StringRef name) {
  const auto *entry = llvm::find_if(
      table, [&](const KnownAttribute &known) { return known.name == name; });
  if (entry != std::end(table))
    return entry;
  InFlightDiagnostic error = op->emitOpError()
                             << "'" << name << "' is no attribute of 'tern'";
  unsigned least = 3;
  StringRef nearest;
  for (const KnownAttribute &known : table)
    if (unsigned distance = name.edit_distance(known.name); distance < least) {
      least = distance;
      nearest = known.name;
    }
  if (!nearest.empty())
    error << "; did you mean '" << nearest << "'?";
  return static_cast<decltype(entry)>(nullptr);
}

/// What is wrong with the value, or "".
template <typename Entry, typename Place>
static std::string verifyValue(const Entry &entry, const Place &place,
                               Attribute value) {
  if (!entry.check(value))
    return "must be " + entry.value.str();
  return entry.verify ? entry.verify(place, value) : "";
}

LogicalResult tern::verifyOperationMarker(Operation *op, NamedAttribute attr) {
  const auto *entry = find(operationAttributes, op, attr.getName());
  if (!entry)
    return failure();
  std::string problem = entry->isPlace(op)
                            ? verifyValue(*entry, op, attr.getValue())
                            : "belongs on " + entry->place.str();
  if (!problem.empty())
    return op->emitOpError() << "'" << entry->name << "' " << problem;
  return success();
}

LogicalResult tern::verifyValueMarker(FunctionOpInterface function,
                                      unsigned index, bool isArgument,
                                      NamedAttribute attr) {
  const auto *entry = find(valueAttributes, function, attr.getName());
  if (!entry)
    return failure();
  bool isPlace = isArgument ? entry->isOnArguments : entry->isOnResults;
  std::string problem =
      isPlace ? verifyValue(*entry, SignatureValue{function, index, isArgument},
                            attr.getValue())
      : isArgument ? "belongs on results"
                   : "belongs on arguments";
  if (!problem.empty())
    return function->emitOpError()
           << (isArgument ? "argument " : "result ") << index << ": '"
           << entry->name << "' " << problem;
  return success();
}

template <typename Table>
static StringRef getLevels(const Table &table, StringRef name) {
  const auto *entry = llvm::find_if(
      table, [&](const KnownAttribute &known) { return known.name == name; });
  return entry == std::end(table) ? StringRef() : StringRef(entry->levels);
}

std::string tern::checkMarkerLevel(StringRef name, bool isValue,
                                   StringRef level) {
  StringRef levels = isValue ? getLevels(valueAttributes, name)
                             : getLevels(operationAttributes, name);
  SmallVector<StringRef> known;
  levels.split(known, ", ");
  return llvm::is_contained(known, level)
             ? ""
             : "'" + name.str() + "' belongs at " +
                   (levels.empty()      ? "no level"
                    : known.size() == 1 ? "level " + levels.str()
                                        : "levels " + levels.str()) +
                   ", not at " + level.str();
}
