//===- OutOfMemory.cpp - An error where memory runs out -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/OutOfMemory.h"
#include "tern/Support/TemporaryFolder.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <unistd.h>

/// Allocates nothing. Of several threads that come here, one reports, in one
/// piece: others may still write.
[[noreturn]] static void exitWith(const char *what, const char *detail) {
  static std::atomic_flag entered = ATOMIC_FLAG_INIT;
  while (entered.test_and_set())
    ::pause();
  static char line[1024];
  size_t size = 0;
  for (const char *text : {"error: ", what, detail}) {
    size_t length = std::min(std::strcspn(text, "\n"), sizeof(line) - 1 - size);
    std::memcpy(line + size, text, length);
    size += length;
  }
  line[size++] = '\n';
  [[maybe_unused]] ssize_t ignored = ::write(STDERR_FILENO, line, size);
  llvm::sys::RunInterruptHandlers();
  tern::TemporaryFolder::removeAll();
  ::_exit(1);
}

static struct sigaction previousFault, previousAbort;

/// MLIR writes to some of what malloc returns without a look at it: close to
/// address 0, then, and with the error of malloc still there.
static void handleFault(int, siginfo_t *info, void *) {
  if (errno == ENOMEM &&
      reinterpret_cast<uintptr_t>(info->si_addr) < uintptr_t(1) << 16)
    exitWith("out of memory", "");
  // Happens again on return, and is handled as if this had not been here.
  (void)::sigaction(SIGSEGV, &previousFault, nullptr);
}

/// The C library aborts, after a line of its own, where it has no memory for
/// what it cannot report: the destructor of a thread's variable.
static void handleAbort(int) {
  if (errno == ENOMEM)
    exitWith("out of memory", "");
  (void)::sigaction(SIGABRT, &previousAbort, nullptr);
  (void)::raise(SIGABRT);
}

void tern::exitWhenOutOfMemory() {
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  action.sa_sigaction = handleFault;
  (void)::sigaction(SIGSEGV, &action, &previousFault);
  struct sigaction onAbort = {};
  onAbort.sa_flags = SA_ONSTACK;
  onAbort.sa_handler = handleAbort;
  (void)::sigaction(SIGABRT, &onAbort, &previousAbort);
  llvm::install_out_of_memory_new_handler();
  llvm::install_bad_alloc_error_handler(
      [](void *, const char *, bool) { exitWith("out of memory", ""); });
  llvm::install_fatal_error_handler([](void *, const char *reason, bool) {
    exitWith("LLVM cannot go on: ", reason);
  });
}
