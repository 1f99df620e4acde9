//===- Driver.cpp - One compilation, from input to output -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/Driver.h"
#include "ForeignFile.h"
#include "SizeReport.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "tern/Config/Version.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Driver/Calibration.h"
#include "tern/Driver/ModelFiles.h"
#include "tern/Driver/Product.h"
#include "tern/Driver/Targets.h"
#include "tern/Import/ONNX/Import.h"
#include "tern/Support/OutputGuard.h"
#include "tern/Training/Passes.h"
#include "tern/runtime/AtomicFile.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"
#include <set>

using namespace mlir;
using namespace tern;

namespace {

std::optional<ProductKind> getProductKind(StringRef emit) {
  if (emit == "llvm-ir")
    return ProductKind::LLVMIR;
  if (emit == "asm")
    return ProductKind::Assembly;
  if (emit == "obj")
    return ProductKind::Object;
  if (emit == "lib")
    return ProductKind::Library;
  if (emit == "exe")
    return ProductKind::Executable;
  return std::nullopt;
}

void printLine(StringRef kind, const Twine &text) {
  llvm::errs() << kind << ": " << runtime::messageLine(text.str()) << "\n";
}

/// Where a message is from: the model's node, unless the text names it, or the
/// place in a file.
std::string describeLocation(Location loc, StringRef text) {
  std::string name = getLocationName(loc, "");
  if (!name.empty())
    return text.contains("'" + name + "'") ||
                   text.contains(runtime::quote(name))
               ? ""
               : runtime::quote(name) + ": ";
  std::string place;
  loc->walk([&](Location inner) {
    auto file = dyn_cast<FileLineColLoc>(inner);
    if (!file || file.getLine() == 0)
      return WalkResult::advance();
    llvm::raw_string_ostream(place)
        << file.getFilename().getValue() << ":" << file.getLine() << ":"
        << file.getColumn() << ": ";
    return WalkResult::interrupt();
  });
  return place;
}

/// Whether a message says what it is about: an option, the input, or a name in
/// quotes, beside that of an operation of MLIR.
bool namesSomething(StringRef text, StringRef input) {
  if (text.contains("--") || text.contains(input))
    return true;
  if (text.consume_front("'"))
    if (auto [op, rest] = text.split("' op "); !op.contains('\''))
      text = rest;
  return text.contains('\'');
}

/// Characters that are shown of a message of several lines.
constexpr size_t kMaxMultiline = 500;

/// Whether a note is a dump of IR, which is of no use to the reader.
bool isDump(Diagnostic &note) {
  return StringRef(note.str()).starts_with("see current operation");
}

/// In place of MLIR's advice to programmers: what is of a dialect that nobody
/// loaded is a plugin's.
std::string adviseOnDialects(std::string text) {
  size_t advice = text.find(" If this is intended, please");
  if (advice == std::string::npos) {
    if (!StringRef(text).starts_with("Dialect `"))
      return text;
    advice = text.size();
  }
  text.resize(StringRef(text).take_front(advice).rtrim(". ").size());
  return text + "; --load-dialect-plugin=FILE loads the plugin that has it";
}

/// One line per message: the user sees models, not stacks of IR.
/// `input`: the file that is compiled, for what has no other place.
void printDiagnostic(Diagnostic &diagnostic, StringRef input) {
  auto kind = [](DiagnosticSeverity severity) -> StringRef {
    switch (severity) {
    case DiagnosticSeverity::Note:
      return "note";
    case DiagnosticSeverity::Warning:
      return "warning";
    case DiagnosticSeverity::Error:
      return "error";
    case DiagnosticSeverity::Remark:
      return "remark";
    }
    return "error";
  };
  auto print = [&](Diagnostic &message) {
    std::string text = adviseOnDialects(message.str());
    std::string place = describeLocation(message.getLocation(), text);
    if (place.empty() && &message == &diagnostic &&
        !namesSomething(text, input))
      place = ("'" + input + "': ").str();
    // Names may hold line breaks; dumps of operations, which some messages of
    // MLIR have, hold many, and are of no use to the reader.
    if (StringRef(text).contains('\n'))
      text = runtime::shorten(runtime::printable(text), kMaxMultiline);
    printLine(kind(message.getSeverity()), place + text);
  };
  print(diagnostic);
  for (Diagnostic &note : diagnostic.getNotes())
    if (!isDump(note))
      print(note);
}

class Driver {
public:
  Driver(const DriverOptions &options, DialectRegistry &registry)
      : options(options), context(registry),
        handler(&context,
                [&options](Diagnostic &diagnostic) {
                  printDiagnostic(diagnostic, options.input);
                }),
        guard(options.force), pipeline(options.pipeline) {}

  LogicalResult run();

private:
  LogicalResult fail(const Twine &text) {
    printLine("error", text);
    return failure();
  }
  std::function<bool(StringRef)> getWantedParameters();
  LogicalResult load();
  LogicalResult loadBytecode();
  LogicalResult findLevel();
  /// The file that parameters come from; empty: none.
  std::string getWeights();
  /// Knows the inputs, claims the outputs.
  LogicalResult guardFiles();
  LogicalResult chooseTarget();
  /// Trained weights fit layers that are made as in training.
  LogicalResult applyConversion();
  void recordConversion();
  /// The module is at a level: reports and dumps.
  LogicalResult arrive();
  LogicalResult lowerTo(int phase);
  LogicalResult lowerToTernary();
  LogicalResult runCalibration();
  LogicalResult dump(int phase);
  LogicalResult writeText(const std::string &path);
  LogicalResult writeFile(const std::string &path, StringRef text);
  LogicalResult writeReport();

  const DriverOptions &options;
  MLIRContext context;
  ScopedDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
  int level = 0;
  int numDumped = 0;
  SizeReport report{options.statsDims};
  OutputGuard guard;
  ModelFiles files;
  /// The user's options, completed by what a checkpoint records.
  PipelineOptions pipeline;
};

/// Which scalars are parameters: those that the user wants trained, and those
/// that were, of which the weights file then has values.
std::function<bool(StringRef)> Driver::getWantedParameters() {
  llvm::StringSet<> names;
  if (StringRef(options.weights).ends_with(".safetensors")) {
    if (auto source = files.getParameters(options.weights))
      for (const std::string &name : (*source)->names())
        names.insert(name);
    else
      llvm::consumeError(source.takeError()); // Reported when it is needed.
  }
  std::vector<std::string> patterns;
  if (options.pipeline.isTraining) {
    const auto &trainAlso = options.pipeline.training.trainAlso;
    patterns.assign(trainAlso.begin(), trainAlso.end());
  }
  return [names = std::move(names), patterns](StringRef name) {
    return names.contains(name) ||
           llvm::any_of(patterns, [&](const std::string &pattern) {
             return llvm::Regex(pattern).match(name);
           });
  };
}

LogicalResult Driver::load() {
  StringRef input = options.input;
  // Where something else is given as a model, its parser's words are of no use.
  if (std::string what = explainForeignModel(input, files);
      !what.empty() && input != "-")
    return fail("cannot compile '" + input + "': " + what);
  if (std::string what = explainForeignWeights(options.weights, files);
      !what.empty())
    return fail("cannot read weights '" + options.weights + "': " + what);
  if (input.ends_with(".onnx")) {
    ImportOptions importOptions;
    importOptions.dims = options.dims;
    importOptions.constantInputs = options.constantInputs;
    importOptions.isParameter = getWantedParameters();
    importOptions.isForTraining = options.pipeline.isTraining;
    module = files.importONNX(input, context, importOptions);
    return success(!!module);
  }
  if (!input.ends_with(".mlir") && !input.ends_with(".mlirbc") && input != "-")
    return fail("cannot tell what '" + input +
                "' is: expected a name ending in .onnx, .mlir or .mlirbc");
  if (!options.dims.empty())
    return fail("--dim applies to ONNX models; '" + input + "' is MLIR");
  if (!options.constantInputs.empty())
    return fail("--constant-input applies to ONNX models; '" + input +
                "' is MLIR");
  if (input != "-" && !llvm::sys::fs::exists(input))
    return fail("cannot read '" + input + "': no such file");
  if (input.ends_with(".mlirbc"))
    return loadBytecode();
  module = parseSourceFile<ModuleOp>(input, &context);
  return success(!!module);
}

/// Errors in bytecode know neither the file nor, in one line, who wrote it.
LogicalResult Driver::loadBytecode() {
  std::string problem;
  {
    ScopedDiagnosticHandler collect(&context, [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return failure();
      if (!problem.empty())
        return success();
      problem = diagnostic.str();
      for (Diagnostic &note : diagnostic.getNotes())
        if (!isDump(note))
          problem += ", " + note.str();
      return success();
    });
    module = parseSourceFile<ModuleOp>(options.input, &context);
  }
  return module ? success()
                : fail("cannot read '" + options.input + "': " + problem);
}

std::string Driver::getWeights() {
  auto attr = TernDialect::WeightsAttrHelper(&context).getAttr(*module);
  return options.weights.empty() && attr ? attr.str() : options.weights;
}

LogicalResult Driver::guardFiles() {
  if (options.input == "-")
    guard.addStandardInput();
  else if (StringRef(options.input).ends_with(".onnx"))
    for (const std::string &file : files.list(options.input))
      guard.addInput(file, file == options.input ? "the model"
                                                 : "the model's external data");
  guard.addInput(options.input, "the model");
  for (const std::string &file : files.list(getWeights()))
    guard.addInput(file, "the model's weights");
  for (const auto &entry : options.constantInputs)
    guard.addInput(entry.second, "--constant-input");
  for (const auto &[name, file] : options.calibration)
    guard.addInput(file, "--calibrate");
  for (const auto &[file, what] : options.inputs)
    guard.addInput(file, what);
  if (pipeline.isTraining)
    for (const auto &[text, what] :
         {std::pair(&pipeline.training.loss, "--loss"),
          std::pair(&pipeline.training.optimizer, "--optimizer")})
      for (StringRef part : llvm::split(*text, '+'))
        guard.addInput(part.substr(part.find('*') + 1).trim(), what);

  for (const auto &[name, file] : options.foreignOptions)
    if (llvm::Error error = guard.checkNotInput(file, name))
      return fail(llvm::toString(std::move(error)));
  if (options.stats && *options.stats != "-")
    if (llvm::Error error = guard.claim(*options.stats, "the size report"))
      return fail(llvm::toString(std::move(error)));
  if (options.report && *options.report != "-")
    if (llvm::Error error = guard.claim(*options.report, "the report"))
      return fail(llvm::toString(std::move(error)));
  // Products claim their weights file themselves.
  if (options.output != "-")
    if (llvm::Error error = guard.claim(options.output, "the output"))
      return fail(llvm::toString(std::move(error)));
  return success();
}

LogicalResult Driver::findLevel() {
  Attribute attr = TernDialect::LevelAttrHelper(&context).getAttr(*module);
  if (!attr) {
    level = 0;
    return success();
  }
  auto name = dyn_cast<StringAttr>(attr);
  level = name ? findPhase(name) : -1;
  if (level >= 0) {
    std::string problem = TernDialect::checkLevel(*module, name);
    return problem.empty() ? success()
                           : fail("'" + options.input + "': " + problem);
  }
  std::string text;
  llvm::raw_string_ostream(text) << attr;
  return fail("'" + options.input + "' says it is at level " + text +
              "; levels are: " + listLevels());
}

/// As a checkpoint records it.
static std::string printPatterns(ArrayRef<std::string> patterns) {
  llvm::json::Array array;
  for (const std::string &pattern : patterns)
    array.push_back(llvm::json::fixUTF8(pattern));
  return llvm::formatv("{0}", llvm::json::Value(std::move(array))).str();
}

static std::vector<std::string> parsePatterns(StringRef text) {
  std::vector<std::string> patterns;
  auto parsed = llvm::json::parse(text);
  if (!parsed) {
    llvm::consumeError(parsed.takeError());
    return patterns;
  }
  if (const llvm::json::Array *array = parsed->getAsArray())
    for (const llvm::json::Value &value : *array)
      if (auto pattern = value.getAsString())
        patterns.push_back(pattern->str());
  return patterns;
}

LogicalResult Driver::applyConversion() {
  std::string weights = getWeights();
  auto source = files.findParameters(weights);
  if (!source)
    return success();
  std::map<std::string, std::string> recorded = source->metadata();
  // Layers that are ternary by now are so by the options that the module says.
  auto made = TernDialect::ConversionAttrHelper(&context).getAttr(*module);
  bool isMade = level >= findPhase("ternary");
  TernaryOptions &ternary = pipeline.ternary;
  // Nobody asked for float layers: they may be converted after training.
  if (recorded["tern_ternarize"] == "auto" && ternary.ternarize == "all" &&
      !isMade)
    return success();
  for (auto [name, value] :
       {std::pair(kTernarizeKey, &ternary.ternarize.getValue()),
        {kQuantizerKey, &ternary.quantizer.getValue()},
        {kActivationsKey, &ternary.activations.getValue()}}) {
    const std::string &trained = recorded["tern_" + name.str()];
    // Not a checkpoint, or an earlier version's; no layer was converted.
    if (trained.empty() ||
        (name == kQuantizerKey && recorded["tern_ternarize"] != "all"))
      continue;
    std::string chosen = *value;
    if (isMade) {
      auto text = made ? made.getAs<StringAttr>(name) : nullptr;
      chosen = text ? text.str() : trained;
    } else if (!options.chosen.contains(name)) {
      *value = chosen = trained;
    }
    if (chosen != trained)
      return fail("--" + Twine(name) + "=" + chosen + " contradicts '" +
                  weights + "', which was trained with --" + name + "=" +
                  trained);
  }
  auto it = recorded.find("tern_exclude");
  if (it == recorded.end())
    return success();
  std::vector<std::string> patterns = parsePatterns(it->second);
  std::vector<std::string> chosen(ternary.exclude.begin(),
                                  ternary.exclude.end());
  if (isMade) {
    chosen = patterns;
    if (auto texts = made ? made.getAs<ArrayAttr>(kExcludeKey) : nullptr) {
      chosen.clear();
      for (auto text : texts.getAsRange<StringAttr>())
        chosen.push_back(text.str());
    }
  } else if (!options.chosen.contains(kExcludeKey)) {
    chosen = patterns;
    ternary.exclude = ArrayRef(patterns);
  }
  if (std::set(chosen.begin(), chosen.end()) !=
      std::set(patterns.begin(), patterns.end()))
    return fail("--exclude=" + llvm::join(chosen, " --exclude=") +
                " contradicts '" + weights +
                "', which was trained with the patterns " +
                printPatterns(patterns));
  return success();
}

void Driver::recordConversion() {
  const TernaryOptions &ternary = pipeline.ternary;
  Builder b(&context);
  SmallVector<StringRef> exclude(ternary.exclude.begin(),
                                 ternary.exclude.end());
  TernDialect::ConversionAttrHelper(&context).setAttr(
      *module,
      b.getDictionaryAttr(
          {b.getNamedAttr(kTernarizeKey, b.getStringAttr(ternary.ternarize)),
           b.getNamedAttr(kQuantizerKey, b.getStringAttr(ternary.quantizer)),
           b.getNamedAttr(kActivationsKey,
                          b.getStringAttr(ternary.activations)),
           b.getNamedAttr(kExcludeKey, b.getStrArrayAttr(exclude))}));
}

LogicalResult Driver::chooseTarget() {
  TernDialect::TargetAttrHelper attribute(&context);
  if (options.target.empty() && attribute.isAttrPresent(*module))
    return success();
  auto target =
      parseTarget(options.target.empty() ? "host" : options.target, context);
  if (!target)
    return fail(llvm::toString(target.takeError()));
  Attribute given = attribute.getAttr(*module);
  // Layouts and kernels are chosen on the way to these levels.
  if (given && given != Attribute(*target) && level > 1)
    return fail("'" + options.input +
                "' was lowered for another target already; leave --target out "
                "or start from an earlier level");
  attribute.setAttr(*module, *target);
  return success();
}

LogicalResult Driver::dump(int phase) {
  if (options.dumpPhases.empty())
    return success();
  llvm::SmallString<128> path(options.dumpPhases);
  llvm::sys::path::append(path, Twine(numDumped++) + "-" +
                                    getPhases()[phase].level + ".mlir");
  if (llvm::Error error = guard.claim(path, "--dump-phases"))
    return fail(llvm::toString(std::move(error)));
  return writeText(path.str().str());
}

LogicalResult Driver::arrive() {
  report.afterPhase(getPhases()[level].level, *module);
  if (StringRef(getPhases()[level].level) == "buffers")
    if (std::string problem = report.checkDims(); !problem.empty())
      return fail(problem);
  return dump(level);
}

/// Runs the phases after `level` up to `phase`.
LogicalResult Driver::lowerTo(int phase) {
  while (level < phase) {
    ++level;
    const Phase &next = getPhases()[level];
    if (next.isTraining && !pipeline.isTraining)
      continue;
    if (options.verbose)
      llvm::errs() << "phase " << next.level << "\n";
    PassManager pm(&context, ModuleOp::getOperationName());
    if (failed(applyPassManagerCLOptions(pm)))
      return failure();
    applyDefaultTimingPassManagerCLOptions(pm);
    next.build(pm, pipeline);
    if (failed(pm.run(*module)))
      return failure();
    TernDialect::LevelAttrHelper(&context).setAttr(
        *module, StringAttr::get(&context, next.level));
    if (failed(arrive()))
      return failure();
  }
  return success();
}

LogicalResult Driver::lowerToTernary() {
  int ternary = findPhase("ternary");
  if (level >= ternary)
    return success();
  // Before the phase, whose end is dumped.
  recordConversion();
  if (failed(lowerTo(ternary)))
    return failure();
  // Weights that are drawn do not come from the file.
  return options.seed ? success()
                      : checkWeights(*module, options.weights, files);
}

LogicalResult Driver::runCalibration() {
  CalibrationOptions calibration;
  calibration.inputs = options.calibration;
  calibration.weights = options.weights;
  calibration.files = &files;
  calibration.run = options.runCalibration;
  FailureOr<CalibrationReport> result = calibrate(*module, calibration);
  if (failed(result))
    return failure();
  if (options.stats == "-") {
    report.setCalibration(*result);
    return success();
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  result->print(os);
  report.setCalibration(std::move(*result));
  return writeFile("-", text);
}

LogicalResult Driver::writeText(const std::string &path) {
  // With locations: they hold the names of the model's nodes, which options,
  // messages and profiles refer to when the text is compiled further.
  OpPrintingFlags flags;
  flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false);
  std::string text;
  llvm::raw_string_ostream os(text);
  if (StringRef(path).ends_with(".mlirbc")) {
    // A reader that cannot take the file names who wrote it.
    if (failed(writeBytecodeToFile(
            *module, os,
            BytecodeWriterConfig("Tern " TERN_VERSION_STRING
                                 ", MLIR " LLVM_VERSION_STRING))))
      return fail("cannot write bytecode");
  } else {
    module->print(os, flags);
    os << "\n";
  }
  return writeFile(path, text);
}

LogicalResult Driver::writeFile(const std::string &path, StringRef text) {
  if (path == "-") {
    llvm::outs() << text;
    llvm::outs().flush();
    if (std::error_code error = llvm::outs().error()) {
      llvm::outs().clear_error();
      return fail("cannot write to standard output: " + error.message());
    }
    return success();
  }
  runtime::AtomicFile::removeStale(path);
  runtime::AtomicFile file;
  auto error = file.open(path);
  if (!error)
    error = file.write(text.data(), text.size());
  if (!error)
    error = file.commit();
  return error ? fail(*error) : success();
}

LogicalResult Driver::writeReport() {
  if (options.report) {
    std::string table;
    llvm::raw_string_ostream os(table);
    report.printTable(os);
    if (failed(writeFile(*options.report, table)))
      return failure();
  }
  if (!options.stats)
    return success();
  std::string text;
  llvm::raw_string_ostream os(text);
  report.print(os);
  return writeFile(*options.stats, runtime::escapeJson(text));
}

LogicalResult Driver::run() {
  if (failed(load()) || failed(findLevel()) || failed(chooseTarget()))
    return failure();
  std::optional<ProductKind> kind = getProductKind(options.emit);
  int phase = findPhase(kind ? "llvm" : options.emit);
  if (phase < level)
    return fail("'" + options.input + "' is at level '" +
                getPhases()[level].level + "', which is past '" + options.emit +
                "'");
  if (failed(guardFiles()))
    return failure();
  if (!options.dumpPhases.empty())
    if (std::error_code error = llvm::sys::fs::create_directories(
            options.dumpPhases, /*IgnoreExisting=*/true,
            llvm::sys::fs::perms::all_all))
      return fail("cannot create folder '" + options.dumpPhases +
                  "': " + error.message());
  if (pipeline.isTraining && level > findPhase("ternary"))
    return fail("'" + options.input + "' is at level '" +
                getPhases()[level].level +
                "', which is past 'ternary', where --train begins");
  int ternary = findPhase("ternary");
  for (auto [isAsked, option] :
       {std::pair(options.exportDequantized, "--export"),
        std::pair(!options.calibration.empty(), "--calibrate")})
    if (isAsked && level > ternary)
      return fail("'" + options.input + "' is at level '" +
                  getPhases()[level].level +
                  "', which is past 'ternary', where " + option + " begins");
  if (phase >= ternary && failed(applyConversion()))
    return failure();
  if (failed(arrive()))
    return failure();
  if (phase >= ternary && failed(lowerToTernary()))
    return failure();
  if (!options.calibration.empty() && failed(runCalibration()))
    return failure();
  if (options.exportDequantized) {
    PassManager pm(&context, ModuleOp::getOperationName());
    TernExportDequantizedOptions exported;
    exported.half = options.exportHalf;
    pm.addPass(createTernExportDequantized(exported));
    if (failed(pm.run(*module)))
      return failure();
    kind = ProductKind::Weights;
  }
  if (failed(lowerTo(phase)))
    return failure();
  if (!kind) {
    TernDialect::LevelAttrHelper(&context).setAttr(
        *module, StringAttr::get(&context, getPhases()[level].level));
    return success(succeeded(writeText(options.output)) &&
                   succeeded(writeReport()));
  }
  ProductOptions product;
  product.kind = *kind;
  product.output = options.output;
  product.optLevel = options.optLevel;
  product.embedWeights = options.embedWeights;
  product.symbolPrefix = options.symbolPrefix;
  product.weights = options.weights;
  product.files = &files;
  product.seed = options.seed;
  product.runtimeFolder = options.runtimeFolder;
  product.guard = &guard;
  product.verbose = options.verbose;
  product.onParameter = [&](StringRef name, ArrayRef<char> bytes) {
    report.addParameter(name, bytes);
  };
  FailureOr<ProductInfo> info = writeProduct(*module, product);
  if (failed(info))
    return failure();
  report.weightsFileBytes = info->weightsBytes;
  for (const std::string &warning : report.getWarnings())
    printLine("warning", warning);
  return writeReport();
}

} // namespace

int tern::runDriver(const DriverOptions &options, DialectRegistry &registry) {
  return succeeded(Driver(options, registry).run()) ? 0 : 1;
}
