//===- Profile.cpp - Write Chrome traces of runs ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Profile.h"
#include "../io/Json.h"
#include "tern/runtime/AtomicFile.h"

#include <chrono>

using namespace tern::runtime;

int64_t Profile::now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Profile::Profile(unsigned numThreads)
    : start(now()), threads(numThreads), dropped(numThreads) {
  for (std::vector<Span> &spans : threads)
    spans.reserve(4096);
}

void Profile::add(unsigned thread, const char *label, int64_t begin,
                  int64_t end, int64_t items) {
  if (thread >= threads.size())
    return;
  if (threads[thread].size() == maxSpans) {
    ++dropped[thread];
    return;
  }
  try {
    threads[thread].push_back({label, begin, end, items});
  } catch (const std::exception &) {
    ++dropped[thread];
  }
}

/// Of nanoseconds, with all digits.
static std::string microseconds(int64_t time) {
  return nlohmann::json(static_cast<double>(time) / 1e3).dump();
}

MaybeError Profile::write(const std::string &path,
                          const std::string &process) const {
  AtomicFile file;
  if (MaybeError error = file.open(path))
    return error;
  // One event a line, so that a long trace needs no memory of its own.
  std::string text = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n";
  uint64_t numDropped = 0;
  for (size_t thread = 0; thread < threads.size(); ++thread) {
    numDropped += dropped[thread];
    text += "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":" +
            std::to_string(thread) + ",\"args\":{\"name\":" +
            (thread ? "\"worker " + std::to_string(thread) + "\""
                    : std::string("\"caller\"")) +
            "}},\n";
    for (const Span &span : threads[thread]) {
      text += "{\"name\":" + quoteJson(span.label) +
              ",\"ph\":\"X\",\"pid\":1,\"tid\":" + std::to_string(thread) +
              ",\"ts\":" + microseconds(span.begin - start) +
              ",\"dur\":" + microseconds(span.end - span.begin);
      if (span.items >= 0)
        text += ",\"args\":{\"items\":" + std::to_string(span.items) + "}";
      text += "},\n";
      if (text.size() > 65536) {
        if (MaybeError error = file.write(text.data(), text.size()))
          return error;
        text.clear();
      }
    }
  }
  text +=
      "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{\"name\":" +
      quoteJson(process) + ",\"dropped_spans\":" + std::to_string(numDropped) +
      "}}\n]}\n";
  if (MaybeError error = file.write(text.data(), text.size()))
    return error;
  return file.commit();
}
