//===- Host.cpp - TernHost: threads and a profile ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Host.h"

#include <cstdlib>

using namespace tern::runtime;

static constexpr uint32_t maxThreads = 1024;

MaybeFailure Host::setNumThreads(uint32_t count) {
  if (profile)
    return invalid("the number of threads is fixed while profiling");
  if (count == 0) {
    count = numAvailableCores();
    const char *text = std::getenv("TERN_NUM_THREADS");
    if (text && *text) {
      char *end = nullptr;
      unsigned long value = std::strtoul(text, &end, 10);
      if (*end || *text == '-' || value == 0 || value > maxThreads)
        return invalid("TERN_NUM_THREADS is '" + std::string(text) +
                       "', not a number from 1 to " +
                       std::to_string(maxThreads));
      count = static_cast<uint32_t>(value);
    }
  }
  if (count > maxThreads)
    return invalid("more than " + std::to_string(maxThreads) + " threads");
  if (!pool || pool->size() != count)
    pool = std::make_unique<ThreadPool>(count);
  return std::nullopt;
}

MaybeFailure Host::beginProfile() {
  if (profile || !pool)
    return invalid("profiling is already on, or there is nothing to run");
  profile = std::make_unique<Profile>(pool->size());
  return std::nullopt;
}

MaybeFailure Host::endProfile(const char *path, const std::string &process) {
  if (!profile)
    return invalid("profiling is not on");
  if (MaybeError error = profile->write(path, process))
    return Failure{TERN_IO_ERROR, *error};
  profile.reset();
  return std::nullopt;
}

namespace {
struct ProfiledLoop {
  ThreadPool::Body body;
  void *env;
  const char *label;
  Profile *profile;
};
} // namespace

static void runProfiled(void *env, int64_t begin, int64_t end) {
  const ProfiledLoop &loop = *static_cast<const ProfiledLoop *>(env);
  int64_t start = Profile::now();
  loop.body(loop.env, begin, end);
  loop.profile->add(ThreadPool::workerIndex(), loop.label, start,
                    Profile::now(), end - begin);
}

void Host::parallelFor(const TernHost *host, ThreadPool::Body body, void *env,
                       int64_t n, const char *label) {
  const Host &self = *static_cast<const Host *>(host->context);
  if (!self.profile) {
    self.pool->parallelFor(n, body, env);
    return;
  }
  ProfiledLoop loop = {body, env, label ? label : "loop", self.profile.get()};
  self.pool->parallelFor(n, runProfiled, &loop);
}

int32_t Host::launch(const TernHost *host, uint32_t kernel,
                     const uint32_t *grid, uint32_t sharedBytes,
                     void *const *params, const char *label) {
  Host &self = *static_cast<Host *>(host->context);
  int64_t start = self.profile ? Profile::now() : 0;
  int32_t status = self.device.launch(kernel, grid, sharedBytes, params, label);
  if (self.profile)
    self.profile->add(0, label, start, Profile::now(), -1);
  return status;
}

std::string Host::describeFailure(int32_t status) const {
  if (status == TERN_GRID_TOO_LARGE)
    return "a kernel would run on more than 4294967295 blocks along an axis";
  return device ? device.describeFailure(status)
                : "a service of the host failed with status " +
                      std::to_string(status);
}

int32_t Host::invoke(const TernFunction &function, void *const *buffers,
                     const int64_t *dims, void *const *arenas) const {
  TernHost host = {};
  host.size = sizeof(host);
  host.context = const_cast<Host *>(this);
  host.num_threads = pool->size();
  host.parallel_for = parallelFor;
  if (device)
    host.launch = launch;
  int64_t start = profile ? Profile::now() : 0;
  int32_t failed = function.invoke(&host, buffers, dims, arenas);
  if (profile)
    profile->add(0, function.name, start, Profile::now(), -1);
  return failed;
}
