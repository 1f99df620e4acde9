//===- ThreadPool.cpp - Persistent threads for parallel loops ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

#include <algorithm>
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

ThreadPool::ThreadPool(unsigned numThreads) : gate(closed) {
  // Signals are for the program's own threads.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  startWorkers(numThreads - 1);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

void ThreadPool::startWorkers(unsigned count) {
  workers.reserve(count);
  try {
    for (unsigned i = 1; i <= count; ++i)
      workers.emplace_back([this, i] { work(i); });
  } catch (const std::system_error &) {
    // The system allows no more threads; those that exist do the work.
    return;
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
    ++epoch;
  }
  wake.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::takeChunks() {
  insideLoop = true;
  for (;;) {
    int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
    if (begin >= total)
      break;
    body(env, begin, std::min(total, begin + chunk));
  }
  insideLoop = false;
}

void ThreadPool::parallelFor(int64_t n, Body newBody, void *newEnv) {
  if (n <= 0)
    return;
  if (n == 1 || workers.empty() || insideLoop) {
    newBody(newEnv, 0, n);
    return;
  }
  body = newBody;
  env = newEnv;
  total = n;
  // Several chunks per thread even out what the threads are slowed down by. At
  // most `size` chunks lie beyond the end, so `next` cannot overflow for any n
  // that memory can hold.
  chunk = std::max<int64_t>(1, n / (int64_t(4) * size()));
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

uint32_t ThreadPool::waitForEpoch(uint32_t seen) {
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

void ThreadPool::work(unsigned index) {
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

unsigned tern::runtime::numAvailableCores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) {
    // More processors than cpu_set_t holds.
    return std::max(1u, std::thread::hardware_concurrency());
  }
  // Two hardware threads of one core list the same siblings.
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set))
      continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(file, siblings))
      siblings = "cpu" + std::to_string(cpu);
    cores.insert(siblings);
  }
  return std::max<unsigned>(1, static_cast<unsigned>(cores.size()));
}
