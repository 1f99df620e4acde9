//===- InputFileTest.cpp - Open input files by name -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/InputFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "gtest/gtest.h"
#include <csignal>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using tern::openInputFile;

namespace {
class InputFile : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("tern-test", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(llvm::StringRef name) const {
    llvm::SmallString<128> result(folder);
    llvm::sys::path::append(result, name);
    return result.str().str();
  }

  static std::string errorOf(const std::string &path, bool orPipe) {
    auto buffer = openInputFile(path, orPipe);
    return buffer ? "none" : llvm::toString(buffer.takeError());
  }

  llvm::SmallString<128> folder;
};
} // namespace

TEST_F(InputFile, Reads) {
  for (size_t size : {0, 1, 3, 257, 100000}) {
    std::string bytes(size, 'x');
    std::ofstream(path("file"), std::ios::binary) << bytes;
    for (bool orPipe : {false, true}) {
      auto buffer = openInputFile(path("file"), orPipe);
      ASSERT_TRUE(static_cast<bool>(buffer));
      EXPECT_EQ((*buffer)->getBuffer(), bytes);
    }
  }
}

TEST_F(InputFile, RefusesWhatIsNoFile) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(errorOf(path("pipe"), false), "it is not a regular file");
  for (bool orPipe : {false, true}) {
    EXPECT_EQ(errorOf("/dev/zero", orPipe), "it is not a regular file");
    EXPECT_EQ(errorOf(path(""), orPipe), "Is a directory");
    EXPECT_EQ(errorOf(path("none"), orPipe), "No such file or directory");
  }
}

TEST_F(InputFile, ReadsPipesThatAreMeant) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::string bytes(100003, 'y');
  std::thread writer([&] { std::ofstream(path("pipe")) << bytes; });
  auto buffer = openInputFile(path("pipe"), /*orPipe=*/true);
  writer.join();
  ASSERT_TRUE(static_cast<bool>(buffer));
  EXPECT_EQ((*buffer)->getBuffer(), bytes);
}

TEST_F(InputFile, EndsWithALineWhenAFileIsCut) {
  std::ofstream(path("file"), std::ios::binary) << std::string(1 << 20, 'x');
  std::ofstream(path("temporary")) << "x";
  EXPECT_EXIT(
      {
        llvm::sys::RemoveFileOnSignal(path("temporary"));
        tern::exitOnCutFiles();
        auto buffer = openInputFile(path("file"));
        if (!buffer || ::truncate(path("file").c_str(), 0) != 0)
          ::_exit(2);
        volatile char read = (*buffer)->getBuffer()[500000];
        ::_exit(read ? 3 : 4);
      },
      ::testing::ExitedWithCode(1), "^error: a file .* was cut short");
  EXPECT_FALSE(llvm::sys::fs::exists(path("temporary")));
}
