//===- Profile.cpp - Record what runs when ----------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Profile.h"
#include "tern/runtime/AtomicFile.h"

#include <nlohmann/json.hpp>

#include <chrono>

using namespace tern::runtime;
using nlohmann::ordered_json;

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

MaybeError Profile::write(const std::string &path,
                          const std::string &process) const {
  AtomicFile file;
  if (MaybeError error = file.open(path))
    return error;
  // One event a line, so that a long trace needs no memory of its own.
  std::string text = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n";
  auto put = [&](const ordered_json &event, const char *separator) {
    text += event.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    text += separator;
  };
  uint64_t numDropped = 0;
  for (size_t thread = 0; thread < threads.size(); ++thread) {
    numDropped += dropped[thread];
    std::string name =
        thread ? "worker " + std::to_string(thread) : std::string("caller");
    put({{"name", "thread_name"},
         {"ph", "M"},
         {"pid", 1},
         {"tid", thread},
         {"args", {{"name", name}}}},
        ",\n");
    for (const Span &span : threads[thread]) {
      ordered_json event = {
          {"name", span.label},
          {"ph", "X"},
          {"pid", 1},
          {"tid", thread},
          {"ts", static_cast<double>(span.begin - start) / 1e3},
          {"dur", static_cast<double>(span.end - span.begin) / 1e3}};
      if (span.items >= 0)
        event["args"] = {{"items", span.items}};
      put(event, ",\n");
      if (text.size() > 65536) {
        if (MaybeError error = file.write(text.data(), text.size()))
          return error;
        text.clear();
      }
    }
  }
  put({{"name", "process_name"},
       {"ph", "M"},
       {"pid", 1},
       {"args", {{"name", process}, {"dropped_spans", numDropped}}}},
      "\n]}\n");
  if (MaybeError error = file.write(text.data(), text.size()))
    return error;
  return file.commit();
}
