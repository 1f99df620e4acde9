//===- Product.cpp - What the compiler writes -----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Target/Product.h"
#include "Codegen.h"
#include "Link.h"
#include "Signature.h"
#include "Weights.h"
#include "tern/Conversion/EntryPoints.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/runtime/Artifact.h"
#include "tern/runtime/AtomicFile.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tern;

namespace {

class ProductWriter {
public:
  ProductWriter(ModuleOp module, const ProductOptions &options)
      : module(module), options(options) {}

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
  std::unique_ptr<llvm::Module> translate(llvm::TargetMachine &target);
  void addSignature(llvm::Module &code, const Machine &machine);
  void embedWeights(llvm::Module &code);
  LogicalResult generate();
  LogicalResult write();
  void removeWeights();
  LogicalResult link();

  ModuleOp module;
  const ProductOptions &options;
  llvm::LLVMContext context;
  ProductInfo info;
  /// Parameters and optimizer state.
  std::vector<TensorInfo> state;
  /// Set if the model has parameters and the product is not text.
  std::optional<PreparedWeights> weights;
  /// Holds the weights that go into the object.
  TemporaryFile embedded;
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

/// After an error that comes too late to keep the file from appearing.
void ProductWriter::removeWeights() {
  if (info.weightsPath.empty())
    return;
  // There is an error to report already.
  [[maybe_unused]] std::error_code ignored =
      llvm::sys::fs::remove(info.weightsPath);
}

LogicalResult ProductWriter::prepare() {
  auto interface = module->getAttrOfType<DictionaryAttr>(kInterfaceAttrName);
  auto all = getState(interface, module.getLoc());
  if (failed(all))
    return failure();
  state = std::move(*all);
  if (isText() || !hasWeights())
    return success();
  std::string source = options.weights;
  if (auto attr =
          module->getAttrOfType<StringAttr>(TernDialect::getWeightsAttrName());
      attr && source.empty())
    source = attr.str();

  std::string path;
  if (options.embedWeights) {
    if (llvm::Error problem = embedded.create("safetensors"))
      return fail(std::move(problem));
    path = embedded.getPath();
  } else {
    path = options.output;
    if (options.kind != ProductKind::Weights)
      path = getWeightsPath(options.output);
    info.weightsPath = path;
    if (!source.empty() && llvm::sys::fs::equivalent(source, path))
      return error("the packed weights would replace the model's "
                   "weights '")
             << source << "'; choose another name for the output";
  }
  weights.emplace();
  if (failed(prepareWeights(module, state, source, options, path, *weights)))
    return failure();
  info.weightsBytes = weights->writer.fileSize();
  if (options.embedWeights)
    if (auto problem = weights->writer.finish())
      return error(*problem);
  return success();
}

void ProductWriter::addSignature(llvm::Module &code, const Machine &machine) {
  SignatureFields fields;
  if (auto model =
          module->getAttrOfType<StringAttr>(TernDialect::getModelAttrName()))
    fields.model = model.str();
  fields.triple = machine.triple;
  fields.features = machine.features;
  auto interface = module->getAttrOfType<DictionaryAttr>(kInterfaceAttrName);
  fields.weights = !hasWeights()          ? "none"
                   : options.embedWeights ? "embedded"
                                          : "external";
  if (weights)
    fields.weightsId = weights->id;

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
      context,
      printSignature(fields, interface, state,
                     module->getAttrOfType<DictionaryAttr>(kTrainingAttrName)));
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
     << "\t.incbin \"" << embedded.getPath() << "\"\n"
     << "\t.balign 8\n"
     << "\t.globl tern_model_weights_size\n"
     << "\t.type tern_model_weights_size, @object\n"
     << "\t.size tern_model_weights_size, 8\n"
     << "tern_model_weights_size:\n"
     << "\t.quad " << info.weightsBytes << "\n"
     << "\t.text\n";
  code.appendModuleInlineAsm(text);
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
  Machine machine = getMachine(module);
  triple = machine.triple;
  auto target = createTargetMachine(machine, options.optLevel);
  if (!target)
    return fail(target.takeError());
  auto llvmModule =
      translateForMachine(module, context, **target, getExported());
  if (!llvmModule)
    return failure();
  addSignature(*llvmModule, machine);
  optimize(*llvmModule, **target, options.optLevel);
  if (options.kind == ProductKind::LLVMIR) {
    llvm::raw_svector_ostream os(code);
    llvmModule->print(os, nullptr);
    return success();
  }
  if (weights && options.embedWeights) {
    if (!(*target)->getTargetTriple().isOSBinFormatELF())
      return error("--embed-weights is for ELF targets only");
    embedWeights(*llvmModule);
  }
  if (llvm::Error problem =
          generateCode(*llvmModule, **target,
                       options.kind == ProductKind::Assembly
                           ? llvm::CodeGenFileType::AssemblyFile
                           : llvm::CodeGenFileType::ObjectFile,
                       code))
    return fail(std::move(problem));
  return success();
}

LogicalResult ProductWriter::link() {
  TemporaryFile object, product;
  if (llvm::Error problem = object.create("o"))
    return fail(std::move(problem));
  std::error_code status;
  {
    llvm::raw_fd_ostream os(object.getPath(), status);
    os.write(code.data(), code.size());
    os.close();
    if (!status)
      status = os.error();
    os.clear_error();
  }
  if (status)
    return error("cannot write a temporary file: ") << status.message();
  code.clear();

  // Renaming onto a device or folder would replace it, or fail in the end.
  llvm::sys::fs::file_status existing;
  if (!llvm::sys::fs::status(options.output, existing) &&
      existing.type() != llvm::sys::fs::file_type::regular_file)
    return error("cannot write '")
           << options.output << "': it is not a regular file";
  if (llvm::Error problem = product.create("", options.output))
    return fail(std::move(problem));
  std::vector<std::string> inputs = {object.getPath()};
  bool isLibrary = options.kind == ProductKind::Library;
  SmallVector<const char *> archives = {"libTernExecutableMain.a",
                                        "libTernRunMain.a", "libTernRuntime.a"};
  if (module->hasAttr(kTrainingAttrName))
    archives = {"libTernTrainMain.a", "libTernTrain.a", "libTernRunMain.a",
                "libTernRuntime.a"};
  if (!isLibrary)
    for (const char *archive : archives) {
      llvm::SmallString<128> path(options.runtimeFolder);
      llvm::sys::path::append(path, archive);
      if (!llvm::sys::fs::exists(path))
        return error("cannot link an executable: '")
               << path << "' is missing; write a library with -o X.so instead";
      inputs.push_back(path.str().str());
    }
  if (llvm::Error problem = linkProduct(inputs, product.getPath(), isLibrary,
                                        triple, options.verbose))
    return fail(std::move(problem));
  // The linker honours the umask only if the file is new.
  auto mode = static_cast<llvm::sys::fs::perms>((llvm::sys::fs::all_read |
                                                 llvm::sys::fs::all_exe |
                                                 llvm::sys::fs::owner_write) &
                                                ~llvm::sys::fs::getUmask());
  if (std::error_code problem =
          llvm::sys::fs::setPermissions(product.getPath(), mode))
    return error("cannot write '")
           << options.output << "': " << problem.message();
  if (weights && !options.embedWeights)
    if (auto problem = weights->writer.finish())
      return error(*problem);
  if (llvm::Error problem = product.moveTo(options.output)) {
    removeWeights();
    return fail(std::move(problem));
  }
  return success();
}

LogicalResult ProductWriter::write() {
  if (options.output == "-") {
    llvm::outs().write(code.data(), code.size());
    llvm::outs().flush();
    if (std::error_code status = llvm::outs().error()) {
      llvm::outs().clear_error();
      return error("cannot write to standard output: ") << status.message();
    }
    return success();
  }
  runtime::AtomicFile file;
  if (auto problem = file.open(options.output))
    return error(*problem);
  if (auto problem = file.write(code.data(), code.size()))
    return error(*problem);
  if (weights && !options.embedWeights)
    if (auto problem = weights->writer.finish())
      return error(*problem);
  if (auto problem = file.commit()) {
    removeWeights();
    return error(*problem);
  }
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
    if (auto problem = weights->writer.finish())
      return error(*problem);
    return info;
  }
  if (failed(generate()))
    return failure();
  bool linked = options.kind == ProductKind::Library ||
                options.kind == ProductKind::Executable;
  if (failed(linked ? link() : write()))
    return failure();
  return info;
}

} // namespace

FailureOr<ProductInfo> tern::writeProduct(ModuleOp module,
                                          const ProductOptions &options) {
  return ProductWriter(module, options).run();
}
