//===- TestFiles.h - Temporary files of tests -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TESTFILES_H
#define TERN_RUNTIME_TESTFILES_H

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

namespace tern::runtime {

/// A test with a folder of its own.
class FileTest : public ::testing::Test {
protected:
  void SetUp() override {
    static int counter = 0;
    folder = std::filesystem::temp_directory_path() /
             ("tern-test-" + std::to_string(::getpid()) + "-" +
              std::to_string(counter++));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string path(const std::string &name) const { return folder / name; }

  std::string write(const std::string &name, const std::string &bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  static std::string read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  size_t numFiles() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(folder),
                      std::filesystem::directory_iterator()));
  }

private:
  std::filesystem::path folder;
};

/// `text` with `fresh` in place of the first, or last, `old`.
inline std::string replaced(std::string text, const std::string &old,
                            const std::string &fresh, bool last = false) {
  size_t position = last ? text.rfind(old) : text.find(old);
  EXPECT_NE(position, std::string::npos) << old;
  return text.replace(position, old.size(), fresh);
}

} // namespace tern::runtime

/// Checks a MaybeError: no error, or one that contains a text.
#define EXPECT_GOOD(expression)                                                \
  do {                                                                         \
    const auto &result = (expression);                                         \
    EXPECT_FALSE(result) << *result;                                           \
  } while (false)
#define EXPECT_BAD(expression, text)                                           \
  do {                                                                         \
    const auto &result = (expression);                                         \
    ASSERT_TRUE(result) << "no error";                                         \
    EXPECT_THAT(*result, ::testing::HasSubstr(text));                          \
    EXPECT_THAT(*result, ::testing::Not(::testing::HasSubstr("\n")));          \
  } while (false)

#endif // TERN_RUNTIME_TESTFILES_H
