//===- Product.cpp - Write code and weights of a module -------------------===//
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

/// Of the embedded weights, within the object.
constexpr const char *kWeightsSymbol = "tern_weights";

/// What implements TernFunction::shapes and so on, in the order of the fields.
constexpr const char *kParts[] = {"shapes", "arena_sizes", "invoke"};

std::string getSymbol(StringRef function, StringRef part) {
  return ("tern_model_" + function + "_" + part).str();
}

/// Adds private constants to a module.
class ConstantBuilder {
public:
  explicit ConstantBuilder(llvm::Module &code)
      : code(code), b(code.getContext()) {}

  llvm::Constant *null() {
    return llvm::ConstantPointerNull::get(b.getPtrTy());
  }
  llvm::Constant *number(uint64_t value) { return b.getInt64(value); }
  llvm::Constant *array(ArrayRef<int32_t> values) {
    return llvm::ConstantDataArray::get(
        code.getContext(),
        ArrayRef(reinterpret_cast<const uint32_t *>(values.data()),
                 values.size()));
  }
  llvm::GlobalVariable *add(const Twine &name, llvm::Constant *value) {
    return new llvm::GlobalVariable(code, value->getType(), /*isConstant=*/true,
                                    llvm::GlobalValue::PrivateLinkage, value,
                                    name);
  }
  llvm::GlobalVariable *addText(const Twine &name, StringRef text) {
    return add(name,
               llvm::ConstantDataArray::getString(code.getContext(), text));
  }
  llvm::Constant *addList(const Twine &name,
                          ArrayRef<llvm::Constant *> pointers) {
    auto *type = llvm::ArrayType::get(b.getPtrTy(), pointers.size());
    return add(name, llvm::ConstantArray::get(type, pointers));
  }
  /// A struct of Artifact.h, whose first field is its size.
  llvm::Constant *addStruct(const Twine &name,
                            std::initializer_list<llvm::Constant *> rest) {
    SmallVector<llvm::Constant *> fields = {b.getInt64(0)};
    fields.append(rest);
    SmallVector<llvm::Type *> types;
    for (llvm::Constant *field : fields)
      types.push_back(field->getType());
    auto *type = llvm::StructType::get(code.getContext(), types);
    fields[0] = b.getInt64(code.getDataLayout().getTypeAllocSize(type));
    return add(name, llvm::ConstantStruct::get(type, fields));
  }

private:
  llvm::Module &code;
  llvm::IRBuilder<> b;
};

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
  /// The names of the artifact's functions.
  SmallVector<StringRef> getFunctionNames();
  std::string getSignature(const MachineInfo &machine);
  /// Adds tern_model(), what it returns, and takes all else out of view.
  LogicalResult addArtifact(llvm::Module &code, const MachineInfo &machine);
  /// The device's table of what the functions launch; null if they launch
  /// nothing.
  FailureOr<llvm::Constant *> addDeviceTable(ConstantBuilder &constants);
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
  /// Of the device.
  SmallVector<CodeObject> images;
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
  auto interface =
      TernDialect::InterfaceAttrHelper(module->getContext()).getAttr(module);
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
          TernDialect::WeightsAttrHelper(module->getContext()).getAttr(module);
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

std::string ProductWriter::getSignature(const MachineInfo &machine) {
  SignatureFields fields;
  if (auto model =
          TernDialect::ModelAttrHelper(module->getContext()).getAttr(module))
    fields.model = model.str();
  fields.triple = machine.triple;
  fields.features.assign(machine.features.begin(), machine.features.end());
  fields.weights = !hasWeights()          ? "none"
                   : options.embedWeights ? "embedded"
                                          : "external";
  if (weights) {
    fields.weightsId = weights->id;
    fields.weightsBytes = weights->bytes;
  }
  return printSignature(
      fields,
      TernDialect::InterfaceAttrHelper(module->getContext()).getAttr(module),
      state,
      TernDialect::TrainingAttrHelper(module->getContext()).getAttr(module),
      TernDialect::ConversionAttrHelper(module->getContext()).getAttr(module));
}

LogicalResult ProductWriter::addArtifact(llvm::Module &code,
                                         const MachineInfo &machine) {
  llvm::IRBuilder<> b(code.getContext());
  ConstantBuilder constants(code);

  SmallVector<llvm::Constant *> functions;
  for (StringRef name : getFunctionNames()) {
    SmallVector<llvm::Function *> parts;
    for (const char *part : kParts) {
      parts.push_back(code.getFunction(getSymbol(name, part)));
      if (!parts.back() || parts.back()->isDeclaration())
        return error("the artifact's function '")
               << name << "' lacks '" << getSymbol(name, part)
               << "', which 'tern-emit-entry-points' makes";
      parts.back()->setLinkage(llvm::GlobalValue::InternalLinkage);
    }
    functions.push_back(
        constants.addStruct("function", {constants.addText("name", name),
                                         parts[0], parts[1], parts[2]}));
  }
  auto device = addDeviceTable(constants);
  if (failed(device))
    return failure();
  llvm::Constant *bytes = constants.null();
  uint64_t numBytes = 0;
  if (weights && options.embedWeights) {
    numBytes = info.weightsBytes;
    bytes = new llvm::GlobalVariable(
        code, llvm::ArrayType::get(b.getInt8Ty(), numBytes),
        /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage,
        /*Initializer=*/nullptr, kWeightsSymbol);
  }
  auto *artifact = constants.addStruct(
      "artifact",
      {b.getInt32(TERN_ARTIFACT_ABI),
       constants.addText("signature", getSignature(machine)),
       constants.addList("functions", functions), b.getInt64(functions.size()),
       bytes, b.getInt64(numBytes), *device});
  auto *getModel =
      llvm::Function::Create(llvm::FunctionType::get(b.getPtrTy(), false),
                             llvm::GlobalValue::ExternalLinkage,
                             options.symbolPrefix + "tern_model", code);
  b.SetInsertPoint(llvm::BasicBlock::Create(code.getContext(), "", getModel));
  b.CreateRet(artifact);
  return success();
}

FailureOr<llvm::Constant *>
ProductWriter::addDeviceTable(ConstantBuilder &constants) {
  auto launched =
      TernDialect::KernelsAttrHelper(module->getContext()).getAttr(module);
  if (!launched)
    return constants.null();
  SmallVector<llvm::Constant *> imageList, kernelList;
  for (const CodeObject &image : images) {
    llvm::GlobalVariable *bytes = constants.addText(
        "bytes", StringRef(image.bytes.data(), image.bytes.size()));
    // What loaders of object files want.
    bytes->setAlignment(llvm::Align(64));
    imageList.push_back(constants.addStruct(
        "image", {constants.addText("module", image.module),
                  constants.addText("kind", image.kind),
                  constants.addText("machine", image.machine), bytes,
                  constants.number(image.bytes.size())}));
  }
  for (auto kernel : launched.getAsRange<KernelAttr>()) {
    StringRef owner = kernel.getKernel().getRootReference();
    if (llvm::none_of(images, [&](const CodeObject &image) {
          return image.module == owner;
        }))
      return error("target ")
             << getTarget(module) << " makes no code of the kernels of @"
             << owner << ", which the model launches";
    kernelList.push_back(constants.addStruct(
        "kernel",
        {constants.addText("module", owner),
         constants.addText("name", kernel.getKernel().getLeafReference()),
         constants.array(kernel.getBlock()),
         constants.addText("params", kernel.getParams())}));
  }
  return constants.addStruct("device",
                             {constants.addList("images", imageList),
                              constants.number(imageList.size()),
                              constants.addList("kernels", kernelList),
                              constants.number(kernelList.size())});
}

/// Lets the assembler read the weights: as a constant of LLVM's they would be
/// in memory several times.
void ProductWriter::embedWeights(llvm::Module &code) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "\t.section .rodata.tern_model_weights,\"a\",@progbits\n"
     << "\t.balign 64\n"
     << "\t.type " << kWeightsSymbol << ", @object\n"
     << "\t.size " << kWeightsSymbol << ", " << info.weightsBytes << "\n"
     << kWeightsSymbol << ":\n"
     << "\t.incbin \"";
  // The names of folders may be anything.
  for (unsigned char c : folder.getFile(kWeightsFile))
    if (llvm::isAlnum(c) || StringRef("/._-").contains(c))
      os << c;
    else
      os << '\\' << char('0' + (c >> 6)) << char('0' + (c >> 3 & 7))
         << char('0' + (c & 7));
  os << "\"\n\t.text\n";
  code.appendModuleInlineAsm(text);
}

SmallVector<StringRef> ProductWriter::getFunctionNames() {
  auto interface =
      TernDialect::InterfaceAttrHelper(module->getContext()).getAttr(module);
  SmallVector<StringRef> names;
  for (NamedAttribute function : interface.getAs<DictionaryAttr>("functions"))
    names.push_back(function.getName().strref());
  return names;
}

LogicalResult ProductWriter::generate() {
  TargetLoweringInterface lowering = getTargetLowering(module);
  if (!lowering)
    return failure();
  TargetAttrInterface target = getTarget(module);
  auto kernels = lowering.serializeKernels(module);
  if (failed(kernels))
    return failure();
  images = std::move(*kernels);
  EmitOptions emit;
  emit.kind = options.kind == ProductKind::LLVMIR ? EmitOptions::Kind::LLVMIR
              : options.kind == ProductKind::Assembly
                  ? EmitOptions::Kind::Assembly
                  : EmitOptions::Kind::Object;
  emit.optLevel = options.optLevel;
  for (StringRef function : getFunctionNames())
    for (const char *part : kParts)
      emit.exported.push_back(getSymbol(function, part));
  emit.complete = [&](llvm::Module &llvmModule) -> LogicalResult {
    if (failed(addArtifact(llvmModule, target.getMachine())))
      return failure();
    if (!weights || !options.embedWeights)
      return success();
    if (!llvmModule.getTargetTriple().isOSBinFormatELF())
      return error("--embed-weights is for ELF targets only");
    embedWeights(llvmModule);
    return success();
  };
  auto object = lowering.serialize(module, emit);
  if (failed(object))
    return failure();
  bool isLinked = options.kind == ProductKind::Library ||
                  options.kind == ProductKind::Executable;
  if (isLinked && object->kind != "object")
    return error("target ")
           << target << " makes code of kind '" << object->kind
           << "', which no library or program has a place for; --emit=obj "
              "writes it as it is";
  triple = std::move(object->machine);
  code = std::move(object->bytes);
  return success();
}

LogicalResult ProductWriter::link(const std::string &product) {
  std::vector<std::string> inputs = {folder.getFile("object.o")};
  if (failed(writeCode(inputs.front())))
    return failure();
  code.clear();
  std::vector<std::string> archives;
  if (options.kind == ProductKind::Executable)
    archives =
        getRuntimeArchives(options.runtimeFolder,
                           TernDialect::TrainingAttrHelper(module->getContext())
                               .isAttrPresent(module));
  for (const std::string &archive : archives) {
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
  if (!TernDialect::InterfaceAttrHelper(module->getContext())
           .isAttrPresent(module))
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

std::vector<std::string> tern::getRuntimeArchives(StringRef folder,
                                                  bool isTraining) {
  SmallVector<StringRef> names = {"libTernExecutableMain.a"};
  if (isTraining)
    names = {"libTernTrainMain.a", "libTernTrain.a"};
  names.append({"libTernRunMain.a", "libTernRuntime.a"});
  std::vector<std::string> archives;
  for (StringRef name : names)
    archives.push_back((folder + "/" + name).str());
  return archives;
}

FailureOr<ProductInfo> tern::writeProduct(ModuleOp module,
                                          const ProductOptions &options) {
  return ProductWriter(module, options).run();
}
