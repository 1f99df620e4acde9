//===- ProgramTest.cpp - Tests of the C API ---------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "tern/runtime/Runtime.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

#include <sys/mman.h>
#include <sys/wait.h>

using ::testing::HasSubstr;

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

// ThreadSanitizer has operators of its own.
#ifndef __SANITIZE_THREAD__
// Counts what the runtime, which is linked into this test, allocates.
static std::atomic<int64_t> allocations{0};

void *operator new(size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
#endif

namespace {
/// The hand-written artifact, y = x . w and count = sums of mask, with tensors
/// for it.
class Program : public ::testing::Test {
public:
  void SetUp() override {
    ASSERT_EQ(tern_program_load(FAKE_ARTIFACT, nullptr, &program), TERN_OK)
        << tern_last_error();
    setBatch(4);
    for (size_t i = 0; i < 12; ++i)
      xData[i] = static_cast<float>(i);
  }
  void TearDown() override { tern_program_destroy(program); }

  void setBatch(int64_t batch) {
    xShape[0] = maskShape[0] = yShape[0] = countShape[0] = batch;
  }

  TernStatus invoke() {
    return tern_program_invoke(program, inputs, 2, outputs, 2);
  }

  void expectBad(const char *message) {
    EXPECT_EQ(invoke(), TERN_INVALID_ARGUMENT);
    EXPECT_THAT(tern_last_error(), HasSubstr(message));
  }

  TernProgram *program = nullptr;
  alignas(64) float xData[3 * 64] = {};
  alignas(64) uint8_t maskData[4 * 64] = {1, 1, 1, 1};
  alignas(64) float yData[2 * 64] = {};
  alignas(64) int64_t countData[64] = {};
  int64_t xShape[2] = {4, 3}, maskShape[2] = {4, 4}, yShape[2] = {4, 2},
          countShape[1] = {4};
  DLTensor x = {xData, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, xShape, nullptr, 0};
  DLTensor mask = {maskData,  {kDLCPU, 0}, 2, {TERN_DLPACK_BOOL, 8, 1},
                   maskShape, nullptr,     0};
  DLTensor y = {yData, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, yShape, nullptr, 0};
  DLTensor count = {countData,  {kDLCPU, 0}, 1, {kDLInt, 64, 1},
                    countShape, nullptr,     0};
  const DLTensor *inputs[2] = {&x, &mask};
  const DLTensor *outputs[2] = {&y, &count};
};
} // namespace

TEST_F(Program, Describes) {
  EXPECT_EQ(tern_program_num_inputs(program), 2u);
  EXPECT_EQ(tern_program_num_outputs(program), 2u);
  TernTensorInfo info;
  ASSERT_EQ(tern_program_input(program, 1, &info), TERN_OK);
  EXPECT_STREQ(info.name, "mask");
  EXPECT_EQ(info.ndim, 2);
  EXPECT_EQ(info.shape[0], -1);
  EXPECT_EQ(info.shape[1], 4);
  EXPECT_STREQ(info.symbols[0], "batch");
  EXPECT_EQ(info.symbols[1], nullptr);
  EXPECT_EQ(info.dtype.code, TERN_DLPACK_BOOL);
  EXPECT_EQ(tern_program_output(program, 2, &info), TERN_INVALID_ARGUMENT);
  EXPECT_EQ(tern_program_num_dims(program), 1u);
  EXPECT_STREQ(tern_program_dim_name(program, 0), "batch");
  EXPECT_EQ(tern_program_dim_name(program, 1), nullptr);
  int64_t dims[] = {5}, bytes = 0;
  EXPECT_EQ(tern_program_arena_size(program, dims, 1, &bytes), TERN_OK);
  EXPECT_EQ(bytes, 40);
  EXPECT_EQ(tern_program_arena_size(program, dims, 0, &bytes),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_program_signature(program), HasSubstr("\"fake\""));
  EXPECT_THAT(tern_program_weights_path(program), HasSubstr("fake.safetens"));
}

TEST_F(Program, Runs) {
  ASSERT_EQ(invoke(), TERN_OK) << tern_last_error();
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 2; ++j)
      EXPECT_EQ(yData[2 * i + j], xData[3 * i] * static_cast<float>(1 + j) +
                                      xData[3 * i + 1] * float(3 + j) +
                                      xData[3 * i + 2] * float(5 + j));
  EXPECT_EQ(countData[0], 4);
  EXPECT_EQ(countData[1], 0);
  int64_t extents[3] = {};
  x.data = nullptr; // Shapes do not need it.
  EXPECT_EQ(tern_program_output_shapes(program, inputs, 2, extents, 3),
            TERN_OK);
  EXPECT_EQ(extents[0], 4);
  EXPECT_EQ(extents[1], 2);
  EXPECT_EQ(extents[2], 4);
  EXPECT_EQ(tern_program_output_shapes(program, inputs, 2, extents, 2),
            TERN_INVALID_ARGUMENT);
}

TEST_F(Program, SameResultsForAnyNumberOfThreads) {
  setBatch(64);
  for (size_t i = 0; i < 3 * 64; ++i)
    xData[i] = 1.0f / static_cast<float>(i + 1);
  std::vector<float> first;
  for (uint32_t threads = 1; threads <= 8; ++threads) {
    ASSERT_EQ(tern_program_set_num_threads(program, threads), TERN_OK);
    EXPECT_EQ(tern_program_num_threads(program), threads);
    ASSERT_EQ(invoke(), TERN_OK);
    std::vector<float> result(yData, yData + 128);
    if (first.empty())
      first = result;
    EXPECT_EQ(result, first);
  }
  EXPECT_EQ(tern_program_set_num_threads(program, 5000), TERN_INVALID_ARGUMENT);
}

#ifndef __SANITIZE_THREAD__
TEST_F(Program, AllocatesNothingAfterTheFirstRun) {
  ASSERT_EQ(tern_program_set_num_threads(program, 3), TERN_OK);
  ASSERT_EQ(invoke(), TERN_OK);
  int64_t before = allocations;
  ASSERT_GT(before, 0);
  for (int i = 0; i < 100; ++i) {
    setBatch(1 + i % 4);
    invoke();
  }
  EXPECT_EQ(allocations, before);
}
#endif

TEST_F(Program, GrowsItsScratchMemory) {
  for (int64_t batch : {1, 64, 2, 0, 33}) {
    setBatch(batch);
    ASSERT_EQ(invoke(), TERN_OK) << tern_last_error();
  }
}

TEST_F(Program, ReadOnlyInputs) {
  char *page = static_cast<char *>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(page, MAP_FAILED);
  std::memcpy(page, xData, 48);
  std::memcpy(page + 64, maskData, 16);
  ASSERT_EQ(mprotect(page, 4096, PROT_READ), 0);
  x.data = page;
  mask.data = page;
  mask.byte_offset = 64;
  EXPECT_EQ(invoke(), TERN_OK);
  EXPECT_EQ(countData[0], 4);
  munmap(page, 4096);
}

TEST_F(Program, RefusesBadTensors) {
  struct {
    const char *message;
    void (*spoil)(Program &);
    void (*restore)(Program &);
  } cases[] = {
      {"input 'x' is a null pointer", [](Program &p) { p.inputs[0] = nullptr; },
       [](Program &p) { p.inputs[0] = &p.x; }},
      {"input 'x' has dtype f64, expected f32",
       [](Program &p) { p.x.dtype.bits = 64; },
       [](Program &p) { p.x.dtype.bits = 32; }},
      {"input 'x' has dtype DLPack type code 5 with 32 bits",
       [](Program &p) { p.x.dtype.code = kDLComplex; },
       [](Program &p) { p.x.dtype.code = kDLFloat; }},
      {"4 lanes", [](Program &p) { p.x.dtype.lanes = 4; },
       [](Program &p) { p.x.dtype.lanes = 1; }},
      {"input 'x' has rank 1, expected 2", [](Program &p) { p.x.ndim = 1; },
       [](Program &p) { p.x.ndim = 2; }},
      {"input 'x' has rank -1", [](Program &p) { p.x.ndim = -1; },
       [](Program &p) { p.x.ndim = 2; }},
      {"input 'x' has no shape", [](Program &p) { p.x.shape = nullptr; },
       [](Program &p) { p.x.shape = p.xShape; }},
      {"input 'x' has extent 2 in dimension 1, expected 3",
       [](Program &p) { p.xShape[1] = 2; },
       [](Program &p) { p.xShape[1] = 3; }},
      {"negative extent", [](Program &p) { p.xShape[0] = -4; },
       [](Program &p) { p.xShape[0] = 4; }},
      {"size that overflows", [](Program &p) { p.xShape[0] = INT64_MAX; },
       [](Program &p) { p.xShape[0] = 4; }},
      {"but 'batch' is 4", [](Program &p) { p.maskShape[0] = 3; },
       [](Program &p) { p.maskShape[0] = 4; }},
      {"not on the CPU", [](Program &p) { p.x.device.device_type = kDLCUDA; },
       [](Program &p) { p.x.device.device_type = kDLCPU; }},
      {"input 'x' has no data", [](Program &p) { p.x.data = nullptr; },
       [](Program &p) { p.x.data = p.xData; }},
      {"not aligned", [](Program &p) { p.x.byte_offset = 2; },
       [](Program &p) { p.x.byte_offset = 0; }},
      {"output 'y' has extent 3 in dimension 0, expected 4 for these inputs",
       [](Program &p) { p.yShape[0] = 3; },
       [](Program &p) { p.yShape[0] = 4; }},
      {"output 'count' has dtype i32, expected i64",
       [](Program &p) { p.count.dtype.bits = 32; },
       [](Program &p) { p.count.dtype.bits = 64; }},
      {"output 'y' overlaps input 'x'",
       [](Program &p) { p.y.data = p.xData + 10; },
       [](Program &p) { p.y.data = p.yData; }},
      {"output 'count' overlaps output 'y'",
       [](Program &p) { p.count.data = p.yData + 2; },
       [](Program &p) { p.count.data = p.countData; }},
  };
  for (const auto &[message, spoil, restore] : cases) {
    spoil(*this);
    expectBad(message);
    restore(*this);
    EXPECT_EQ(invoke(), TERN_OK) << tern_last_error();
  }
  EXPECT_EQ(tern_program_invoke(program, inputs, 1, outputs, 2),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_last_error(), HasSubstr("takes 2 inputs (x: batchx3xf32"));
  EXPECT_EQ(tern_program_invoke(program, inputs, 2, outputs, 1),
            TERN_INVALID_ARGUMENT);
  EXPECT_EQ(tern_program_invoke(program, nullptr, 2, outputs, 2),
            TERN_INVALID_ARGUMENT);
  EXPECT_EQ(tern_program_invoke(nullptr, inputs, 2, outputs, 2),
            TERN_INVALID_ARGUMENT);
}

TEST_F(Program, Strides) {
  int64_t dense[] = {3, 1}, transposed[] = {1, 4};
  x.strides = dense;
  EXPECT_EQ(invoke(), TERN_OK);
  x.strides = transposed;
  expectBad("input 'x' is not dense and row-major");
  // The stride of an extent of 1 does not matter.
  setBatch(1);
  int64_t odd[] = {77, 1};
  x.strides = odd;
  EXPECT_EQ(invoke(), TERN_OK);
}

TEST_F(Program, BooleansMayBeBytes) {
  mask.dtype = {kDLUInt, 8, 1};
  EXPECT_EQ(invoke(), TERN_OK);
  mask.dtype = {kDLInt, 8, 1};
  expectBad("input 'mask' has dtype i8, expected bool");
}

TEST_F(Program, ConcurrentCallsTakeTurns) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      float result[8];
      int64_t sums[4];
      DLTensor myY = y, myCount = count;
      myY.data = result;
      myCount.data = sums;
      const DLTensor *mine[] = {&myY, &myCount};
      for (int i = 0; i < 200; ++i)
        good += tern_program_invoke(program, inputs, 2, mine, 2) == TERN_OK &&
                result[7] == 9 * 2 + 10 * 4 + 11 * 6;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 800);
}

// Also while another thread is in a call, and so holds the program's lock.
TEST_F(Program, WorksInAForkedChild) {
  ASSERT_EQ(tern_program_set_num_threads(program, 4), TERN_OK);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    float result[128];
    int64_t sums[64];
    DLTensor myY = y, myCount = count;
    myY.data = result;
    myCount.data = sums;
    const DLTensor *mine[] = {&myY, &myCount};
    while (!stop)
      EXPECT_EQ(tern_program_invoke(program, inputs, 2, mine, 2), TERN_OK);
  });
  for (int i = 0; i < 30; ++i) {
    pid_t pid = ::fork();
    if (pid == 0) {
      ::alarm(60);
      bool good = invoke() == TERN_OK && yData[7] == 9 * 2 + 10 * 4 + 11 * 6;
      if (i % 3 == 1)
        good &= tern_program_set_num_threads(program, 2) == TERN_OK &&
                invoke() == TERN_OK;
      if (i % 3 == 2) {
        TernProgram *another = nullptr;
        good &= tern_program_load(FAKE_ARTIFACT, nullptr, &another) == TERN_OK;
        tern_program_destroy(another);
      }
      tern_program_destroy(program);
      ::_exit(good ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  busy.join();
}

TEST_F(Program, ErrorsBelongToThreads) {
  x.ndim = 1;
  expectBad("rank 1");
  std::thread([] { EXPECT_STREQ(tern_last_error(), ""); }).join();
}

TEST(ProgramLoading, LongMessagesAreCut) {
  TernProgram *program = nullptr;
  for (const char *begin : {"", "x"}) {
    std::string path = begin;
    while (path.size() < 5000)
      path += "\u00e9";
    EXPECT_EQ(tern_program_load(path.c_str(), nullptr, &program),
              TERN_IO_ERROR);
    std::string message = tern_last_error();
    EXPECT_LT(message.size(), 4096u);
    EXPECT_GT(message.size(), 4090u);
    EXPECT_EQ(message.substr(message.size() - 6), "\u00e9 ...");
  }
}

TEST(ProgramLoading, Options) {
  TernProgram *program = nullptr;
  TernProgramOptions options = {};
  EXPECT_EQ(tern_program_load(FAKE_ARTIFACT, &options, &program),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_last_error(), HasSubstr("size is not set"));
  options.size = sizeof(options);
  options.flags = TERN_LOAD_SIGNATURE_ONLY;
  options.weights_path = "/nowhere";
  ASSERT_EQ(tern_program_load(FAKE_ARTIFACT, &options, &program), TERN_OK);
  EXPECT_EQ(tern_program_num_inputs(program), 2u);
  EXPECT_EQ(tern_program_num_threads(program), 0u);
  EXPECT_EQ(tern_program_profile_begin(program), TERN_INVALID_ARGUMENT);
  EXPECT_EQ(tern_program_invoke(program, nullptr, 0, nullptr, 0),
            TERN_INVALID_ARGUMENT);
  EXPECT_THAT(tern_last_error(), HasSubstr("for its signature only"));
  tern_program_destroy(program);

  options.flags = 0;
  EXPECT_EQ(tern_program_load(FAKE_ARTIFACT, &options, &program),
            TERN_IO_ERROR);
  EXPECT_EQ(program, nullptr);
  options.flags = 1u << 31;
  EXPECT_EQ(tern_program_load(FAKE_ARTIFACT, &options, &program),
            TERN_INVALID_ARGUMENT);
  EXPECT_EQ(tern_program_load(nullptr, nullptr, &program),
            TERN_INVALID_ARGUMENT);
  EXPECT_EQ(tern_program_load(FAKE_ARTIFACT, nullptr, nullptr),
            TERN_INVALID_ARGUMENT);
  TernArtifact empty = {};
  EXPECT_EQ(tern_program_link(&empty, nullptr, &program), TERN_BAD_ARTIFACT);
  tern_program_destroy(nullptr);
}
