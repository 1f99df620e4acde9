//===- TrainTest.cpp - Tests of the parts of training ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../train/Dataset.h"
#include "../train/Metrics.h"
#include "../train/Schedule.h"
#include "../train/Shuffle.h"
#include "../train/TrainOptions.h"
#include "NonFinite.h"
#include "TestFiles.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

using namespace tern::runtime;
using ::testing::ElementsAre;

//===----------------------------------------------------------------------===//
// Orders
//===----------------------------------------------------------------------===//

TEST(Shuffle, Permutes) {
  for (uint64_t size : {1, 2, 3, 17, 256, 257, 1000, 70001}) {
    Permutation order(size, 7, 3);
    std::vector<uint64_t> all(size), identity(size);
    std::iota(identity.begin(), identity.end(), uint64_t(0));
    for (uint64_t i = 0; i < size; ++i)
      all[i] = order(i);
    if (size > 10)
      EXPECT_NE(all, identity);
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, identity);
  }
  // Huge ones need no memory.
  Permutation order(uint64_t(1) << 60, 1, 1);
  EXPECT_LT(order(12345), uint64_t(1) << 60);
}

TEST(Shuffle, IsUniform) {
  // All orders of 4 should be equally likely: chi-square with 23 degrees of
  // freedom is below 49.7 with probability 0.999.
  std::map<std::vector<uint64_t>, int> counts;
  constexpr int total = 24000;
  for (int stream = 0; stream < total; ++stream) {
    Permutation order(4, 42, static_cast<uint64_t>(stream));
    ++counts[{order(0), order(1), order(2), order(3)}];
  }
  EXPECT_EQ(counts.size(), 24u);
  double chi = 0;
  for (const auto &[order, count] : counts)
    chi += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi, 49.7);
}

TEST(Shuffle, DependsOnSeedAndStream) {
  auto take = [](uint64_t seed, uint64_t stream) {
    std::vector<uint64_t> all;
    all.reserve(50);
    Permutation order(50, seed, stream);
    for (uint64_t i = 0; i < 50; ++i)
      all.push_back(order(i));
    return all;
  };
  EXPECT_EQ(take(1, 2), take(1, 2));
  EXPECT_NE(take(1, 2), take(2, 1));
  EXPECT_NE(take(1, 2), take(1, 3));
}

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

TEST(Schedule, Shapes) {
  Schedule s;
  s.steps = 10;
  s.warmup = 4;
  EXPECT_EQ(s.at(1).factor, 0.25);
  EXPECT_EQ(s.at(4).factor, 1);
  EXPECT_EQ(s.at(10).factor, 1);
  s.kind = ScheduleKind::Linear;
  s.floor = 0.4;
  EXPECT_EQ(s.at(5).factor, 1);
  EXPECT_DOUBLE_EQ(s.at(6).factor, 0.9);
  EXPECT_DOUBLE_EQ(s.at(10).factor, 0.5);
  EXPECT_DOUBLE_EQ(s.at(99).factor, 0.4);
  s.decayStart = 8;
  EXPECT_EQ(s.at(9).factor, 1);
  EXPECT_DOUBLE_EQ(s.at(10).factor, 0.7);
  s.kind = ScheduleKind::Cosine;
  EXPECT_DOUBLE_EQ(s.at(10).factor, 0.7);
  s.decayStart = 0;
  EXPECT_DOUBLE_EQ(s.at(8).factor, 0.7);
  s.kind = ScheduleKind::TwoStage;
  s.stageStart = 5;
  s.weightDecay = 0.1;
  EXPECT_EQ(s.at(5).factor, 1);
  EXPECT_EQ(s.at(5).weightDecay, 0.1);
  EXPECT_EQ(s.at(6).factor, 0.4);
  EXPECT_EQ(s.at(6).weightDecay, 0);
  s.lambdaWarmup = 4;
  EXPECT_EQ(s.at(1).lambda, 0);
  EXPECT_EQ(s.at(4).lambda, 0.75);
  EXPECT_EQ(s.at(5).lambda, 1);
}

TEST(Schedule, Options) {
  TrainOptions options;
  Schedule s;
  options.schedule = "two-stage";
  EXPECT_GOOD(makeSchedule(options, 1.5e-3, 0.1, 100, s));
  EXPECT_DOUBLE_EQ(s.floor, 2.0 / 3);
  EXPECT_EQ(s.stageStart, 50);
  options.secondLr = NAN;
  EXPECT_BAD(makeSchedule(options, 1, 0, 100, s), "--stage-lr: nan");
  options.schedule = "linear";
  options.secondLr.reset();
  options.minLr = "25%";
  EXPECT_GOOD(makeSchedule(options, 2, 0, 100, s));
  EXPECT_EQ(s.floor, 0.25);
  options.minLr = "0.5";
  EXPECT_GOOD(makeSchedule(options, 2, 0, 100, s));
  EXPECT_EQ(s.floor, 0.25);
  options.minLr = "-1";
  EXPECT_BAD(makeSchedule(options, 2, 0, 100, s), "--min-lr: -1 is negative");
  EXPECT_FALSE(parseSchedule("odd"));
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

namespace {
class Data : public FileTest {
protected:
  static ModelInputs textModel(size_t labelRank, int64_t classes) {
    ModelInputs model;
    model.inputs = {{"x", DType::I32, {-1, -1}, {"batch", "context"}},
                    {"labels",
                     DType::I64,
                     std::vector<int64_t>(labelRank, -1),
                     {"batch", "context"}}};
    model.inputs[1].symbols.resize(labelRank);
    model.classes = classes;
    return model;
  }

  /// A batch of one item as numbers, inputs before labels.
  static std::vector<int64_t> get(const Dataset &data, const ModelInputs &model,
                                  int64_t item) {
    std::vector<HostTensor> batch(2);
    std::vector<std::vector<int64_t>> shapes = data.itemShapes();
    std::vector<int64_t> numbers;
    for (size_t i = 0; i < 2; ++i)
      EXPECT_GOOD(
          HostTensor::allocate(model.inputs[i].dtype, shapes[i], batch[i]));
    data.copy(item, 0, batch);
    for (const HostTensor &tensor : batch)
      for (int64_t i = 0, n = tensor.numElements(); i < n; ++i)
        numbers.insert(numbers.end(), static_cast<int64_t>(tensor.at(i)));
    return numbers;
  }

  TextFile file(const std::string &text) {
    TextFile file;
    file.path = write("text", text);
    file.areBytes = false;
    file.context = 3;
    return file;
  }

  std::shared_ptr<Dataset> train, validation;
};
} // namespace

TEST_F(Data, TextWindows) {
  ModelInputs model = textModel(2, 8);
  TextFile text = file("hello");
  EXPECT_GOOD(readText(text, model, train, validation));
  EXPECT_FALSE(validation);
  // e h l o = 0 1 2 3
  ASSERT_EQ(train->size(), 2);
  EXPECT_THAT(get(*train, model, 0), ElementsAre(1, 0, 2, 0, 2, 2));
  EXPECT_THAT(get(*train, model, 1), ElementsAre(0, 2, 2, 2, 2, 3));
  model = textModel(1, 8);
  EXPECT_GOOD(readText(text, model, train, validation));
  EXPECT_THAT(get(*train, model, 1), ElementsAre(0, 2, 2, 3));
}

TEST_F(Data, TextIsSplit) {
  // 20 symbols: 0 ... 9 and again; 15 and 5 of them.
  TextFile text = file("01234567890123456789");
  text.split = 0.25;
  text.stride = 4;
  ModelInputs model = textModel(2, 10);
  EXPECT_GOOD(readText(text, model, train, validation));
  ASSERT_EQ(train->size(), 3);
  EXPECT_THAT(get(*train, model, 2), ElementsAre(8, 9, 0, 9, 0, 1));
  ASSERT_EQ(validation->size(), 1);
  EXPECT_THAT(get(*validation, model, 0), ElementsAre(5, 6, 7, 6, 7, 8));
  // One label each: windows at every symbol.
  model = textModel(1, 10);
  EXPECT_GOOD(readText(text, model, train, validation));
  ASSERT_EQ(validation->size(), 2);
  EXPECT_THAT(get(*validation, model, 1), ElementsAre(6, 7, 8, 9));
  text.split = 0.1;
  EXPECT_BAD(readText(text, model, train, validation),
             "2 symbols for validation are too few for a context of 3");
}

TEST_F(Data, TextRefuses) {
  ModelInputs model = textModel(2, 3);
  EXPECT_BAD(readText(file("hello"), model, train, validation),
             "4 different characters, the model takes symbols below 3");
  TextFile text = file("hel");
  EXPECT_BAD(readText(text, model, train, validation), "too few");
  text = file("hello");
  text.context = 0;
  EXPECT_BAD(readText(text, model, train, validation), "--context is missing");
  for (const char *bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xe2\x82", "a\x80", "\xf0\x80\x80\x80"})
    EXPECT_BAD(readText(file(bad), model, train, validation), "not UTF-8");
}

TEST(NonFinite, Finds) {
  std::vector<float> f(10001, 1.0f);
  EXPECT_FALSE(findNonFinite(DType::F32, f.data(), 10001));
  f[9999] = -INFINITY;
  EXPECT_EQ(findNonFinite(DType::F32, f.data(), 10001), 9999);
  EXPECT_FALSE(findNonFinite(DType::F32, f.data(), 9999));
  f[17] = NAN;
  EXPECT_EQ(findNonFinite(DType::F32, f.data(), 10001), 17);
  double d[] = {1e308, NAN};
  EXPECT_EQ(findNonFinite(DType::F64, d, 2), 1);
  uint16_t half[] = {0x7bff, 0xfc00}, brain[] = {0x7f7f, 0x7f80};
  EXPECT_EQ(findNonFinite(DType::F16, half, 2), 1);
  EXPECT_EQ(findNonFinite(DType::BF16, brain, 2), 1);
  EXPECT_FALSE(findNonFinite(DType::I64, d, 2));
}

TEST(Scale, Parses) {
  double scale = 0;
  EXPECT_GOOD(parseScale("1/255", scale));
  EXPECT_EQ(scale, 1.0 / 255);
  EXPECT_GOOD(parseScale("-0.5", scale));
  EXPECT_EQ(scale, -0.5);
  for (const char *bad : {"", "x", "1/", "1/0", "0", "1/2/3", "nan", "1x"})
    EXPECT_BAD(parseScale(bad, scale), "is not a number");
}

//===----------------------------------------------------------------------===//
// Reports
//===----------------------------------------------------------------------===//

TEST(Plot, Draws) {
  Curve curve;
  for (int64_t i = 1; i <= 5000; ++i)
    curve.train.push_back({i, 1 / static_cast<double>(i)});
  curve.train.push_back({5001, NAN});
  curve.validation = {{2500, 0.5}, {5000, 0.25}};
  std::string svg = drawCurve(curve, "a < b & \n\xff]]>");
  EXPECT_THAT(svg, ::testing::StartsWith("<svg"));
  EXPECT_THAT(svg, ::testing::HasSubstr(">a &lt; b &amp; \\n\\xff]]&gt;<"));
  EXPECT_THAT(svg, ::testing::Not(::testing::HasSubstr("nan")));
  EXPECT_THAT(svg, ::testing::Not(::testing::HasSubstr("inf")));
  // Long runs are thinned out.
  EXPECT_LT(svg.size(), 40000u);
  for (const Curve &odd :
       {Curve(), Curve{{{7, 2.0}}, {}}, Curve{{{1, 2.0}, {2, 2.0}}, {}},
        Curve{{{1, 1e30}, {2, -1e30}}, {}}}) {
    svg = drawCurve(odd, "");
    EXPECT_THAT(svg, ::testing::Not(::testing::HasSubstr("nan")));
    EXPECT_THAT(svg, ::testing::Not(::testing::HasSubstr("inf")));
  }
}

TEST(Progress, FormatsDurations) {
  EXPECT_EQ(formatDuration(6.7), "0:07");
  EXPECT_EQ(formatDuration(3723), "1:02:03");
}

TEST_F(Data, MetricsGoOn) {
  Curve curve;
  std::string file = path("m.jsonl");
  {
    MetricsLog log;
    EXPECT_GOOD(log.open(file, -1, curve));
    EXPECT_GOOD(log.write(1, {{"loss", 0.1}}));
    EXPECT_GOOD(log.write(2, {{"loss", NAN}, {"a \"b\"", 2}}));
    EXPECT_GOOD(log.write(2, {{"val_loss", 0.5}}));
    EXPECT_GOOD(log.write(3, {{"loss", 0.3}}));
  }
  std::string lines = read(file);
  EXPECT_THAT(lines,
              ::testing::HasSubstr(
                  "{\"step\": 2, \"loss\": null, \"a \\\"b\\\"\": 2}\n"));
  write("m.jsonl", lines + "{\"step\": 4, \"lo");
  {
    MetricsLog log;
    EXPECT_GOOD(log.open(file, 2, curve));
  }
  EXPECT_EQ(read(file), lines.substr(0, lines.find("{\"step\": 3")));
  ASSERT_EQ(curve.train.size(), 1u);
  ASSERT_EQ(curve.validation.size(), 1u);
  EXPECT_EQ(curve.validation[0].loss, 0.5);
}
