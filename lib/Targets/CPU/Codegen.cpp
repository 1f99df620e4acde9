//===- Codegen.cpp - LLVM dialect to machine code -------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Targets/CPU/Codegen.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/IPO/Internalize.h"
#include <mutex>

using namespace tern;

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
tern::createTargetMachine(const MachineInfo &machine, unsigned optLevel) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
  });
  std::string message;
  llvm::Triple triple(machine.triple);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return llvm::createStringError("no code generator for '" + machine.triple +
                                   "': " + message);
  // LLVM ignores those that it does not know.
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(
      target->createMCSubtargetInfo(triple, machine.cpu, /*Features=*/""));
  std::vector<std::string> known;
  if (subtarget)
    for (const llvm::SubtargetFeatureKV &feature :
         subtarget->getAllProcessorFeatures())
      known.push_back(feature.Key);
  std::string features;
  for (const std::string &feature : machine.features) {
    if (!llvm::is_contained(known, feature))
      return llvm::createStringError("unknown feature '" + feature +
                                     "' of target '" + machine.triple + "'" +
                                     runtime::suggest(feature, known));
    features += (features.empty() ? "+" : ",+") + feature;
  }
  static constexpr llvm::CodeGenOptLevel levels[] = {
      llvm::CodeGenOptLevel::None, llvm::CodeGenOptLevel::Less,
      llvm::CodeGenOptLevel::Default, llvm::CodeGenOptLevel::Aggressive};
  llvm::TargetOptions options;
  // Multiplications and additions are fused only where the IR says `fma`:
  // results must not depend on the target.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> result(target->createTargetMachine(
      triple, machine.cpu, features, options, llvm::Reloc::PIC_, std::nullopt,
      levels[std::min(optLevel, 3u)]));
  if (!result)
    return llvm::createStringError("cannot generate code for '" +
                                   machine.triple + "'");
  return result;
}

std::unique_ptr<llvm::Module>
tern::translateForMachine(mlir::ModuleOp module, llvm::LLVMContext &context,
                          llvm::TargetMachine &machine,
                          llvm::ArrayRef<std::string> roots) {
  auto result = mlir::translateModuleToLLVMIR(module, context, "tern");
  if (!result) {
    module.emitError("cannot be translated to LLVM IR");
    return nullptr;
  }
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());
  // For passes that ask a function, not the target machine.
  for (llvm::Function &function : *result) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    if (!machine.getTargetFeatureString().empty())
      function.addFnAttr("target-features", machine.getTargetFeatureString());
  }
  llvm::StringSet<> kept;
  for (const std::string &root : roots)
    kept.insert(root);
  llvm::internalizeModule(*result, [&](const llvm::GlobalValue &value) {
    return kept.contains(value.getName());
  });
  llvm::ModuleAnalysisManager analyses;
  llvm::PassBuilder builder;
  builder.registerModuleAnalyses(analyses);
  llvm::ModulePassManager passes;
  passes.addPass(llvm::GlobalDCEPass());
  passes.run(*result, analyses);
  return result;
}

void tern::optimize(llvm::Module &module, llvm::TargetMachine &machine,
                    unsigned optLevel) {
  static const llvm::OptimizationLevel levels[] = {
      llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
      llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  llvm::OptimizationLevel level = levels[std::min(optLevel, 3u)];
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = optLevel >= 2;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  llvm::ModulePassManager passes =
      optLevel == 0 ? builder.buildO0DefaultPipeline(level)
                    : builder.buildPerModuleDefaultPipeline(level);
  passes.run(module, modules);
}

llvm::FailureOr<CodeObject> tern::serializeForCPU(mlir::ModuleOp module,
                                                  const MachineInfo &machine,
                                                  const EmitOptions &options) {
  auto target = createTargetMachine(machine, options.optLevel);
  if (!target) {
    // It is no fault of any place in the model.
    mlir::emitError(mlir::UnknownLoc::get(module.getContext()),
                    llvm::toString(target.takeError()));
    return mlir::failure();
  }
  llvm::LLVMContext context;
  auto code = translateForMachine(module, context, **target, options.exported);
  if (!code || (options.complete && mlir::failed(options.complete(*code))))
    return mlir::failure();
  optimize(*code, **target, options.optLevel);

  CodeObject object;
  object.machine = (*target)->getTargetTriple().str();
  llvm::raw_svector_ostream os(object.bytes);
  if (options.kind == EmitOptions::Kind::LLVMIR) {
    object.kind = "llvm-ir";
    code->print(os, nullptr);
  } else {
    bool isText = options.kind == EmitOptions::Kind::Assembly;
    object.kind = isText ? "assembly" : "object";
    llvm::legacy::PassManager passes;
    if ((*target)->addPassesToEmitFile(passes, os, nullptr,
                                       isText
                                           ? llvm::CodeGenFileType::AssemblyFile
                                           : llvm::CodeGenFileType::ObjectFile))
      return module.emitError()
             << "no code of this kind for target '" << object.machine << "'";
    passes.run(*code);
  }
  return object;
}
