//===- Accumulation.cpp - Count windows of --accumulate ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include <cerrno>
#include <cstdlib>
#include <initializer_list>

using namespace tern::runtime;

int64_t TernProgram::stepsInWindow() const {
  std::optional<size_t> index = signature.findScalar("accumulate");
  if (!index)
    return 0;
  int64_t length = window.length;
  // Until a step was done the scalar tells.
  if (!length)
    length = static_cast<int64_t>(values[*index].value_or(1.0));
  return (steps - window.start) % length;
}

MaybeFailure TernProgram::closeWindow() {
  if (signature.findScalar("accumulate") &&
      !signature.findScalar("accumulate_close"))
    return invalid(name + " was compiled by a version of ternc whose windows "
                          "cannot be closed; compile it again");
  window.closes = true;
  return std::nullopt;
}

MaybeFailure TernProgram::prepareWindow() {
  std::optional<size_t> index = signature.findScalar("accumulate");
  if (!index || !values[*index])
    return std::nullopt;
  int64_t length = static_cast<int64_t>(*values[*index]);
  if (window.length && window.length != length) {
    if (int64_t done = stepsInWindow())
      return invalid("the scalar 'accumulate' is " + std::to_string(length) +
                     " inside a window of " + std::to_string(window.length) +
                     " steps, of which " + std::to_string(done) +
                     (done == 1 ? " is" : " are") +
                     " done; it can change when the window has ended");
    if (signature.findScalar("accumulate_start")) {
      window.updates += (steps - window.start) / window.length;
      window.start = steps;
    }
  }
  window.length = length;
  for (auto [scalar, value] :
       {std::pair("accumulate_start", window.start),
        std::pair("accumulate_updates", window.updates),
        std::pair("accumulate_close", int64_t(window.closes))})
    if (std::optional<size_t> counted = signature.findScalar(scalar))
      storeCounted(*counted, value);
  return std::nullopt;
}

void TernProgram::finishWindow() {
  if (window.closes && window.length) {
    // The window that has ended counts as one, full or not.
    window.updates +=
        (steps - window.start + window.length - 1) / window.length;
    window.start = steps;
  }
  window.closes = false;
}

std::string TernProgram::windowText() const {
  return std::to_string(window.start) + " " + std::to_string(window.updates) +
         " " + std::to_string(window.length);
}

MaybeError TernProgram::parseWindow(const std::string &text, int64_t doneSteps,
                                    decltype(window) &parsed) const {
  const char *next = text.c_str();
  for (int64_t *count : {&parsed.start, &parsed.updates, &parsed.length}) {
    char *end = nullptr;
    errno = 0;
    *count = std::strtoll(next, &end, 10);
    if (end == next || errno || *count < 0)
      return "not three counts";
    next = end;
  }
  if (*next || parsed.start > doneSteps || parsed.updates > parsed.start ||
      parsed.length > int64_t(1) << 53)
    return "not three counts";
  return std::nullopt;
}
