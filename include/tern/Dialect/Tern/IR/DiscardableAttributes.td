//===- DiscardableAttributes.td - The attributes tern.* ----*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What Tern's passes leave for others on operations, arguments and results:
// one record for each attribute, and there are no others. Of these are made
//
// - for operations the helpers `TernDialect::LevelAttrHelper` and so on, by
//   upstream's `discardableAttrs`;
// - for arguments and results the names `kParamAttrName` and so on;
// - the tables by which the dialect verifies them (DiscardableAttributes.cpp);
// - the table in the dialect's reference.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_DISCARDABLEATTRIBUTES_TD
#define TERN_DIALECT_TERN_IR_DISCARDABLEATTRIBUTES_TD

include "mlir/IR/CommonAttrConstraints.td"

//===----------------------------------------------------------------------===//
// What a record says
//===----------------------------------------------------------------------===//

/// The levels of IR (docs/architecture.md), of which each record has those at
/// which its attribute may stand.
defvar allLevels = ["graph", "ternary", "training", "packed", "tiled", "buffers", "llvm"];
defvar untilTiled = allLevels[0...4];
defvar untilBuffers = allLevels[0...5];
defvar fromTernary = allLevels[1...6];
/// In files of losses and optimizers, which are at no level.
defvar noLevels = []<string>;

/// For readers: "graph to tiled".
class Tern_LevelRange<list<string> range> {
  defvar size = !size(range);
  string text = !cond(!eq(size, 0): "none",
                      !eq(size, !size(allLevels)): "all",
                      !eq(size, 1): range[0],
                      true: range[0] # " to " # range[!sub(size, 1)]);
}

/// What the value has to be; errors say "must be <summary>". Functions that
/// conditions call are in DiscardableAttributes.cpp.
class Tern_Value<string cppType, string text,
                 Pred condition = CPred<"::llvm::isa<" # cppType # ">($_self)">>
    : Attr<condition, text> {
  let storageType = cppType;
  let returnType = cppType;
}

def Tern_Unit : Tern_Value<"::mlir::UnitAttr", "a unit attribute">;
def Tern_Text : Tern_Value<"::mlir::StringAttr", "a string">;
def Tern_Texts : Tern_Value<"::mlir::ArrayAttr", "an array of strings",
                            StrArrayAttr.predicate>;
def Tern_Integer : Tern_Value<"::mlir::IntegerAttr", "an integer">;
def Tern_Float : Tern_Value<"::mlir::FloatAttr", "a float">;
def Tern_Number : Tern_Value<"::mlir::Attribute", "a number",
    CPred<"::llvm::isa<::mlir::FloatAttr, ::mlir::IntegerAttr>($_self)">>;
class Tern_Choice<list<string> choices, string text>
    : Tern_Value<"::mlir::StringAttr", text, CPred<"isOneOf($_self, {\"" #
                     !interleave(choices, "\", \"") # "\"})">>;

/// The operations that an attribute may stand on; errors say "belongs on
/// <summary>".
class Tern_Place<string text, string condition> {
  string summary = text;
  /// Of `$_op`.
  string predicate = condition;
}

def Tern_Anywhere : Tern_Place<"an operation", "true">;
def Tern_OnModule
    : Tern_Place<"a module", "::llvm::isa<::mlir::ModuleOp>($_op)">;
def Tern_OnFunction
    : Tern_Place<"a function", "::llvm::isa<::mlir::FunctionOpInterface>($_op)">;
def Tern_OnFunctionOrModule
    : Tern_Place<"a function or a module",
                 "::llvm::isa<::mlir::FunctionOpInterface, ::mlir::ModuleOp>($_op)">;
def Tern_OnCall
    : Tern_Place<"a call", "::llvm::isa<::mlir::CallOpInterface>($_op)">;
def Tern_OnStructured
    : Tern_Place<"a structured operation",
                 "::llvm::isa<::mlir::linalg::LinalgOp>($_op)">;

class Tern_DiscardableAttr<string attrName, Attr attrType> {
  /// Behind `tern.`.
  string name = attrName;
  Attr type = attrType;
  list<string> levels;
  /// For readers: what it stands on, and what it says.
  string on;
  string meaning;
  /// Whether `verify<Name>` in DiscardableAttributes.cpp checks more: of an
  /// operation or of an argument or result, which has the name and a value of
  /// the type.
  bit hasVerifier = 0;
}

/// Of operations.
class Tern_OperationAttr<string name, Attr type, Tern_Place attrPlace>
    : Tern_DiscardableAttr<name, type> {
  Tern_Place place = attrPlace;
}

/// Of functions' arguments and results.
class Tern_ValueAttr<string name, Attr type, bit arguments, bit results>
    : Tern_DiscardableAttr<name, type> {
  bit isOnArguments = arguments;
  bit isOnResults = results;
}
class Tern_OnArguments<string name, Attr type>
    : Tern_ValueAttr<name, type, 1, 0>;
class Tern_OnResults<string name, Attr type>
    : Tern_ValueAttr<name, type, 0, 1>;
class Tern_OnBoth<string name, Attr type>
    : Tern_ValueAttr<name, type, 1, 1>;

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

def Tern_LevelAttr : Tern_OperationAttr<"level", Tern_Text, Tern_OnModule> {
  let levels = allLevels;
  let on = "modules";
  let meaning = "the level of IR the module is at, where `ternc` continues; `graph` where it is missing";
}
def Tern_ModelAttr : Tern_OperationAttr<"model", Tern_Text, Tern_OnModule> {
  let levels = allLevels;
  let on = "modules";
  let meaning = "the model's name";
}
def Tern_WeightsAttr : Tern_OperationAttr<"weights", Tern_Text, Tern_OnModule> {
  let levels = allLevels;
  let on = "modules";
  let meaning = "the file that holds the parameters";
}
def Tern_TargetAttr
    : Tern_OperationAttr<"target",
          Tern_Value<"::mlir::Attribute", "a target, such as #tern.generic",
                     CPred<"::llvm::isa<::tern::TargetAttrInterface>($_self)">>,
          Tern_Anywhere> {
  let levels = allLevels;
  let on = "modules and functions";
  let meaning = "the target the code is generated for";
}
def Tern_ConversionAttr
    : Tern_OperationAttr<"conversion",
          Tern_Value<"::mlir::DictionaryAttr",
                     "a dictionary of 'ternarize', 'quantizer', 'activations' "
                     "(strings) and 'exclude' (an array of strings)",
                     CPred<"isConversion($_self)">>,
          Tern_OnModule> {
  let levels = fromTernary;
  let on = "modules whose layers `ternc` made ternary";
  let meaning = "by which of its options; artifacts for training and checkpoints record it by the same names";
}
def Tern_TrainingAttr
    : Tern_OperationAttr<"training",
          Tern_Value<"::mlir::DictionaryAttr",
                     "a dictionary of 'loss', 'optimizer', 'fingerprint' "
                     "(strings), 'classes' and 'ignore_index' (integers)",
                     CPred<"isTraining($_self)">>,
          Tern_OnModule> {
  let levels = allLevels[2...6];
  let on = "modules";
  let meaning = "a training artifact of several entry functions over one state: its `loss`, `optimizer`, `fingerprint`";
}
def Tern_InterfaceAttr
    : Tern_OperationAttr<"interface", Tern_Value<"::mlir::DictionaryAttr", "a dictionary">,
          Tern_OnModule> {
  let levels = ["llvm"];
  let on = "modules";
  let meaning = "what the artifact's signature says, as `tern-emit-entry-points` makes it";
  let hasVerifier = 1;
}
def Tern_PreparesAttr
    : Tern_OperationAttr<"prepares", Tern_Value<"::mlir::ArrayAttr", "an array">,
          Tern_OnModule> {
  let levels = ["llvm"];
  let on = "modules";
  let meaning = "the same of its prepare functions";
  let hasVerifier = 1;
}
def Tern_KernelsAttr
    : Tern_OperationAttr<"kernels",
          Tern_Value<"::mlir::ArrayAttr", "an array of '#tern.kernel'",
                     CPred<"areKernels($_self)">>,
          Tern_OnModule> {
  let levels = ["llvm"];
  let on = "modules";
  let meaning = "what functions launch, by its number in the artifact's device table";
}

//===----------------------------------------------------------------------===//
// Functions and calls
//===----------------------------------------------------------------------===//

def Tern_PrepareAttr
    : Tern_OperationAttr<"prepare", Tern_Unit, Tern_OnFunctionOrModule> {
  let levels = fromTernary;
  let on = "functions, and the module of them from level `packed` on";
  let meaning = "depends on parameters alone and runs ahead of time";
}
def Tern_InstancesAttr
    : Tern_OperationAttr<"instances",
          Tern_Value<"::mlir::ArrayAttr", "an array of arrays of strings",
                     CPred<"isInstances($_self)">>,
          Tern_OnFunction> {
  let levels = allLevels[4...5];
  let on = "prepare functions";
  let meaning = "runs for these parameters, too: their names in place of those of its arguments and results";
  let hasVerifier = 1;
}
def Tern_InitialAttr
    : Tern_OperationAttr<"initial", Tern_Unit, Tern_OnFunction> {
  let levels = allLevels[1...5];
  let on = "prepare functions";
  let meaning = "makes what parameters begin with, and runs unless a weights file has them";
}
def Tern_FromAttr
    : Tern_OperationAttr<"from",
          Tern_Value<"::mlir::SymbolRefAttr", "'@file::@function'", CPred<"isFrom($_self)">>,
          Tern_OnFunction> {
  let levels = noLevels;
  let on = "private declarations in files of losses and optimizers";
  let meaning = "which function of which other file it stands for";
}
def Tern_ChecksAttr
    : Tern_OperationAttr<"checks", Tern_Texts, Tern_OnFunction> {
  let levels = allLevels[4...5];
  let on = "functions";
  let meaning = "messages: what its shapes function returns after the extents is whether these hold";
}
def Tern_ElementChecksAttr
    : Tern_OperationAttr<"element_checks", Tern_Texts, Tern_OnFunction> {
  let levels = allLevels[4...5];
  let on = "functions";
  let meaning = "messages of checks of elements: `tern.failed_check` numbers them from 1";
}
def Tern_ScalarChecksAttr
    : Tern_OperationAttr<"scalar_checks", Tern_Integer, Tern_OnFunction> {
  let levels = allLevels[4...5];
  let on = "functions";
  let meaning = "how many of `tern.element_checks`, the first, its function `@<fn>_scalar_checks` answers before it runs";
}
def Tern_RecomputeAttr
    : Tern_OperationAttr<"recompute", Tern_Integer, Tern_OnFunction> {
  let levels = ["training"];
  let on = "functions";
  let meaning = "number of a result: what the rest needs of its computation, `--tern-rematerialize` computes once more where that is cheap";
}
def Tern_ParallelAttr
    : Tern_OperationAttr<"parallel", Tern_Text, Tern_OnCall> {
  let levels = ["buffers"];
  let on = "calls";
  let meaning = "the callee's range may be split over threads; the label for profiles";
}
def Tern_PartAttr : Tern_OperationAttr<"part", Tern_Unit, Tern_OnCall> {
  let levels = ["buffers"];
  let on = "calls";
  let meaning = "the callee was cut out of the caller to be compiled by itself, and no other call has it";
}

//===----------------------------------------------------------------------===//
// Other operations
//===----------------------------------------------------------------------===//
//
// Most of these are facts of imported graphs. They add nothing to the meaning:
// where one is lost, a layer stays float, or a report says less.

def Tern_TernaryOperationAttr
    : Tern_OperationAttr<"ternary", Tern_Value<"::mlir::StringAttr",
          "\"tensor\", \"axis:A\" or, for a matrix, \"group:G:A\"">,
          Tern_Anywhere> {
  let levels = untilBuffers;
  let on = "`linalg` operations on parameters";
  let meaning = "what they compute (dequantized values, or integers) is ternary as a parameter may be, with one s per "
                "`\"tensor\"`, `\"axis:A\"` (index of that axis of the result) or "
                "`\"group:G:A\"` (G adjacent positions along axis A, and index of the others)";
  let hasVerifier = 1;
}
def Tern_OriginAttr
    : Tern_OperationAttr<"origin", Tern_Text, Tern_Anywhere> {
  let levels = allLevels[1...2];
  let on = "`tern.bitlinear`";
  let meaning = "`\"raised\"` from the model or `\"converted\"` on request";
}
def Tern_FloatReasonAttr
    : Tern_OperationAttr<"float", Tern_Text, Tern_Anywhere> {
  let levels = allLevels[1...4];
  let on = "matrix products";
  let meaning = "why the layer was not made ternary";
}
def Tern_UnquantizedAttr
    : Tern_OperationAttr<"unquantized", Tern_Text, Tern_Anywhere> {
  let levels = allLevels[1...4];
  let on = "operations";
  let meaning = "why a ternary layer takes the result in float although something quantizes it";
}
def Tern_DetachedAttr
    : Tern_OperationAttr<"detached", Tern_Unit, Tern_OnStructured> {
  let levels = untilTiled;
  let on = "`linalg` operations";
  let meaning = "has no derivative: what depends on it does so in a way that cancels, "
                "like a maximum that is subtracted and added again";
}
def Tern_SortedAttr
    : Tern_OperationAttr<"sorted", Tern_Choice<["ascending", "descending"],
          "\"ascending\" or \"descending\"">, Tern_Anywhere> {
  let levels = untilTiled;
  let on = "`linalg` operations";
  let meaning = "the result is the first elements of the last input in that order, along its last axis";
}
def Tern_OrderAttr
    : Tern_OperationAttr<"order", Tern_Choice<["lanes", "ascending", "chunks"],
          "\"lanes\", \"ascending\" or \"chunks\", on arith.addf or arith.mulf">,
          Tern_Anywhere> {
  let levels = untilTiled;
  let on = "`arith.addf`, `arith.mulf` in bodies of reductions";
  let meaning = "in which order terms are added or multiplied, see docs/numerics.md";
  let hasVerifier = 1;
}
def Tern_RecomputedAttr
    : Tern_OperationAttr<"recomputed", Tern_Integer, Tern_Anywhere> {
  let levels = allLevels[3...4];
  let on = "operations";
  let meaning = "computes once more what another did; the number keeps the two apart";
}

//===----------------------------------------------------------------------===//
// Arguments and results
//===----------------------------------------------------------------------===//

def Tern_NameAttr : Tern_OnBoth<"name", Tern_Text> {
  let levels = untilBuffers;
  let on = "arguments and results of `@main`";
  let meaning = "name of a run-time tensor";
}
def Tern_ParamAttr : Tern_OnBoth<"param", Tern_Text> {
  let levels = untilBuffers;
  let on = "arguments of `@main`, arguments and results of prepare functions";
  let meaning = "the tensor is the parameter of this name";
}
def Tern_ShapeAttr
    : Tern_OnBoth<"shape", Tern_Value<"::mlir::ArrayAttr",
          "an array of integers and strings", CPred<"isShape($_self)">>> {
  let levels = untilBuffers;
  let on = "arguments and results of `@main`";
  let meaning = "extents: an integer, or the name of a symbolic one; equal names are equal extents";
  let hasVerifier = 1;
}
def Tern_DtypeAttr : Tern_OnBoth<"dtype", Tern_Text> {
  let levels = untilBuffers;
  let on = "arguments and results of `@main`";
  let meaning = "element type where signless integers lose it, e.g. `\"u8\"`";
  let hasVerifier = 1;
}
def Tern_TernaryAttr
    : Tern_OnArguments<"ternary", Tern_Value<"::mlir::StringAttr",
          "\"tensor\", \"row\" or \"group:G\"", CPred<"isTernaryFact($_self)">>> {
  let levels = untilBuffers;
  let on = "float parameters";
  let meaning = "the importer has seen that the values are {-s, 0, s}, with one s per "
                "`\"tensor\"`, `\"row\"` or `\"group:G\"`: zeros exactly, magnitudes within 2^-18 of s, "
                "as an exporter that folds `w + (q - w)` leaves them";
}
def Tern_UseAttr
    : Tern_OnArguments<"use", Tern_Value<"::mlir::DictionaryAttr",
          "{learned = \"why\"}, {optional = \"why\"} or {constant = \"why\"}",
          CPred<"::tern::ParamUse::fromAttribute($_self).has_value()">>> {
  let levels = untilBuffers;
  let on = "parameters";
  let meaning = "whether training may change it and why, as `{learned = \"...\"}`, "
                "`{optional = \"...\"}` (if the user names it) or `{constant = \"...\"}`";
}
def Tern_BufferAttr : Tern_OnArguments<"buffer", Tern_Unit> {
  let levels = untilBuffers;
  let on = "parameters";
  let meaning = "a running statistic, which no gradient trains";
}
def Tern_FanInAttr : Tern_OnArguments<"fan_in", Tern_Integer> {
  let levels = allLevels[2...5];
  let on = "float parameters, in training";
  let meaning = "how many inputs each output of the layer has, whose weights it is";
  let hasVerifier = 1;
}
def Tern_StateAttr : Tern_OnArguments<"state", Tern_Text> {
  let levels = untilBuffers;
  let on = "arguments";
  let meaning = "a tensor of this name that outlives a call, an optimizer's or a cache; symbolic extents are shared by "
                "all functions and given when the state is made";
}
def Tern_InitAttr : Tern_OnArguments<"init", Tern_Float> {
  let levels = untilBuffers;
  let on = "states";
  let meaning = "what every element begins with";
}
def Tern_ScalarAttr : Tern_OnArguments<"scalar", Tern_Text> {
  let levels = untilBuffers;
  let on = "arguments";
  let meaning = "a 0-d run-time scalar of this name";
  let hasVerifier = 1;
}
def Tern_DefaultAttr : Tern_OnArguments<"default", Tern_Number> {
  let levels = untilBuffers;
  let on = "scalars";
  let meaning = "the value if the host gives none";
}
def Tern_BoundAttr
    : Tern_OnArguments<"bound", Tern_Value<"::mlir::ArrayAttr",
          "[least, greatest]: an integer that is not negative, and one that is "
          "not less or the name of a symbolic extent",
          CPred<"isBound($_self)">>> {
  let levels = untilBuffers;
  let on = "scalars of i32 and i64";
  let meaning = "what the value may be: extents that come from it have memory for the greatest, and a run with any other "
                "value is an error before it begins";
  let hasVerifier = 1;
}
def Tern_RoleAttr
    : Tern_OnArguments<"role", Tern_Choice<["labels", "target", "teacher"],
          "\"labels\", \"target\" or \"teacher\"">> {
  let levels = noLevels;
  let on = "arguments of a loss's functions";
  let meaning = "what it is: `\"labels\"` (the number of the right class), `\"target\"` or `\"teacher\"`";
}
def Tern_UpdateAttr : Tern_OnResults<"update", Tern_Text> {
  let levels = ["training"];
  let on = "results of a loss";
  let meaning = "what the parameter of this name is after the step";
}
def Tern_DonatedAttr
    : Tern_OnArguments<"donated", Tern_Value<"::mlir::Attribute",
          "the number of a result, or a unit attribute",
          CPred<"::llvm::isa<::mlir::IntegerAttr, ::mlir::UnitAttr>($_self)">>> {
  let levels = untilBuffers;
  let on = "arguments";
  let meaning = "updated in place: the number of the result that is the new value; "
                "unit once `--tern-donate` has tied the two";
}
def Tern_ResultAttr : Tern_OnArguments<"result", Tern_Unit> {
  let levels = allLevels[4...5];
  let on = "arguments";
  let meaning = "the buffer is a result";
  let hasVerifier = 1;
}
def Tern_ArenaAttr : Tern_OnArguments<"arena", Tern_Unit> {
  let levels = ["buffers"];
  let on = "the last argument";
  let meaning = "the function's scratch memory";
  let hasVerifier = 1;
}
def Tern_FailedCheckAttr : Tern_OnBoth<"failed_check", Tern_Unit> {
  let levels = allLevels[4...5];
  let on = "results, at level `buffers` arguments";
  let meaning = "which of `tern.element_checks` is the first that fails; 0: none";
  let hasVerifier = 1;
}

#endif // TERN_DIALECT_TERN_IR_DISCARDABLEATTRIBUTES_TD
