//===- AsanOptions.cpp - AddressSanitizer's default options ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For instrumented programs on LLVM's and MLIR's libraries, which are not
// instrumented. Containers that cross the border would be reported, and so
// would memory that our instrumented copy of an inline allocator poisons and
// theirs hands out. Leaks at exit are LLVM's own singletons. A report is a
// crash, which no test takes for a refusal.
//
//===----------------------------------------------------------------------===//

// The names are the sanitizers'.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" const char *__asan_default_options();
extern "C" const char *__asan_default_options() {
  return "abort_on_error=1:detect_leaks=0:detect_container_overflow=0:"
         "allow_user_poisoning=0";
}

extern "C" const char *__ubsan_default_options();
extern "C" const char *__ubsan_default_options() {
  return "abort_on_error=1:print_stacktrace=1";
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
