//===- Product.cpp - What the compiler writes -----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/Product.h"
#include "Link.h"
#include "Publish.h"
#include "Signature.h"
#include "Weights.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Driver/ModelFiles.h"
#include "tern/Support/TemporaryFolder.h"
#include "tern/runtime/Artifact.h"
#include "tern/runtime/AtomicFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tern;

namespace {

/// In the private folder.
constexpr const char *kWeightsFile = "weights.safetensors";

class ProductWriter {
public:
  ProductWriter(ModuleOp module, const ProductOptions &options)
      : module(module), options(options),
        guard(options.guard ? *options.guard : ownGuard),
        files(options.files ? *options.files : ownFiles) {}

  FailureOr<ProductInfo> run();

private:
  bool isText() const {
    return options.kind == ProductKind::LLVMIR ||
           options.kind == ProductKind::Assembly;
  }
  /// Whether anything comes from a weights file.
  bool hasWeights() const {
    return llvm::any_of(state,
                        [](const TensorInfo &info) { return !info.init; });
  }
  /// Files have no place in the IR, so neither have these errors.
  InFlightDiagnostic error(const Twine &text = {}) {
    return emitError(UnknownLoc::get(module.getContext()), text);
  }
  LogicalResult fail(llvm::Error failure) {
    return error(llvm::toString(std::move(failure)));
  }
  LogicalResult prepare();
  /// What the artifact exports beside ABI and signature.
  std::vector<std::string> getExported();
  /// Of the runtime, for executables.
  std::vector<std::string> getArchives();
  void addSignature(llvm::Module &code, const MachineInfo &machine);
  void embedWeights(llvm::Module &code);
  LogicalResult generate();
  LogicalResult writeText();
  /// Writes `code` to a file of the private folder.
  LogicalResult writeCode(const std::string &path);
  LogicalResult link(const std::string &product);
  LogicalResult publishAll(const std::string &product, bool isProgram);

  ModuleOp module;
  const ProductOptions &options;
  ProductInfo info;
  /// Parameters and optimizer state.
  std::vector<TensorInfo> state;
  /// Set if the model has parameters and the product is not text.
  std::optional<PreparedWeights> weights;
  /// Beside the output: everything on its way there.
  TemporaryFolder folder;
  OutputGuard ownGuard;
  OutputGuard &guard;
  ModelFiles ownFiles;
  ModelFiles &files;
  std::string triple;
  /// The text or object.
  SmallVector<char, 0> code;
};

std::string getWeightsPath(StringRef output) {
  StringRef stem = output;
  if (!stem.consume_back(".so"))
    (void)stem.consume_back(".o");
  return (stem + ".safetensors").str();
}

LogicalResult ProductWriter::prepare() {
  auto interface = module->getAttrOfType<DictionaryAttr>(kInterfaceAttrName);
  auto all = getState(interface, module.getLoc());
  if (failed(all))
    return failure();
  state = std::move(*all);
  if (options.output != "-" && !options.guard)
    if (llvm::Error problem = guard.claim(options.output, "the output"))
      return fail(std::move(problem));
  if (isText())
    return success();
  if (llvm::Error problem = folder.createBeside(options.output))
    return fail(std::move(problem));
  if (!hasWeights())
    return success();
  std::string source = options.weights;
  if (auto attr =
          module->getAttrOfType<StringAttr>(TernDialect::getWeightsAttrName());
      attr && source.empty())
    source = attr.str();

  if (!options.guard)
    for (const std::string &file : files.list(source))
      guard.addInput(file, "the model's weights");
  if (options.kind == ProductKind::Weights) {
    info.weightsPath = options.output;
  } else if (!options.embedWeights) {
    info.weightsPath = getWeightsPath(options.output);
    if (llvm::Error problem =
            guard.claim(info.weightsPath, "the packed weights"))
      return fail(std::move(problem));
  }
  weights.emplace();
  if (failed(prepareWeights(
          module, state, source, options, files, folder.getFile(kWeightsFile),
          options.embedWeights ? options.output : info.weightsPath, *weights)))
    return failure();
  info.weightsBytes = weights->bytes;
  return success();
}

void ProductWriter::addSignature(llvm::Module &code,
                                 const MachineInfo &machine) {
  SignatureFields fields;
  if (auto model =
          module->getAttrOfType<StringAttr>(TernDialect::getModelAttrName()))
    fields.model = model.str();
  fields.triple = machine.triple;
  fields.features.assign(machine.features.begin(), machine.features.end());
  auto interface = module->getAttrOfType<DictionaryAttr>(kInterfaceAttrName);
  fields.weights = !hasWeights()          ? "none"
                   : options.embedWeights ? "embedded"
                                          : "external";
  if (weights) {
    fields.weightsId = weights->id;
    fields.weightsBytes = weights->bytes;
  }

  llvm::LLVMContext &context = code.getContext();
  llvm::IRBuilder<> b(context);
  auto define = [&](StringRef name, llvm::Type *type, llvm::Value *value) {
    auto *function =
        llvm::Function::Create(llvm::FunctionType::get(type, false),
                               llvm::GlobalValue::ExternalLinkage, name, code);
    b.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
    b.CreateRet(value);
  };
  define("tern_model_abi", b.getInt32Ty(), b.getInt32(TERN_ARTIFACT_ABI));
  auto *text = llvm::ConstantDataArray::getString(
      context, printSignature(
                   fields, interface, state,
                   module->getAttrOfType<DictionaryAttr>(kTrainingAttrName),
                   module->getAttrOfType<DictionaryAttr>(kConversionAttrName)));
  auto *global = new llvm::GlobalVariable(
      code, text->getType(), /*isConstant=*/true,
      llvm::GlobalValue::PrivateLinkage, text, "signature");
  define("tern_model_signature", b.getPtrTy(), global);
}

/// Lets the assembler read the weights: as a constant of LLVM's they would be
/// in memory several times.
void ProductWriter::embedWeights(llvm::Module &code) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "\t.section .rodata.tern_model_weights,\"a\",@progbits\n"
     << "\t.balign 64\n"
     << "\t.globl tern_model_weights\n"
     << "\t.type tern_model_weights, @object\n"
     << "\t.size tern_model_weights, " << info.weightsBytes << "\n"
     << "tern_model_weights:\n"
     << "\t.incbin \"";
  // The names of folders may be anything.
  for (unsigned char c : folder.getFile(kWeightsFile))
    if (llvm::isAlnum(c) || StringRef("/._-").contains(c))
      os << c;
    else
      os << '\\' << char('0' + (c >> 6)) << char('0' + (c >> 3 & 7))
         << char('0' + (c & 7));
  os << "\"\n"
     << "\t.balign 8\n"
     << "\t.globl tern_model_weights_size\n"
     << "\t.type tern_model_weights_size, @object\n"
     << "\t.size tern_model_weights_size, 8\n"
     << "tern_model_weights_size:\n"
     << "\t.quad " << info.weightsBytes << "\n"
     << "\t.text\n";
  code.appendModuleInlineAsm(text);
}

std::vector<std::string> ProductWriter::getArchives() {
  if (options.kind != ProductKind::Executable)
    return {};
  SmallVector<StringRef> names = {"libTernExecutableMain.a", "libTernRunMain.a",
                                  "libTernRuntime.a"};
  if (module->hasAttr(kTrainingAttrName))
    names = {"libTernTrainMain.a", "libTernTrain.a", "libTernRunMain.a",
             "libTernRuntime.a"};
  std::vector<std::string> archives;
  for (StringRef name : names) {
    llvm::SmallString<128> path(options.runtimeFolder);
    llvm::sys::path::append(path, name);
    archives.push_back(path.str().str());
  }
  return archives;
}

std::vector<std::string> ProductWriter::getExported() {
  SmallVector<std::string> stems = {"tern_model_"};
  auto interface = module->getAttrOfType<DictionaryAttr>(kInterfaceAttrName);
  if (auto functions = interface.getAs<DictionaryAttr>("functions")) {
    stems.clear();
    for (NamedAttribute function : functions)
      stems.push_back("tern_model_" + function.getName().str() + "_");
  }
  std::vector<std::string> names;
  for (const std::string &stem : stems)
    for (const char *what : {"invoke", "shapes", "arena_size"})
      names.push_back(stem + what);
  return names;
}

LogicalResult ProductWriter::generate() {
  TargetLoweringInterface lowering = getTargetLowering(module);
  if (!lowering)
    return failure();
  TargetAttrInterface target = getTarget(module);
  EmitOptions emit;
  emit.kind = options.kind == ProductKind::LLVMIR ? EmitOptions::Kind::LLVMIR
              : options.kind == ProductKind::Assembly
                  ? EmitOptions::Kind::Assembly
                  : EmitOptions::Kind::Object;
  emit.optLevel = options.optLevel;
  emit.exported = getExported();
  emit.complete = [&](llvm::Module &llvmModule) -> LogicalResult {
    addSignature(llvmModule, target.getMachine());
    if (!weights || !options.embedWeights)
      return success();
    if (!llvmModule.getTargetTriple().isOSBinFormatELF())
      return error("--embed-weights is for ELF targets only");
    embedWeights(llvmModule);
    return success();
  };
  auto objects = lowering.serialize(module, emit);
  if (failed(objects))
    return failure();
  bool isLinked = options.kind == ProductKind::Library ||
                  options.kind == ProductKind::Executable;
  for (auto [index, object] : llvm::enumerate(*objects))
    if (index > 0 || (isLinked && object.kind != "object"))
      return error("target ")
             << target << " makes code of kind '" << object.kind
             << "', which no " << (isLinked ? "library or program" : "file")
             << " has a place for"
             << (index == 0 ? "; --emit=obj writes it as it is" : "");
  if (objects->empty())
    return error("target ") << target << " makes no code of this kind";
  triple = std::move(objects->front().machine);
  code = std::move(objects->front().bytes);
  return success();
}

LogicalResult ProductWriter::link(const std::string &product) {
  std::vector<std::string> inputs = {folder.getFile("object.o")};
  if (failed(writeCode(inputs.front())))
    return failure();
  code.clear();
  for (const std::string &archive : getArchives()) {
    if (!llvm::sys::fs::exists(archive))
      return error("cannot link '")
             << options.output << "': '" << archive
             << "' is missing; install Tern anew, or write a library with "
                "-o X.so";
    inputs.push_back(archive);
  }
  bool isLibrary = options.kind == ProductKind::Library;
  if (llvm::Error problem = linkProduct(inputs, product, isLibrary, triple,
                                        folder, options.verbose))
    return error("cannot link '")
           << options.output << "': " << llvm::toString(std::move(problem));
  return success();
}

LogicalResult ProductWriter::writeCode(const std::string &path) {
  std::error_code status;
  llvm::raw_fd_ostream os(path, status);
  if (!status) {
    os.write(code.data(), code.size());
    os.close();
    status = os.error();
    os.clear_error();
  }
  if (status)
    return error("cannot write '")
           << options.output << "': " << status.message();
  return success();
}

LogicalResult ProductWriter::writeText() {
  if (options.output == "-") {
    llvm::outs().write(code.data(), code.size());
    llvm::outs().flush();
    if (std::error_code status = llvm::outs().error()) {
      llvm::outs().clear_error();
      return error("cannot write to standard output: ") << status.message();
    }
    return success();
  }
  runtime::AtomicFile::removeStale(options.output);
  runtime::AtomicFile file;
  if (auto problem = file.open(options.output))
    return error(*problem);
  if (auto problem = file.write(code.data(), code.size()))
    return error(*problem);
  if (auto problem = file.commit())
    return error(*problem);
  return success();
}

LogicalResult ProductWriter::publishAll(const std::string &product,
                                        bool isProgram) {
  FinishedFile finished{product, options.output, isProgram};
  if (info.weightsPath.empty()) {
    if (llvm::Error problem = publish(finished, options.durable))
      return fail(std::move(problem));
    return success();
  }
  if (llvm::Error problem = publishPair(
          finished, {folder.getFile(kWeightsFile), info.weightsPath},
          weights->id, options.durable))
    return fail(std::move(problem));
  return success();
}

FailureOr<ProductInfo> ProductWriter::run() {
  if (!module->hasAttr(kInterfaceAttrName))
    return module.emitError("expected a module at level 'llvm'");
  if (failed(prepare()))
    return failure();
  if (options.kind == ProductKind::Weights) {
    if (!weights)
      return error("the model has no parameters");
    if (llvm::Error problem = publish(
            {folder.getFile(kWeightsFile), options.output}, options.durable)) {
      (void)fail(std::move(problem));
      return failure();
    }
    return info;
  }
  if (failed(generate()))
    return failure();
  if (isText()) {
    if (failed(writeText()))
      return failure();
    return info;
  }
  bool isLinked = options.kind != ProductKind::Object;
  std::string product = folder.getFile("product");
  if (failed(isLinked ? link(product) : writeCode(product)) ||
      failed(publishAll(product, /*isProgram=*/isLinked)))
    return failure();
  return info;
}

} // namespace

FailureOr<ProductInfo> tern::writeProduct(ModuleOp module,
                                          const ProductOptions &options) {
  return ProductWriter(module, options).run();
}
