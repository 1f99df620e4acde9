//===- CpuQuotaTest.cpp - Tests of control groups' limits -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuQuota.h"
#include "TestFiles.h"
#include "ThreadPool.h"

#include <thread>

using namespace tern::runtime;

namespace {
class CpuQuota : public FileTest {
protected:
  void put(const std::string &name, const std::string &text) const {
    std::filesystem::create_directories(
        std::filesystem::path(path(name)).parent_path());
    write(name, text);
  }
  void setUpV2(const std::string &group,
               const std::string &mountRoot = "/") const {
    put("proc/self/cgroup", "0::" + group + "\n");
    put("proc/self/mountinfo",
        "22 1 0:20 / /proc rw - proc proc rw\n"
        "30 22 0:26 " +
            mountRoot +
            " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  }
  std::optional<unsigned> quota() const { return readCpuQuota(path(".")); }
};
} // namespace

TEST_F(CpuQuota, NoGroups) {
  EXPECT_EQ(quota(), std::nullopt);
  put("proc/self/cgroup", "");
  put("proc/self/mountinfo", "");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, V2) {
  setUpV2("/a/b");
  EXPECT_EQ(quota(), std::nullopt);
  put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  // A part of a processor counts as a whole one.
  for (auto [text, count] : {std::pair{"200000 100000\n", 2u},
                             {"150000 100000\n", 2u},
                             {"1000 100000\n", 1u},
                             {"30000 10000\n", 3u}}) {
    put("sys/fs/cgroup/a/b/cpu.max", text);
    EXPECT_EQ(quota(), count) << text;
  }
  for (const char *text :
       {"", "max", "-1 100000", "100000 0", "many 100000", "0 0", "9x 3"}) {
    put("sys/fs/cgroup/a/b/cpu.max", text);
    EXPECT_EQ(quota(), std::nullopt) << text;
  }
}

TEST_F(CpuQuota, NestedGroups) {
  setUpV2("/a/b/c");
  put("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  put("sys/fs/cgroup/a/b/cpu.max", "500000 100000\n");
  put("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  put("sys/fs/cgroup/x/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota(), 3u);
  put("sys/fs/cgroup/a/b/c/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2u);
}

// In a container the group that is mounted is the container's.
TEST_F(CpuQuota, Containers) {
  put("sys/fs/cgroup/cpu.max", "400000 100000\n");
  put("sys/fs/cgroup/inner/cpu.max", "200000 100000\n");
  setUpV2("/");
  EXPECT_EQ(quota(), 4u);
  setUpV2("/docker/0123", "/docker/0123");
  EXPECT_EQ(quota(), 4u);
  setUpV2("/docker/0123/inner", "/docker/0123");
  EXPECT_EQ(quota(), 2u);
  setUpV2("/docker/01234", "/docker/0123");
  EXPECT_EQ(quota(), 4u);
  setUpV2("/../other");
  EXPECT_EQ(quota(), 4u);
  setUpV2("no-path");
  EXPECT_EQ(quota(), 4u);
}

TEST_F(CpuQuota, V1) {
  put("proc/self/cgroup", "9:name=systemd:/\n4:memory:/m\n"
                          "2:cpu,cpuacct:/a/b\n0::/\n");
  put("proc/self/mountinfo",
      "33 31 0:30 / /cg/cpu\\040and\\040more rw - cgroup cgroup "
      "rw,cpu,cpuacct\n"
      "34 31 0:31 / /cg/memory rw - cgroup cgroup rw,memory\n"
      "35 31 0:32 / /cg/unified rw - cgroup2 cgroup2 rw\n");
  put("cg/cpu and more/a/b/cpu.cfs_quota_us", "-1\n");
  put("cg/cpu and more/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  put("cg/cpu and more/a/cpu.cfs_quota_us", "250000\n");
  put("cg/cpu and more/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 3u);
  put("cg/cpu and more/a/b/cpu.cfs_quota_us", "50000\n");
  EXPECT_EQ(quota(), 1u);
}

TEST_F(CpuQuota, CountsForTheNumberOfCores) {
  std::optional<unsigned> here = readCpuQuota();
  EXPECT_GE(numAvailableCores(), 1u);
  if (here)
    EXPECT_LE(numAvailableCores(), *here);
}
