//===- ElfCheck.cpp - Look at a library before it is loaded ----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Own code because libelf would be one more library in every program that runs
// a model. The tables are described in the System V ABI, "Object Files" and
// "Dynamic Linking"; GNU hashes in the Linux Standard Base.
//
//===----------------------------------------------------------------------===//

#include "ElfCheck.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include <link.h>
#include <unistd.h>

using namespace tern::runtime;

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Symbol = ElfW(Sym);
using Address = ElfW(Addr);

#if defined(__x86_64__)
static constexpr uint16_t hostMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr uint16_t hostMachine = EM_AARCH64;
#elif defined(__riscv)
static constexpr uint16_t hostMachine = EM_RISCV;
#else
#error "say what machine this is"
#endif

static constexpr unsigned char elfClass =
    sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
static constexpr unsigned char elfOrder =
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
// Compilers need a dozen; the loader keeps them on the stack.
static constexpr unsigned maxSegments = 128;

static std::string machineName(uint16_t machine) {
  switch (machine) {
  case EM_386:
    return "x86";
  case EM_X86_64:
    return "x86-64";
  case EM_ARM:
    return "ARM";
  case EM_AARCH64:
    return "AArch64";
  case EM_RISCV:
    return "RISC-V";
  case EM_PPC64:
    return "PowerPC";
  case EM_S390:
    return "s390";
  default:
    return "machine " + std::to_string(machine);
  }
}

/// Tables of a damaged file lie anywhere.
template <typename T> static T load(const char *from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

namespace {
class Checker {
public:
  /// `wanted`: the symbol that it must define.
  Checker(const char *data, uint64_t size, const std::string &wanted)
      : data(data), size(size), wanted(wanted) {}

  MaybeError check();
  bool hasSymbol() const { return hasWanted; }
  /// Whether it can be run: it names a loader.
  bool isProgram() const {
    return std::any_of(
        segments.begin(), segments.end(),
        [](const Segment &segment) { return segment.p_type == PT_INTERP; });
  }

private:
  MaybeError checkHeader();
  MaybeError checkSegments();
  MaybeError checkLoads();
  MaybeError readDynamic(const Segment &segment);
  MaybeError checkStrings();
  MaybeError countSymbols();
  MaybeError countByGnuHash(uint64_t address);
  MaybeError countByHash(uint64_t address);
  MaybeError checkSymbols();
  /// Bytes that the loader maps from the file, or null.
  const char *at(uint64_t address, uint64_t bytes) const;
  /// Whether memory is all in one segment with some flags.
  bool isIn(uint64_t address, uint64_t bytes, uint32_t flags) const;
  bool isCode(uint64_t address) const { return isIn(address, 1, PF_X); }
  bool has(ElfW(Sxword) tag) const { return dynamic.count(tag); }
  uint64_t get(ElfW(Sxword) tag) const {
    auto it = dynamic.find(tag);
    return it == dynamic.end() ? 0 : it->second;
  }
  const char *string(uint64_t offset) const {
    return offset < stringsSize ? strings + offset : nullptr;
  }

  const char *data;
  uint64_t size;
  std::string wanted;
  Header header;
  std::vector<Segment> segments, loads;
  std::map<ElfW(Sxword), uint64_t> dynamic;
  const char *strings = nullptr, *symbols = nullptr;
  uint64_t stringsSize = 0, numSymbols = 0;
  bool hasWanted = false;
};
} // namespace

const char *Checker::at(uint64_t address, uint64_t bytes) const {
  for (const Segment &segment : loads)
    if (address >= segment.p_vaddr &&
        address - segment.p_vaddr <= segment.p_filesz &&
        bytes <= segment.p_filesz - (address - segment.p_vaddr))
      return data + segment.p_offset + (address - segment.p_vaddr);
  return nullptr;
}

bool Checker::isIn(uint64_t address, uint64_t bytes, uint32_t flags) const {
  for (const Segment &segment : loads)
    if ((segment.p_flags & flags) == flags && address >= segment.p_vaddr &&
        address - segment.p_vaddr <= segment.p_memsz &&
        bytes <= segment.p_memsz - (address - segment.p_vaddr))
      return true;
  return false;
}

MaybeError Checker::checkHeader() {
  if (size < sizeof(Header))
    return "it is truncated";
  header = load<Header>(data);
  if (header.e_ident[EI_CLASS] != elfClass ||
      header.e_ident[EI_DATA] != elfOrder || header.e_machine != hostMachine)
    return "it is for " + machineName(header.e_machine) +
           ", this machine is another, " + machineName(hostMachine) +
           "; compile the model for it";
  if (header.e_ident[EI_VERSION] != EV_CURRENT ||
      header.e_version != EV_CURRENT || header.e_type != ET_DYN)
    return "it is no shared library (ternc -o NAME.so makes one)";
  if (header.e_phentsize != sizeof(Segment) || header.e_phnum == 0 ||
      header.e_phnum > maxSegments)
    return "its header is damaged";
  uint64_t bytes = header.e_phnum * sizeof(Segment);
  if (header.e_phoff > size || bytes > size - header.e_phoff)
    return "it is truncated: its segments are described beyond its end";
  for (unsigned i = 0; i < header.e_phnum; ++i)
    segments.push_back(
        load<Segment>(data + header.e_phoff + i * sizeof(Segment)));
  return std::nullopt;
}

MaybeError Checker::checkLoads() {
  for (const Segment &segment : segments) {
    if (segment.p_filesz &&
        (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
      return "it is truncated: it has " + std::to_string(size) +
             " bytes, a segment of " + std::to_string(segment.p_filesz) +
             " begins at " + std::to_string(segment.p_offset);
    if (segment.p_type != PT_LOAD)
      continue;
    if (segment.p_memsz < segment.p_filesz)
      return "a segment is damaged";
    loads.push_back(segment);
  }
  if (loads.empty())
    return "it has nothing to load";
  return std::nullopt;
}

MaybeError Checker::checkSegments() {
  if (MaybeError error = checkLoads())
    return error;
  const Segment *dynamicSegment = nullptr;
  for (const Segment &segment : segments)
    if (segment.p_type == PT_DYNAMIC)
      dynamicSegment = &segment;
  if (!dynamicSegment)
    return "it is no shared library (ternc -o NAME.so makes one)";
  return readDynamic(*dynamicSegment);
}

MaybeError Checker::readDynamic(const Segment &segment) {
  using Entry = ElfW(Dyn);
  const char *entries = at(segment.p_vaddr, segment.p_memsz);
  if (!entries)
    return "its dynamic section is damaged";
  for (uint64_t i = 0;; ++i) {
    if ((i + 1) * sizeof(Entry) > segment.p_memsz)
      return "its dynamic section has no end";
    Entry entry = load<Entry>(entries + i * sizeof(Entry));
    if (entry.d_tag == DT_NULL)
      return std::nullopt;
    dynamic[entry.d_tag] = entry.d_un.d_val;
  }
}

MaybeError Checker::checkStrings() {
  stringsSize = get(DT_STRSZ);
  strings = at(get(DT_STRTAB), stringsSize);
  if (!has(DT_STRTAB) || !has(DT_SYMTAB) || !strings || !stringsSize ||
      strings[stringsSize - 1] != '\0')
    return "its table of strings is damaged";
  return std::nullopt;
}

MaybeError Checker::countByGnuHash(uint64_t address) {
  static constexpr const char *damaged = "its hash table is damaged";
  const char *table = at(address, 4 * sizeof(uint32_t));
  if (!table)
    return damaged;
  uint64_t numBuckets = load<uint32_t>(table);
  uint64_t first = load<uint32_t>(table + 4);
  uint64_t numWords = load<uint32_t>(table + 8);
  uint64_t bucketsOffset = 16 + numWords * sizeof(Address);
  uint64_t chainsOffset = bucketsOffset + numBuckets * sizeof(uint32_t);
  if (numBuckets == 0 || numWords == 0 || (numWords & (numWords - 1)) != 0 ||
      load<uint32_t>(table + 12) >= 8 * sizeof(Address) ||
      !at(address, chainsOffset))
    return damaged;
  uint64_t last = 0;
  for (uint64_t i = 0; i < numBuckets; ++i) {
    uint64_t bucket = load<uint32_t>(table + bucketsOffset + 4 * i);
    if (bucket && bucket < first)
      return damaged;
    last = std::max(last, bucket);
  }
  numSymbols = first;
  // Every other chain ends where this one does, if not before.
  for (uint64_t i = last; last; ++i) {
    const char *entry =
        at(address + chainsOffset + (i - first) * sizeof(uint32_t), 4);
    if (!entry)
      return damaged;
    numSymbols = i + 1;
    if (load<uint32_t>(entry) & 1)
      break;
  }
  return std::nullopt;
}

MaybeError Checker::countByHash(uint64_t address) {
  static constexpr const char *damaged = "its hash table is damaged";
  const char *table = at(address, 8);
  if (!table)
    return damaged;
  uint64_t numBuckets = load<uint32_t>(table);
  numSymbols = load<uint32_t>(table + 4);
  if (!numBuckets || !at(address, 8 + 4 * (numBuckets + numSymbols)))
    return damaged;
  const char *chains = table + 8 + 4 * numBuckets;
  std::vector<bool> isSeen(numSymbols);
  for (uint64_t i = 0; i < numBuckets; ++i)
    for (uint64_t next = load<uint32_t>(table + 8 + 4 * i); next;
         next = load<uint32_t>(chains + 4 * next)) {
      if (next >= numSymbols || isSeen[next])
        return damaged;
      isSeen[next] = true;
    }
  return std::nullopt;
}

MaybeError Checker::countSymbols() {
  if (has(DT_HASH))
    if (MaybeError error = countByHash(get(DT_HASH)))
      return error;
  uint64_t counted = numSymbols;
  if (has(DT_GNU_HASH))
    if (MaybeError error = countByGnuHash(get(DT_GNU_HASH)))
      return error;
  numSymbols = std::max(numSymbols, counted);
  symbols = at(get(DT_SYMTAB), numSymbols * sizeof(Symbol));
  if (!symbols)
    return "its table of symbols is damaged";
  return std::nullopt;
}

MaybeError Checker::checkSymbols() {
  for (uint64_t i = 0; i < numSymbols; ++i) {
    Symbol symbol = load<Symbol>(symbols + i * sizeof(Symbol));
    const char *name = string(symbol.st_name);
    if (!name)
      return "the name of a symbol is damaged";
    // The macro is the same for 32 and 64 bits.
    unsigned type = ELF64_ST_TYPE(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF)
      continue;
    if ((type == STT_FUNC || type == STT_GNU_IFUNC) && !isCode(symbol.st_value))
      return std::string("the function ") + name + " is not in its code";
    // The latter is what versions up to 4 of the interface have.
    if (wanted != name &&
        (wanted != "tern_model" || std::strcmp(name, "tern_model_abi") != 0))
      continue;
    if (!isCode(symbol.st_value))
      return std::string("its symbol ") + name + " is damaged";
    hasWanted = true;
  }
  return std::nullopt;
}

MaybeError Checker::check() {
  for (auto step :
       {&Checker::checkHeader, &Checker::checkSegments, &Checker::checkStrings,
        &Checker::countSymbols, &Checker::checkSymbols})
    if (MaybeError error = (this->*step)())
      return error;
  return std::nullopt;
}

MaybeError tern::runtime::checkSharedLibrary(const char *data, uint64_t size,
                                             const std::string &name,
                                             const std::string &symbol) {
  if (size < SELFMAG || std::memcmp(data, ELFMAG, SELFMAG) != 0)
    return name + " is not a shared library" +
           (size > 0 && data[0] == '\b'
                ? "; if it is an ONNX model, compile it: ternc MODEL.onnx -o "
                  "MODEL.so"
                : " (ternc -o NAME.so makes one)");
  Checker checker(data, size, symbol);
  if (MaybeError error = checker.check())
    return "cannot load " + name + ": " + *error;
  if (!checker.hasSymbol() && symbol != "tern_model")
    return name + " has no symbol " + symbol;
  if (!checker.hasSymbol())
    return name + " is not a Tern artifact: it has no symbol tern_model" +
           (checker.isProgram()
                ? "; it is a program: run it, or compile with -o NAME.so"
                : " (ternc -o NAME.so makes one)");
  return std::nullopt;
}
