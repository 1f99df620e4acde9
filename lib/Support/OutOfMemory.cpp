//===- OutOfMemory.cpp - End with a line of error -------------------------===//
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
#include <atomic>
#include <cstring>
#include <unistd.h>

/// Allocates nothing. Of several threads that come here, one reports.
[[noreturn]] static void exitWith(const char *what, const char *detail) {
  static std::atomic_flag entered = ATOMIC_FLAG_INIT;
  while (entered.test_and_set())
    ::pause();
  for (const char *text : {"error: ", what, detail, "\n"}) {
    [[maybe_unused]] ssize_t ignored = ::write(
        STDERR_FILENO, text, *text == '\n' ? 1 : std::strcspn(text, "\n"));
  }
  llvm::sys::RunInterruptHandlers();
  tern::TemporaryFolder::removeAll();
  ::_exit(1);
}

void tern::exitWhenOutOfMemory() {
  llvm::install_out_of_memory_new_handler();
  llvm::install_bad_alloc_error_handler(
      [](void *, const char *, bool) { exitWith("out of memory", ""); });
  llvm::install_fatal_error_handler([](void *, const char *reason, bool) {
    exitWith("LLVM cannot go on: ", reason);
  });
}
