//===- StopSignals.cpp - Requests to end a run -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StopSignals.h"

#include <csignal>
#include <initializer_list>

#include <unistd.h>

using namespace tern::runtime;

static volatile std::sig_atomic_t stopRequested = 0;

static void endAtOnce(int number) { ::_exit(128 + number); }

static void requestStop(int number) {
  stopRequested = 1;
  if (number != SIGHUP)
    std::signal(number, ::getpid() == 1 ? endAtOnce : SIG_DFL);
}

static bool isIgnored(int number) {
  struct sigaction action;
  return ::sigaction(number, nullptr, &action) == 0 &&
         action.sa_handler == SIG_IGN;
}

void tern::runtime::endOnSignals() {
  if (::getpid() != 1)
    return;
  for (int number : {SIGINT, SIGTERM, SIGHUP})
    if (!isIgnored(number))
      std::signal(number, endAtOnce);
}

void tern::runtime::catchStopSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  // Shells start jobs in the background with SIGINT ignored, and then send it.
  std::signal(SIGINT, requestStop);
  for (int number : {SIGTERM, SIGHUP})
    if (!isIgnored(number))
      std::signal(number, requestStop);
}

bool tern::runtime::isStopRequested() { return stopRequested; }
