//===- Weights.cpp - Run prepare functions, write weights -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Weights.h"
#include "Initialize.h"
#include "Signature.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "tern/Config/Version.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Driver/ModelFiles.h"
#include "tern/Targets/CPU/Codegen.h"
#include "tern/runtime/Artifact.h"
#include "tern/runtime/Safetensors.h"
#include "tern/runtime/WeightsFile.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/TargetParser/Host.h"
#include <cstdlib>

using namespace mlir;
using namespace tern;

namespace {

/// 64-byte aligned memory of a size known only now.
class AlignedBuffer {
public:
  explicit AlignedBuffer(uint64_t size)
      : memory(std::aligned_alloc(
            64, llvm::alignTo(std::max<uint64_t>(size, 1), 64))) {}
  AlignedBuffer(AlignedBuffer &&other) noexcept
      : memory(std::exchange(other.memory, nullptr)) {}
  AlignedBuffer(const AlignedBuffer &) = delete;
  ~AlignedBuffer() { std::free(memory); }
  void *data() const { return memory; }

private:
  void *memory;
};

/// The host that prepare functions run on.
struct PrepareHost : TernHost {
  llvm::DefaultThreadPool pool;

  PrepareHost() : TernHost() {
    size = sizeof(TernHost);
    num_threads = pool.getMaxConcurrency();
    context = this;
    parallel_for = [](const TernHost *host,
                      void (*body)(void *, int64_t, int64_t), void *env,
                      int64_t n, const char *) {
      auto &self = *static_cast<PrepareHost *>(host->context);
      int64_t threads = std::min<int64_t>(host->num_threads, n);
      for (int64_t i = 0; i < threads; ++i)
        self.pool.async(
            [=] { body(env, n * i / threads, n * (i + 1) / threads); });
      self.pool.wait();
    };
  }
};

using InvokeFn = int32_t (*)(const TernHost *, void *const *, const int64_t *,
                             void *const *);
using ArenaSizesFn = void (*)(const int64_t *, uint64_t, int64_t *);

/// The prepare functions as machine code of this process.
class CompiledPrepares {
public:
  llvm::Error compile(ModuleOp module, ArrayRef<std::string> symbols);
  template <typename FnTy> llvm::Expected<FnTy> find(const Twine &symbol) {
    auto address = jit->lookup(symbol.str());
    if (!address)
      return address.takeError();
    return address->toPtr<FnTy>();
  }

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

llvm::Error CompiledPrepares::compile(ModuleOp module,
                                      ArrayRef<std::string> symbols) {
  // That of the generic target: the same code on every machine of this
  // architecture.
  MachineInfo machine = getTarget(module).getMachine();
  auto target = createTargetMachine(machine, /*optLevel=*/2);
  if (!target)
    return target.takeError();
  std::vector<std::string> roots;
  for (const std::string &symbol : symbols) {
    roots.push_back(symbol);
    roots.push_back(symbol + "_arena_sizes");
  }
  auto context = std::make_unique<llvm::LLVMContext>();
  auto code = translateForMachine(module, *context, **target, roots);
  if (!code)
    return llvm::createStringError("the prepare functions are not valid");
  optimize(*code, **target, /*optLevel=*/2);

  llvm::orc::JITTargetMachineBuilder builder{llvm::Triple(machine.triple)};
  builder.setCPU((*target)->getTargetCPU().str());
  builder.setOptions((*target)->Options);
  auto made =
      llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(builder).create();
  if (!made)
    return made.takeError();
  jit = std::move(*made);
  return jit->addIRModule(
      llvm::orc::ThreadSafeModule(std::move(code), std::move(context)));
}

class WeightsWriter {
public:
  WeightsWriter(ModuleOp module, ArrayRef<TensorInfo> state, StringRef source,
                const ProductOptions &options, ModelFiles &files,
                std::string path, StringRef shownPath, PreparedWeights &weights)
      : module(module), state(state), source(source), options(options),
        files(files), path(std::move(path)), shownPath(shownPath),
        weights(weights) {}

  LogicalResult run();

private:
  LogicalResult plan();
  LogicalResult open();
  /// The results of a prepare function.
  FailureOr<std::vector<AlignedBuffer>>
  runPrepare(const DictionaryAttr &prepare);
  LogicalResult appendPrepared(const DictionaryAttr &prepare);
  /// The parameter as it is in the file, drawn by the seed, or as its initial
  /// function computes it if the file has none or the weights were drawn.
  FailureOr<ParameterSource::Parameter> lookup(const TensorInfo &info);
  FailureOr<ParameterSource::Parameter> draw(const TensorInfo &info);
  FailureOr<ParameterSource::Parameter>
  computeInitial(const TensorInfo &info, const DictionaryAttr &initial);
  LogicalResult compilePrepares();
  /// Whether no parameter of a file is read.
  bool isSelfContained();
  bool computesFromNothing(const DictionaryAttr &prepare);
  LogicalResult append(const TensorInfo &info, ArrayRef<char> bytes);
  /// Files have no place in the IR, so neither have these errors.
  InFlightDiagnostic error(const Twine &text = {}) {
    return emitError(UnknownLoc::get(module.getContext()), text);
  }
  LogicalResult fail(llvm::Error failure) {
    return error(llvm::toString(std::move(failure)));
  }
  /// Nobody has to know the file that becomes the weights file.
  LogicalResult failToWrite(std::string problem) {
    if (size_t at = problem.find(path); at != std::string::npos)
      problem.replace(at, path.size(), shownPath);
    return error(problem);
  }

  ModuleOp module;
  /// That of the prepare functions; null if there are none.
  ModuleOp prepareModule;
  ArrayRef<TensorInfo> state;
  std::string source;
  const ProductOptions &options;
  ModelFiles &files;
  std::string path, shownPath;
  PreparedWeights &weights;
  runtime::SafetensorsWriter writer;
  std::shared_ptr<ParameterSource> parameters;
  CompiledPrepares compiled;
  std::optional<PrepareHost> host;
  /// In the order of writing: a parameter that is copied, or a prepare
  /// function whose results are parameters.
  struct Step {
    TensorInfo copied;
    DictionaryAttr prepare;
  };
  std::vector<Step> steps;
  /// Functions that make what parameters begin with, by parameter.
  llvm::StringMap<DictionaryAttr> initials;
  llvm::StringMap<std::shared_ptr<AlignedBuffer>> initialValues;
  /// What the file has.
  llvm::StringSet<> stored;
  /// Parameters of the entry function.
  llvm::StringSet<> wanted;
};

/// One step per copied parameter and per prepare function that is needed, in
/// the order of the entry function's parameters.
LogicalResult WeightsWriter::plan() {
  ArrayAttr prepares;
  prepareModule = getPrepareModule(module);
  if (prepareModule)
    prepares = TernDialect::PreparesAttrHelper(prepareModule->getContext())
                   .getAttr(prepareModule);
  llvm::StringMap<DictionaryAttr> producers;
  if (prepares)
    for (auto prepare : prepares.getAsRange<DictionaryAttr>())
      for (const TensorInfo &result : getTensors(prepare, "outputs"))
        (prepare.contains("initial") ? initials : producers)[result.name] =
            prepare;

  std::vector<TensorInfo> params(state);
  llvm::erase_if(params, [](const TensorInfo &info) { return !!info.init; });
  for (const TensorInfo &param : params)
    if (!wanted.insert(param.name).second)
      return error("two arguments are parameter '") << param.name << "'";
  llvm::SmallPtrSet<Attribute, 8> planned;
  for (const TensorInfo &param : params) {
    DictionaryAttr prepare = producers.lookup(param.name);
    if (!prepare)
      steps.push_back({param, {}});
    else if (planned.insert(prepare).second)
      steps.push_back({{}, prepare});
  }
  return success();
}

bool WeightsWriter::computesFromNothing(const DictionaryAttr &prepare) {
  return llvm::all_of(getTensors(prepare, "params"), [&](const auto &param) {
    DictionaryAttr initial = initials.lookup(param.name);
    return initial && computesFromNothing(initial);
  });
}

bool WeightsWriter::isSelfContained() {
  return llvm::all_of(steps, [&](const Step &step) {
    DictionaryAttr prepare =
        step.prepare ? step.prepare : initials.lookup(step.copied.name);
    return prepare && computesFromNothing(prepare);
  });
}

LogicalResult WeightsWriter::open() {
  std::vector<runtime::SafetensorsWriter::Entry> entries;
  auto declare = [&](const TensorInfo &info) {
    auto dtype = runtime::parseDType(info.dtype);
    if (!dtype)
      return failure();
    SmallVector<int64_t> shape = info.staticShape();
    entries.push_back(
        {info.name, *dtype, std::vector<int64_t>(shape.begin(), shape.end())});
    return success();
  };
  for (const Step &step : steps) {
    std::vector<TensorInfo> infos = {step.copied};
    if (step.prepare)
      infos = getTensors(step.prepare, "outputs");
    for (const TensorInfo &info : infos)
      if (wanted.contains(info.name) && failed(declare(info)))
        return error("parameter '")
               << info.name << "' has unknown dtype '" << info.dtype << "'";
  }
  auto model =
      TernDialect::ModelAttrHelper(module->getContext()).getAttr(module);
  if (auto problem =
          writer.open(path, std::move(entries),
                      {{"format", "tern"},
                       {"tern_model", model ? model.str() : ""},
                       {"tern_version", TERN_VERSION_STRING},
                       {runtime::kWeightsIdKey, std::string(32, '0')}}))
    return failToWrite(*problem);
  return success();
}

FailureOr<ParameterSource::Parameter>
WeightsWriter::draw(const TensorInfo &info) {
  ParameterSource::Parameter drawn;
  drawn.dtype = info.dtype;
  drawn.shape = info.staticShape();
  auto values = std::make_shared<std::vector<float>>(
      ShapedType::getNumElements(drawn.shape));
  initializeUniform(*values, info.name, *options.seed, info.fanIn);
  drawn.bytes = ArrayRef(reinterpret_cast<const char *>(values->data()),
                         values->size() * sizeof(float));
  drawn.owner = std::move(values);
  return drawn;
}

FailureOr<ParameterSource::Parameter>
WeightsWriter::computeInitial(const TensorInfo &info,
                              const DictionaryAttr &initial) {
  std::shared_ptr<AlignedBuffer> &value = initialValues[info.name];
  if (!value) {
    FailureOr<std::vector<AlignedBuffer>> results = runPrepare(initial);
    if (failed(results))
      return failure();
    value = std::make_shared<AlignedBuffer>(std::move(results->front()));
  }
  ParameterSource::Parameter computed;
  computed.dtype = info.dtype;
  computed.shape = info.staticShape();
  auto dtype = runtime::parseDType(info.dtype);
  auto bytes =
      runtime::byteSize(*dtype, std::vector<int64_t>(computed.shape.begin(),
                                                     computed.shape.end()));
  computed.bytes = ArrayRef(static_cast<const char *>(value->data()), *bytes);
  computed.owner = value;
  return computed;
}

FailureOr<ParameterSource::Parameter>
WeightsWriter::lookup(const TensorInfo &info) {
  if (DictionaryAttr initial = initials.lookup(info.name))
    if (options.seed || !stored.contains(info.name))
      return computeInitial(info, initial);
  if (options.seed && info.dtype == "f32") {
    // Arguments of prepare functions do not say what weights they are.
    const auto *known = llvm::find_if(
        state, [&](const TensorInfo &one) { return one.name == info.name; });
    if (known != state.end() && known->fanIn > 0)
      return draw(*known);
  }
  auto found = parameters->lookup(info.name);
  if (!found) {
    (void)fail(found.takeError());
    return failure();
  }
  SmallVector<int64_t> shape = info.staticShape();
  if (found->dtype != info.dtype || ArrayRef(found->shape) != ArrayRef(shape)) {
    auto print = [](StringRef dtype, ArrayRef<int64_t> shape) {
      std::string text;
      for (int64_t extent : shape)
        text += std::to_string(extent) + "x";
      return text + dtype.str();
    };
    error("parameter '") << info.name << "' in '" << source << "' is "
                         << print(found->dtype, found->shape)
                         << ", but the model takes "
                         << print(info.dtype, shape);
    return failure();
  }
  return std::move(*found);
}

LogicalResult WeightsWriter::append(const TensorInfo &info,
                                    ArrayRef<char> bytes) {
  if (auto problem = writer.append(bytes.data(), bytes.size()))
    return failToWrite(*problem);
  if (options.onParameter)
    options.onParameter(info.name, bytes);
  return success();
}

FailureOr<std::vector<AlignedBuffer>>
WeightsWriter::runPrepare(const DictionaryAttr &prepare) {
  StringRef symbol = prepare.getAs<StringAttr>("symbol").getValue();
  auto invoke = compiled.find<InvokeFn>(symbol);
  if (!invoke)
    return fail(invoke.takeError());
  auto arenaSizes = compiled.find<ArenaSizesFn>(symbol + "_arena_sizes");
  if (!arenaSizes)
    return fail(arenaSizes.takeError());

  std::vector<ParameterSource::Parameter> inputs;
  std::vector<AlignedBuffer> owned;
  std::vector<void *> buffers;
  auto allocate = [&](uint64_t bytes) -> void * {
    owned.emplace_back(bytes);
    return owned.back().data();
  };
  for (const TensorInfo &info : getTensors(prepare, "params")) {
    auto found = lookup(info);
    if (failed(found))
      return failure();
    const char *data = found->bytes.data();
    // Weights files do not align; compiled code assumes natural alignment.
    if (reinterpret_cast<uintptr_t>(data) % 8 != 0) {
      void *copy = allocate(found->bytes.size());
      if (!copy)
        return error("out of memory for parameter '") << info.name << "'";
      std::memcpy(copy, data, found->bytes.size());
      data = static_cast<const char *>(copy);
    }
    buffers.push_back(const_cast<char *>(data));
    inputs.push_back(std::move(*found));
  }
  std::vector<AlignedBuffer> results;
  for (const TensorInfo &info : getTensors(prepare, "outputs")) {
    SmallVector<int64_t> shape = info.staticShape();
    auto dtype = runtime::parseDType(info.dtype);
    auto bytes =
        dtype ? runtime::byteSize(
                    *dtype, std::vector<int64_t>(shape.begin(), shape.end()))
              : std::nullopt;
    if (!bytes)
      return error("parameter '") << info.name << "' is too large";
    results.emplace_back(*bytes);
    buffers.push_back(results.back().data());
    if (!buffers.back())
      return error("out of memory for parameter '") << info.name << "'";
  }
  int64_t arenaBytes = 0;
  (*arenaSizes)(nullptr, /*num_spaces=*/1, &arenaBytes);
  void *arena = allocate(arenaBytes);
  if (!arena)
    return error("computing parameter '")
           << getTensors(prepare, "outputs").front().name
           << "' ahead of time takes " << arenaBytes
           << " bytes of memory, more than there is";
  if (!host)
    host.emplace();
  // Checks of elements stay behind in the functions that are exported.
  (void)(*invoke)(&*host, buffers.data(), nullptr, &arena);
  return results;
}

LogicalResult WeightsWriter::appendPrepared(const DictionaryAttr &prepare) {
  FailureOr<std::vector<AlignedBuffer>> results = runPrepare(prepare);
  if (failed(results))
    return failure();
  std::vector<TensorInfo> infos = getTensors(prepare, "outputs");
  for (auto [info, result] : llvm::zip_equal(infos, *results)) {
    if (!wanted.contains(info.name))
      continue;
    SmallVector<int64_t> shape = info.staticShape();
    auto bytes =
        runtime::byteSize(*runtime::parseDType(info.dtype),
                          std::vector<int64_t>(shape.begin(), shape.end()));
    if (failed(append(
            info, ArrayRef(static_cast<const char *>(result.data()), *bytes))))
      return failure();
  }
  return success();
}

/// All that may run, which is known once the file is open.
LogicalResult WeightsWriter::compilePrepares() {
  llvm::SetVector<StringRef> symbols;
  auto add = [&](DictionaryAttr prepare) {
    symbols.insert(prepare.getAs<StringAttr>("symbol").getValue());
  };
  for (const Step &step : steps)
    if (step.prepare)
      add(step.prepare);
  for (auto &[name, initial] : initials)
    if (options.seed || !stored.contains(name))
      add(initial);
  if (symbols.empty())
    return success();
  std::vector<std::string> names;
  for (StringRef symbol : symbols)
    names.push_back(symbol.str());
  if (llvm::Error problem = compiled.compile(prepareModule, names))
    return fail(std::move(problem));
  return success();
}

LogicalResult WeightsWriter::run() {
  if (failed(plan()))
    return failure();
  if (source.empty() && !isSelfContained())
    return error("the model has parameters, but nothing says where "
                 "they are; name the file with --weights");
  if (!source.empty()) {
    auto opened = files.getParameters(source);
    if (!opened)
      return fail(opened.takeError());
    parameters = std::move(*opened);
    // What a model calls so is something else: a constant, say, or the float
    // weights beside their codes.
    if (!StringRef(source).ends_with(".onnx"))
      for (const std::string &name : parameters->names())
        stored.insert(name);
  }
  if (failed(compilePrepares()) || failed(open()))
    return failure();
  for (const Step &step : steps) {
    if (step.prepare) {
      if (failed(appendPrepared(step.prepare)))
        return failure();
      continue;
    }
    auto found = lookup(step.copied);
    if (failed(found))
      return failure();
    if (failed(append(step.copied, found->bytes)))
      return failure();
  }
  if (auto problem = writer.sign(runtime::kWeightsIdKey, weights.id))
    return failToWrite(*problem);
  weights.bytes = writer.fileSize();
  // Whoever makes the file appear puts it on the disk.
  if (auto problem = writer.finish())
    return failToWrite(*problem);
  return success();
}

} // namespace

LogicalResult tern::prepareWeights(ModuleOp module, ArrayRef<TensorInfo> state,
                                   StringRef source,
                                   const ProductOptions &options,
                                   ModelFiles &files, const std::string &path,
                                   StringRef shownPath,
                                   PreparedWeights &weights) {
  return WeightsWriter(module, state, source, options, files, path, shownPath,
                       weights)
      .run();
}
