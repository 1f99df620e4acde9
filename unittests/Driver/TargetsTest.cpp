//===- TargetsTest.cpp - Targets by name ----------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/Targets.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "tern/Targets/Register.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace tern;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

class TargetsTest : public testing::Test {
protected:
  TargetsTest() {
    mlir::DialectRegistry registry;
    registry.insert<TernDialect>();
    registerTargets(registry);
    context.appendDialectRegistry(registry);
  }
  TargetAttrInterface parse(llvm::StringRef name) {
    auto target = parseTarget(name, context);
    if (target)
      return *target;
    error = llvm::toString(target.takeError());
    return nullptr;
  }
  mlir::MLIRContext context;
  std::string error;
};

TEST_F(TargetsTest, CompletesNamesAndFeatures) {
  EXPECT_THAT(completeTarget("", context),
              ElementsAre("host", "generic", "x86"));
  EXPECT_THAT(completeTarget("x", context), ElementsAre("x86"));
  EXPECT_THAT(completeTarget("x86:avx2,f", context),
              ElementsAre("x86:avx2,fma", "x86:avx2,f16c"));
  EXPECT_THAT(completeTarget("generic:", context), IsEmpty());
  EXPECT_THAT(completeTarget("arm", context), IsEmpty());
}

TEST_F(TargetsTest, CompletionsParse) {
  for (const char *prefix : {"", "x86:", "x86:avx2,"})
    for (const std::string &spec : completeTarget(prefix, context))
      EXPECT_TRUE(parse(spec)) << spec << ": " << error;
}

TEST_F(TargetsTest, ErrorsNameWhatIsKnown) {
  EXPECT_FALSE(parse("x86:avx3"));
  EXPECT_THAT(error,
              testing::HasSubstr(
                  "unknown feature 'avx3' of target x86; known are: ssse3,"));
  EXPECT_FALSE(parse("generic:avx2"));
  EXPECT_THAT(
      error,
      testing::StartsWith(
          "unknown target 'generic:avx2'; known are: host, generic, x86,"));
  EXPECT_FALSE(parse("#tern.bits2"));
  EXPECT_THAT(error, testing::StartsWith("'#tern.bits2' is not a target"));
}

TEST_F(TargetsTest, MachinesHaveTheirFeatures) {
  MachineInfo machine = parse("x86:avx2,+fma").getMachine();
  EXPECT_EQ(machine.triple, "x86_64-unknown-linux-gnu");
  EXPECT_EQ(machine.cpu, "x86-64");
  EXPECT_THAT(machine.features, ElementsAre("avx2", "fma"));
  EXPECT_EQ(machine.vectorBytes, 32);
  EXPECT_TRUE(machine.hasFma);
  MachineInfo generic = parse("generic").getMachine();
  EXPECT_THAT(generic.features, IsEmpty());
  EXPECT_FALSE(generic.hasFma);
}

TEST_F(TargetsTest, AllTargetsOfTheTreeHaveWhatLowersToThem) {
  for (const char *name : {"host", "generic", "x86", "x86:avx512f"}) {
    TargetAttrInterface target = parse(name);
    EXPECT_TRUE(llvm::isa<TargetLoweringInterface>(target)) << name;
    EXPECT_TRUE(llvm::isa<SimdDotInterface>(target)) << name;
  }
}

} // namespace
