//===- ForkHook.cpp - Run a function in forked children ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ForkHook.h"

#include <pthread.h>

using namespace tern::runtime;

// All hooks. The thread that forks holds the lock meanwhile, so the list is
// whole in the child.
static pthread_mutex_t listLock = PTHREAD_MUTEX_INITIALIZER;
static ForkHook *firstHook = nullptr;

static void lockList() { pthread_mutex_lock(&listLock); }
static void unlockList() { pthread_mutex_unlock(&listLock); }

ForkHook::ForkHook(void (*inChild)(void *), void *context)
    : inChild(inChild), context(context) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, [] { pthread_atfork(lockList, unlockList, runAll); });
  lockList();
  next = firstHook;
  if (next)
    next->previous = this;
  firstHook = this;
  unlockList();
}

ForkHook::~ForkHook() {
  lockList();
  (previous ? previous->next : firstHook) = next;
  if (next)
    next->previous = previous;
  unlockList();
}

void ForkHook::runAll() {
  for (ForkHook *hook = firstHook; hook; hook = hook->next)
    hook->inChild(hook->context);
  unlockList();
}
