//===- Metrics.cpp - What a run leaves to be looked at ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Metrics.h"
#include "Json.h"
#include "tern/runtime/AtomicFile.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace tern::runtime;
using nlohmann::json;

MetricsLog::~MetricsLog() { close(); }

void MetricsLog::close() {
  if (fd >= 0)
    ::close(fd);
  fd = -1;
}

bool tern::runtime::isOutOfRoom(int code) {
  return code == ENOSPC || code == EDQUOT || code == EFBIG || code == EIO;
}

/// The lines of an earlier run that are still true at step `keep`.
static std::string keepLines(const std::string &path, int64_t keep,
                             Curve &curve) {
  std::ifstream in(path);
  std::string kept, line;
  while (std::getline(in, line) && !in.eof()) {
    json object;
    if (parseJson(line.data(), line.data() + line.size(), object) ||
        !object.is_object() || !object.contains("step") ||
        !object["step"].is_number_integer())
      break;
    int64_t step = object["step"].get<int64_t>();
    if (step > keep)
      break;
    if (object.contains("loss") && object["loss"].is_number())
      curve.train.push_back({step, object["loss"].get<double>()});
    if (object.contains("val_loss") && object["val_loss"].is_number())
      curve.validation.push_back({step, object["val_loss"].get<double>()});
    kept += line + "\n";
  }
  return kept;
}

MaybeError MetricsLog::open(const std::string &newPath, int64_t keep,
                            Curve &curve) {
  path = newPath;
  std::string kept;
  if (keep >= 0)
    kept = keepLines(path, keep, curve);
  AtomicFile fresh;
  MaybeError error = fresh.open(path);
  if (!error)
    error = fresh.write(kept.data(), kept.size());
  if (!error)
    error = fresh.commit();
  if (error) {
    outOfRoom = tern::runtime::isOutOfRoom(fresh.errorCode());
    return error;
  }
  fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0)
    return "cannot write '" + path + "': " + std::strerror(errno);
  return std::nullopt;
}

MaybeError MetricsLog::write(int64_t step, const std::vector<Field> &fields) {
  if (fd < 0)
    return std::nullopt;
  std::string line = "{\"step\": " + std::to_string(step);
  for (const auto &[name, value] : fields) {
    char text[64];
    std::snprintf(text, sizeof(text), "%.9g", value);
    // JSON has no NaN.
    line += ", " + json(name).dump() + ": " +
            (std::isfinite(value) ? text : "null");
  }
  line += "}\n";
  off_t end = ::lseek(fd, 0, SEEK_END);
  for (size_t done = 0; done < line.size();) {
    ssize_t count = ::write(fd, line.data() + done, line.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      MaybeError error = "cannot write '" + path +
                         "': " + std::strerror(count < 0 ? errno : ENOSPC);
      // Half a line may have found room.
      if (end >= 0)
        (void)!::ftruncate(fd, end);
      close();
      return error;
    }
    done += static_cast<size_t>(count);
  }
  return std::nullopt;
}

ProgressBar::ProgressBar(int64_t done, int64_t total)
    : isShown(::isatty(STDERR_FILENO)), first(done), total(total) {}

void ProgressBar::show(int64_t done, double loss, double lr,
                       double itemsPerSecond) {
  Clock::time_point now = Clock::now();
  if (!isShown || (wasShown && now - last < std::chrono::milliseconds(100)))
    return;
  last = now;
  wasShown = true;
  double seconds = std::chrono::duration<double>(now - start).count();
  double left = seconds /
                static_cast<double>(std::max<int64_t>(1, done - first)) *
                static_cast<double>(total - done);
  // What is wider than the terminal would wrap and not be overwritten.
  winsize window = {};
  int columns =
      ::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0
          ? window.ws_col
          : 80;
  int width = std::clamp(columns - 72, 0, 24);
  std::string bar(static_cast<size_t>(width * done / total), '=');
  bar += '>';
  bar.resize(static_cast<size_t>(width), ' ');
  std::fprintf(stderr,
               "\r%lld/%lld [%s] loss %.4f  lr %.2e  %.4g items/s  ETA "
               "%s\033[K",
               static_cast<long long>(done), static_cast<long long>(total),
               bar.c_str(), loss, lr, itemsPerSecond,
               formatDuration(left).c_str());
  std::fflush(stderr);
}

void ProgressBar::hide() {
  if (wasShown)
    std::fprintf(stderr, "\r\033[K");
  wasShown = false;
}

std::string tern::runtime::formatDuration(double seconds) {
  long long all = std::llround(std::min(seconds, 1e9));
  char text[32];
  if (all >= 3600)
    std::snprintf(text, sizeof(text), "%lld:%02lld:%02lld", all / 3600,
                  all / 60 % 60, all % 60);
  else
    std::snprintf(text, sizeof(text), "%lld:%02lld", all / 60, all % 60);
  return text;
}
