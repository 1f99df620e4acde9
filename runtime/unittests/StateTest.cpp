//===- StateTest.cpp - Tests of state between calls -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "tern/runtime/Trainer.h"

using ::testing::HasSubstr;

namespace {
/// Two functions over a cache, `append` and `sum`.
class State : public ::testing::Test {
public:
  void TearDown() override { tern_program_destroy(program); }

  TernStatus load(std::vector<TernDim> dims, uint32_t flags = 0) {
    tern_program_destroy(program);
    program = nullptr;
    TernProgramOptions options = {};
    options.size = sizeof(options);
    options.flags = flags;
    options.state_dims = dims.data();
    options.num_state_dims = dims.size();
    return tern_program_load(FAKES "/fake-cache.so", &options, &program);
  }
  void expectBad(TernStatus status, const char *message) {
    EXPECT_EQ(status, TERN_INVALID_ARGUMENT);
    EXPECT_THAT(tern_last_error(), HasSubstr(message));
  }
  TernStatus append(float number) {
    x = number;
    return tern_function_invoke(program, "append", inputs, 1, outputs, 1);
  }
  TernStatus sum() {
    return tern_function_invoke(program, "sum", nullptr, 0, outputs, 1);
  }
  TernStatus setLength(double length) {
    return tern_program_set_scalar(program, "length", length);
  }
  std::vector<float> cache() {
    TernStateInfo info;
    EXPECT_EQ(tern_program_find_state(program, "cache", &info), TERN_OK);
    const float *data = static_cast<const float *>(info.tensor.data);
    return {data, data + info.tensor.shape[0]};
  }

  TernProgram *program = nullptr;
  float x = 0, total = 0;
  DLTensor xTensor = {&x,      {kDLCPU, 0}, 0, {kDLFloat, 32, 1},
                      nullptr, nullptr,     0};
  DLTensor totalTensor = {&total,  {kDLCPU, 0}, 0, {kDLFloat, 32, 1},
                          nullptr, nullptr,     0};
  const DLTensor *inputs[1] = {&xTensor}, *outputs[1] = {&totalTensor};
};
} // namespace

TEST_F(State, OutlivesCalls) {
  ASSERT_EQ(load({{"capacity", 3}}), TERN_OK) << tern_last_error();
  EXPECT_EQ(cache(), (std::vector<float>{0.5f, 0.5f, 0.5f}));
  for (int length = 1; length <= 3; ++length) {
    EXPECT_EQ(setLength(length), TERN_OK);
    EXPECT_EQ(append(static_cast<float>(length)), TERN_OK) << tern_last_error();
    EXPECT_EQ(total, static_cast<float>(length * (length + 1)) / 2);
  }
  EXPECT_EQ(setLength(2), TERN_OK);
  EXPECT_EQ(sum(), TERN_OK);
  EXPECT_EQ(total, 3);
  EXPECT_EQ(tern_program_reset_state(program), TERN_OK);
  EXPECT_EQ(sum(), TERN_OK);
  EXPECT_EQ(total, 1);
  // What a program appends is no other's.
  TernProgram *first = program;
  program = nullptr;
  ASSERT_EQ(load({{"capacity", 4}}), TERN_OK);
  EXPECT_EQ(cache().size(), 4u);
  tern_program_destroy(first);
}

TEST_F(State, ChecksScalarsFirst) {
  ASSERT_EQ(load({{"capacity", 3}}), TERN_OK);
  expectBad(append(7), "the scalar 'length' has no value");
  for (int length : {0, 4, -1}) {
    EXPECT_EQ(setLength(length), TERN_OK);
    expectBad(append(7), ("scalar 'length' is " + std::to_string(length) +
                          ", it must be from 1 to 'capacity', which is 3")
                             .c_str());
  }
  EXPECT_EQ(cache(), (std::vector<float>{0.5f, 0.5f, 0.5f}));
  EXPECT_EQ(setLength(1), TERN_OK);
  EXPECT_EQ(append(7), TERN_OK);
  expectBad(setLength(1.5), "not an integer");
  expectBad(tern_program_set_scalar(program, "len", 1), "among length");
  double length = 0;
  EXPECT_EQ(tern_program_get_scalar(program, "length", &length), TERN_OK);
  EXPECT_EQ(length, 1);
}

TEST_F(State, IsSpoiltByElements) {
  ASSERT_EQ(load({{"capacity", 3}}), TERN_OK);
  EXPECT_EQ(setLength(2), TERN_OK);
  expectBad(append(-7), "x must not be negative");
  expectBad(sum(), "the state has no values since a call went wrong");
  EXPECT_EQ(tern_program_reset_state(program), TERN_OK);
  EXPECT_EQ(sum(), TERN_OK);
  EXPECT_EQ(total, 1);
}

TEST_F(State, MayBeWritten) {
  ASSERT_EQ(load({{"capacity", 2}}), TERN_OK);
  float values[] = {3, 4};
  int64_t shape[] = {2};
  DLTensor tensor = {values, {kDLCPU, 0}, 1, {kDLFloat, 32, 1},
                     shape,  nullptr,     0};
  EXPECT_EQ(tern_program_set_state(program, "cache", &tensor), TERN_OK)
      << tern_last_error();
  EXPECT_EQ(setLength(2), TERN_OK);
  EXPECT_EQ(sum(), TERN_OK);
  EXPECT_EQ(total, 7);
  shape[0] = 1;
  expectBad(tern_program_set_state(program, "cache", &tensor), "'cache'");
}

TEST_F(State, HasExtentsOfItsOwn) {
  expectBad(load({}), "has state whose extent 'capacity' is not given");
  expectBad(load({{"capacty", 3}}), "did you mean 'capacity'");
  expectBad(load({{"capacity", 3}, {"capacity", 3}}), "is given twice");
  expectBad(load({{"capacity", 0}}), "is 0, which is not positive");
  expectBad(load({{nullptr, 1}}), "has no name");
  EXPECT_EQ(load({{"capacity", INT64_MAX / 2}}), TERN_OUT_OF_MEMORY);
  EXPECT_THAT(tern_last_error(), HasSubstr("overflows"));
  EXPECT_EQ(load({{"capacity", int64_t(1) << 50}}), TERN_OUT_OF_MEMORY);
  EXPECT_THAT(tern_last_error(), HasSubstr("cannot allocate"));
  // Without state there is nothing to give extents to.
  TernDim dim = {"capacity", 3};
  TernProgramOptions options = {};
  options.size = sizeof(options);
  options.state_dims = &dim;
  options.num_state_dims = 1;
  TernProgram *other = nullptr;
  expectBad(tern_program_load(FAKE_ARTIFACT, &options, &other),
            "has no state with an extent 'capacity'; there are: none");
  // It need not be known to describe the model.
  ASSERT_EQ(load({}, TERN_LOAD_SIGNATURE_ONLY), TERN_OK) << tern_last_error();
  EXPECT_EQ(tern_program_num_functions(program), 2u);
  EXPECT_STREQ(tern_program_function_name(program, 1), "sum");
  EXPECT_EQ(tern_program_function_name(program, 2), nullptr);
  EXPECT_EQ(tern_function_num_inputs(program, "append"), 1u);
  EXPECT_EQ(tern_function_num_outputs(program, "sum"), 1u);
  EXPECT_STREQ(tern_function_dim_name(program, "sum", 0), "capacity");
  int64_t capacity = 5, bytes = 0;
  EXPECT_EQ(tern_function_arena_size(program, "append", &capacity, 1, &bytes),
            TERN_OK);
  EXPECT_EQ(bytes, 40);
  expectBad(append(1), "loaded for its signature only");
  expectBad(tern_program_reset_state(program), "its signature only");
}

TEST_F(State, IsNotTrained) {
  ASSERT_EQ(load({{"capacity", 3}}), TERN_OK);
  expectBad(tern_trainer_init(program), "is no training artifact");
  TernTrainer *trainer = nullptr;
  EXPECT_EQ(tern_trainer_load(FAKES "/fake-cache.so", nullptr, &trainer),
            TERN_BAD_ARTIFACT);
  ASSERT_EQ(tern_trainer_load(FAKES "/fake-train.so", nullptr, &trainer),
            TERN_OK)
      << tern_last_error();
  expectBad(tern_program_reset_state(trainer), "tern_trainer_init");
  ASSERT_EQ(tern_trainer_init(trainer), TERN_OK) << tern_last_error();
  expectBad(tern_function_invoke(trainer, "train_step", nullptr, 0, nullptr, 0),
            "tern_trainer_train_step runs it");
  tern_trainer_destroy(trainer);
}
