//===- TrainerTest.cpp - Tests of the C API of training --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Trainer.h"
#include "TestFiles.h"
#include "tern/runtime/Safetensors.h"

#include <array>
#include <cmath>
#include <cstring>
#include <random>

using namespace tern::runtime;
using ::testing::HasSubstr;

namespace {
/// The hand-written softmax regression of fake-train.c, and the same computed
/// in the obvious way.
class Trainer : public FileTest {
protected:
  static constexpr int64_t maxBatch = 257;

  void SetUp() override {
    FileTest::SetUp();
    load("fake-train.so");
    ASSERT_EQ(tern_trainer_init(trainer), TERN_OK) << tern_last_error();
    // The same numbers each time: a failure should come again.
    std::mt19937 random(1); // NOLINT(bugprone-random-generator-seed)
    std::normal_distribution<float> normal;
    for (float &value : xData)
      value = normal(random);
    for (int64_t &label : labelData)
      label = static_cast<int64_t>(random() % 3);
    labelData[1] = -100;
  }
  void TearDown() override {
    tern_trainer_destroy(trainer);
    FileTest::TearDown();
  }

  void load(const std::string &name, uint32_t threads = 1) {
    tern_trainer_destroy(trainer);
    TernProgramOptions options = {};
    options.size = sizeof(options);
    options.num_threads = threads;
    options.weights_path = FAKES "/fake-train.safetensors";
    ASSERT_EQ(tern_trainer_load((FAKES "/" + name).c_str(), &options, &trainer),
              TERN_OK)
        << tern_last_error();
  }

  float step(int64_t batch) {
    xShape[0] = labelShape[0] = batch;
    float loss = NAN;
    EXPECT_EQ(tern_trainer_train_step(trainer, inputs, 2, &loss), TERN_OK)
        << tern_last_error();
    return loss;
  }

  /// A copy of all state.
  std::vector<float> state() {
    std::vector<float> values;
    for (size_t i = 0; i < tern_trainer_num_state(trainer); ++i) {
      TernStateInfo info;
      EXPECT_EQ(tern_trainer_state(trainer, i, &info), TERN_OK);
      int64_t count = 1;
      for (int d = 0; d < info.tensor.ndim; ++d)
        count *= info.tensor.shape[d];
      const float *data = static_cast<const float *>(info.tensor.data);
      values.insert(values.end(), data, data + count);
    }
    return values;
  }

  float *data(const char *name) {
    TernStateInfo info;
    EXPECT_EQ(tern_trainer_find_state(trainer, name, &info), TERN_OK)
        << tern_last_error();
    return static_cast<float *>(info.tensor.data);
  }

  std::string save(const std::string &name) {
    const char *key = "epoch", *value = "3";
    EXPECT_EQ(tern_trainer_save(trainer, path(name).c_str(), &key, &value, 1),
              TERN_OK)
        << tern_last_error();
    return path(name);
  }

  void expectRefused(const std::string &file, TernStatus status,
                     const char *message) {
    std::vector<float> before = state();
    EXPECT_EQ(tern_trainer_restore(trainer, file.c_str()), status);
    EXPECT_THAT(tern_last_error(), HasSubstr(message));
    EXPECT_THAT(tern_last_error(), HasSubstr(file));
    EXPECT_EQ(state(), before);
  }

  TernTrainer *trainer = nullptr;
  alignas(64) float xData[6 * maxBatch];
  alignas(64) int64_t labelData[maxBatch];
  int64_t xShape[2] = {4, 6}, labelShape[1] = {4};
  DLTensor x = {xData, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, xShape, nullptr, 0};
  DLTensor labels = {labelData,  {kDLCPU, 0}, 1, {kDLInt, 64, 1},
                     labelShape, nullptr,     0};
  const DLTensor *inputs[2] = {&x, &labels};
};
} // namespace

TEST_F(Trainer, IsNotAProgramOfInference) {
  TernProgram *program = nullptr;
  ASSERT_EQ(tern_program_load(FAKES "/fake.so", nullptr, &program), TERN_OK)
      << tern_last_error();
  auto expectNone = [&](TernStatus status) {
    EXPECT_EQ(status, TERN_INVALID_ARGUMENT);
    EXPECT_THAT(tern_last_error(), HasSubstr("is no training artifact"));
  };
  expectNone(tern_trainer_init(program));
  expectNone(tern_trainer_restore(program, path("none").c_str()));
  expectNone(tern_trainer_set_state(program, "w", &x));
  expectNone(
      tern_trainer_save(program, path("none").c_str(), nullptr, nullptr, 0));
  float loss = 0;
  EXPECT_EQ(tern_trainer_train_step(program, inputs, 2, &loss),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_last_error(), HasSubstr("no such function"));
  tern_program_destroy(program);
  EXPECT_EQ(tern_program_invoke(trainer, inputs, 2, nullptr, 0),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_last_error(), HasSubstr("no such function"));
}

TEST_F(Trainer, Describes) {
  EXPECT_TRUE(tern_trainer_has(trainer, TERN_TRAIN_STEP_FLOAT));
  EXPECT_EQ(tern_trainer_num_inputs(trainer, TERN_FORWARD), 1u);
  EXPECT_EQ(tern_trainer_num_inputs(trainer, TERN_EVAL_STEP), 2u);
  EXPECT_EQ(tern_trainer_num_outputs(trainer, TERN_EVAL_STEP), 2u);
  TernTensorInfo info;
  ASSERT_EQ(tern_trainer_input(trainer, TERN_TRAIN_STEP, 1, &info), TERN_OK);
  EXPECT_STREQ(info.name, "labels");
  EXPECT_STREQ(info.symbols[0], "batch");
  ASSERT_EQ(tern_trainer_output(trainer, TERN_TRAIN_STEP, 1, &info), TERN_OK);
  EXPECT_STREQ(info.name, "grad_norm");
  EXPECT_EQ(tern_trainer_input(trainer, TERN_FORWARD, 1, &info),
            TERN_INVALID_ARGUMENT);
  EXPECT_EQ(
      tern_trainer_input(trainer, static_cast<TernTrainFunction>(9), 0, &info),
      TERN_INVALID_ARGUMENT);
  EXPECT_EQ(tern_trainer_num_dims(trainer, TERN_FORWARD), 1u);
  EXPECT_STREQ(tern_trainer_dim_name(trainer, TERN_FORWARD, 0), "batch");
  int64_t classes = 0, ignored = 0, dims[] = {5}, bytes = 0;
  int ignores = 0;
  tern_trainer_classes(trainer, &classes, &ignores, &ignored);
  EXPECT_EQ(classes, 3);
  EXPECT_EQ(ignores, 1);
  EXPECT_EQ(ignored, -100);
  EXPECT_EQ(tern_trainer_arena_size(trainer, TERN_TRAIN_STEP, dims, 1, &bytes),
            TERN_OK);
  EXPECT_EQ(bytes, 60);
  EXPECT_EQ(tern_trainer_state_size(trainer), 2 * 128 + 3 * 64);
  TernStateInfo gain;
  ASSERT_EQ(tern_trainer_find_state(trainer, "gain", &gain), TERN_OK);
  EXPECT_EQ(gain.is_param, 1);
  EXPECT_EQ(gain.is_trainable, 0);
  EXPECT_EQ(*static_cast<float *>(gain.tensor.data), 1);
  EXPECT_EQ(tern_trainer_find_state(trainer, "lost", &gain),
            TERN_INVALID_ARGUMENT);
}

TEST_F(Trainer, StepsAsWritten) {
  double w[6][3], b[3] = {}, wm[6][3] = {}, bm[3] = {};
  const float *initial = data("w");
  for (int i = 0; i < 18; ++i)
    w[i / 3][i % 3] = initial[i];
  ASSERT_EQ(tern_trainer_set_scalar(trainer, "weight_decay", 0.25), TERN_OK);
  for (int64_t batch : {4, 1 + 2, 17, 257, 33}) {
    bool isFloat = batch == 17;
    double lambda = isFloat ? 0.25 : 1, lr = 0.5 / static_cast<double>(batch);
    ASSERT_EQ(tern_trainer_set_scalar(trainer, "lambda", lambda), TERN_OK);
    ASSERT_EQ(tern_trainer_set_scalar(trainer, "lr", lr), TERN_OK);
    double loss = 0, dw[6][3] = {}, db[3] = {}, norm = 0;
    for (int64_t r = 0; r < batch; ++r) {
      if (r == 1)
        continue; // Its label is ignored.
      double logits[3], total = 0;
      for (int c = 0; c < 3; ++c) {
        logits[c] = b[c];
        for (int k = 0; k < 6; ++k)
          logits[c] += double(xData[6 * r + k]) * w[k][c];
        total += std::exp(logits[c]);
      }
      double share = 1 / static_cast<double>(batch - 1);
      loss += share * (std::log(total) - logits[labelData[r]]);
      for (int c = 0; c < 3; ++c) {
        double g = share * (std::exp(logits[c]) / total - (c == labelData[r]));
        db[c] += g;
        for (int k = 0; k < 6; ++k)
          dw[k][c] += double(xData[6 * r + k]) * g;
      }
    }
    double factor = isFloat ? 1 + lambda : 1;
    for (int c = 0; c < 3; ++c) {
      bm[c] = 0.9 * bm[c] + factor * db[c];
      b[c] -= lr * bm[c];
      for (int k = 0; k < 6; ++k) {
        norm += dw[k][c] * dw[k][c];
        wm[k][c] = 0.9 * wm[k][c] + factor * dw[k][c];
        w[k][c] = (1 - lr * 0.25) * w[k][c] - lr * wm[k][c];
      }
    }
    EXPECT_NEAR(step(batch), loss, 1e-5);
    EXPECT_NEAR(tern_trainer_measurement(trainer, 1), std::sqrt(norm), 1e-5);
    for (int i = 0; i < 18; ++i)
      EXPECT_NEAR(data("w")[i], w[i / 3][i % 3], 1e-5);
    for (int c = 0; c < 3; ++c)
      EXPECT_NEAR(data("b")[c], b[c], 1e-5);
  }
  EXPECT_EQ(tern_trainer_step(trainer), 5);
  EXPECT_TRUE(std::isnan(tern_trainer_measurement(trainer, 2)));
}

TEST_F(Trainer, Evaluates) {
  std::array<float, 3 * 4> logits, again;
  float loss = 0;
  int64_t shape[] = {4, 3};
  DLTensor y = {logits.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1},
                shape,         nullptr,     0};
  const DLTensor *outputs[] = {&y};
  std::vector<float> before = state();
  ASSERT_EQ(tern_trainer_eval_step(trainer, inputs, 2, &loss, outputs, 1),
            TERN_OK)
      << tern_last_error();
  y.data = again.data();
  ASSERT_EQ(tern_trainer_forward(trainer, inputs, 1, outputs, 1), TERN_OK)
      << tern_last_error();
  EXPECT_EQ(logits, again);
  EXPECT_EQ(state(), before);
  EXPECT_EQ(step(4), loss);
  EXPECT_EQ(tern_trainer_eval_step(trainer, inputs, 2, &loss, nullptr, 0),
            TERN_INVALID_ARGUMENT);
  int64_t extents[2] = {};
  EXPECT_EQ(
      tern_trainer_output_shapes(trainer, TERN_FORWARD, inputs, 1, extents, 2),
      TERN_OK);
  EXPECT_EQ(extents[0], 4);
  // A view of the state is no place for outputs.
  y.data = data("w");
  EXPECT_EQ(tern_trainer_forward(trainer, inputs, 1, outputs, 1),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_last_error(), HasSubstr("overlaps the model's state"));
}

TEST_F(Trainer, ThreadsDoNotMatter) {
  auto run = [&](uint32_t threads) {
    load("fake-train.so", threads);
    EXPECT_EQ(tern_trainer_init(trainer), TERN_OK);
    for (int64_t batch : {257, 3, 33})
      step(batch);
    return state();
  };
  std::vector<float> one = run(1);
  EXPECT_EQ(run(2), one);
  EXPECT_EQ(run(5), one);
}

TEST_F(Trainer, RefusesBadInputs) {
  float loss = 0;
  auto bad = [&](const char *message) {
    std::vector<float> before = state();
    EXPECT_EQ(tern_trainer_train_step(trainer, inputs, 2, &loss),
              TERN_INVALID_ARGUMENT);
    EXPECT_THAT(tern_last_error(), HasSubstr(message));
    EXPECT_EQ(state(), before);
    EXPECT_EQ(tern_trainer_step(trainer), 0);
  };
  labelData[2] = 3;
  bad("label 3 at index 2 is out of range for 3 classes");
  labelData[2] = -1;
  bad("label -1 at index 2 is out of range for 3 classes");
  labelData[2] = 0;
  labels.dtype = {kDLInt, 32, 1};
  bad("input 'labels' has dtype i32, expected i64");
  labels.dtype = {kDLInt, 64, 1};
  labelShape[0] = 3;
  bad("'batch' is 4 elsewhere");
  labelShape[0] = 4;
  x.data = data("w");
  xShape[0] = labelShape[0] = 1;
  bad("input 'x' overlaps the model's state");
}

TEST_F(Trainer, ChecksScalars) {
  double value = 0;
  EXPECT_EQ(tern_trainer_get_scalar(trainer, "lr", &value), TERN_OK);
  EXPECT_NEAR(value, 0.1, 1e-9);
  auto bad = [&](const char *name, double number, const char *message) {
    EXPECT_EQ(tern_trainer_set_scalar(trainer, name, number),
              TERN_INVALID_ARGUMENT);
    EXPECT_THAT(tern_last_error(), HasSubstr(message));
  };
  bad("lr", -1e-3, "scalar 'lr' is -0.001, which is negative");
  bad("lr", NAN, "scalar 'lr' is nan, not a finite number");
  bad("lr", 1e39, "too large for f32");
  bad("weight_decay", -1, "negative");
  bad("lambda", 1.5, "not in [0, 1]");
  bad("step", 3, "'step' is counted");
  bad("mu", 3, "no scalar 'mu' among lr, weight_decay, step, lambda");
  EXPECT_EQ(tern_trainer_set_step(trainer, -1), TERN_INVALID_ARGUMENT);
  EXPECT_EQ(tern_trainer_num_scalars(trainer), 4u);
  EXPECT_STREQ(tern_trainer_scalar_name(trainer, 3), "lambda");
  EXPECT_EQ(tern_trainer_scalar_name(trainer, 4), nullptr);
}

TEST_F(Trainer, NeedsValues) {
  load("fake-train.so");
  float loss = 0;
  EXPECT_EQ(tern_trainer_train_step(trainer, inputs, 2, &loss),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_last_error(), HasSubstr("no values yet"));
  EXPECT_EQ(tern_trainer_save(trainer, path("c").c_str(), nullptr, nullptr, 0),
            TERN_INVALID_ARGUMENT);
}

TEST_F(Trainer, SetsState) {
  float values[3] = {1, 2, 3};
  int64_t shape[] = {3};
  DLTensor tensor = {values, {kDLCPU, 0}, 1, {kDLFloat, 32, 1},
                     shape,  nullptr,     0};
  ASSERT_EQ(tern_trainer_set_state(trainer, "b", &tensor), TERN_OK);
  EXPECT_EQ(data("b")[2], 3);
  shape[0] = 2;
  EXPECT_EQ(tern_trainer_set_state(trainer, "b", &tensor),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_last_error(), HasSubstr("state 'b' has extent 2"));
}

TEST_F(Trainer, ResumesBitForBit) {
  step(33);
  step(3);
  std::string file = save("c.safetensors");
  step(17);
  float loss = step(33);
  std::vector<float> expected = state();

  load("fake-train.so");
  ASSERT_EQ(tern_trainer_restore(trainer, file.c_str()), TERN_OK)
      << tern_last_error();
  EXPECT_EQ(tern_trainer_step(trainer), 2);
  EXPECT_STREQ(tern_trainer_metadata(trainer, "epoch"), "3");
  EXPECT_EQ(tern_trainer_metadata(trainer, "lost"), nullptr);
  step(17);
  EXPECT_EQ(step(33), loss);
  EXPECT_EQ(state(), expected);
  // The same state gives the same file.
  std::string first = read(file);
  ASSERT_EQ(tern_trainer_restore(trainer, file.c_str()), TERN_OK);
  EXPECT_EQ(read(save("d.safetensors")), first);
}

TEST_F(Trainer, RefusesCheckpoints) {
  step(33);
  std::string file = save("c.safetensors"), bytes = read(file);
  step(33);
  for (size_t size :
       {size_t(0), size_t(7), size_t(100), bytes.size() / 2, bytes.size() - 1})
    expectRefused(write("cut.safetensors", bytes.substr(0, size)),
                  TERN_BAD_WEIGHTS, "is malformed");
  expectRefused(write("long.safetensors", bytes + "x"), TERN_BAD_WEIGHTS,
                "is malformed");
  expectRefused(path("none.safetensors"), TERN_IO_ERROR, "cannot read");
  expectRefused(FAKES "/fake-train.safetensors", TERN_BAD_WEIGHTS,
                "is not a checkpoint of Tern");
  std::string bad = bytes;
  float nan = NAN;
  std::memcpy(&bad[bad.size() - 4], &nan, 4);
  expectRefused(write("nan.safetensors", bad), TERN_BAD_WEIGHTS,
                "has a NaN or an infinity in '");
  bad = bytes;
  size_t position = bad.find("\"tern_step\":\"1\"");
  ASSERT_NE(position, std::string::npos);
  bad[position + 13] = '-';
  expectRefused(write("step.safetensors", bad), TERN_BAD_WEIGHTS,
                "has a bad tern_step");

  load("fake-train-other.so");
  ASSERT_EQ(tern_trainer_init(trainer), TERN_OK);
  expectRefused(file, TERN_BAD_WEIGHTS,
                "is a checkpoint of another model, loss or optimizer ('fake', "
                "softmax-cross-entropy, momentum)");
}

TEST_F(Trainer, SavesNothingThatIsNotFinite) {
  std::string file = save("c.safetensors"), bytes = read(file);
  const char *name = "";
  int64_t element = 0;
  ASSERT_EQ(tern_trainer_find_nonfinite(trainer, &name, &element), TERN_OK);
  EXPECT_EQ(name, nullptr);
  data("w/m")[4] = INFINITY;
  ASSERT_EQ(tern_trainer_find_nonfinite(trainer, &name, &element), TERN_OK);
  EXPECT_STREQ(name, "w/m");
  EXPECT_EQ(element, 4);
  EXPECT_EQ(tern_trainer_save(trainer, file.c_str(), nullptr, nullptr, 0),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_last_error(), HasSubstr("'w/m' has a NaN"));
  EXPECT_EQ(read(file), bytes);
  EXPECT_EQ(numFiles(), 1u);
  const char *key = "tern_step", *value = "1";
  data("w/m")[4] = 0;
  EXPECT_EQ(tern_trainer_save(trainer, file.c_str(), &key, &value, 1),
            TERN_INVALID_ARGUMENT);
}

TEST_F(Trainer, StartsFromACheckpoint) {
  step(33);
  std::string file = save("c.safetensors");
  std::vector<float> w(data("w"), data("w") + 18);
  tern_trainer_destroy(trainer);
  trainer = nullptr;
  TernProgramOptions options = {};
  options.size = sizeof(options);
  options.weights_path = file.c_str();
  ASSERT_EQ(tern_trainer_load(FAKES "/fake-train-other.so", &options, &trainer),
            TERN_OK);
  ASSERT_EQ(tern_trainer_init(trainer), TERN_OK) << tern_last_error();
  EXPECT_EQ(std::vector<float>(data("w"), data("w") + 18), w);
  EXPECT_EQ(data("w/m")[0], 0);
  EXPECT_EQ(tern_trainer_step(trainer), 0);
  EXPECT_NE(data("b")[0], 0);
}

TEST_F(Trainer, LoadsOnlyTraining) {
  TernTrainer *other = nullptr;
  EXPECT_EQ(tern_trainer_load(FAKES "/fake.so", nullptr, &other),
            TERN_BAD_ARTIFACT);
  EXPECT_THAT(tern_last_error(), HasSubstr("is no training artifact"));
  TernProgram *program = nullptr;
  EXPECT_EQ(tern_program_load(FAKES "/fake-train.so", nullptr, &program),
            TERN_BAD_ARTIFACT);
  EXPECT_THAT(tern_last_error(), HasSubstr("tern-train runs it"));
  EXPECT_EQ(tern_trainer_load(FAKES "/fake-abi.so", nullptr, &other),
            TERN_BAD_ARTIFACT);
  EXPECT_EQ(tern_trainer_load(FAKES "/none.so", nullptr, &other),
            TERN_IO_ERROR);
  EXPECT_EQ(tern_trainer_load(nullptr, nullptr, &other), TERN_INVALID_ARGUMENT);
  TernProgramOptions options = {};
  options.size = sizeof(options);
  options.flags = TERN_LOAD_SIGNATURE_ONLY;
  ASSERT_EQ(tern_trainer_load(FAKES "/fake-train.so", &options, &other),
            TERN_OK);
  EXPECT_EQ(tern_trainer_num_state(other), 5u);
  EXPECT_EQ(tern_trainer_init(other), TERN_INVALID_ARGUMENT);
  tern_trainer_destroy(other);
}
