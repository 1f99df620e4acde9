//===- Json.cpp - Parse JSON of untrusted files -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"

using namespace tern::runtime;
using nlohmann::json;

static constexpr size_t maxDepth = 16;

void JsonRoot::takeApart(json &value) noexcept {
  if (value.is_array()) {
    auto &elements = *value.get_ptr<json::array_t *>();
    for (json &element : elements)
      takeApart(element);
    elements.clear();
  } else if (value.is_object()) {
    auto &members = *value.get_ptr<json::object_t *>();
    for (auto &member : members)
      takeApart(member.second);
    members.clear();
  }
}

std::string tern::runtime::quoteJson(const std::string &text) {
  return json(text).dump(-1, ' ', /*ensure_ascii=*/false,
                         json::error_handler_t::replace);
}

namespace {
/// Builds the value itself: the library's builders leave what they have built
/// to destructors when memory ends.
class Builder : public nlohmann::json_sax<json> {
public:
  explicit Builder(json &root) : root(root) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t &) override {
    return add(value);
  }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool binary(binary_t &) override { return false; }
  bool start_object(size_t) override { return open(json::value_t::object); }
  bool start_array(size_t) override { return open(json::value_t::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t &name) override {
    if (containers.size() == 1 && root.contains(name)) {
      problem = "its JSON has '" + name + "' twice";
      return false;
    }
    member = std::move(name);
    return true;
  }
  bool parse_error(size_t, const std::string &,
                   const json::exception &) override {
    return false;
  }

  std::string problem = "it is not valid JSON";

private:
  /// Where the next value goes.
  json &place() {
    if (containers.empty())
      return root;
    if (containers.back()->is_object())
      return (*containers.back())[member];
    return containers.back()->emplace_back(nullptr);
  }
  template <typename Value> bool add(Value &&value) {
    json &target = place();
    JsonRoot::takeApart(target);
    target = std::forward<Value>(value);
    return true;
  }
  bool open(json::value_t type) {
    if (containers.size() == maxDepth) {
      problem = "its JSON is nested too deeply";
      return false;
    }
    // Containers that are open do not move: only the innermost one grows.
    containers.reserve(maxDepth);
    json &target = place();
    JsonRoot::takeApart(target);
    target = type;
    containers.push_back(&target);
    return true;
  }
  bool close() {
    containers.pop_back();
    return true;
  }

  json &root;
  std::vector<json *> containers;
  string_t member;
};
} // namespace

MaybeError tern::runtime::parseJson(const char *begin, const char *end,
                                    JsonRoot &result) {
  JsonRoot::takeApart(result);
  Builder builder(result);
  if (!json::sax_parse(begin, end, &builder))
    return builder.problem;
  return std::nullopt;
}
