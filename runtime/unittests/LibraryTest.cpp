//===- LibraryTest.cpp - Tests of loading artifacts -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Library.h"
#include "ElfCheck.h"
#include "TestFiles.h"

#include <cstring>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/wait.h>

using namespace tern::runtime;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

namespace {
/// Two artifacts that differ in their version.
class LibraryTest : public FileTest {
protected:
  void SetUp() override {
    FileTest::SetUp();
    good = read(FAKES "/fake.so");
    other = read(FAKES "/fake-abi.so");
    ASSERT_FALSE(good.empty());
    ASSERT_FALSE(other.empty());
  }

  /// As compilers and `mv` do it.
  void replace(const std::string &name, const std::string &bytes) const {
    write(name + ".new", bytes);
    fs::rename(path(name + ".new"), path(name));
  }

  static uint32_t abiOf(const Library &library) {
    const TernArtifact *(*model)(void) = nullptr;
    library.find("tern_model", model);
    return model ? model()->abi : 0;
  }

  /// What the loader and so a debugger calls the library.
  static std::string nameOf(const Library &library) {
    Dl_info info = {};
    if (!::dladdr(library.find("tern_model"), &info))
      return "";
    return info.dli_fname;
  }

  static void expectOpens(Library &library, const std::string &file) {
    MaybeFailure failure = library.open(file);
    ASSERT_FALSE(failure) << failure->message;
  }

  static int numDescriptors() {
    return static_cast<int>(std::distance(
        fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
  }

  std::string good, other;
};
} // namespace

TEST_F(LibraryTest, LoadsWhatReplacedALoadedFile) {
  write("m.so", good);
  Library first, second, third;
  expectOpens(first, path("m.so"));
  replace("m.so", other);
  expectOpens(second, path("m.so"));
  replace("m.so", good);
  expectOpens(third, path("m.so"));
  EXPECT_EQ(abiOf(first), TERN_ARTIFACT_ABI);
  EXPECT_EQ(abiOf(second), 99u);
  EXPECT_EQ(abiOf(third), TERN_ARTIFACT_ABI);
  EXPECT_NE(first.find("tern_model"), third.find("tern_model"));
}

TEST_F(LibraryTest, LoadsWhatWasWrittenIntoALoadedFile) {
  size_t size = std::max(good.size(), other.size());
  good.resize(size);
  other.resize(size);
  write("m.so", good);
  Library first, second, third;
  expectOpens(first, path("m.so"));
  std::fstream(path("m.so"), std::ios::binary | std::ios::in | std::ios::out)
      << other;
  expectOpens(second, path("m.so"));
  EXPECT_EQ(abiOf(second), 99u);
  expectOpens(third, path("m.so"));
  EXPECT_EQ(abiOf(third), 99u);
}

TEST_F(LibraryTest, NoticesThatALoadedFileWasCut) {
  write("m.so", good);
  write("other.so", other);
  // What is in memory is broken for good, so this is for a child.
  pid_t pid = ::fork();
  if (pid == 0) {
    auto *library = new Library, *next = new Library;
    if (library->open(path("m.so")) || library->isDamaged())
      ::_exit(1);
    fs::resize_file(path("m.so"), good.size() - 1);
    if (!library->isDamaged())
      ::_exit(2);
    // As `cp` does.
    write("m.so", other + std::string(8192, '\0'));
    if (!library->isDamaged())
      ::_exit(3);
    for (const char *name : {"m.so", "other.so"}) {
      MaybeFailure failure = next->open(path(name));
      if (!failure || failure->message.find("was written to while it was in "
                                            "use") == std::string::npos)
        ::_exit(4);
    }
    delete library;
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST_F(LibraryTest, LoadsWhatOthersLoaded) {
  write("m.so", good);
  void *handle = ::dlopen(path("m.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_TRUE(handle) << ::dlerror();
  Library same, library;
  expectOpens(same, path("m.so"));
  EXPECT_EQ(abiOf(same), TERN_ARTIFACT_ABI);
  replace("m.so", other);
  expectOpens(library, path("m.so"));
  EXPECT_EQ(abiOf(library), 99u);
  ::dlclose(handle);
}

TEST_F(LibraryTest, OneFileIsLoadedOnce) {
  write("m.so", good);
  fs::create_symlink("m.so", path("link.so"));
  int before = numDescriptors();
  {
    Library first, second, third;
    expectOpens(first, path("m.so"));
    expectOpens(second, path("link.so"));
    EXPECT_EQ(first.find("tern_model"), second.find("tern_model"));
    {
      Library inner;
      expectOpens(inner, path("m.so"));
    }
    EXPECT_EQ(abiOf(first), TERN_ARTIFACT_ABI);
    EXPECT_EQ(numDescriptors(), before + 1);
  }
  EXPECT_EQ(numDescriptors(), before);
  // And is not loaded any more.
  EXPECT_FALSE(::dlopen(path("m.so").c_str(), RTLD_NOW | RTLD_NOLOAD));
}

TEST_F(LibraryTest, IsCalledByItsName) {
  write("m.so", good);
  Library first, second;
  expectOpens(first, path("m.so"));
  EXPECT_EQ(nameOf(first), fs::canonical(path("m.so")));
  replace("m.so", other);
  expectOpens(second, path("m.so"));
  EXPECT_EQ(nameOf(second), fs::canonical(path("m.so")));
  // The name would lead to the wrong symbols; this leads to the old file.
  EXPECT_THAT(nameOf(first), HasSubstr("/proc/"));
  EXPECT_EQ(read(nameOf(first)), good);
}

TEST_F(LibraryTest, KeepsItsFileOfDescriptorsThatWereClosed) {
  write("m.so", good);
  // In a child, since every descriptor goes.
  pid_t pid = ::fork();
  if (pid == 0) {
    auto *library = new Library;
    if (library->open(path("m.so")))
      ::_exit(1);
    for (int fd = 3; fd < 64; ++fd)
      ::close(fd);
    // One of these has the number that the library had.
    int files[32];
    for (int &fd : files)
      fd = ::open("/dev/null", O_RDONLY);
    bool isDamaged = library->isDamaged();
    delete library;
    for (int fd : files)
      if (::fcntl(fd, F_GETFD) < 0)
        ::_exit(2);
    ::_exit(isDamaged ? 3 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST_F(LibraryTest, WithoutProc) {
  write("m.so", good);
  {
    Library first, second, third;
    MaybeFailure failure = first.open(path("m.so"), "/nowhere");
    ASSERT_FALSE(failure) << failure->message;
    failure = second.open(path("m.so"), "/nowhere");
    ASSERT_FALSE(failure) << failure->message;
    replace("m.so", other);
    failure = third.open(path("m.so"), "/nowhere");
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->code, TERN_BAD_ARTIFACT);
    EXPECT_THAT(failure->message,
                HasSubstr("another version of it is still loaded"));
    EXPECT_EQ(abiOf(first), TERN_ARTIFACT_ABI);
  }
  Library fresh;
  MaybeFailure failure = fresh.open(path("m.so"), "/nowhere");
  ASSERT_FALSE(failure) << failure->message;
  EXPECT_EQ(abiOf(fresh), 99u);
}

TEST_F(LibraryTest, RefusesWhatIsNoArtifact) {
  auto expectBad = [&](const std::string &file, const char *message) {
    Library library;
    MaybeFailure failure = library.open(file);
    ASSERT_TRUE(failure) << file;
    EXPECT_THAT(failure->message, HasSubstr(message));
    EXPECT_THAT(failure->message, HasSubstr("'" + file + "'"));
    EXPECT_FALSE(library);
  };
  expectBad(path("none.so"), "No such file");
  expectBad(path(""), "it is a folder; give a file in it");
  expectBad(write("empty.so", ""), "is not a shared library");
  expectBad(write("text.so", "hello, world"), "is not a shared library");
  ASSERT_EQ(::mkfifo(path("pipe.so").c_str(), 0600), 0);
  expectBad(path("pipe.so"), "it is not a regular file");
  expectBad("/proc/self/exe", "is not a Tern artifact: it has no symbol "
                              "tern_model");
  auto with = [&](size_t offset, const std::string &bytes) {
    std::string changed = good;
    changed.replace(offset, bytes.size(), bytes);
    return write("bad.so", changed);
  };
  expectBad(with(EI_CLASS, "\1"), "this machine is another");
  expectBad(with(offsetof(Elf64_Ehdr, e_machine), {'\x08', '\0'}),
            "it is for machine 8, this machine is another");
  expectBad(with(offsetof(Elf64_Ehdr, e_type), "\2"),
            "it is no shared library");
  expectBad(with(offsetof(Elf64_Ehdr, e_phoff), "\xff\xff\xff\x7f"),
            "it is truncated");
  expectBad(write("cut.so", good.substr(0, 100)), "it is truncated");
  expectBad(write("half.so", good.substr(0, good.size() / 2)),
            "it is truncated");
}

TEST_F(LibraryTest, SurvivesTruncation) {
  // Sections are described last; the loader does not look at them.
  Elf64_Ehdr header;
  std::memcpy(&header, good.data(), sizeof(header));
  for (size_t size = 0; size < good.size(); size += 97) {
    Library library;
    MaybeFailure failure = library.open(write("cut.so", good.substr(0, size)));
    if (failure)
      EXPECT_THAT(failure->message, HasSubstr("cut.so"));
    else
      EXPECT_GT(size, header.e_shoff / 2);
  }
}
