//===- ThreadPoolTest.cpp - Tests of the thread pool ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tern::runtime;

namespace {
struct Counts {
  explicit Counts(int64_t n) : hits(static_cast<size_t>(n)) {}
  std::vector<std::atomic<int>> hits;
  std::atomic<bool> outOfBounds{false};

  static void body(void *env, int64_t begin, int64_t end) {
    Counts &counts = *static_cast<Counts *>(env);
    if (begin >= end || begin < 0 ||
        end > static_cast<int64_t>(counts.hits.size()))
      counts.outOfBounds = true;
    for (int64_t i = begin; i < end; ++i)
      ++counts.hits[static_cast<size_t>(i)];
  }

  bool areAll(int value) const {
    for (const std::atomic<int> &hit : hits)
      if (hit != value)
        return false;
    return !outOfBounds;
  }
};
} // namespace

TEST(ThreadPool, CoversEachIndexOnce) {
  for (unsigned threads = 1; threads <= 8; ++threads) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (int64_t n : {0, 1, 2, 3, 7, 8, 31, 32, 33, 1000, 4097}) {
      Counts counts(n);
      pool.parallelFor(n, Counts::body, &counts);
      EXPECT_TRUE(counts.areAll(1)) << threads << " threads, n = " << n;
    }
  }
}

TEST(ThreadPool, ManyLoopsInARow) {
  for (unsigned threads : {2u, 3u, 8u}) {
    ThreadPool pool(threads);
    Counts counts(50);
    for (int i = 0; i < 2000; ++i) {
      pool.parallelFor(50, Counts::body, &counts);
      // Let the workers fall asleep now and then.
      if (i % 500 == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_TRUE(counts.areAll(2000));
  }
}

TEST(ThreadPool, NegativeRunsNothing) {
  ThreadPool pool(2);
  Counts counts(1);
  pool.parallelFor(-5, Counts::body, &counts);
  EXPECT_TRUE(counts.areAll(0));
}

TEST(ThreadPool, NestedLoopsRunSerially) {
  struct Env {
    ThreadPool pool{4};
    Counts counts{1000};
    std::atomic<int> calls{0};
  } env;
  env.pool.parallelFor(
      20,
      [](void *p, int64_t begin, int64_t end) {
        Env &env = *static_cast<Env *>(p);
        for (int64_t i = begin; i < end; ++i) {
          ++env.calls;
          env.pool.parallelFor(1000, Counts::body, &env.counts);
        }
      },
      &env);
  EXPECT_EQ(env.calls, 20);
  EXPECT_TRUE(env.counts.areAll(20));
}

TEST(ThreadPool, WorkersHaveTheirOwnIndex) {
  struct Env {
    std::mutex mutex;
    std::set<std::pair<unsigned, std::thread::id>> seen;
  } env;
  ThreadPool pool(4);
  for (int i = 0; i < 50; ++i)
    pool.parallelFor(
        16,
        [](void *p, int64_t, int64_t) {
          Env &env = *static_cast<Env *>(p);
          std::lock_guard<std::mutex> lock(env.mutex);
          env.seen.emplace(ThreadPool::workerIndex(),
                           std::this_thread::get_id());
        },
        &env);
  std::set<unsigned> indices;
  for (const auto &[index, id] : env.seen) {
    EXPECT_LT(index, 4u);
    EXPECT_TRUE(indices.insert(index).second) << "two threads share " << index;
  }
}

TEST(ThreadPool, StartsAndStops) {
  for (int i = 0; i < 50; ++i)
    ThreadPool pool(4);
}

/// Runs a function in a child, which has a minute: 0 if it returns true.
template <typename Function> static int inChild(const Function &function) {
  pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(60);
    ::_exit(function() ? 0 : 1);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  return status;
}

TEST(ThreadPool, WorksInAForkedChild) {
  ThreadPool pool(4);
  auto works = [&] {
    Counts counts(1000);
    pool.parallelFor(1000, Counts::body, &counts);
    return pool.size() == 4 && counts.areAll(1);
  };
  for (int i = 0; i < 20; ++i) {
    // Asleep, or still spinning.
    if (i % 2)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(inChild(works), 0);
    // And its own child.
    EXPECT_EQ(inChild([&] { return works() && inChild(works) == 0; }), 0);
    EXPECT_TRUE(works());
  }
}

TEST(ThreadPool, IsDestroyedInAForkedChild) {
  for (int i = 0; i < 20; ++i) {
    auto *pool = new ThreadPool(4);
    if (i % 2)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(inChild([&] {
                delete pool;
                return true;
              }),
              0);
    delete pool;
  }
}

// Another thread's loop is lost in the child, whatever its workers were at.
TEST(ThreadPool, ForksDuringALoop) {
  ThreadPool pool(4);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) {
      Counts counts(257);
      pool.parallelFor(257, Counts::body, &counts);
    }
  });
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(inChild([&] {
                Counts counts(33);
                pool.parallelFor(33, Counts::body, &counts);
                return counts.areAll(1);
              }),
              0);
  stop = true;
  busy.join();
}

TEST(ThreadPool, CountsTheProcessorsItMayUse) {
  cpu_set_t old, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(old), &old), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); ++cpu)
    if (CPU_ISSET(cpu, &old))
      CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(numAvailableCores(), 1u);
  ASSERT_EQ(sched_setaffinity(0, sizeof(old), &old), 0);
}

TEST(ThreadPool, CountsCores) {
  EXPECT_GE(numAvailableCores(), 1u);
  EXPECT_LE(numAvailableCores(), std::thread::hardware_concurrency());
}
