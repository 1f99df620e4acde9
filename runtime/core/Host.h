//===- Host.h - TernHost: threads and a profile -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_HOST_H
#define TERN_RUNTIME_HOST_H

#include "Device.h"
#include "Profile.h"
#include "ThreadPool.h"
#include "tern/runtime/Runtime.h"

#include <memory>
#include <optional>
#include <string>

namespace tern::runtime {

struct Failure {
  TernStatus code;
  std::string message;
};
/// Empty on success.
using MaybeFailure = std::optional<Failure>;

inline Failure invalid(std::string message) {
  return {TERN_INVALID_ARGUMENT, std::move(message)};
}

/// The threads and the profile behind a TernHost.
class Host {
public:
  Host() = default;
  Host(const Host &) = delete;
  Host &operator=(const Host &) = delete;

  /// Ends the old threads and starts new ones. 0: TERN_NUM_THREADS, or one per
  /// physical core.
  MaybeFailure setNumThreads(uint32_t count);
  /// 0 before setNumThreads.
  uint32_t numThreads() const { return pool ? pool->size() : 0; }

  MaybeFailure beginProfile();
  MaybeFailure endProfile(const char *path, const std::string &process);

  /// Opens what launches the kernels of `table`, which must outlive this.
  MaybeError openDevice(const std::string &path, const TernDeviceTable &table) {
    return device.open(path, table);
  }
  void closeDevice() { device.close(); }
  /// For messages: a negative status of invoke.
  std::string describeFailure(int32_t status) const;

  /// Calls an artifact's function.
  int32_t invoke(const TernFunction &function, void *const *buffers,
                 const int64_t *dims, void *const *arenas) const;

private:
  static void parallelFor(const TernHost *host, ThreadPool::Body body,
                          void *env, int64_t n, const char *label);
  static int32_t launch(const TernHost *host, uint32_t kernel,
                        const uint32_t *grid, uint32_t sharedBytes,
                        void *const *params, const char *label);

  Device device;
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<Profile> profile;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_HOST_H
