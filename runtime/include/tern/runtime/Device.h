//===- Device.h - A device that runs the kernels of models --------*- C -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model that was compiled for an accelerator launches kernels, whose code is
// in its device table (Artifact.h). A shared library that defines
//
//   const TernDevice *tern_device(void);
//
// runs them: `tern-run --device=FILE`, `TernProgramOptions.device_path`.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_DEVICE_H
#define TERN_RUNTIME_DEVICE_H

#include "Artifact.h"

#ifdef __cplusplus
extern "C" {
#endif

/// All of it lives as long as the library.
typedef struct TernDevice {
  /// sizeof(TernDevice) of the library.
  uint64_t size;
  /// TERN_ARTIFACT_ABI of the library; the runtime takes no other.
  uint32_t abi;
  /// For messages.
  const char *name;
  /// Gets ready to run the kernels of a table, which lives until `close`.
  /// Writes what the other functions are given. Returns NULL, or what is wrong:
  /// there is no image that it can run, say.
  const char *(*open)(const TernDeviceTable *table, void **context);
  void (*close)(void *context);
  /// TernHost's. Returns 0 or a negative number. Calls with one context do not
  /// overlap. A grid may have no blocks.
  int32_t (*launch)(void *context, uint32_t kernel, const uint32_t grid[3],
                    uint32_t shared_bytes, void *const *params,
                    const char *label);
} TernDevice;

const TernDevice *tern_device(void);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // TERN_RUNTIME_DEVICE_H
