//===- ParameterSource.cpp - Parameters' bytes by name --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/ParameterSource.h"

using namespace tern;

ParameterSource::~ParameterSource() = default;
