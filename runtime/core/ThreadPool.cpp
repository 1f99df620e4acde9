//===- ThreadPool.cpp - Persistent threads for parallel loops ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"
#include "CpuQuota.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <set>
#include <string>
#include <system_error>

#include <sched.h>

using namespace tern::runtime;

static constexpr uint32_t closed = uint32_t(1) << 31;
// About 20 us: longer than the serial code between two loops of a small
// model, too short to matter to others on the machine.
static constexpr int spins = 1000;

static thread_local unsigned currentWorker = 0;
static thread_local bool insideLoop = false;

static void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

unsigned ThreadPool::workerIndex() { return currentWorker; }

ThreadPool::ThreadPool(unsigned numThreads)
    : crew(std::make_unique<Crew>(numThreads)) {
  this->numThreads = static_cast<unsigned>(crew->workers.size()) + 1;
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::loseCrew(void *pool) {
  // Threads that do not exist cannot be joined, nor can what they wait for be
  // destroyed: it stays, where leak checkers find it.
  static Crew *lost = nullptr;
  if (Crew *crew = static_cast<ThreadPool *>(pool)->crew.release()) {
    crew->olderLost = lost;
    lost = crew;
  }
}

bool ThreadPool::startCrew() noexcept {
  try {
    crew = std::make_unique<Crew>(numThreads);
    return true;
  } catch (const std::exception &) {
    return false;
  }
}

void ThreadPool::parallelFor(int64_t n, Body body, void *env) {
  if (n <= 0)
    return;
  if (n == 1 || numThreads == 1 || insideLoop) {
    body(env, 0, n);
    return;
  }
  if (!crew && !startCrew()) {
    body(env, 0, n);
    return;
  }
  crew->run(n, body, env);
}

//===----------------------------------------------------------------------===//
// Workers
//===----------------------------------------------------------------------===//

ThreadPool::Crew::Crew(unsigned numThreads) : gate(closed) {
  // Signals are for the program's own threads.
  sigset_t all, old;
  sigfillset(&all);
  // But for those that a thread brings about itself: blocked, they end the
  // process even where the program handles them.
  for (int own : {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP})
    sigdelset(&all, own);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  startWorkers(numThreads - 1);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

void ThreadPool::Crew::startWorkers(unsigned count) {
  try {
    workers.reserve(count);
    for (unsigned i = 1; i <= count; ++i)
      workers.emplace_back([this, i] { work(i); });
  } catch (const std::exception &) {
    // The system allows no more threads, or has no memory for them; those that
    // exist do the work.
    return;
  }
}

ThreadPool::Crew::~Crew() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
    ++epoch;
  }
  wake.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::Crew::takeChunks() {
  insideLoop = true;
  for (;;) {
    int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
    if (begin >= total)
      break;
    body(env, begin, std::min(total, begin + chunk));
  }
  insideLoop = false;
}

void ThreadPool::Crew::run(int64_t n, Body newBody, void *newEnv) {
  body = newBody;
  env = newEnv;
  total = n;
  // Several chunks per thread even out what the threads are slowed down by. At
  // most `size` chunks lie beyond the end, so `next` cannot overflow for any n
  // that memory can hold.
  chunk = std::max<int64_t>(
      1, n / (int64_t(4) * (static_cast<int64_t>(workers.size()) + 1)));
  next.store(0, std::memory_order_relaxed);
  gate.fetch_and(~closed, std::memory_order_release);
  epoch.fetch_add(1);
  if (sleepers.load() != 0) {
    // Taking the lock makes sure that whoever counted itself is waiting.
    {
      std::lock_guard<std::mutex> lock(mutex);
    }
    wake.notify_all();
  }

  takeChunks();

  // Workers that have not entered yet need not: all chunks are taken.
  gate.fetch_or(closed, std::memory_order_relaxed);
  for (int i = 0; gate.load(std::memory_order_acquire) != closed; ++i) {
    if (i < spins)
      relax();
    else
      std::this_thread::yield();
  }
}

uint32_t ThreadPool::Crew::waitForEpoch(uint32_t seen) {
  for (int i = 0; i < spins; ++i) {
    uint32_t current = epoch.load(std::memory_order_acquire);
    if (current != seen)
      return current;
    relax();
  }
  std::unique_lock<std::mutex> lock(mutex);
  ++sleepers;
  wake.wait(lock, [&] { return epoch.load() != seen; });
  --sleepers;
  return epoch.load();
}

void ThreadPool::Crew::work(unsigned index) {
  currentWorker = index;
  uint32_t seen = 0;
  for (;;) {
    seen = waitForEpoch(seen);
    if (stopping.load())
      return;
    // While this worker is counted, the caller cannot end the loop and no
    // other can begin.
    uint32_t before = gate.fetch_add(1, std::memory_order_acquire);
    if (!(before & closed))
      takeChunks();
    gate.fetch_sub(1, std::memory_order_release);
  }
}

/// The processors that this process may run on.
static std::vector<unsigned> allowedProcessors() {
  std::vector<unsigned> result;
  // Machines may have more processors than cpu_set_t holds.
  for (size_t count = CPU_SETSIZE; count <= size_t(1) << 20; count *= 2) {
    cpu_set_t *set = CPU_ALLOC(count);
    if (!set)
      break;
    size_t bytes = CPU_ALLOC_SIZE(count);
    bool isRead = sched_getaffinity(0, bytes, set) == 0;
    for (size_t cpu = 0; isRead && cpu < count; ++cpu)
      if (CPU_ISSET_S(cpu, bytes, set))
        result.push_back(static_cast<unsigned>(cpu));
    CPU_FREE(set);
    if (isRead || errno != EINVAL)
      break;
  }
  return result;
}

unsigned tern::runtime::numAvailableCores() {
  std::vector<unsigned> processors = allowedProcessors();
  // Two hardware threads of one core list the same siblings.
  std::set<std::string> cores;
  for (unsigned cpu : processors) {
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(file, siblings))
      siblings = "cpu" + std::to_string(cpu);
    cores.insert(siblings);
  }
  unsigned count = processors.empty() ? std::thread::hardware_concurrency()
                                      : static_cast<unsigned>(cores.size());
  if (std::optional<unsigned> quota = readCpuQuota())
    count = std::min(count, *quota);
  return std::max(1u, count);
}
