/*===- fake-device.c - A device by hand -------------------------------------===

Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
See LICENSE for license information.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

===------------------------------------------------------------------------===*/

#include "tern/runtime/Device.h"

#include <string.h>

#ifndef FAKE_ABI
#define FAKE_ABI TERN_ARTIFACT_ABI
#endif

/* The products of fake-artifact.c, unless the image says to fail. */
static const char *open_device(const TernDeviceTable *table, void **context) {
  if (table->num_kernels != 1 || strcmp(table->kernels[0]->name, "products") ||
      strcmp(table->kernels[0]->params, "ppp") ||
      table->kernels[0]->block[2] != 4)
    return "the kernels are unknown";
  *context = (void *)table->images[0]->bytes;
  return 0;
}

static int32_t launch(void *context, uint32_t kernel, const uint32_t grid[3],
                      uint32_t shared_bytes, void *const *params,
                      const char *label) {
  if (!strcmp(context, "fail"))
    return -7;
  if (kernel != 0 || shared_bytes != 0 || strcmp(label, "fc1"))
    return -1;
  const float *x = *(float **)params[0], *w = *(float **)params[1];
  float *y = *(float **)params[2];
  for (uint32_t i = 0; i < grid[0]; ++i)
    for (int j = 0; j < 2; ++j)
      y[2 * i + j] =
          x[3 * i] * w[j] + x[3 * i + 1] * w[2 + j] + x[3 * i + 2] * w[4 + j];
  return 0;
}

const TernDevice *tern_device(void) {
  static const TernDevice device = {sizeof(TernDevice), FAKE_ABI, "fake",
                                    open_device,        0,        launch};
  return &device;
}
