// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C library as it is where it has no memory for the destructor of a
// thread's variable, at the call TLS_AT.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object,
                             void *library) {
  static int (*real)(void (*)(void *), void *, void *);
  static int count;
  if (!real)
    real = dlsym(RTLD_NEXT, "__cxa_thread_atexit_impl");
  if (++count != atoi(getenv("TLS_AT")))
    return real(destroy, object, library);
  static const char text[] = "Fatal glibc error: failed to register TLS "
                             "destructor: out of memory\n";
  if (write(STDERR_FILENO, text, sizeof(text) - 1))
    errno = ENOMEM;
  abort();
}
