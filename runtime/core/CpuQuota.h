//===- CpuQuota.h - Processors that control groups grant -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_CPUQUOTA_H
#define TERN_RUNTIME_CPUQUOTA_H

#include <optional>
#include <string>

namespace tern::runtime {

/// How many processors' time the control groups of this process grant it,
/// rounded up; nothing if they set no limit. A container with more threads than
/// that has them all stopped for a part of each period. Both versions of
/// control groups count, and of nested groups the narrowest; groups above what
/// is mounted cannot be seen. `root` is what /proc and the mount points are
/// in: for tests.
///
/// https://docs.kernel.org/admin-guide/cgroup-v2.html, "cpu.max", and
/// https://docs.kernel.org/scheduler/sched-bwc.html for version 1.
std::optional<unsigned> readCpuQuota(const std::string &root = "");

} // namespace tern::runtime

#endif // TERN_RUNTIME_CPUQUOTA_H
