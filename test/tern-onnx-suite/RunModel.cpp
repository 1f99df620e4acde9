//===- RunModel.cpp - Compile and run in this process ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OnnxTensor.h"
#include "Session.h"
#include "Suite.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Driver/Phases.h"
#include "tern/Driver/Product.h"
#include "tern/Driver/Targets.h"
#include "tern/Import/ONNX/Import.h"
#include "tern/InitAll.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace tern;
using namespace tern::suite;
using runtime::HostTensor;

/// Two neighbours may differ: the data of Debian's tests were truncated to
/// bfloat16, where the standard rounds.
static constexpr runtime::Tolerance bf16Tolerance{1.0 / 128, 1e-7};

/// What ONNX's own runner allows bfloat16, where data were computed with every
/// step of a softmax rounded.
static constexpr runtime::Tolerance bf16AttentionTolerance{1.0 / 64, 1e-7};

/// Two neighbours may differ where every step is rounded, or only the last.
static constexpr runtime::Tolerance f16Tolerance{1.0 / 512, 1.0 / 1024};

static runtime::Tolerance getTolerance(StringRef folder, runtime::DType dtype,
                                       const runtime::Tolerance &others,
                                       bool isMutant) {
  if (dtype == runtime::DType::F16 && isMutant)
    return f16Tolerance;
  if (dtype != runtime::DType::BF16)
    return others;
  return folder.contains("/test_attention_") ? bf16AttentionTolerance
                                             : bf16Tolerance;
}

/// Writes the model's object, weights included, to `object`.
static llvm::Error compile(const PreparedModel &model,
                           const std::string &object, unsigned optLevel,
                           bool isMutant) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  std::string messages;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return success();
    if (messages.empty())
      messages = diagnostic.str();
    else if (isMutant)
      messages = "several lines: " + messages + " | " + diagnostic.str();
    return success();
  });
  auto fail = [&] { return llvm::createStringError(messages); };
  ImportOptions options;
  for (const auto &input : model.constantInputs)
    options.constantInputs[input.getKey()] = input.getValue();
  OwningOpRef<ModuleOp> module = importONNX(model.path, context, options);
  if (!module)
    return fail();
  auto target = parseTarget("host", context);
  if (!target)
    return target.takeError();
  TernDialect::TargetAttrHelper((*module)->getContext())
      .setAttr(*module, *target);
  for (const Phase &phase : getPhases()) {
    if (!phase.build || phase.isTraining)
      continue;
    PassManager pm(&context, ModuleOp::getOperationName());
    phase.build(pm, PipelineOptions());
    if (failed(pm.run(*module)))
      return fail();
  }
  ProductOptions product;
  product.kind = ProductKind::Object;
  product.output = object;
  product.optLevel = optLevel;
  product.embedWeights = true;
  product.durable = false;
  if (failed(writeProduct(*module, product)))
    return fail();
  return llvm::Error::success();
}

/// The artifact of an object that is loaded.
static llvm::Expected<const TernArtifact *> link(llvm::orc::LLJIT &jit,
                                                 const std::string &object) {
  auto buffer = llvm::MemoryBuffer::getFile(object);
  if (!buffer)
    return llvm::errorCodeToError(buffer.getError());
  if (llvm::Error error = jit.addObjectFile(std::move(*buffer)))
    return error;
  auto address = jit.lookup("tern_model");
  if (!address)
    return address.takeError();
  return address->toPtr<decltype(&tern_model)>()();
}

/// The tensors `names` of a data set, by number; those with no name are not
/// read.
static runtime::MaybeError readTensors(StringRef set, StringRef kind,
                                       ArrayRef<std::string> names,
                                       ArrayRef<runtime::Session::Tensor> specs,
                                       std::vector<HostTensor> &tensors) {
  tensors.assign(specs.size(), HostTensor());
  for (size_t i = 0; i < names.size(); ++i) {
    const auto *spec =
        llvm::find_if(specs, [&](const auto &s) { return s.name == names[i]; });
    // One value may be several outputs, of which all but the first are renamed.
    if (kind == "output" && names.size() == specs.size())
      spec = specs.begin() + i;
    if (spec == specs.end())
      continue;
    std::string stored;
    HostTensor &tensor = tensors[spec - specs.begin()];
    if (auto error = runtime::readOnnxTensor(
            (set + "/" + kind + "_" + Twine(i) + ".pb").str(), tensor, stored))
      return error;
    // NumPy has no bfloat16: the files hold its bits.
    if (tensor.dtype == runtime::DType::U16 &&
        spec->dtype == runtime::DType::BF16)
      tensor.dtype = runtime::DType::BF16;
  }
  return std::nullopt;
}

static llvm::Error runSet(runtime::Session &session, StringRef set,
                          const PreparedModel &model,
                          const runtime::Tolerance &tolerance, bool isMutant) {
  auto fail = [&](const Twine &why) {
    return llvm::createStringError(why.str());
  };
  std::vector<HostTensor> inputs, expected, outputs;
  if (auto error =
          readTensors(set, "input", model.inputs, session.inputs, inputs))
    return fail(*error);
  if (isMutant && !llvm::sys::fs::exists(set + "/output_0.pb")) {
    if (auto error = session.run(inputs, outputs))
      return fail(*error);
    return llvm::Error::success();
  }
  if (auto error =
          readTensors(set, "output", model.outputs, session.outputs, expected))
    return fail(*error);
  auto compare = [&]() -> llvm::Error {
    for (auto [i, output] : llvm::enumerate(session.outputs))
      if (auto error = runtime::compareTensors(
              outputs[i], expected[i],
              getTolerance(set, output.dtype, tolerance, isMutant)))
        return fail("output '" + output.name + "' " + *error);
    return llvm::Error::success();
  };
  if (auto error = session.run(inputs, outputs))
    return fail(*error);
  if (llvm::Error error = compare())
    return error;
  // Once more, on outputs and scratch memory that are not zero.
  for (HostTensor &output : outputs)
    std::fill_n(output.mutableData(), output.numBytes(), '\xff');
  if (auto error = session.runInto(inputs, outputs))
    return fail(*error);
  return compare();
}

llvm::Error tern::suite::runModel(StringRef folder, const PreparedModel &model,
                                  StringRef scratch, unsigned optLevel,
                                  const runtime::Tolerance &tolerance,
                                  bool isMutant) {
  std::string object = (scratch + "/model.o").str();
  if (llvm::Error error = compile(model, object, optLevel, isMutant))
    return error;
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  auto artifact = link(**jit, object);
  if (!artifact)
    return artifact.takeError();
  runtime::Session session;
  TernProgramOptions options = {};
  options.size = sizeof(options);
  options.num_threads = 1;
  if (auto error = session.load("", *artifact, options))
    return llvm::createStringError(*error);
  unsigned numSets = 0;
  for (;; ++numSets) {
    std::string set = (folder + "/test_data_set_" + Twine(numSets)).str();
    if (!llvm::sys::fs::exists(set))
      break;
    if (llvm::Error error = runSet(session, set, model, tolerance, isMutant))
      return error;
  }
  if (numSets == 0 && !isMutant)
    return llvm::createStringError("there are no data");
  return llvm::Error::success();
}
