//===- TestTargets.cpp - Targets that lack something ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "tern/Plugin.h"
#include "tern/Targets/CPU/Lowering.h"
#include "tern/Targets/NamedTarget.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace tern;

namespace {

/// A target attribute without parameters, called `Facts::name`.
template <typename Facts>
class TestTarget
    : public Attribute::AttrBase<TestTarget<Facts>, Attribute, AttributeStorage,
                                 TargetAttrInterface::Trait> {
  using Base =
      Attribute::AttrBase<TestTarget<Facts>, Attribute, AttributeStorage,
                          TargetAttrInterface::Trait>;

public:
  using Base::Base;
  static constexpr StringLiteral name = Facts::name;

  MachineInfo getMachine() const { return getGeneric().getMachine(); }
  LayoutAttrInterface getPreferredLayout(const MatmulShape &shape) const {
    if (shape.group != 0)
      return nullptr;
    return getGeneric().getPreferredLayout(shape);
  }

private:
  TargetAttrInterface getGeneric() const {
    return GenericTargetAttr::get(this->getContext());
  }
};

/// Nothing lowers to it.
struct Bare {
  static constexpr StringLiteral name = "test_targets.bare";
};

/// Its code is no object that a linker takes; it leaves the level tiled to
/// others, cannot multiply, and has no library.
struct Blob {
  static constexpr StringLiteral name = "test_targets.blob";
};
using BlobAttr = TestTarget<Blob>;

struct BlobLowering : CPULoweringModel<BlobLowering, BlobAttr> {
  void buildTilePipeline(Attribute, OpPassManager &,
                         const LoweringOptions &) const {}
  LogicalResult lowerPackedMatmul(Attribute, RewriterBase &,
                                  PackedMatmulOp op) const {
    return op.emitError("blobs do not multiply");
  }
  ArrayRef<MathFunction> getMathFunctions(Attribute) const {
    return getCoreMath();
  }
  FailureOr<CodeObject> serialize(Attribute, ModuleOp,
                                  const EmitOptions &) const {
    CodeObject object;
    object.kind = "blob";
    llvm::append_range(object.bytes, StringRef("BLOB"));
    return object;
  }
};

struct BlobSimd : SimdDotInterface::ExternalModel<BlobSimd, BlobAttr> {
  VectorType getAccumulatorType(Attribute, int64_t) const { return nullptr; }
  Value buildDot(Attribute, OpBuilder &, Location, ValueRange, ValueRange,
                 Value acc) const {
    return acc;
  }
};

/// A processor with a device, whose code is the same for all kernels.
struct Device {
  static constexpr StringLiteral name = "test_targets.device";
};
using DeviceAttr = TestTarget<Device>;

struct DeviceLowering : CPULoweringModel<DeviceLowering, DeviceAttr> {
  FailureOr<SmallVector<CodeObject>> serializeKernels(Attribute,
                                                      ModuleOp module) const {
    SmallVector<CodeObject> images;
    for (auto kernels : module.getOps<gpu::GPUModuleOp>())
      images.push_back({"test", "device", kernels.getName().str(),
                        SmallVector<char, 0>{'C', 'O', 'D', 'E'}});
    return images;
  }
};

struct DeviceSimd : CPUSimdModel<DeviceSimd, DeviceAttr> {};

template <typename Attr>
TargetAttrInterface make(MLIRContext *context, ArrayRef<StringRef>) {
  return Attr::get(context);
}

const NamedTarget kTargets[] = {
    {"test-bare",
     "nothing lowers to it",
     {},
     nullptr,
     make<TestTarget<Bare>>,
     [](MLIRContext *) {}},
    {"test-blob",
     "its code is no object",
     {},
     nullptr,
     make<BlobAttr>,
     [](MLIRContext *context) {
       BlobAttr::attachInterface<BlobLowering, BlobSimd>(*context);
     }},
    {"test-device",
     "a processor with a device",
     {},
     nullptr,
     make<DeviceAttr>,
     [](MLIRContext *context) {
       DeviceAttr::attachInterface<DeviceLowering, DeviceSimd>(*context);
     }}};

class TestTargetsDialect : public Dialect {
public:
  explicit TestTargetsDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context,
                TypeID::get<TestTargetsDialect>()) {
    context->getOrLoadDialect<TernDialect>();
    addAttributes<TestTarget<Bare>, BlobAttr, DeviceAttr>();
    addInterface(std::make_unique<NamedTargets>(this, kTargets));
  }
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestTargetsDialect)
  static StringRef getDialectNamespace() { return "test_targets"; }

  Attribute parseAttribute(DialectAsmParser &parser, Type) const override {
    StringRef keyword;
    if (failed(parser.parseKeyword(&keyword)))
      return {};
    if (keyword == "bare")
      return TestTarget<Bare>::get(getContext());
    if (keyword == "blob")
      return BlobAttr::get(getContext());
    if (keyword == "device")
      return DeviceAttr::get(getContext());
    parser.emitError(parser.getNameLoc(), "unknown target");
    return {};
  }
  void printAttribute(Attribute attribute,
                      DialectAsmPrinter &printer) const override {
    printer << attribute.getAbstractAttribute().getName().split('.').second;
  }
};

} // namespace

TERN_PLUGIN

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "TestTargets", TERN_VERSION_STRING,
          [](mlir::DialectRegistry *registry) {
            registry->insert<TestTargetsDialect>();
          }};
}
