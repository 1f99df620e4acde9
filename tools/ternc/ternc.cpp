//===- ternc.cpp - The compiler's command line ----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "CalibrationRun.h"
#include "Completion.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "tern/Config/Version.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/Driver/Driver.h"
#include "tern/Driver/Product.h"
#include "tern/Driver/Targets.h"
#include "tern/Import/ONNX/Import.h"
#include "tern/InitAll.h"
#include "tern/Support/InputFile.h"
#include "tern/Support/OutOfMemory.h"
#include "tern/Support/PluginLoader.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>

namespace cl = llvm::cl;
using llvm::StringRef;

namespace {

cl::OptionCategory category("Options of ternc");

/// What the pipelines' options are set to.
tern::PipelineOptions pipeline;

/// An option of a pipeline, called and described as there, where its value
/// goes.
template <typename T> struct Flag : cl::opt<T> {
  template <typename Option>
  Flag(Option &option, cl::OptionCategory &category)
      : cl::opt<T>(
            option.ArgStr, cl::desc(option.HelpStr),
            cl::value_desc(option.ValueStr), cl::cat(category),
            cl::init(option.getValue()),
            cl::callback([&option](const T &value) { option = value; })) {}
};
struct ListFlag : cl::list<std::string> {
  template <typename Option>
  ListFlag(Option &option, cl::OptionCategory &category)
      : list(option.ArgStr, cl::desc(option.HelpStr),
             cl::value_desc(option.ValueStr), cl::cat(category),
             cl::callback([&option](const std::string &value) {
               option.push_back(value);
             })) {}
};

cl::opt<std::string> input(cl::Positional, cl::desc("model.onnx|.mlir|.mlirbc"),
                           cl::cat(category));
cl::opt<std::string> output("o", cl::value_desc("file"), cl::cat(category),
                            cl::desc("Output. Its suffix says what: .so, .o, "
                                     ".s, .ll; none is an executable. For "
                                     "others --emit must say it"));
cl::opt<bool> force("force", cl::cat(category),
                    cl::desc("Replace safetensors files that ternc did not "
                             "write"));
cl::opt<std::string>
    emit("emit", cl::cat(category), cl::value_desc("kind"),
         cl::desc("A level of IR as MLIR text: graph, ternary, training, "
                  "packed, tiled, buffers, llvm; or a product: llvm-ir, asm, "
                  "obj, lib, exe, train-step (--train --emit=exe)"));
cl::opt<std::string> target("target", cl::cat(category), cl::value_desc("name"),
                            cl::desc("What to compile for (default: host)"));
cl::opt<bool> listTargets("list-targets", cl::cat(category),
                          cl::desc("List the targets and exit"));
cl::opt<bool> listOps("list-ops", cl::cat(category),
                      cl::desc("List the ONNX operators and exit: domain, "
                               "name, first opset version"));
cl::opt<std::string> completion("completion", cl::cat(category),
                                cl::value_desc("bash|zsh|fish"),
                                cl::desc("Print a completion script and exit"));
Flag<std::string> ternarize(pipeline.ternary.ternarize, category);
Flag<std::string> quantizer(pipeline.ternary.quantizer, category);
Flag<std::string> activations(pipeline.ternary.activations, category);
ListFlag exclude(pipeline.ternary.exclude, category);
Flag<bool> outlineLayers(pipeline.tiled.outlineLayers, category);
cl::list<std::string> calibrate(
    "calibrate", cl::cat(category), cl::value_desc("[input=]file.npy"),
    cl::desc("Print what conversion does to each layer on these inputs"));
cl::opt<std::string> report("report", cl::cat(category), cl::ValueOptional,
                            cl::value_desc("file"),
                            cl::desc("Print a table of the layers: which are "
                                     "ternary, why others are not, bytes"));
cl::list<std::string> dims("dim", cl::cat(category),
                           cl::value_desc("name=value"),
                           cl::desc("Fix a symbolic extent of the inputs"));
cl::list<std::string>
    constantInputs("constant-input", cl::cat(category),
                   cl::value_desc("name=@file"),
                   cl::desc("Make an input a constant (.npy or .pb)"));
cl::list<std::string>
    statsDims("stats-dim", cl::cat(category), cl::value_desc("name=value"),
              cl::desc("Extent for which --stats tells the memory "
                       "(default: 1)"));
cl::opt<std::string>
    weights("weights", cl::cat(category), cl::value_desc("file"),
            cl::desc("Where parameters come from (default: the model)"));
cl::opt<std::string> dumpPhases("dump-phases", cl::cat(category),
                                cl::value_desc("folder"),
                                cl::desc("Write the IR after each phase"));
cl::opt<char> optLevel("O", cl::cat(category), cl::Prefix, cl::init('2'),
                       cl::desc("Optimization level 0 to 3 (default: -O2)"));
cl::opt<bool> embedWeights(
    "embed-weights", cl::cat(category),
    cl::desc("Put the weights in the output, not in a file beside it"));
cl::opt<std::string> symbolPrefix(
    "symbol-prefix", cl::cat(category), cl::value_desc("name"),
    cl::desc("What the object's symbol begins with, to link several models"));
cl::opt<bool> verbose("verbose", cl::cat(category),
                      cl::desc("Print phases and commands"));
cl::list<std::string> plugins("load-dialect-plugin", cl::cat(category),
                              cl::value_desc("file"),
                              cl::desc("Load dialects and targets"));

cl::OptionCategory training("Options of ternc --train");

cl::opt<bool> train("train", cl::cat(training),
                    cl::desc("Make a training artifact"));
Flag<std::string> loss(pipeline.training.loss, training);
ListFlag lossOptions(pipeline.training.lossOptions, training);
Flag<std::string> lossOutput(pipeline.training.lossOutput, training);
Flag<int64_t> ignoreIndex(pipeline.training.ignoreIndex, training);
Flag<double> labelSmoothing(pipeline.training.labelSmoothing, training);
Flag<double> temperature(pipeline.training.temperature, training);
Flag<std::string> optimizer(pipeline.training.optimizer, training);
ListFlag paramGroups(pipeline.training.paramGroups, training);
ListFlag freeze(pipeline.training.freeze, training);
ListFlag trainAlso(pipeline.training.trainAlso, training);
Flag<bool> clip(pipeline.training.clip, training);
Flag<bool> accumulate(pipeline.training.accumulate, training);
Flag<bool> remat(pipeline.training.recompute, training);

cl::opt<std::string> initSeed("init", cl::cat(training), cl::value_desc("seed"),
                              cl::desc("Draw the weights of layers anew, "
                                       "uniform in +-1/sqrt(inputs)"));

cl::opt<std::string>
    exportKind("export", cl::cat(category),
               cl::value_desc("dequantized|dequantized-f16"),
               cl::desc("dequantized: write the parameters as layers see them, "
                        "as safetensors in f32; dequantized-f16: in f16"));

/// LLVM declares a --stats of its own, for compiler developers, whenever the
/// first option is looked at. It becomes --llvm-stats to make room.
cl::opt<std::string> &getStatsOption() {
  static cl::opt<std::string> *option = [] {
    auto &known = cl::getRegisteredOptions();
    if (auto it = known.find("stats"); it != known.end())
      it->second->setArgStr("llvm-stats");
    return new cl::opt<std::string>("stats", cl::cat(category),
                                    cl::ValueOptional, cl::value_desc("file"),
                                    cl::desc("Print a size report as JSON"));
  }();
  return *option;
}

int fail(const llvm::Twine &text) {
  llvm::errs() << "error: " << tern::runtime::messageLine(text.str()) << "\n";
  return 1;
}

/// The error for a value that an option does not have.
int failUnknown(StringRef option, StringRef value,
                const std::vector<std::string> &known) {
  return fail("unknown --" + option + "=" + value + "; known are: " +
              llvm::join(known, ", ") + tern::runtime::suggest(value, known));
}

/// What to emit for an output of this name; empty if it does not tell.
std::string emitForSuffix(StringRef path) {
  StringRef suffix = llvm::sys::path::extension(path);
  // A hidden file has no suffix.
  if (suffix.empty() || suffix == llvm::sys::path::filename(path))
    return "exe";
  if (suffix == ".so")
    return "lib";
  if (suffix == ".o")
    return "obj";
  if (suffix == ".s")
    return "asm";
  if (suffix == ".ll")
    return "llvm-ir";
  return "";
}

/// Whether the output is MLIR, whatever its level.
bool isMLIR(StringRef path) {
  StringRef suffix = llvm::sys::path::extension(path);
  return suffix == ".mlir" || suffix == ".mlirbc";
}

bool isOneOf(StringRef value, std::initializer_list<StringRef> known) {
  return llvm::is_contained(known, value);
}

constexpr StringRef kProducts[] = {"llvm-ir", "asm", "obj", "lib", "exe"};

bool isOurs(const cl::Option &option) {
  return llvm::is_contained(option.Categories, &category) ||
         llvm::is_contained(option.Categories, &training);
}

/// Prints the completion script with all options of ternc.
int printCompletion(mlir::DialectRegistry &registry) {
  using tern::runtime::CompletionOption;
  std::vector<CompletionOption> options = {
      {"--help", "Print the options and exit"},
      {"--version", "Print the version and exit"}};
  for (const auto &[name, option] : cl::getRegisteredOptions()) {
    if (!isOurs(*option))
      continue;
    CompletionOption entry;
    entry.name = ((name.size() > 1 ? "--" : "-") + name).str();
    entry.description = option->HelpStr.str();
    entry.hint = option->ValueStr.str();
    if (option == &emit) {
      entry.hint = llvm::join(llvm::ArrayRef(kProducts), "|") + "|train-step";
      for (const tern::Phase &phase : tern::getPhases())
        entry.hint += ("|" + phase.level).str();
    }
    if (option == &target) {
      mlir::MLIRContext context(registry);
      entry.hint = llvm::join(tern::completeTarget("", context), "|");
    }
    entry.isRepeated = option->getNumOccurrencesFlag() == cl::ZeroOrMore;
    if (option->getValueExpectedFlag() == cl::ValueRequired)
      entry.value = CompletionOption::Value::Required;
    else if (!entry.hint.empty())
      entry.value = CompletionOption::Value::Optional;
    if (option != &optLevel) {
      options.push_back(entry);
      continue;
    }
    for (char level : {'0', '1', '2', '3'})
      options.push_back({entry.name + level, entry.description});
  }
  llvm::sort(options,
             [](const auto &a, const auto &b) { return a.name < b.name; });
  std::string text = tern::runtime::getCompletion(completion, "ternc", options);
  if (text.empty())
    return failUnknown("completion", completion, {"bash", "zsh", "fish"});
  llvm::outs() << text;
  return 0;
}

/// The op table in columns.
void printOps() {
  std::string table;
  llvm::raw_string_ostream os(table);
  tern::printONNXOps(os);
  llvm::SmallVector<StringRef> lines;
  StringRef(table).trim().split(lines, '\n');
  for (StringRef line : lines) {
    auto [domain, rest] = line.split('\t');
    auto [name, version] = rest.split('\t');
    llvm::outs() << llvm::left_justify(domain, 15) << ' '
                 << llvm::left_justify(name, 27) << ' ' << version << '\n';
  }
}

/// Splits `name=value`; both must be there.
bool splitPair(StringRef text, StringRef &name, StringRef &value) {
  std::tie(name, value) = text.split('=');
  return !name.empty() && !value.empty();
}

/// The options of --train.
int collectTraining(tern::DriverOptions &options) {
  if (!train) {
    for (const auto &[name, option] : cl::getRegisteredOptions())
      if (llvm::is_contained(option->Categories, &training) &&
          option->getNumOccurrences())
        return fail("--" + name + " needs --train");
    if (options.emit == "training")
      return fail("--emit=training needs --train");
    return 0;
  }
  if (options.emit == "graph" || options.emit == "ternary")
    return fail("--train has no effect on --emit=" + options.emit);
  tern::PipelineOptions &chosen = options.pipeline;
  chosen.isTraining = true;
  // Empty as if not given.
  for (auto *option : {&chosen.training.loss, &chosen.training.optimizer})
    if (option->empty())
      static_cast<cl::Option *>(option)->setDefault();
  if (initSeed.getNumOccurrences()) {
    uint64_t seed;
    if (StringRef(initSeed).getAsInteger(10, seed))
      return fail("bad --init=" + initSeed + ": expected a number, the seed");
    options.seed = seed;
  }
  return 0;
}

/// Leaves the hundreds of options of LLVM and MLIR to --help-hidden.
void hideOptionsOfLLVM() {
  for (auto &entry : cl::getRegisteredOptions()) {
    cl::Option *option = entry.second;
    bool isShown = llvm::any_of(option->Categories, [](auto *known) {
      return known == &category || known == &training ||
             known->getName() == "Generic Options";
    });
    if (!isShown && option->getOptionHiddenFlag() == cl::NotHidden)
      option->setHiddenFlag(cl::Hidden);
  }
}

/// The values of LLVM's and MLIR's own options: any may name a file that is
/// written, such as the reproducer of a crash.
void collectForeignOptions(llvm::ArrayRef<const char *> arguments,
                           tern::DriverOptions &options) {
  const auto &known = cl::getRegisteredOptions();
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (!argument.consume_front("-"))
      continue;
    argument.consume_front("-");
    auto [name, value] = argument.split('=');
    auto option = known.find(name);
    if (option == known.end() || isOurs(*option->second))
      continue;
    if (value.empty() && i + 1 < arguments.size())
      value = arguments[i + 1];
    options.foreignOptions.emplace_back("--" + name.str(), value);
  }
}

/// --symbol-prefix.
int checkSymbolPrefix(const tern::DriverOptions &options) {
  StringRef prefix = options.symbolPrefix;
  if (prefix.empty())
    return 0;
  if (!isOneOf(options.emit, {"obj", "asm", "llvm-ir"}))
    return fail("--symbol-prefix is for objects (-o X.o): programs and shared "
                "libraries are known by the symbol tern_model");
  if (llvm::isDigit(prefix.front()) || !llvm::all_of(prefix, [](char c) {
        return llvm::isAlnum(c) || c == '_';
      }))
    return fail("--symbol-prefix=" + prefix +
                ": no identifier of C begins like this");
  return 0;
}

/// --export.
int collectExport(tern::DriverOptions &options) {
  if (exportKind.empty())
    return 0;
  if (!isOneOf(exportKind, {"dequantized", "dequantized-f16"}))
    return failUnknown("export", exportKind,
                       {"dequantized", "dequantized-f16"});
  if (!options.emit.empty() || train)
    return fail("--export goes neither with --emit nor with --train");
  if (!StringRef(output).ends_with(".safetensors"))
    return fail("--export writes safetensors: give -o FILE.safetensors");
  options.exportDequantized = true;
  options.exportHalf = exportKind == "dequantized-f16";
  options.emit = "obj";
  return 0;
}

/// What is made, and where it goes.
int collectOutput(tern::DriverOptions &options) {
  if (options.emit == "train-step") {
    options.emit = "exe";
    train = true;
  }
  bool isProduct = llvm::is_contained(kProducts, options.emit);
  if (options.emit.empty()) {
    if (output.empty())
      return fail("no output: give -o FILE, or --emit=LEVEL to print IR");
    options.emit = emitForSuffix(output);
    if (options.emit.empty() && !isMLIR(output))
      return fail("cannot tell from its suffix what '" + output +
                  "' shall be: give --emit=lib, obj, exe, asm or llvm-ir, or "
                  "a name with .so, .o, .s or .ll, or none for an executable");
    if (options.emit.empty())
      return fail("which level of IR goes to '" + output +
                  "'? Give --emit=LEVEL; levels are: " + tern::listLevels());
    isProduct = true;
  } else if (!isProduct && tern::findPhase(options.emit) < 0) {
    std::vector<std::string> known;
    for (const tern::Phase &phase : tern::getPhases())
      known.push_back(phase.level.str());
    known.insert(known.end(), std::begin(kProducts), std::end(kProducts));
    known.push_back("train-step");
    return failUnknown("emit", emit, known);
  }
  bool isText = !isProduct || isOneOf(options.emit, {"llvm-ir", "asm"});
  if (options.output.empty()) {
    if (!isText)
      return fail("no output: give -o FILE");
    options.output = "-";
  }
  if (options.output == "-" && !isText)
    return fail("--emit=" + options.emit + " cannot go to standard output");
  return 0;
}

/// The target, and which layers become ternary, how.
int collectConversion(tern::DriverOptions &options) {
  options.target = target;
  for (const auto *choice : {&options.pipeline.ternary.ternarize,
                             &options.pipeline.ternary.activations}) {
    auto known = tern::ChoiceParser::getChoices(*choice);
    if (!llvm::is_contained(known, choice->getValue()))
      return failUnknown(choice->ArgStr, choice->getValue(),
                         std::vector<std::string>(known.begin(), known.end()));
  }
  for (const auto &[name, option] : cl::getRegisteredOptions())
    if (tern::isConversionKey(name) && option->getNumOccurrences())
      options.chosen.insert(name);
  for (const std::string &regex : options.pipeline.ternary.exclude) {
    std::string message;
    if (!llvm::Regex(regex).isValid(message))
      return fail("bad regular expression in --exclude='" + regex +
                  "': " + message);
  }
  return 0;
}

/// Parses the `NAME=EXTENT` of an option.
int parseExtent(StringRef option, StringRef text, StringRef &name,
                int64_t &extent) {
  StringRef value;
  if (!splitPair(text, name, value) || value.getAsInteger(10, extent) ||
      extent < 0)
    return fail("bad --" + option + "=" + text +
                ": expected NAME=EXTENT, such as batch=1");
  return 0;
}

/// --dim, --calibrate, --stats-dim, --constant-input.
int collectInputs(tern::DriverOptions &options) {
  for (const std::string &text : dims) {
    StringRef name;
    int64_t extent;
    if (int status = parseExtent("dim", text, name, extent))
      return status;
    if (!options.dims.try_emplace(name, extent).second)
      return fail("--dim " + name + " is given twice");
  }
  for (const std::string &text : calibrate) {
    auto [name, path] = StringRef(text).split('=');
    if (path.empty())
      std::swap(name, path);
    if (path.empty())
      return fail("bad --calibrate=" + text +
                  ": expected FILE.npy, or INPUT=FILE.npy");
    options.calibration.emplace_back(name, path);
  }
  options.runCalibration = tern::runCalibration;
  if (!calibrate.empty() && (train || options.emit == "graph"))
    return fail("--calibrate goes neither with --train nor with --emit=graph");
  if (!calibrate.empty() && options.output == "-")
    return fail("--calibrate prints to standard output: give -o FILE");
  for (const std::string &text : statsDims) {
    StringRef name;
    int64_t extent;
    if (int status = parseExtent("stats-dim", text, name, extent))
      return status;
    options.statsDims[name] = extent;
  }
  for (const std::string &text : constantInputs) {
    StringRef name, value;
    if (!splitPair(text, name, value) || !value.consume_front("@"))
      return fail("bad --constant-input=" + text + ": expected NAME=@FILE");
    if (!options.constantInputs.try_emplace(name, value.str()).second)
      return fail("--constant-input " + name + " is given twice");
  }
  return 0;
}

/// --stats and --report.
int collectReports(tern::DriverOptions &options) {
  cl::opt<std::string> &stats = getStatsOption();
  if (stats.getNumOccurrences())
    options.stats = stats.empty() ? std::string("-") : stats;
  if (report.getNumOccurrences())
    options.report = report.empty() ? std::string("-") : report;
  if (options.report == "-" && (options.output == "-" || options.stats == "-"))
    return fail("--report prints to standard output: give --report=FILE");
  if (options.report && options.emit == "graph")
    return fail("--report does not go with --emit=graph: which layers are "
                "ternary is found after that");
  return 0;
}

/// Where Tern's runtime is, beside the folder of this program.
void collectRuntime(const char *program, tern::DriverOptions &options) {
  static int anchor;
  llvm::SmallString<128> folder(llvm::sys::path::parent_path(
      llvm::sys::fs::getMainExecutable(program, &anchor)));
  llvm::sys::path::append(folder, "..", "lib");
  llvm::sys::path::remove_dots(folder, /*remove_dot_dot=*/true);
  options.runtimeFolder = folder.str();
  for (bool isTraining : {false, true})
    for (const std::string &archive :
         tern::getRuntimeArchives(folder, isTraining))
      options.inputs.emplace_back(archive, "Tern's runtime");
}

/// Checks the options and collects them; returns the exit status.
int collect(tern::DriverOptions &options, int argc, char **argv) {
  if (input.empty())
    return fail("no input: give a model.onnx, .mlir or .mlirbc");
  options.input = input;
  options.output = output;
  options.emit = emit;
  options.pipeline = pipeline;
  for (auto *part : {collectExport, collectOutput, collectConversion,
                     collectInputs, collectTraining})
    if (int status = part(options))
      return status;
  options.weights = weights;
  if (int status = collectReports(options))
    return status;
  options.dumpPhases = dumpPhases;
  if (optLevel < '0' || optLevel > '3')
    return fail(llvm::Twine("unknown optimization level -O") +
                llvm::Twine(optLevel) + "; known are: -O0 to -O3");
  options.optLevel = optLevel - '0';
  options.embedWeights = embedWeights;
  options.symbolPrefix = symbolPrefix;
  if (int status = checkSymbolPrefix(options))
    return status;
  options.force = force;
  for (const std::string &plugin : plugins)
    options.inputs.emplace_back(plugin, "--load-dialect-plugin");
  options.verbose = verbose;

  collectForeignOptions(llvm::ArrayRef(argv, argc).drop_front(), options);
  collectRuntime(argv[0], options);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  // Then a file over the size limit is an error of write(), not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  tern::exitOnCutFiles();
  tern::exitWhenOutOfMemory();

  (void)getStatsOption();
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  hideOptionsOfLLVM();
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "ternc " << TERN_VERSION_STRING << " (LLVM " << LLVM_VERSION_STRING
       << ")\n";
  });
  if (std::optional<std::string> error = tern::parseArguments(
          llvm::ArrayRef(argv, argc),
          "Tern: compiles neural networks to ternary code\n", isOurs))
    return fail(*error);
  if (listOps) {
    printOps();
    return 0;
  }
  tern::DriverOptions options;
  bool compiles = completion.empty() && !listTargets;
  if (compiles)
    if (int status = collect(options, argc, argv))
      return status;

  mlir::DialectRegistry registry;
  tern::registerAllDialects(registry);
  tern::registerAllPasses();
  for (const std::string &plugin : plugins)
    if (llvm::Error error = tern::loadPlugin(plugin, registry))
      return fail(llvm::toString(std::move(error)));
  if (!completion.empty())
    return printCompletion(registry);
  if (listTargets) {
    mlir::MLIRContext context(registry);
    tern::printTargets(llvm::outs(), context);
    return 0;
  }
  return tern::runDriver(options, registry);
}
