//===- Device.h - A device's library, opened for a model --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_CORE_DEVICE_H
#define TERN_RUNTIME_CORE_DEVICE_H

#include "tern/runtime/Device.h"
#include "tern/runtime/WeightsFile.h"

#include <memory>

namespace tern::runtime {

class Library;

/// A shared library of Device.h that runs the kernels of one artifact.
class Device {
public:
  Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;
  ~Device();

  /// `table` must outlive this.
  MaybeError open(const std::string &path, const TernDeviceTable &table);
  void close();
  explicit operator bool() const { return device.launch; }

  /// TernHost's.
  int32_t launch(uint32_t kernel, const uint32_t *grid, uint32_t sharedBytes,
                 void *const *params, const char *label);
  /// What the last launch that failed was, for messages.
  std::string describeFailure(int32_t status) const;

private:
  TernDevice device = {};
  std::unique_ptr<Library> library;
  void *context = nullptr;
  std::string failedLabel;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_CORE_DEVICE_H
