//===- ThreadPool.h - Persistent threads for parallel loops -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Own code because the well-kept alternative, pthreadpool, comes without a
// static archive in Debian (stand-alone executables need one), deadlocks on
// nested loops and spins for milliseconds, which hurts on shared machines.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_THREADPOOL_H
#define TERN_RUNTIME_THREADPOOL_H

#include "ForkHook.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace tern::runtime {

/// The caller of parallelFor is one of the threads. One loop at a time:
/// concurrent callers must take turns.
///
/// A forked child has none of the threads: its copy starts others when it first
/// runs a loop, whatever the parent's threads did when it forked.
class ThreadPool {
public:
  using Body = void (*)(void *env, int64_t begin, int64_t end);

  /// Starts numThreads - 1 workers, or as many as the system allows.
  explicit ThreadPool(unsigned numThreads);
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;
  ~ThreadPool();

  unsigned size() const { return numThreads; }

  /// Covers [0, n) with disjoint calls of body; returns when all are done. A
  /// call from within a body runs serially.
  void parallelFor(int64_t n, Body body, void *env);

  /// 0 on threads outside any pool, else 1, 2, ... within the pool.
  static unsigned workerIndex();

private:
  /// The workers and what they and the caller share.
  struct Crew {
    explicit Crew(unsigned numThreads);
    ~Crew();
    void run(int64_t n, Body body, void *env);
    void startWorkers(unsigned count);
    void work(unsigned index);
    void takeChunks();
    uint32_t waitForEpoch(uint32_t seen);

    // The loop being run; written only while the gate is closed and empty.
    Body body = nullptr;
    void *env = nullptr;
    int64_t total = 0, chunk = 1;
    alignas(64) std::atomic<int64_t> next{0};
    // Workers inside the loop, plus `closed` while none may enter.
    alignas(64) std::atomic<uint32_t> gate;
    // Counts loops, so that workers notice a new one.
    alignas(64) std::atomic<uint32_t> epoch{0};
    std::atomic<uint32_t> sleepers{0};
    std::atomic<bool> stopping{false};
    std::mutex mutex;
    std::condition_variable wake;
    std::vector<std::thread> workers;
    Crew *olderLost = nullptr;
  };

  static void loseCrew(void *pool);
  /// False if there is no memory. Throws nothing: its caller's callers are
  /// compiled models.
  bool startCrew() noexcept;

  unsigned numThreads;
  std::unique_ptr<Crew> crew;
  ForkHook hook{loseCrew, this};
};

/// The number of threads to use if nobody says another: physical cores among
/// the processors that this process may run on, but no more than what its
/// control groups grant it; at least 1.
unsigned numAvailableCores();

} // namespace tern::runtime

#endif // TERN_RUNTIME_THREADPOOL_H
