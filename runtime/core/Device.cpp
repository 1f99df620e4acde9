//===- Device.cpp - A device's library, opened for a model ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Library.h"

#include <algorithm>
#include <cstring>

using namespace tern::runtime;

Device::Device() = default;
Device::~Device() { close(); }

void Device::close() {
  if (device.close)
    device.close(context);
  device = {};
  library.reset();
}

MaybeError Device::open(const std::string &path, const TernDeviceTable &table) {
  auto fail = [&](const std::string &why) {
    return "cannot use the device '" + path + "': " + why;
  };
  library = std::make_unique<Library>();
  if (MaybeFailure failure = library->open(path, "/proc", "tern_device"))
    return fail(failure->message);
  const TernDevice *(*getDevice)(void) = nullptr;
  library->find("tern_device", getDevice);
  const TernDevice *given = getDevice ? getDevice() : nullptr;
  if (!given)
    return fail("it is empty");
  if (given->abi != TERN_ARTIFACT_ABI)
    return fail("it is for artifact ABI " + std::to_string(given->abi) +
                ", this runtime has " + std::to_string(TERN_ARTIFACT_ABI) +
                "; rebuild it");
  TernDevice known = {};
  std::memcpy(&known, given, std::min<uint64_t>(given->size, sizeof(known)));
  if (!known.name || !known.open || !known.launch)
    return fail("it lacks a function");
  if (const char *problem = known.open(&table, &context))
    return fail(problem);
  device = known;
  return std::nullopt;
}

int32_t Device::launch(uint32_t kernel, const uint32_t *grid,
                       uint32_t sharedBytes, void *const *params,
                       const char *label) {
  int32_t status =
      device.launch(context, kernel, grid, sharedBytes, params, label);
  if (status == 0)
    return 0;
  failedLabel = label;
  // Positive numbers are those of checks.
  return status < 0 ? status : -1;
}

std::string Device::describeFailure(int32_t status) const {
  return std::string("device ") + device.name + " failed with status " +
         std::to_string(status) + " in '" + failedLabel + "'";
}
