/* Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

   Preloaded into a program, makes its N-th allocation or call of the file
   system fail, or do less than it was asked for.

   A program finds fault_arm() and fault_disarm() by dlsym, or the environment
   says it for a whole run, from main() on:
     FAULT_KIND  alloc: malloc and its like; full: these from one on; io: files;
                 short: reads and writes of half the bytes; eintr: interrupted
                 calls
     FAULT_AT    which one, from 1
     FAULT_ERRNO what failing calls of the file system set (default EIO)
     FAULT_LOG   a file that gets the number of calls at the end, and when a
                 call failed its name
   Programs that the program starts are left alone. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum Kind { NONE, ALLOC, FULL, IO, SHORT, EINTR_ONCE };

static int kind;
static long failAt, count;
static int failWith = EIO;
static const char *failed = "";
static char logPath[4096];
/* Calls that the shim makes itself. */
static __thread int inside;

void fault_arm(int newKind, long at, int code) {
  failAt = at;
  failWith = code;
  count = 0;
  failed = "";
  __atomic_store_n(&kind, newKind, __ATOMIC_SEQ_CST);
}

/* The number of calls; `name` becomes that of the one that failed, or "". */
long fault_disarm(const char **name) {
  __atomic_store_n(&kind, NONE, __ATOMIC_SEQ_CST);
  if (name)
    *name = failed;
  return count;
}

static int isNow(int wanted, const char *name) {
  if (__atomic_load_n(&kind, __ATOMIC_SEQ_CST) != wanted || inside)
    return 0;
  long now = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
  if (now == failAt)
    failed = name;
  return now == failAt || (wanted == FULL && failAt && now > failAt);
}

/* 1 if the call must fail; errno is set. `mayInterrupt`: whether POSIX lets
   signals end it. */
static int enter(const char *name, int mayInterrupt) {
  int code = isNow(IO, name)                           ? failWith
             : mayInterrupt && isNow(EINTR_ONCE, name) ? EINTR
                                                       : 0;
  if (!code)
    return 0;
  errno = code;
  return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* dlsym allocates at times. */
#define CALL(name, ...)                                                        \
  ({                                                                           \
    static __typeof__(&name) real;                                             \
    ++inside;                                                                  \
    if (!real)                                                                 \
      real = REAL(name);                                                       \
    --inside;                                                                  \
    real(__VA_ARGS__);                                                         \
  })

/* Memory. */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static int isFull(const char *name) {
  if (!isNow(ALLOC, name) && !isNow(FULL, name))
    return 0;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) {
  return isFull("malloc") ? NULL : __libc_malloc(size);
}
void *calloc(size_t number, size_t size) {
  return isFull("calloc") ? NULL : __libc_calloc(number, size);
}
void *realloc(void *old, size_t size) {
  return isFull("realloc") ? NULL : __libc_realloc(old, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  return isFull("aligned_alloc") ? NULL : __libc_memalign(alignment, size);
}
void *memalign(size_t alignment, size_t size) {
  return isFull("memalign") ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void **result, size_t alignment, size_t size) {
  if (isFull("posix_memalign"))
    return ENOMEM;
  *result = __libc_memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}

void *mmap(void *at, size_t size, int access, int flags, int fd, off_t offset) {
  if (fd < 0 ? isFull("mmap") : enter("mmap", 0))
    return MAP_FAILED;
  return CALL(mmap, at, size, access, flags, fd, offset);
}
void *mmap64(void *at, size_t size, int access, int flags, int fd,
             off64_t offset) {
  return mmap(at, size, access, flags, fd, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*begin)(void *), void *argument) {
  if (isFull("pthread_create"))
    return EAGAIN;
  return CALL(pthread_create, thread, attributes, begin, argument);
}

/* Opening. */

#define OPEN_MODE(flags)                                                       \
  ({                                                                           \
    mode_t mode = 0;                                                           \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                     \
      va_list list;                                                            \
      va_start(list, flags);                                                   \
      mode = va_arg(list, mode_t);                                             \
      va_end(list);                                                            \
    }                                                                          \
    mode;                                                                      \
  })

int open(const char *path, int flags, ...) {
  mode_t mode = OPEN_MODE(flags);
  return enter("open", 1) ? -1 : CALL(open, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  mode_t mode = OPEN_MODE(flags);
  return enter("open", 1) ? -1 : CALL(open64, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
  mode_t mode = OPEN_MODE(flags);
  return enter("openat", 1) ? -1 : CALL(openat, folder, path, flags, mode);
}
int __open_2(const char *path, int flags) { return open(path, flags); }
int __open64_2(const char *path, int flags) { return open64(path, flags); }
FILE *fopen(const char *path, const char *mode) {
  return enter("fopen", 0) ? NULL : CALL(fopen, path, mode);
}
FILE *fopen64(const char *path, const char *mode) {
  return enter("fopen", 0) ? NULL : CALL(fopen64, path, mode);
}
DIR *opendir(const char *path) {
  return enter("opendir", 0) ? NULL : CALL(opendir, path);
}
char *mkdtemp(char *path) {
  return enter("mkdtemp", 0) ? NULL : CALL(mkdtemp, path);
}
char *realpath(const char *path, char *result) {
  return enter("realpath", 0) ? NULL : CALL(realpath, path, result);
}
char *__realpath_chk(const char *path, char *result, size_t size) {
  return realpath(path, result);
}
int dup(int fd) { return enter("dup", 0) ? -1 : CALL(dup, fd); }
int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void *argument = va_arg(list, void *);
  va_end(list);
  return enter("fcntl", 0) ? -1 : CALL(fcntl, fd, command, argument);
}
int fcntl64(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void *argument = va_arg(list, void *);
  va_end(list);
  return enter("fcntl", 0) ? -1 : CALL(fcntl, fd, command, argument);
}
int flock(int fd, int operation) {
  return enter("flock", 1) ? -1 : CALL(flock, fd, operation);
}
void *dlopen(const char *path, int flags) {
  /* The real one looks who calls it: it takes the caller's search path, and
     artifacts are opened by absolute ones. */
  if (isNow(IO, "dlopen"))
    return CALL(dlopen, "/nothing/here.so", flags);
  return CALL(dlopen, path, flags);
}

/* Reading and writing. */

static size_t shorten(const char *name, size_t size) {
  return size > 1 && isNow(SHORT, name) ? size / 2 : size;
}

ssize_t read(int fd, void *data, size_t size) {
  if (enter("read", 1))
    return -1;
  return CALL(read, fd, data, shorten("read", size));
}
ssize_t __read_chk(int fd, void *data, size_t size, size_t room) {
  return read(fd, data, size);
}
ssize_t pread(int fd, void *data, size_t size, off_t at) {
  if (enter("pread", 1))
    return -1;
  return CALL(pread, fd, data, shorten("pread", size), at);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t at) {
  return pread(fd, data, size, at);
}
ssize_t __pread_chk(int fd, void *data, size_t size, off_t at, size_t room) {
  return pread(fd, data, size, at);
}
ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t at,
                      size_t room) {
  return pread(fd, data, size, at);
}
ssize_t write(int fd, const void *data, size_t size) {
  /* Not what the program says of it. */
  if (fd == STDERR_FILENO)
    return CALL(write, fd, data, size);
  if (enter("write", 1))
    return -1;
  return CALL(write, fd, data, shorten("write", size));
}
ssize_t writev(int fd, const struct iovec *parts, int number) {
  if (fd == STDERR_FILENO)
    return CALL(writev, fd, parts, number);
  if (enter("writev", 1))
    return -1;
  if (number > 0 && isNow(SHORT, "writev"))
    return CALL(write, fd, parts[0].iov_base, (parts[0].iov_len + 1) / 2);
  return CALL(writev, fd, parts, number);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  if (enter("pwrite", 1))
    return -1;
  return CALL(pwrite, fd, data, shorten("pwrite", size), at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  return pwrite(fd, data, size, at);
}
size_t fwrite(const void *data, size_t size, size_t number, FILE *file) {
  if (file != stderr && enter("fwrite", 0))
    return 0;
  return CALL(fwrite, data, size, number, file);
}
int fflush(FILE *file) {
  if (file != stderr && enter("fflush", 0))
    return EOF;
  return CALL(fflush, file);
}
ssize_t getrandom(void *data, size_t size, unsigned flags) {
  return enter("getrandom", 1) ? -1 : CALL(getrandom, data, size, flags);
}
off_t lseek(int fd, off_t at, int whence) {
  return enter("lseek", 0) ? -1 : CALL(lseek, fd, at, whence);
}
off64_t lseek64(int fd, off64_t at, int whence) {
  return enter("lseek", 0) ? -1 : CALL(lseek64, fd, at, whence);
}
int ftruncate(int fd, off_t size) {
  return enter("ftruncate", 1) ? -1 : CALL(ftruncate, fd, size);
}
int ftruncate64(int fd, off64_t size) {
  return enter("ftruncate", 1) ? -1 : CALL(ftruncate64, fd, size);
}
int fsync(int fd) { return enter("fsync", 1) ? -1 : CALL(fsync, fd); }
int close(int fd) {
  /* The descriptor is gone, as on Linux. */
  int status = CALL(close, fd);
  return enter("close", 0) ? -1 : status;
}
int fclose(FILE *file) {
  int status = CALL(fclose, file);
  return enter("fclose", 0) ? EOF : status;
}

/* Asking and changing. */

int stat(const char *path, struct stat *result) {
  return enter("stat", 0) ? -1 : CALL(stat, path, result);
}
int stat64(const char *path, struct stat64 *result) {
  return enter("stat", 0) ? -1 : CALL(stat64, path, result);
}
int lstat(const char *path, struct stat *result) {
  return enter("lstat", 0) ? -1 : CALL(lstat, path, result);
}
int lstat64(const char *path, struct stat64 *result) {
  return enter("lstat", 0) ? -1 : CALL(lstat64, path, result);
}
int fstat(int fd, struct stat *result) {
  return enter("fstat", 0) ? -1 : CALL(fstat, fd, result);
}
int fstat64(int fd, struct stat64 *result) {
  return enter("fstat", 0) ? -1 : CALL(fstat64, fd, result);
}
int access(const char *path, int mode) {
  return enter("access", 0) ? -1 : CALL(access, path, mode);
}
ssize_t readlink(const char *path, char *result, size_t size) {
  return enter("readlink", 0) ? -1 : CALL(readlink, path, result, size);
}
ssize_t __readlink_chk(const char *path, char *result, size_t size,
                       size_t room) {
  return readlink(path, result, size);
}
struct dirent *readdir(DIR *folder) {
  return enter("readdir", 0) ? NULL : CALL(readdir, folder);
}
struct dirent64 *readdir64(DIR *folder) {
  return enter("readdir", 0) ? NULL : CALL(readdir64, folder);
}
int rename(const char *from, const char *to) {
  return enter("rename", 0) ? -1 : CALL(rename, from, to);
}
int unlink(const char *path) {
  return enter("unlink", 0) ? -1 : CALL(unlink, path);
}
int remove(const char *path) {
  return enter("remove", 0) ? -1 : CALL(remove, path);
}
int rmdir(const char *path) {
  return enter("rmdir", 0) ? -1 : CALL(rmdir, path);
}
int mkdir(const char *path, mode_t mode) {
  return enter("mkdir", 0) ? -1 : CALL(mkdir, path, mode);
}
int link(const char *from, const char *to) {
  return enter("link", 0) ? -1 : CALL(link, from, to);
}
int fchmod(int fd, mode_t mode) {
  return enter("fchmod", 0) ? -1 : CALL(fchmod, fd, mode);
}
int fchown(int fd, uid_t user, gid_t group) {
  return enter("fchown", 0) ? -1 : CALL(fchown, fd, user, group);
}

/* Whole runs. */

static void report(void) {
  ++inside;
  const char *name = failed;
  long number = count;
  kind = NONE;
  int fd = CALL(open, logPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd >= 0) {
    char line[256];
    int size = snprintf(line, sizeof(line), "%ld %s\n", number, name);
    (void)!CALL(write, fd, line, (size_t)size);
    CALL(close, fd);
  }
  --inside;
}

static int (*realMain)(int, char **, char **);

static int beginMain(int argc, char **argv, char **environment) {
  const char *what = getenv("FAULT_KIND"), *at = getenv("FAULT_AT");
  const char *code = getenv("FAULT_ERRNO"), *path = getenv("FAULT_LOG");
  static const char *const names[] = {"none", "alloc", "full",
                                      "io",   "short", "eintr"};
  unsetenv("LD_PRELOAD");
  if (path && strlen(path) < sizeof(logPath)) {
    strcpy(logPath, path);
    atexit(report);
  }
  if (what)
    for (int i = 1; i <= EINTR_ONCE; ++i)
      if (strcmp(what, names[i]) == 0)
        fault_arm(i, at ? atol(at) : 0, code ? atoi(code) : EIO);
  return realMain(argc, argv, environment);
}

/* A program that ends by _exit() reports, too. */
void _exit(int status) {
  if (logPath[0] && kind != NONE)
    report();
  CALL(_exit, status);
  __builtin_unreachable();
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
                      void (*init)(void), void (*fini)(void),
                      void (*loaderFini)(void), void *stackEnd) {
  __typeof__(&__libc_start_main) start =
      (__typeof__(&__libc_start_main))dlsym(RTLD_NEXT, "__libc_start_main");
  realMain = main;
  return start(beginMain, argc, argv, init, fini, loaderFini, stackEnd);
}
