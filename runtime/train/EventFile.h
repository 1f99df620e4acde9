//===- EventFile.h - TensorBoard's file of scalars --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Own code because no library of Debian writes these files, TensorFlow apart,
// which a training executable cannot depend on; what is needed of the format
// are two records. It is that of TensorFlow's TFRecord (record_writer.cc: the
// length, its CRC, the data, their CRC) around messages of protobuf
// (event.proto, summary.proto).
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_EVENTFILE_H
#define TERN_RUNTIME_EVENTFILE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tern::runtime {

/// CRC-32C (Castagnoli) of RFC 3720, as the format has it.
uint32_t crc32c(std::string_view data);

/// What an event file begins with. `time`: seconds since 1970.
std::string makeVersionEvent(double time);

/// Says that a run goes on after step `step`: what earlier files of the folder
/// have of later ones is not shown.
std::string makeStartEvent(double time, int64_t step);

/// Values at a step, by tag. Of infinities and NaN TensorBoard shows where they
/// were.
std::string
makeScalarEvent(double time, int64_t step,
                const std::vector<std::pair<std::string, double>> &values);

} // namespace tern::runtime

#endif // TERN_RUNTIME_EVENTFILE_H
