//===- ForkHook.h - Run a function in forked children -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A forked child has one thread, the one that forked, and copies of locks that
// other threads may have held. Threads that a pool waits for do not exist, and
// such locks are never released: whoever has either sets it right here.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_FORKHOOK_H
#define TERN_RUNTIME_FORKHOOK_H

#include <mutex>
#include <new>

namespace tern::runtime {

/// Calls a function in every child that is forked while this exists, before
/// fork returns there. It is the only thread then; it must not allocate, free
/// or lock. Make it the last member of what it is for.
class ForkHook {
public:
  ForkHook(void (*inChild)(void *), void *context);
  ForkHook(const ForkHook &) = delete;
  ForkHook &operator=(const ForkHook &) = delete;
  ~ForkHook();

private:
  static void runAll();

  void (*inChild)(void *);
  void *context;
  ForkHook *previous = nullptr, *next = nullptr;
};

/// A mutex that is free in a forked child, whoever held it.
class ForkSafeMutex {
public:
  void lock() { mutex.lock(); }
  void unlock() { mutex.unlock(); }

private:
  // Destroying a mutex that is locked is not allowed; so it just begins anew.
  static void renew(void *mutex) { ::new (mutex) std::mutex; }

  std::mutex mutex;
  ForkHook hook{renew, &mutex};
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_FORKHOOK_H
