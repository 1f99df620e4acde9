//===- WeightsFileTest.cpp - Tests of weights and their ids -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/WeightsFile.h"
#include "OpenWeights.h"
#include "Sha256.h"
#include "TestFiles.h"
#include "tern/runtime/Safetensors.h"

using namespace tern::runtime;

namespace {
class WeightsFile : public FileTest {
protected:
  /// Writes a signed file with one tensor; returns its id.
  std::string put(const std::string &name, uint8_t value) {
    SafetensorsWriter writer;
    std::string id;
    EXPECT_GOOD(writer.open(path(name), {{"a", DType::U8, {3}}},
                            {{kWeightsIdKey, std::string(32, '0')}}));
    const uint8_t values[3] = {value, 2, 3};
    EXPECT_GOOD(writer.append(values, 3));
    EXPECT_GOOD(writer.sign(kWeightsIdKey, id));
    EXPECT_GOOD(writer.finish());
    return id;
  }
  std::string hash(const std::string &bytes) {
    std::string id;
    EXPECT_GOOD(hashWeights(bytes.data(), bytes.size(), id));
    return id;
  }
  /// The name of the file that is opened.
  std::string open(const std::string &id) {
    MappedFile file;
    std::string opened;
    if (MaybeError error = openWeights(path("w.safetensors"), id, file, opened))
      return *error;
    return std::filesystem::path(opened).filename();
  }
};

std::string sha256(const std::string &text, size_t piece) {
  Sha256 hash;
  for (size_t at = 0; at < text.size(); at += piece)
    hash.update(text.data() + at, std::min(piece, text.size() - at));
  return hash.finish();
}
} // namespace

// The examples of FIPS 180-4, and a million bytes in pieces of all kinds.
TEST(Sha256, GivesTheStandardsValues) {
  EXPECT_EQ(sha256("", 1), "e3b0c44298fc1c149afbf4c8996fb924"
                           "27ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc", 2), "ba7816bf8f01cfea414140de5dae2223"
                              "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(
      sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 55),
      "248d6a61d20638b8e5c026930c3e6039"
      "a33ce45964ff2167f6ecedd419db06c1");
  for (size_t piece : {size_t(1), size_t(63), size_t(64), size_t(65),
                       size_t(1000), size_t(1000000)})
    EXPECT_EQ(sha256(std::string(1000000, 'a'), piece),
              "cdc76e5c9914fb9281a1c7e284d73e67"
              "f1809a48a497200e046d39ccc7112cd0");
}

TEST_F(WeightsFile, IdsDependOnEveryByte) {
  std::string id = put("w", 1);
  EXPECT_EQ(id.size(), 32u);
  std::string bytes = read(path("w"));
  EXPECT_NE(bytes.find(id), std::string::npos);
  EXPECT_EQ(hash(bytes), id);
  EXPECT_EQ(put("v", 1), id);
  EXPECT_NE(put("v", 9), id);
  for (size_t at : {bytes.size() - 1, bytes.find("\"a\"") + 1}) {
    std::string changed = bytes;
    changed[at] ^= 1;
    EXPECT_NE(hash(changed), id);
  }
  std::string none = bytes;
  none.replace(none.find(kWeightsIdKey), 4, "TERN");
  std::string unused;
  EXPECT_BAD(hashWeights(none.data(), none.size(), unused), "has no");
  EXPECT_BAD(hashWeights(none.data(), 20, unused), "is malformed");

  Signature info;
  info.weightsId = id;
  EXPECT_GOOD(checkWeights(bytes.data(), bytes.size(), info, false));
  EXPECT_BAD(checkWeights(bytes.data(), bytes.size(), info, true),
             "cannot be verified");
  info.weightsBytes = bytes.size();
  EXPECT_GOOD(checkWeights(bytes.data(), bytes.size(), info, true));
  bytes.back() ^= 1;
  EXPECT_GOOD(checkWeights(bytes.data(), bytes.size(), info, false));
  EXPECT_BAD(checkWeights(bytes.data(), bytes.size(), info, true),
             "was changed since it was written: the hash");
  info.weightsBytes = bytes.size() + 1;
  EXPECT_BAD(checkWeights(bytes.data(), bytes.size(), info, false),
             "was changed since it was written: it has");
}

TEST_F(WeightsFile, TheOneWithTheIdIsOpened) {
  EXPECT_EQ(weightsPathWithId("f/w.safetensors", "12"), "f/w.12.safetensors");
  EXPECT_EQ(weightsPathWithId("f/w", "12"), "f/w.12.safetensors");
  std::string older = put("w.safetensors", 1);
  std::string newer = put("v", 2);
  std::string withId = "w." + newer + ".safetensors";
  EXPECT_EQ(open(older), "w.safetensors");
  EXPECT_EQ(open(newer), "w.safetensors"); // The caller refuses it.
  std::filesystem::rename(path("v"), path(withId));
  EXPECT_EQ(open(older), "w.safetensors");
  EXPECT_EQ(open(newer), withId);
  std::filesystem::remove(path("w.safetensors"));
  EXPECT_EQ(open(newer), withId);
  EXPECT_THAT(open(older), ::testing::HasSubstr("No such file"));
  // A name is not an id.
  put(withId, 3);
  EXPECT_THAT(open(newer), ::testing::HasSubstr("No such file"));
}
