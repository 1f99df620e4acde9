//===- CpuFeatures.cpp - Check processor features ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bits come from CPUID itself: __builtin_cpu_supports accepts a different
// list of names in every compiler, and does not know some that LLVM generates
// code for.
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

using namespace tern::runtime;

namespace {
enum class Answer { Yes, No, Unknown };
} // namespace

#if defined(__x86_64__) || defined(__i386__)

namespace {
enum Register { EAX, EBX, ECX, EDX };

// What the operating system must save on a context switch (XCR0).
enum State : unsigned { None = 0, Avx = 0x6, Avx512 = 0xe6, Amx = 0x60000 };

struct Feature {
  const char *name;
  unsigned leaf, subleaf;
  Register reg;
  unsigned bit;
  State state;
};
} // namespace

static constexpr unsigned extended = 0x80000000;

static constexpr Feature table[] = {
    {"cx8", 1, 0, EDX, 8, None},
    {"cmov", 1, 0, EDX, 15, None},
    {"mmx", 1, 0, EDX, 23, None},
    {"fxsr", 1, 0, EDX, 24, None},
    {"x87", 1, 0, EDX, 0, None},
    {"sse", 1, 0, EDX, 25, None},
    {"sse2", 1, 0, EDX, 26, None},
    {"sse3", 1, 0, ECX, 0, None},
    {"pclmul", 1, 0, ECX, 1, None},
    {"ssse3", 1, 0, ECX, 9, None},
    {"fma", 1, 0, ECX, 12, Avx},
    {"cx16", 1, 0, ECX, 13, None},
    {"sse4.1", 1, 0, ECX, 19, None},
    {"sse4.2", 1, 0, ECX, 20, None},
    {"crc32", 1, 0, ECX, 20, None},
    {"movbe", 1, 0, ECX, 22, None},
    {"popcnt", 1, 0, ECX, 23, None},
    {"aes", 1, 0, ECX, 25, None},
    {"xsave", 1, 0, ECX, 26, None},
    {"avx", 1, 0, ECX, 28, Avx},
    {"f16c", 1, 0, ECX, 29, Avx},
    {"rdrnd", 1, 0, ECX, 30, None},
    {"fsgsbase", 7, 0, EBX, 0, None},
    {"bmi", 7, 0, EBX, 3, None},
    {"avx2", 7, 0, EBX, 5, Avx},
    {"bmi2", 7, 0, EBX, 8, None},
    {"avx512f", 7, 0, EBX, 16, Avx512},
    {"avx512dq", 7, 0, EBX, 17, Avx512},
    {"rdseed", 7, 0, EBX, 18, None},
    {"adx", 7, 0, EBX, 19, None},
    {"avx512ifma", 7, 0, EBX, 21, Avx512},
    {"avx512cd", 7, 0, EBX, 28, Avx512},
    {"sha", 7, 0, EBX, 29, None},
    {"avx512bw", 7, 0, EBX, 30, Avx512},
    {"avx512vl", 7, 0, EBX, 31, Avx512},
    {"avx512vbmi", 7, 0, ECX, 1, Avx512},
    {"avx512vbmi2", 7, 0, ECX, 6, Avx512},
    {"gfni", 7, 0, ECX, 8, None},
    {"vaes", 7, 0, ECX, 9, Avx},
    {"vpclmulqdq", 7, 0, ECX, 10, Avx},
    {"avx512vnni", 7, 0, ECX, 11, Avx512},
    {"avx512bitalg", 7, 0, ECX, 12, Avx512},
    {"avx512vpopcntdq", 7, 0, ECX, 14, Avx512},
    {"amx-bf16", 7, 0, EDX, 22, Amx},
    {"avx512fp16", 7, 0, EDX, 23, Avx512},
    {"amx-tile", 7, 0, EDX, 24, Amx},
    {"amx-int8", 7, 0, EDX, 25, Amx},
    {"avxvnni", 7, 1, EAX, 4, Avx},
    {"avx512bf16", 7, 1, EAX, 5, Avx512},
    {"avxifma", 7, 1, EAX, 23, Avx},
    {"avxvnniint8", 7, 1, EDX, 4, Avx},
    {"avxneconvert", 7, 1, EDX, 5, Avx},
    {"avxvnniint16", 7, 1, EDX, 10, Avx},
    {"sahf", extended + 1, 0, ECX, 0, None},
    {"lzcnt", extended + 1, 0, ECX, 5, None},
    {"prfchw", extended + 1, 0, ECX, 8, None},
    {"64bit", extended + 1, 0, EDX, 29, None},
};

static unsigned cpuid(unsigned leaf, unsigned subleaf, Register reg) {
  unsigned values[4] = {};
  if (!__get_cpuid_count(leaf, subleaf, &values[EAX], &values[EBX],
                         &values[ECX], &values[EDX]))
    return 0;
  return values[reg];
}

static unsigned enabledState() {
  if (!(cpuid(1, 0, ECX) & bit_OSXSAVE))
    return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static Answer hasFeature(const std::string &name) {
  for (const Feature &feature : table) {
    if (name != feature.name)
      continue;
    bool present =
        (cpuid(feature.leaf, feature.subleaf, feature.reg) >> feature.bit) & 1;
    bool enabled = (enabledState() & feature.state) == feature.state;
    return present && enabled ? Answer::Yes : Answer::No;
  }
  return Answer::Unknown;
}

#elif defined(__aarch64__)

static Answer hasFeature(const std::string &name) {
  struct Feature {
    const char *name;
    unsigned long type;
    unsigned bit;
  };
  // Bits of Linux's asm/hwcap.h, spelled out because old headers lack some.
  static constexpr Feature table[] = {
      {"fp-armv8", AT_HWCAP, 0},  {"neon", AT_HWCAP, 1},
      {"crc", AT_HWCAP, 7},       {"lse", AT_HWCAP, 8},
      {"fullfp16", AT_HWCAP, 10}, {"rdm", AT_HWCAP, 12},
      {"dotprod", AT_HWCAP, 20},  {"sve", AT_HWCAP, 22},
      {"fp16fml", AT_HWCAP, 23},  {"sve2", AT_HWCAP2, 1},
      {"i8mm", AT_HWCAP2, 13},    {"bf16", AT_HWCAP2, 14},
  };
  for (const Feature &feature : table)
    if (name == feature.name)
      return (getauxval(feature.type) >> feature.bit) & 1 ? Answer::Yes
                                                          : Answer::No;
  return Answer::Unknown;
}

#else

static Answer hasFeature(const std::string &) { return Answer::Unknown; }

#endif

static void addTo(std::string &list, const std::string &name) {
  list += (list.empty() ? "" : ", ") + name;
}

MaybeError
tern::runtime::checkCpuFeatures(const std::vector<std::string> &features) {
  std::string missing, unknown;
  for (const std::string &name : features) {
    Answer answer = hasFeature(name);
    if (answer == Answer::No)
      addTo(missing, name);
    else if (answer == Answer::Unknown)
      addTo(unknown, name);
  }
  if (!missing.empty())
    return "this processor lacks " + missing +
           "; compile the model with --target for this machine, or generic";
  if (!unknown.empty())
    return "this runtime cannot check for the processor feature " + unknown +
           "; use a runtime as new as the compiler";
  return std::nullopt;
}
