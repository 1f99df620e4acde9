//===- CpuQuota.cpp - Processors that control groups grant -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuQuota.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

using namespace tern::runtime;

namespace {
/// A tree of control groups that can limit processors.
struct Hierarchy {
  bool isV2;
  /// Where it is mounted, and which of its groups is there.
  std::string mountPoint, mountRoot;
};
} // namespace

static std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> pieces;
  std::istringstream stream(text);
  for (std::string piece; std::getline(stream, piece, separator);)
    pieces.push_back(piece);
  return pieces;
}

static bool contains(const std::vector<std::string> &list,
                     const std::string &element) {
  return std::find(list.begin(), list.end(), element) != list.end();
}

/// Undoes the octal escapes of /proc/self/mountinfo: "\040" is a space.
static std::string unescape(const std::string &text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    auto isOctal = [&](size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    if (text[i] == '\\' && isOctal(i + 1) && isOctal(i + 2) && isOctal(i + 3)) {
      result += static_cast<char>((text[i + 1] - '0') * 64 +
                                  (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// Lines are ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS [TAG]... - TYPE SOURCE
/// OPTIONS.
static std::vector<Hierarchy> findHierarchies(const std::string &root) {
  std::vector<Hierarchy> result;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> fields = split(line, ' ');
    auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 5 || fields.end() - dash < 4)
      continue;
    bool isV2 = dash[1] == "cgroup2";
    if (isV2 || (dash[1] == "cgroup" && contains(split(dash[3], ','), "cpu")))
      result.push_back({isV2, unescape(fields[4]), unescape(fields[3])});
  }
  return result;
}

/// The group of this process in a tree. Lines are ID:CONTROLLERS:PATH; those of
/// version 2 have no controllers.
static std::optional<std::string> findGroup(const std::string &root,
                                            bool isV2) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    if (isV2 ? line.compare(0, 3, "0::") == 0
             : contains(split(controllers, ','), "cpu"))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

static std::optional<double> readNumber(const std::string &path) {
  std::ifstream file(path);
  double value = 0;
  if (file >> value)
    return value;
  return std::nullopt;
}

/// The limit of one group, in processors.
static std::optional<double> readLimit(const std::string &folder, bool isV2) {
  std::optional<double> quota, period;
  if (isV2) {
    // "max 100000", or "150000 100000"; the root has no such file.
    std::ifstream file(folder + "/cpu.max");
    std::string first;
    double second = 0;
    if (file >> first >> second && first != "max") {
      char *end = nullptr;
      quota = std::strtod(first.c_str(), &end);
      period = second;
      if (*end)
        return std::nullopt;
    }
  } else {
    // A quota of -1 is none.
    quota = readNumber(folder + "/cpu.cfs_quota_us");
    period = readNumber(folder + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0)
    return std::nullopt;
  return *quota / *period;
}

std::optional<unsigned> tern::runtime::readCpuQuota(const std::string &root) {
  std::optional<double> narrowest;
  auto narrow = [&](const std::string &folder, bool isV2) {
    std::optional<double> limit = readLimit(folder, isV2);
    if (limit && (!narrowest || *limit < *narrowest))
      narrowest = limit;
  };
  for (const Hierarchy &tree : findHierarchies(root)) {
    std::string mount = root + tree.mountPoint;
    std::optional<std::string> group = findGroup(root, tree.isV2);
    if (!group)
      continue;
    // What is mounted may be a group itself, that of a container, and paths
    // begin above it, or, in a namespace of groups, at it.
    std::string inside = *group;
    if (tree.mountRoot != "/" &&
        inside.compare(0, tree.mountRoot.size(), tree.mountRoot) == 0 &&
        (inside.size() == tree.mountRoot.size() ||
         inside[tree.mountRoot.size()] == '/'))
      inside.erase(0, tree.mountRoot.size());
    // A path above the namespace's root begins with "/..": nothing to see.
    if (inside.compare(0, 3, "/..") == 0)
      inside.clear();
    while (inside.size() > 1 && inside[0] == '/') {
      narrow(mount + inside, tree.isV2);
      inside.erase(inside.rfind('/'));
    }
    narrow(mount, tree.isV2);
  }
  if (!narrowest)
    return std::nullopt;
  return static_cast<unsigned>(
      std::clamp(std::ceil(*narrowest), 1.0, double(1 << 20)));
}
