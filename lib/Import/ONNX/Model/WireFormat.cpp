//===- WireFormat.cpp - Keep weights out of protobuf objects --------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WireFormat.h"
#include <optional>

using namespace tern::onnx_import;
using llvm::StringRef;

namespace {
// Field numbers of onnx.proto; they are fixed for good.
enum : uint64_t { ModelGraph = 7, GraphInitializer = 5 };
enum : uint64_t {
  TensorFloatData = 4,
  TensorRawData = 9,
  TensorDoubleData = 10
};
enum : uint64_t { Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5 };

// Data shorter than this stay in the message: a small copy costs nothing.
constexpr size_t minStrippedBytes = 1024;

/// One field of a message.
struct Field {
  uint64_t number, wireType;
  /// The whole field with its tag; the contents, if it is delimited.
  StringRef encoded, contents;
};

/// Walks the fields of a message.
class FieldReader {
public:
  explicit FieldReader(StringRef message) : rest(message) {}

  bool atEnd() const { return rest.empty(); }

  /// The next field; none if the message is malformed.
  std::optional<Field> next() {
    StringRef start = rest;
    Field field;
    uint64_t tag, length = 0;
    if (!readVarint(tag))
      return std::nullopt;
    field.number = tag >> 3;
    field.wireType = tag & 7;
    switch (field.wireType) {
    case Varint:
      if (uint64_t ignored; !readVarint(ignored))
        return std::nullopt;
      break;
    case Fixed64:
      length = 8;
      break;
    case Delimited:
      if (!readVarint(length))
        return std::nullopt;
      break;
    case Fixed32:
      length = 4;
      break;
    default: // Groups, which onnx.proto does not have.
      return std::nullopt;
    }
    if (field.number == 0 || length > rest.size())
      return std::nullopt;
    field.contents = rest.take_front(length);
    rest = rest.drop_front(length);
    field.encoded = start.drop_back(rest.size());
    return field;
  }

private:
  bool readVarint(uint64_t &value) {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest.empty())
        return false;
      unsigned char byte = rest.front();
      rest = rest.drop_front();
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128)
        return true;
    }
    return false;
  }

  StringRef rest;
};

void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 128; value >>= 7)
    out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

void appendDelimited(std::string &out, uint64_t number, StringRef contents) {
  appendVarint(out, number << 3 | Delimited);
  appendVarint(out, contents.size());
  out.append(contents.begin(), contents.end());
}

DataSpan::Kind getDataKind(const Field &field) {
  if (field.wireType != Delimited)
    return DataSpan::None;
  switch (field.number) {
  case TensorRawData:
    return DataSpan::RawData;
  case TensorFloatData:
    return DataSpan::FloatData;
  case TensorDoubleData:
    return DataSpan::DoubleData;
  default:
    return DataSpan::None;
  }
}

/// Copies a tensor without its data, if they are one long run of bytes.
bool stripTensor(StringRef tensor, std::string &out, DataSpan &span) {
  unsigned runs = 0;
  for (FieldReader reader(tensor); !reader.atEnd();) {
    std::optional<Field> field = reader.next();
    if (!field)
      return false;
    if (DataSpan::Kind kind = getDataKind(*field); kind != DataSpan::None) {
      span = {kind, field->contents};
      ++runs;
    }
  }
  if (runs != 1 || span.bytes.size() < minStrippedBytes) {
    span = {};
    out = tensor.str();
    return true;
  }
  for (FieldReader reader(tensor); !reader.atEnd();) {
    std::optional<Field> field = reader.next();
    if (getDataKind(*field) == DataSpan::None)
      out.append(field->encoded.begin(), field->encoded.end());
  }
  return true;
}

bool stripGraph(StringRef graph, std::string &out, StrippedModel &model) {
  for (FieldReader reader(graph); !reader.atEnd();) {
    std::optional<Field> field = reader.next();
    if (!field)
      return false;
    if (field->number != GraphInitializer || field->wireType != Delimited) {
      out.append(field->encoded.begin(), field->encoded.end());
      continue;
    }
    std::string tensor;
    DataSpan span;
    if (!stripTensor(field->contents, tensor, span))
      return false;
    appendDelimited(out, GraphInitializer, tensor);
    model.initializers.push_back(span);
  }
  return true;
}
} // namespace

llvm::Expected<StrippedModel>
tern::onnx_import::stripInitializers(StringRef file) {
  auto malformed = [] {
    return llvm::createStringError("not an ONNX model, or truncated");
  };
  StrippedModel model;
  for (FieldReader reader(file); !reader.atEnd();) {
    std::optional<Field> field = reader.next();
    if (!field)
      return malformed();
    if (field->number != ModelGraph || field->wireType != Delimited) {
      model.proto.append(field->encoded.begin(), field->encoded.end());
      continue;
    }
    std::string graph;
    if (!stripGraph(field->contents, graph, model))
      return malformed();
    appendDelimited(model.proto, ModelGraph, graph);
  }
  return model;
}
