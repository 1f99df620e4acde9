//===- TrainTest.cpp - Tests of the parts of training ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../train/Dataset.h"
#include "../train/EventFile.h"
#include "../train/Metrics.h"
#include "../train/Plot.h"
#include "../train/Progress.h"
#include "../train/Schedule.h"
#include "../train/Shuffle.h"
#include "../train/TrainOptions.h"
#include "NonFinite.h"
#include "TestFiles.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <zlib.h>

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

/// The bytes of a chunk of PNG, after its length and type.
static std::string findChunk(const std::string &png, const char *type) {
  for (size_t at = 8; at + 12 <= png.size();) {
    size_t length = 0;
    for (size_t i = 0; i < 4; ++i)
      length = length << 8 | static_cast<unsigned char>(png[at + i]);
    if (png.compare(at + 4, 4, type) == 0)
      return png.substr(at + 8, length);
    at += length + 12;
  }
  return "";
}

TEST(Plot, DrawsPixels) {
  Curve curve;
  for (int64_t i = 1; i <= 500; ++i)
    curve.train.push_back({i, 1 / static_cast<double>(i)});
  curve.validation = {{100, 0.5}, {500, 0.25}};
  std::string png = drawCurve(curve, "net \xff\n", PlotFormat::PNG);
  ASSERT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  ASSERT_EQ(findChunk(png, "IHDR"),
            std::string("\0\0\6\x40\0\0\3\xc0\x8\2\0\0\0", 13));
  EXPECT_EQ(png.substr(png.size() - 12),
            std::string("\0\0\0\0IEND\xae\x42\x60\x82", 12));
  std::string packed = findChunk(png, "IDAT");
  std::string raw(size_t(960) * (1 + 1600 * 3), '\0');
  uLongf size = raw.size();
  ASSERT_EQ(::uncompress(reinterpret_cast<Bytef *>(raw.data()), &size,
                         reinterpret_cast<const Bytef *>(packed.data()),
                         packed.size()),
            Z_OK);
  ASSERT_EQ(size, raw.size());
  // The last point of the validation, at the right edge: its dot is orange.
  int orange = 0;
  for (size_t i = 0; i + 3 <= raw.size(); ++i)
    orange += raw.compare(i, 3, "\xd9\x48\x01") == 0;
  EXPECT_GT(orange, 100);
  EXPECT_EQ(findPlotFormat("a.png"), PlotFormat::PNG);
  EXPECT_EQ(findPlotFormat("a.svg"), PlotFormat::SVG);
  EXPECT_FALSE(findPlotFormat("a.jpg"));
}

TEST(Progress, FitsAnyWidth) {
  for (ProgressState state :
       {ProgressState{7, 100, 0.25, 1e-3, 1234.5, 65},
        {int64_t(1) << 53, int64_t(1) << 53, 1e300, 1e-300, 1e20, 1e12},
        {0, 0, NAN, 0, INFINITY, NAN}})
    for (int columns = 0; columns < 200; ++columns) {
      std::string line = formatBar(state, columns);
      EXPECT_LT(line.size(), static_cast<size_t>(std::max(columns, 1)));
      EXPECT_EQ(line.find('\n'), std::string::npos);
    }
  ProgressState state = {25, 100, 0.25, 1e-3, 1234.5, 65};
  EXPECT_EQ(formatBar(state, 3), "");
  EXPECT_EQ(formatBar(state, 6), "25%");
  EXPECT_EQ(formatBar(state, 7), "25/100");
  EXPECT_EQ(formatBar(state, 20), "25/100 loss 0.25");
  EXPECT_EQ(
      formatBar(state, 80),
      "25/100 [=====>                 ] loss 0.25  ETA 1:05  1234 items/s  "
      "lr 1.00e-03");
  EXPECT_EQ(formatLogLine(state), "step 25 of 100: loss 0.25, lr 0.001, 1234 "
                                  "items/s, 1:05 left");
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
    EXPECT_GOOD(log.open(file, -1, {}, curve));
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
    EXPECT_GOOD(log.open(file, 2, {}, curve));
  }
  EXPECT_EQ(read(file), lines.substr(0, lines.find("{\"step\": 3")));
  ASSERT_EQ(curve.train.size(), 1u);
  ASSERT_EQ(curve.validation.size(), 1u);
  EXPECT_EQ(curve.validation[0].loss, 0.5);
}

TEST_F(Data, MetricsAsTable) {
  const std::vector<std::string> columns = {"step", "loss", "a,\"b\"\n",
                                            "val_loss"};
  std::string file = path("m.csv");
  Curve curve;
  {
    MetricsLog log;
    EXPECT_GOOD(log.open(file, -1, columns, curve));
    EXPECT_GOOD(log.write(1, {{"loss", 0.1}, {"a,\"b\"\n", 2}}));
    EXPECT_GOOD(log.write(2, {{"loss", NAN}}));
    EXPECT_GOOD(log.write(2, {{"val_loss", 0.5}}));
    EXPECT_GOOD(log.write(3, {{"loss", 0.3}}));
  }
  std::string lines = read(file);
  EXPECT_EQ(lines, "step,loss,\"a,\"\"b\"\"\\n\",val_loss\n1,0.1,2,\n2,nan,,"
                   "\n2,,,0.5\n3,0.3,,\n");
  write("m.csv", lines + "4,0.");
  {
    MetricsLog log;
    EXPECT_GOOD(log.open(file, 2, columns, curve));
  }
  EXPECT_EQ(read(file), lines.substr(0, lines.find("3,0.3")));
  ASSERT_EQ(curve.train.size(), 1u);
  EXPECT_EQ(curve.train[0].loss, 0.1);
  ASSERT_EQ(curve.validation.size(), 1u);
  MetricsLog log;
  EXPECT_BAD(log.open(file, 2, {"step", "loss"}, curve),
             "its columns are not those of this run");
}

TEST_F(Data, MetricsFormats) {
  using Format = MetricsLog::Format;
  EXPECT_EQ(MetricsLog::findFormat("a.jsonl"), Format::JSONLines);
  EXPECT_EQ(MetricsLog::findFormat("a.csv"), Format::CSV);
  EXPECT_EQ(MetricsLog::findFormat("a/"), Format::TensorBoard);
  EXPECT_EQ(MetricsLog::findFormat(path("")), Format::TensorBoard);
  for (const char *name : {"a", "a.json", "a.txt", "", "a.csv.gz"})
    EXPECT_FALSE(MetricsLog::findFormat(name)) << name;
}

TEST(EventFile, Bytes) {
  // The check value of the catalogues of CRCs, and that of RFC 3720, B.4.
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  // As TensorFlow writes it; the time is 1.5.
  std::string version = makeVersionEvent(1.5);
  EXPECT_EQ(version.substr(0, 8), std::string("\x18\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(version.substr(8, 4), "\xa3\x7f\x4b\x22");
  EXPECT_EQ(version.substr(12, 24),
            std::string("\x09\0\0\0\0\0\0\xf8\x3f\x1a\x0d"
                        "brain.Event:2",
                        24));
  EXPECT_EQ(version.size(), 12u + 24u + 4u);
  std::string scalars = makeScalarEvent(1.5, 300, {{"loss", 0.5}});
  EXPECT_EQ(scalars.substr(12, scalars.size() - 16),
            std::string("\x09\0\0\0\0\0\0\xf8\x3f\x10\xac\x02\x2a\x0d"
                        "\x0a\x0b\x0a\x04loss\x15\0\0\0\x3f",
                        27));
  std::string start = makeStartEvent(1.5, 300);
  EXPECT_EQ(start.substr(12 + 9, 7), "\x10\xad\x02\x3a\x02\x08\x01");
}
