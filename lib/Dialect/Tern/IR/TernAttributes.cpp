//===- TernAttributes.cpp - Quantizers, layouts, targets ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "mlir/IR/DialectImplementation.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tern;

namespace tern {
static FailureOr<APFloat> parseDouble(AsmParser &parser) {
  double value;
  if (failed(parser.parseFloat(value)))
    return failure();
  return APFloat(value);
}

static void printDouble(AsmPrinter &printer, const APFloat &value) {
  // The asm parser wants a decimal point. Few digits where they read back as
  // the same number, all of them otherwise.
  SmallString<32> text;
  for (unsigned digits : {6u, 17u}) {
    text.clear();
    value.toString(text, digits, /*FormatMaxPadding=*/0);
    if (APFloat(APFloat::IEEEdouble(), text).bitwiseIsEqual(value))
      break;
  }
  size_t exponent = text.find_first_of("eE");
  if (StringRef(text).find('.') == StringRef::npos)
    text.insert(text.begin() +
                    (exponent == StringRef::npos ? text.size() : exponent),
                {'.', '0'});
  printer << text;
}
} // namespace tern

#include "tern/Dialect/Tern/IR/TernEnums.cpp.inc"

#include "tern/Dialect/Tern/IR/TernAttrInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "tern/Dialect/Tern/IR/TernAttributes.cpp.inc"

void TernDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "tern/Dialect/Tern/IR/TernAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

/// The names behind `#tern.`.
template <typename... Attributes>
static std::vector<std::string> getMnemonics() {
  return {Attributes::getMnemonic().str()...};
}

Attribute TernDialect::parseAttribute(DialectAsmParser &parser,
                                      Type type) const {
  auto isIdentifier = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  SMLoc loc = parser.getCurrentLocation();
  StringRef text = parser.getFullSymbolSpec();
  StringRef mnemonic;
  Attribute result;
  OptionalParseResult parsed =
      generatedAttributeParser(parser, &mnemonic, type, result);
  if (!parsed.has_value()) {
    std::vector<std::string> known = getMnemonics<
#define GET_ATTRDEF_LIST
#include "tern/Dialect/Tern/IR/TernAttributes.cpp.inc"
        >();
    parser.emitError(loc) << "unknown attribute '" << mnemonic
                          << "' of dialect 'tern'; known are: "
                          << llvm::join(known, ", ")
                          << runtime::suggest(mnemonic, known);
    return {};
  }
  if (failed(*parsed))
    return {};
  // MLIR skips what the attribute did not take of the text.
  SMLoc end = parser.getCurrentLocation();
  if (end.getPointer() < text.end()) {
    StringRef rest(end.getPointer(), text.end() - end.getPointer());
    parser.emitError(end) << "'" << rest << "' follows #tern."
                          << text.take_while(isIdentifier)
                          << ", which ends there";
    return {};
  }
  return result;
}

void TernDialect::printAttribute(Attribute attribute,
                                 DialectAsmPrinter &printer) const {
  (void)generatedAttributePrinter(attribute, printer);
}

//===----------------------------------------------------------------------===//
// Quantizers
//===----------------------------------------------------------------------===//

static bool isFiniteNonNegative(const APFloat &value) {
  return value.isFinite() && (value.isZero() || !value.isNegative());
}

LogicalResult KernelAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 SymbolRefAttr kernel, DenseI32ArrayAttr block,
                                 StringAttr params) {
  if (kernel.getNestedReferences().size() != 1)
    return emitError() << "a kernel is '@module::@kernel', not " << kernel;
  if (block.size() != 3 ||
      llvm::any_of(block.asArrayRef(), [](int32_t size) { return size < 1; }))
    return emitError() << "a block has three positive extents";
  if (params.getValue().find_first_not_of("p1248") != StringRef::npos)
    return emitError() << "parameters are letters p, 1, 2, 4 and 8, not "
                       << params;
  return success();
}

LogicalResult
WeightQuantizerAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                            Statistic statistic, Granularity granularity,
                            int64_t groupSize, Rule rule, Rounding,
                            APFloat threshold, APFloat eps, EpsMode epsMode) {
  if ((granularity == Granularity::Group) != (groupSize > 0))
    return emitError() << "group_size must be positive with granularity = "
                          "group, and absent without";
  if (!isFiniteNonNegative(eps) || !isFiniteNonNegative(threshold))
    return emitError() << "eps and threshold must be finite and not negative";
  if (epsMode == EpsMode::ClampScale)
    return emitError() << "eps_mode = clamp_scale is for activations";
  if (statistic == Statistic::Learned && rule == Rule::Threshold)
    return emitError() << "a learned scale goes with round_clip or "
                          "strict_threshold";
  return success();
}

SmallVector<int64_t> WeightQuantizerAttr::getScaleShape(int64_t n,
                                                        int64_t k) const {
  switch (getGranularity()) {
  case Granularity::Tensor:
    return {};
  case Granularity::Row:
    return {n};
  case Granularity::Group:
    return {n, ShapedType::isDynamic(k)
                   ? ShapedType::kDynamic
                   : (k + getGroupSize() - 1) / getGroupSize()};
  }
  llvm_unreachable("all granularities are handled");
}

LogicalResult
ActivationQuantizerAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                ActivationScheme scheme, Rounding round,
                                APFloat eps, EpsMode epsMode) {
  if (scheme == ActivationScheme::DynamicU8Tensor &&
      (round != Rounding::Even || eps.convertToDouble() != 1e-5 ||
       epsMode != EpsMode::Clamp))
    return emitError() << "scheme = dynamic_u8_tensor has no other parameters";
  if (!isFiniteNonNegative(eps))
    return emitError() << "eps must be finite and not negative";
  if (epsMode == EpsMode::Add)
    return emitError() << "eps_mode = add is for weights";
  return success();
}
