//===- AtomicFileTest.cpp - Tests of files that appear whole ----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/AtomicFile.h"
#include "TestFiles.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <set>

#include <sys/resource.h>
#include <sys/stat.h>

using namespace tern::runtime;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {
class Atomic : public FileTest {
protected:
  static unsigned mode(const std::string &file) {
    return static_cast<unsigned>(fs::status(file).permissions());
  }
  static void age(const std::string &file, std::chrono::seconds by) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - by);
  }
  void put(const std::string &name, const std::string &bytes) {
    AtomicFile file;
    EXPECT_GOOD(file.open(path(name)));
    EXPECT_GOOD(file.write(bytes.data(), bytes.size()));
    EXPECT_GOOD(file.commit(/*durable=*/true));
    EXPECT_EQ(read(path(name)), bytes);
  }
};
} // namespace

TEST_F(Atomic, FollowsLinksAndSparesDevices) {
  write("target", "old");
  fs::create_symlink("target", path("link"));
  put("link", "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read(path("target")), "new");
  // A link to what is not there yet, in another folder.
  fs::create_directory(path("folder"));
  fs::create_symlink("folder/later", path("first"));
  fs::create_symlink("first", path("second"));
  put("second", "later");
  EXPECT_TRUE(fs::is_symlink(path("first")));
  EXPECT_EQ(read(path("folder/later")), "later");
  fs::create_symlink("circle", path("circle"));
  AtomicFile file;
  EXPECT_BAD(file.open(path("circle")), "symbolic links");
  EXPECT_BAD(file.open("/dev/null"), "not a regular file");
  EXPECT_EQ(file.errorCode(), 0);
  EXPECT_BAD(file.open(path(".")), "not a regular file");
  EXPECT_BAD(file.open(path("none/")), "names no file");
  EXPECT_BAD(file.open(path("none/file")), "No such file");
  EXPECT_EQ(file.errorCode(), ENOENT);
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(Atomic, KeepsPermissions) {
  mode_t mask = ::umask(027);
  put("new", "1");
  EXPECT_EQ(mode(path("new")), 0640u);
  AtomicFile file;
  EXPECT_GOOD(file.open(path("program"), 0777));
  EXPECT_GOOD(file.commit());
  EXPECT_EQ(mode(path("program")), 0750u);
  for (unsigned kept : {0600u, 0666u, 0755u, 0604u}) {
    fs::permissions(path("new"), static_cast<fs::perms>(kept));
    EXPECT_GOOD(file.open(path("new")));
    // What is half written is no more readable than what it replaces.
    EXPECT_EQ(mode(file.temporaryPath()), kept);
    EXPECT_GOOD(file.commit());
    EXPECT_EQ(mode(path("new")), kept);
  }
  ::umask(mask);
}

TEST_F(Atomic, NamesAreNew) {
  std::set<std::string> names;
  AtomicFile file;
  for (int i = 0; i < 100; ++i) {
    EXPECT_GOOD(file.open(path("w")));
    EXPECT_TRUE(fs::exists(file.temporaryPath()));
    EXPECT_TRUE(names.insert(file.temporaryPath()).second);
  }
  std::string name = fs::path(file.temporaryPath()).filename();
  EXPECT_THAT(name, ::testing::MatchesRegex("\\.w\\.tmp[0-9a-f]+"));
  EXPECT_EQ(name.size(), 6u + 16u);
  EXPECT_EQ(numFiles(), 1u);
  file.discard();
  EXPECT_EQ(numFiles(), 0u);
  // 85 characters of three bytes.
  std::string longest;
  for (int i = 0; i < 85; ++i)
    longest += "\xe2\x82\xac";
  EXPECT_GOOD(file.open(path(longest)));
  EXPECT_EQ(fs::path(file.temporaryPath()).filename().string().substr(0, 68),
            "." + longest.substr(0, 63) + ".tmp");
  EXPECT_GOOD(file.commit());
  EXPECT_TRUE(fs::exists(path(longest)));
}

TEST_F(Atomic, ShortensNames) {
  EXPECT_EQ(AtomicFile::shortenName("name", 4), "name");
  EXPECT_EQ(AtomicFile::shortenName("names", 4), "name");
  // Characters of two, three and four bytes stay whole.
  EXPECT_EQ(AtomicFile::shortenName("12345\u00e9", 6), "12345");
  EXPECT_EQ(AtomicFile::shortenName("12345\u20ac", 7), "12345");
  EXPECT_EQ(AtomicFile::shortenName("12345\U0001f600!", 9), "12345\U0001f600");
  EXPECT_EQ(AtomicFile::shortenName("12345\U0001f600", 8), "12345");
  // Those of other encodings are cut anywhere.
  EXPECT_EQ(AtomicFile::shortenName(std::string(9, '\x80'), 8),
            std::string(4, '\x80'));
  EXPECT_EQ(AtomicFile::temporaryPrefix("folder/" + std::string(70, 'x')),
            "." + std::string(64, 'x') + ".tmp");
}

TEST_F(Atomic, RemovesWhatKilledProcessesLeft) {
  std::string unlocked = write(".w.tmp0123456789abcdef", "half");
  std::string ours = write(".w.tmpfedcba9876543210", "half");
  std::string earlier = write(".w.tmp1.0", "half");
  for (const char *other :
       {".w.tmpl", ".w.tmp", ".w.tmp1", ".w.tmp1.", ".w.tmp.1", ".w.tmp1.2.3",
        ".w.tmp0123456789abcdeg", ".w.tmp0123456789abcdef0",
        ".v.tmp0123456789abcdef"})
    age(write(other, "a user's"), 24h);
  fs::create_directory(path(".w.tmp00112233445566ff"));
  age(path(".w.tmp00112233445566ff"), 24h);
  AtomicFile file;
  EXPECT_GOOD(file.open(path("w")));
  age(file.temporaryPath(), 24h);
  age(unlocked, 50s);
  age(earlier, 70s);
  age(ours, 24h);
  AtomicFile::removeStale(path("w"));
  EXPECT_FALSE(fs::exists(ours));
  EXPECT_FALSE(fs::exists(earlier));
  // Too young, or being written.
  EXPECT_TRUE(fs::exists(unlocked));
  EXPECT_TRUE(fs::exists(file.temporaryPath()));
  EXPECT_EQ(numFiles(), 12u);
  EXPECT_GOOD(file.commit());
  AtomicFile::removeStale(path("none/w"));
}

TEST_F(Atomic, IsWholeOrNotThere) {
  write("w", "old");
  AtomicFile file;
  EXPECT_GOOD(file.open(path("w")));
  EXPECT_GOOD(file.write("ne", 2));
  EXPECT_GOOD(file.sync());
  EXPECT_GOOD(file.write("w", 1));
  EXPECT_EQ(read(path("w")), "old");
  EXPECT_GOOD(file.commit());
  EXPECT_TRUE(file.temporaryPath().empty());
  EXPECT_EQ(read(path("w")), "new");
  EXPECT_BAD(file.commit(), "not open");
  EXPECT_BAD(file.sync(), "not open");
  EXPECT_BAD(file.write("x", 1), "not open");
  EXPECT_EQ(numFiles(), 1u);
  EXPECT_GOOD(AtomicFile::syncFolder(path("w")));
  EXPECT_GOOD(AtomicFile::syncFolder("no-folder"));
  // A limit of sizes stands for a full disk.
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit limit = {4, before.rlim_max};
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_GOOD(file.open(path("w")));
  EXPECT_BAD(file.write("newer", 5), "File too large");
  EXPECT_EQ(file.errorCode(), EFBIG);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(read(path("w")), "new");
  EXPECT_EQ(numFiles(), 1u);
}
