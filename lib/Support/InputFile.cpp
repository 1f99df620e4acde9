//===- InputFile.cpp - Open input files by name ---------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/InputFile.h"
#include "tern/Support/TemporaryFolder.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tern;

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
tern::openInputFile(llvm::StringRef path, bool orPipe) {
  auto fail = [](int code) {
    std::error_code error(code, std::generic_category());
    return llvm::createStringError(error, error.message());
  };
  // O_NONBLOCK: opening a pipe must not wait for its writer. Who means a pipe
  // means to wait.
  int flags = O_RDONLY | O_CLOEXEC | (orPipe ? 0 : O_NONBLOCK);
  int fd = llvm::sys::RetryAfterSignal(-1, ::open, path.str().c_str(), flags);
  if (fd < 0)
    return fail(errno);
  struct stat status;
  if (::fstat(fd, &status) != 0) {
    int code = errno;
    ::close(fd);
    return fail(code);
  }
  if (S_ISDIR(status.st_mode)) {
    ::close(fd);
    return fail(EISDIR);
  }
  bool isRegular = S_ISREG(status.st_mode);
  if (!isRegular && !(orPipe && S_ISFIFO(status.st_mode))) {
    ::close(fd);
    return llvm::createStringError("it is not a regular file");
  }
  auto buffer = llvm::MemoryBuffer::getOpenFile(
      fd, path, isRegular ? static_cast<uint64_t>(status.st_size) : -1,
      /*RequiresNullTerminator=*/false);
  ::close(fd);
  if (!buffer)
    return llvm::createStringError(buffer.getError(),
                                   buffer.getError().message());
  return std::move(*buffer);
}

void tern::exitOnCutFiles() {
  struct sigaction action = {};
  action.sa_handler = [](int) {
    static constexpr char message[] =
        "error: a file that was being read was cut short by someone, or could "
        "not be read\n";
    [[maybe_unused]] ssize_t ignored =
        ::write(STDERR_FILENO, message, sizeof(message) - 1);
    llvm::sys::RunInterruptHandlers();
    TemporaryFolder::removeAll();
    ::_exit(1);
  };
  ::sigaction(SIGBUS, &action, nullptr);
}
