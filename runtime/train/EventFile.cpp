//===- EventFile.cpp - TensorBoard's file of scalars ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EventFile.h"

#include <cstring>

using namespace tern::runtime;

uint32_t tern::runtime::crc32c(std::string_view data) {
  // The polynomial 0x1EDC6F41 with its bits reversed.
  uint32_t crc = ~uint32_t(0);
  for (char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
  }
  return ~crc;
}

namespace {
/// Writes fields of protobuf; numbers are little-endian.
class Message {
public:
  Message &varint(unsigned field, uint64_t value) {
    putVarint(uint64_t(field) << 3);
    putVarint(value);
    return *this;
  }
  Message &fixed64(unsigned field, double value) {
    return fixed<uint64_t>(field, 1, value);
  }
  Message &fixed32(unsigned field, float value) {
    return fixed<uint32_t>(field, 5, value);
  }
  Message &bytes(unsigned field, std::string_view value) {
    putVarint(uint64_t(field) << 3 | 2);
    putVarint(value.size());
    data += value;
    return *this;
  }
  void putBytes(uint64_t value, int count) {
    for (int i = 0; i < count; ++i)
      data += static_cast<char>(value >> 8 * i & 0xFF);
  }

  std::string data;

private:
  template <typename Bits, typename Number>
  Message &fixed(unsigned field, unsigned wireType, Number value) {
    putVarint(uint64_t(field) << 3 | wireType);
    Bits bits;
    std::memcpy(&bits, &value, sizeof(bits));
    putBytes(bits, sizeof(bits));
    return *this;
  }
  void putVarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      data += static_cast<char>(value | 0x80);
    data += static_cast<char>(value);
  }
};
} // namespace

/// A CRC of data that hold CRCs is no good, so these are masked.
static uint32_t mask(uint32_t crc) {
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static std::string makeRecord(const Message &event) {
  Message record;
  record.putBytes(event.data.size(), 8);
  record.putBytes(mask(crc32c(record.data)), 4);
  record.data += event.data;
  record.putBytes(mask(crc32c(event.data)), 4);
  return record.data;
}

// Event: wall_time = 1, step = 2, file_version = 3, summary = 5,
// session_log = 7. Summary: value = 1. Value: tag = 1, simple_value = 2.
// SessionLog: status = 1, which is START = 1.

std::string tern::runtime::makeVersionEvent(double time) {
  return makeRecord(Message().fixed64(1, time).bytes(3, "brain.Event:2"));
}

std::string tern::runtime::makeStartEvent(double time, int64_t step) {
  return makeRecord(Message()
                        .fixed64(1, time)
                        .varint(2, static_cast<uint64_t>(step) + 1)
                        .bytes(7, Message().varint(1, 1).data));
}

std::string tern::runtime::makeScalarEvent(
    double time, int64_t step,
    const std::vector<std::pair<std::string, double>> &values) {
  Message summary;
  for (const auto &[tag, value] : values)
    summary.bytes(
        1, Message().bytes(1, tag).fixed32(2, static_cast<float>(value)).data);
  return makeRecord(Message()
                        .fixed64(1, time)
                        .varint(2, static_cast<uint64_t>(step))
                        .bytes(5, summary.data));
}
