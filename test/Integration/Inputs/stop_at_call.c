/* Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

   Preloaded into a program, stops it just before its N-th call that changes
   files, with N from the environment's STOP_AT: by the signal STOP_BY (SIGKILL
   if that is not set) or, if FAIL_WITH is set, by making the call fail with
   that error number. Appends each call to the file CALLS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static long stopAt, failWith, signalNumber = SIGKILL, count;
static int calls = -1;

__attribute__((constructor)) static void begin(void) {
  const char *at = getenv("STOP_AT"), *code = getenv("FAIL_WITH");
  const char *path = getenv("CALLS");
  stopAt = at ? atol(at) : 0;
  failWith = code ? atol(code) : 0;
  if (getenv("STOP_BY"))
    signalNumber = atol(getenv("STOP_BY"));
  if (path)
    calls = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  /* Not in the programs that it starts. */
  unsetenv("LD_PRELOAD");
}

/* 1 if the call must fail. */
static int enter(const char *name, const char *what) {
  long n = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
  if (calls >= 0)
    dprintf(calls, "%s %s\n", name, what);
  if (n != stopAt)
    return 0;
  if (!failWith)
    kill(getpid(), (int)signalNumber);
  errno = (int)failWith;
  return 1;
}

static int enterFd(const char *name, int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof(path) - 1);
  path[size > 0 ? size : 0] = 0;
  /* Terminals, pipes and the standard streams hold no files of the user's. */
  return fd > 2 && path[0] == '/' ? enter(name, path) : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to) {
  return enter("rename", to) ? -1 : REAL(rename)(from, to);
}
int fsync(int fd) { return enterFd("fsync", fd) ? -1 : REAL(fsync)(fd); }
int fchmod(int fd, mode_t mode) {
  return enterFd("fchmod", fd) ? -1 : REAL(fchmod)(fd, mode);
}
int unlink(const char *path) {
  return enter("unlink", path) ? -1 : REAL(unlink)(path);
}
int remove(const char *path) {
  return enter("remove", path) ? -1 : REAL(remove)(path);
}
int rmdir(const char *path) {
  return enter("rmdir", path) ? -1 : REAL(rmdir)(path);
}
char *mkdtemp(char *path) {
  return enter("mkdtemp", path) ? NULL : REAL(mkdtemp)(path);
}
ssize_t write(int fd, const void *data, size_t size) {
  return enterFd("write", fd) ? -1 : REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  return enterFd("pwrite", fd) ? -1 : REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  return enterFd("pwrite", fd) ? -1 : REAL(pwrite64)(fd, data, size, at);
}
