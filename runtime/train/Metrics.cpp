//===- Metrics.cpp - Write losses as .jsonl, .csv, events -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Metrics.h"
#include "../io/Json.h"
#include "../io/MappedFile.h"
#include "EventFile.h"
#include "tern/runtime/AtomicFile.h"
#include "tern/runtime/Text.h"

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
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

static bool endsWith(const std::string &text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

std::optional<MetricsLog::Format>
MetricsLog::findFormat(const std::string &path) {
  struct stat status;
  if (endsWith(path, "/") ||
      (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)))
    return Format::TensorBoard;
  if (endsWith(path, ".jsonl"))
    return Format::JSONLines;
  if (endsWith(path, ".csv"))
    return Format::CSV;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// What an earlier run wrote
//===----------------------------------------------------------------------===//

/// What a line says, of these three; without a step it is none.
namespace {
struct Line {
  std::optional<int64_t> step;
  std::optional<double> loss, validationLoss;
};
} // namespace

static Line parseJsonLine(const std::string &text) {
  Line line;
  JsonRoot object;
  if (parseJson(text.data(), text.data() + text.size(), object) ||
      !object.is_object() || !object.contains("step") ||
      !object["step"].is_number_integer())
    return line;
  line.step = object["step"].get<int64_t>();
  if (object.contains("loss") && object["loss"].is_number())
    line.loss = object["loss"].get<double>();
  if (object.contains("val_loss") && object["val_loss"].is_number())
    line.validationLoss = object["val_loss"].get<double>();
  return line;
}

/// Of a line of numbers, which need no quotes.
static Line parseCsvLine(const std::string &text,
                         const std::vector<std::string> &columns) {
  Line line;
  size_t begin = 0, index = 0;
  for (; begin <= text.size() && index < columns.size(); ++index) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string cell = text.substr(begin, end - begin);
    begin = end + 1;
    char *rest = nullptr;
    double value = std::strtod(cell.c_str(), &rest);
    if (cell.empty())
      continue;
    if (*rest)
      return {};
    if (columns[index] == "step") {
      // Steps are counted, and doubles hold that many.
      if (!(value >= 0 && value < 0x1p53))
        return {};
      line.step = static_cast<int64_t>(value);
    }
    if (columns[index] == "loss" && std::isfinite(value))
      line.loss = value;
    if (columns[index] == "val_loss" && std::isfinite(value))
      line.validationLoss = value;
  }
  if (index < columns.size())
    return {};
  return line;
}

static std::string makeHeader(const std::vector<std::string> &columns) {
  std::string header;
  for (const std::string &column : columns) {
    std::string name;
    for (char c : printable(column))
      name += c == '"' ? "\"\"" : std::string(1, c);
    if (name.find_first_of(",\" ;\t") != std::string::npos)
      name = "\"" + name + "\"";
    header += (header.empty() ? "" : ",") + name;
  }
  return header + "\n";
}

/// The part of an earlier run's lines that is still true at step `keep`.
template <typename Parse>
static std::string_view keepLines(std::string_view text, int64_t keep,
                                  Curve &curve, const Parse &parse) {
  size_t kept = 0;
  for (size_t end; (end = text.find('\n', kept)) != std::string_view::npos;
       kept = end + 1) {
    Line line = parse(std::string(text.substr(kept, end - kept)));
    if (!line.step || *line.step > keep)
      break;
    if (line.loss)
      curve.train.push_back({*line.step, *line.loss});
    if (line.validationLoss)
      curve.validation.push_back({*line.step, *line.validationLoss});
  }
  return text.substr(0, kept);
}

/// What is left of a file of an earlier run, with the first line of a new one
/// if it has no other. A file that cannot be read is an error: it would be
/// replaced.
MaybeError MetricsLog::readKept(int64_t keep, const std::string &header,
                                std::string &kept, Curve &curve) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 && errno == ENOENT)
    return std::nullopt;
  MappedFile file;
  if (MaybeError error = file.open(path))
    return error;
  std::string_view text(file.data(), file.size());
  if (format == Format::JSONLines) {
    kept = keepLines(text, keep, curve, parseJsonLine);
    return std::nullopt;
  }
  if (text.empty())
    return std::nullopt;
  if (text.substr(0, header.size()) != header)
    return "cannot go on with '" + path +
           "': its columns are not those of this run; give another file";
  kept += keepLines(
      text.substr(header.size()), keep, curve,
      [&](const std::string &line) { return parseCsvLine(line, columns); });
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static double secondsSince1970() {
  return std::chrono::duration<double>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The names of event files begin so that TensorBoard finds them, and are in
/// the order of time.
MaybeError MetricsLog::openFolder(int64_t keep) {
  auto fail = [&](const std::string &what, int code) {
    outOfRoom = tern::runtime::isOutOfRoom(code);
    return "cannot write '" + what + "': " + std::strerror(code);
  };
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
    return fail(path, errno);
  double now = secondsSince1970();
  char host[256] = "";
  if (::gethostname(host, sizeof(host) - 1) != 0 || !*host)
    std::strcpy(host, "localhost");
  std::string name = path + (endsWith(path, "/") ? "" : "/") +
                     "events.out.tfevents." +
                     std::to_string(static_cast<int64_t>(now)) + "." + host +
                     "." + std::to_string(::getpid());
  // A container may do this twice a second, as the same process.
  for (int number = 0; fd < 0; ++number) {
    fd = ::open((name + "." + std::to_string(number)).c_str(),
                O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST)
      return fail(name, errno);
  }
  std::string begin = makeVersionEvent(now);
  if (keep >= 0)
    begin += makeStartEvent(now, keep);
  MaybeError error = append(begin);
  if (error)
    outOfRoom = true;
  return error;
}

MaybeError MetricsLog::open(const std::string &newPath, int64_t keep,
                            const std::vector<std::string> &newColumns,
                            Curve &curve) {
  path = newPath;
  columns = newColumns;
  format = findFormat(path).value_or(Format::JSONLines);
  if (format == Format::TensorBoard)
    return openFolder(keep);
  std::string header = format == Format::CSV ? makeHeader(columns) : "";
  std::string kept = header;
  if (keep >= 0)
    if (MaybeError error = readKept(keep, header, kept, curve))
      return error;
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
  do
    fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return "cannot write '" + path + "': " + std::strerror(errno);
  return std::nullopt;
}

static std::string formatNumber(double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

static std::string makeJsonLine(int64_t step,
                                const std::vector<MetricsLog::Field> &fields) {
  std::string line = "{\"step\": " + std::to_string(step);
  // JSON has no NaN.
  for (const auto &[name, value] : fields)
    line += ", " + json(name).dump() + ": " +
            (std::isfinite(value) ? formatNumber(value) : "null");
  return line + "}\n";
}

static std::string makeCsvLine(int64_t step,
                               const std::vector<MetricsLog::Field> &fields,
                               const std::vector<std::string> &columns) {
  std::string line;
  for (const std::string &column : columns) {
    if (&column != columns.data())
      line += ",";
    if (column == "step" && &column == columns.data())
      line += std::to_string(step);
    for (const auto &[name, value] : fields)
      if (name == column)
        line += formatNumber(value);
  }
  return line + "\n";
}

MaybeError MetricsLog::write(int64_t step, const std::vector<Field> &fields) {
  if (fd < 0)
    return std::nullopt;
  switch (format) {
  case Format::JSONLines:
    return append(makeJsonLine(step, fields));
  case Format::CSV:
    return append(makeCsvLine(step, fields, columns));
  case Format::TensorBoard:
    return append(makeScalarEvent(secondsSince1970(), step, fields));
  }
  return std::nullopt;
}

MaybeError MetricsLog::append(const std::string &line) {
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
