//===- ElfCheck.cpp - Look at a library before it is loaded ----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Own code because libelf would be one more library in every program that runs
// a model, and checks little of this. The tables are described in the System V
// ABI, "Object Files" and "Dynamic Linking"; versions and GNU hashes in the
// Linux Standard Base.
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

namespace {
/// What the loader does with the relocations of this machine.
struct Machine {
  uint16_t number;
  uint32_t relative, absolute, iRelative, copy;
};
} // namespace

#if defined(__x86_64__)
static constexpr Machine host = {EM_X86_64, R_X86_64_RELATIVE, R_X86_64_64,
                                 R_X86_64_IRELATIVE, R_X86_64_COPY};
#elif defined(__aarch64__)
static constexpr Machine host = {EM_AARCH64, R_AARCH64_RELATIVE,
                                 R_AARCH64_ABS64, R_AARCH64_IRELATIVE,
                                 R_AARCH64_COPY};
#elif defined(__riscv)
static constexpr Machine host = {EM_RISCV, R_RISCV_RELATIVE,
                                 __riscv_xlen == 64 ? R_RISCV_64 : R_RISCV_32,
                                 58 /* R_RISCV_IRELATIVE */, R_RISCV_COPY};
#else
#error "say what the relocations of this machine are"
#endif

static constexpr unsigned char elfClass =
    sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
static constexpr unsigned char elfOrder =
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
// Compilers need a dozen; the loader keeps them on the stack.
static constexpr unsigned maxSegments = 128;
static constexpr uint64_t maxThreadLocal = uint64_t(1) << 26;

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
  Checker(const char *data, uint64_t size) : data(data), size(size) {}

  MaybeError check();
  bool isArtifact() const { return hasAbi; }

private:
  struct Range {
    uint64_t begin, size;
    bool contains(uint64_t address) const {
      return address >= begin && address - begin < size;
    }
  };

  MaybeError checkHeader();
  MaybeError checkSegments();
  MaybeError checkLoads();
  MaybeError readDynamic(const Segment &segment);
  MaybeError checkStrings();
  MaybeError countSymbols();
  MaybeError countByGnuHash(uint64_t address);
  MaybeError countByHash(uint64_t address);
  MaybeError checkSymbols();
  MaybeError checkModelSymbol(const std::string &name, const Symbol &symbol);
  MaybeError checkVersions();
  MaybeError checkNeeds(unsigned &highest) const;
  MaybeError checkDefinitions(unsigned &highest) const;
  MaybeError checkInitializers();
  MaybeError checkRelocations();
  template <typename Relocation>
  MaybeError checkTable(ElfW(Sxword) table, ElfW(Sxword) tableSize,
                        uint64_t relativeCount);
  MaybeError checkPacked();
  MaybeError checkTarget(uint64_t address, uint64_t bytes) const;
  void noteInitializer(uint64_t address, bool isCode);

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
  Header header;
  std::vector<Segment> segments, loads;
  Range dynamicRange = {};
  std::map<ElfW(Sxword), uint64_t> dynamic;
  std::vector<uint64_t> neededNames;
  const char *strings = nullptr, *symbols = nullptr;
  uint64_t stringsSize = 0, numSymbols = 0;
  // Of initializers and finalizers; what each slot is relocated to.
  std::vector<Range> arrays;
  std::map<uint64_t, bool> slots;
  uint64_t weights = 0, weightsSize = 0;
  bool hasAbi = false, hasWeights = false;
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
      header.e_ident[EI_DATA] != elfOrder || header.e_machine != host.number)
    return "it is for " + machineName(header.e_machine) +
           ", this machine is another, " + machineName(host.number) +
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
  uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  uint64_t end = 0;
  for (const Segment &segment : segments) {
    if (segment.p_filesz &&
        (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
      return "it is truncated: it has " + std::to_string(size) +
             " bytes, a segment of " + std::to_string(segment.p_filesz) +
             " begins at " + std::to_string(segment.p_offset);
    if (segment.p_type != PT_LOAD)
      continue;
    // Half of what an address can be: nothing below overflows.
    constexpr uint64_t limit = UINT64_MAX >> 17;
    if (segment.p_memsz < segment.p_filesz || segment.p_memsz > limit ||
        segment.p_vaddr > limit || segment.p_offset > limit ||
        (segment.p_vaddr - segment.p_offset) % page != 0)
      return "a segment is damaged";
    if (!loads.empty() &&
        (segment.p_vaddr / page * page < end ||
         segment.p_offset < loads.back().p_offset + loads.back().p_filesz))
      return "its segments overlap";
    // What is beyond the file's bytes is zeroed, in their last page too.
    if (segment.p_memsz > segment.p_filesz && !(segment.p_flags & PF_W))
      return "a read-only segment is larger than what is in the file";
    end = (segment.p_vaddr + segment.p_memsz + page - 1) / page * page;
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
  for (const Segment &segment : segments) {
    bool isGood = true;
    switch (segment.p_type) {
    case PT_DYNAMIC:
      isGood = !dynamicSegment;
      dynamicSegment = &segment;
      break;
    case PT_PHDR:
    case PT_NOTE:
    case PT_GNU_EH_FRAME:
    case PT_GNU_PROPERTY:
      isGood = at(segment.p_vaddr, segment.p_memsz) &&
               segment.p_filesz <= segment.p_memsz;
      break;
    case PT_TLS:
      isGood = at(segment.p_vaddr, segment.p_filesz) &&
               segment.p_filesz <= segment.p_memsz &&
               segment.p_memsz <= maxThreadLocal &&
               segment.p_align <= maxThreadLocal &&
               (segment.p_align & (segment.p_align - 1)) == 0;
      break;
    case PT_GNU_RELRO: {
      // Linkers round its end up to a page.
      uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
      isGood = isIn(segment.p_vaddr, 1, PF_W) && segment.p_memsz <= size + page;
      for (const Segment &other : loads)
        if (isGood && segment.p_vaddr >= other.p_vaddr &&
            segment.p_vaddr - other.p_vaddr < other.p_memsz)
          isGood = segment.p_vaddr + segment.p_memsz <=
                   (other.p_vaddr + other.p_memsz + page - 1) / page * page;
      break;
    }
    default:
      break;
    }
    if (!isGood)
      return "a segment of type " + std::to_string(segment.p_type) +
             " is damaged";
  }
  if (!dynamicSegment)
    return "it is no shared library (ternc -o NAME.so makes one)";
  return readDynamic(*dynamicSegment);
}

MaybeError Checker::readDynamic(const Segment &segment) {
  using Entry = ElfW(Dyn);
  dynamicRange = {segment.p_vaddr, segment.p_memsz};
  const char *entries = at(segment.p_vaddr, segment.p_memsz);
  // The loader writes to it if it may.
  if (!entries || segment.p_vaddr % alignof(Entry) != 0 ||
      (segment.p_flags & PF_W && !isIn(segment.p_vaddr, segment.p_memsz, PF_W)))
    return "its dynamic section is damaged";
  for (uint64_t i = 0;; ++i) {
    if ((i + 1) * sizeof(Entry) > segment.p_memsz)
      return "its dynamic section has no end";
    Entry entry = load<Entry>(entries + i * sizeof(Entry));
    if (entry.d_tag == DT_NULL)
      return std::nullopt;
    if (entry.d_tag == DT_NEEDED)
      neededNames.push_back(entry.d_un.d_val);
    dynamic[entry.d_tag] = entry.d_un.d_val;
  }
}

MaybeError Checker::checkStrings() {
  stringsSize = get(DT_STRSZ);
  strings = at(get(DT_STRTAB), stringsSize);
  if (!has(DT_STRTAB) || !has(DT_SYMTAB) || !strings || !stringsSize ||
      strings[stringsSize - 1] != '\0')
    return "its table of strings is damaged";
  for (uint64_t name : neededNames)
    if (!string(name))
      return "the name of a library that it needs is damaged";
  for (ElfW(Sxword) tag :
       {DT_SONAME, DT_RPATH, DT_RUNPATH, DT_FILTER, DT_AUXILIARY})
    if (has(tag) && !string(get(tag)))
      return "a name in its dynamic section is damaged";
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

MaybeError Checker::checkModelSymbol(const std::string &name,
                                     const Symbol &symbol) {
  bool isGood = true;
  if (name == "tern_model_weights") {
    weights = symbol.st_value;
    hasWeights = true;
  } else if (name == "tern_model_weights_size") {
    const char *value = at(symbol.st_value, sizeof(uint64_t));
    isGood = value;
    weightsSize = value ? load<uint64_t>(value) : 0;
  } else {
    isGood = isCode(symbol.st_value);
    hasAbi |= name == "tern_model_abi";
  }
  if (!isGood)
    return "its symbol " + name + " is damaged";
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
    if (std::strncmp(name, "tern_model_", 11) == 0)
      if (MaybeError error = checkModelSymbol(name, symbol))
        return error;
  }
  if (hasWeights && !at(weights, weightsSize))
    return "its embedded weights reach beyond what is loaded";
  return std::nullopt;
}

MaybeError Checker::checkNeeds(unsigned &highest) const {
  using Need = ElfW(Verneed);
  using Version = ElfW(Vernaux);
  for (uint64_t address = get(DT_VERNEED);;) {
    const char *bytes = at(address, sizeof(Need));
    if (!bytes)
      return "its versions are damaged";
    Need need = load<Need>(bytes);
    const char *file = string(need.vn_file);
    // The loader ends the process if it has not loaded the file.
    bool isNeeded = false;
    for (uint64_t name : neededNames)
      isNeeded |= file && std::strcmp(file, string(name)) == 0;
    if (!isNeeded)
      return "its versions are damaged";
    for (uint64_t inside = address + need.vn_aux;;) {
      const char *inner = at(inside, sizeof(Version));
      if (!inner)
        return "its versions are damaged";
      Version version = load<Version>(inner);
      if (!string(version.vna_name))
        return "its versions are damaged";
      highest = std::max(highest, version.vna_other & 0x7fffU);
      if (!version.vna_next)
        break;
      inside += version.vna_next;
    }
    if (!need.vn_next)
      return std::nullopt;
    address += need.vn_next;
  }
}

MaybeError Checker::checkDefinitions(unsigned &highest) const {
  using Definition = ElfW(Verdef);
  using Name = ElfW(Verdaux);
  for (uint64_t address = get(DT_VERDEF);;) {
    const char *bytes = at(address, sizeof(Definition));
    if (!bytes)
      return "its versions are damaged";
    Definition definition = load<Definition>(bytes);
    const char *inner = at(address + definition.vd_aux, sizeof(Name));
    if (!inner || !string(load<Name>(inner).vda_name))
      return "its versions are damaged";
    highest = std::max(highest, definition.vd_ndx & 0x7fffU);
    if (!definition.vd_next)
      return std::nullopt;
    address += definition.vd_next;
  }
}

MaybeError Checker::checkVersions() {
  unsigned highest = 0;
  if (has(DT_VERNEED))
    if (MaybeError error = checkNeeds(highest))
      return error;
  if (has(DT_VERDEF))
    if (MaybeError error = checkDefinitions(highest))
      return error;
  // Where there are versions, the loader looks for those of symbols.
  if (!has(DT_VERSYM))
    return highest == 0 ? std::nullopt : MaybeError("its versions are damaged");
  const char *table = at(get(DT_VERSYM), numSymbols * sizeof(uint16_t));
  if (!table || highest == 0)
    return "its versions are damaged";
  for (uint64_t i = 0; i < numSymbols; ++i)
    if ((load<uint16_t>(table + 2 * i) & 0x7fffU) > highest)
      return "the version of a symbol is damaged";
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Relocations and initializers
//===----------------------------------------------------------------------===//

MaybeError Checker::checkTarget(uint64_t address, uint64_t bytes) const {
  if (!isIn(address, bytes, has(DT_TEXTREL) ? 0 : PF_W) ||
      (address + bytes > dynamicRange.begin &&
       address < dynamicRange.begin + dynamicRange.size))
    return "a relocation changes what may not change";
  return std::nullopt;
}

void Checker::noteInitializer(uint64_t address, bool isCode) {
  for (const Range &array : arrays)
    if (array.contains(address))
      slots[address] = isCode;
}

template <typename Relocation>
MaybeError Checker::checkTable(ElfW(Sxword) table, ElfW(Sxword) tableSize,
                               uint64_t relativeCount) {
  // The loader looks for the size of a table without asking whether it is
  // there.
  if (has(table) != has(tableSize))
    return "its relocations are damaged";
  if (!has(table))
    return std::nullopt;
  uint64_t bytes = get(tableSize);
  const char *entries = at(get(table), bytes);
  if (!entries || bytes % sizeof(Relocation) != 0)
    return "its relocations are damaged";
  uint64_t count = bytes / sizeof(Relocation);
  if (relativeCount > count)
    return "its relocations are damaged";
  for (uint64_t i = 0; i < count; ++i) {
    Relocation entry = load<Relocation>(entries + i * sizeof(Relocation));
    uint64_t address = entry.r_offset;
    constexpr bool isWide = sizeof(Address) == 8;
    uint64_t symbolIndex =
        isWide ? static_cast<uint64_t>(entry.r_info) >> 32 : entry.r_info >> 8;
    uint32_t type =
        static_cast<uint32_t>(entry.r_info & (isWide ? 0xffffffff : 0xff));
    // The loader counts on it, and ends the process.
    if (i < relativeCount && type != host.relative)
      return "its relocations are not in order";
    // The loader reads the symbol before it asks for the type.
    if (symbolIndex >= numSymbols || type == host.copy)
      return "a relocation is damaged";
    if (type == 0)
      continue;
    if (MaybeError error = checkTarget(address, sizeof(Address)))
      return error;
    Symbol symbol = load<Symbol>(symbols + symbolIndex * sizeof(Symbol));
    // Local symbols are not looked up: this one would be where the file is.
    if (symbolIndex && ELF64_ST_BIND(symbol.st_info) == STB_LOCAL &&
        (symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0))
      return "a relocation is damaged";
    uint64_t value = 0;
    if constexpr (std::is_same_v<Relocation, ElfW(Rela)>)
      value = static_cast<uint64_t>(entry.r_addend);
    else if (const char *stored = at(address, sizeof(Address)))
      value = load<Address>(stored);
    if (type == host.iRelative && !isCode(value))
      return "a relocation calls what is no code";
    if (type == host.relative) {
      noteInitializer(address, isCode(value));
    } else if (type == host.absolute) {
      // Checked as a symbol, if it is defined here.
      noteInitializer(address,
                      value == 0 && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC);
    } else {
      noteInitializer(address, false);
    }
  }
  return std::nullopt;
}

/// DT_RELR: an address, then bitmaps of which of the words after it follow.
MaybeError Checker::checkPacked() {
  // By number: <elf.h> may be older.
  constexpr ElfW(Sxword) sizeTag = 35, tableTag = 36, entryTag = 37;
  if (has(tableTag) != has(sizeTag))
    return "its packed relocations are damaged";
  if (!has(tableTag))
    return std::nullopt;
  uint64_t bytes = get(sizeTag);
  const char *entries = at(get(tableTag), bytes);
  if (!entries || bytes % sizeof(Address) != 0 ||
      get(entryTag) != sizeof(Address))
    return "its packed relocations are damaged";
  auto relocate = [&](uint64_t address) -> MaybeError {
    const char *stored = at(address, sizeof(Address));
    if (!stored)
      return "a relocation is damaged";
    noteInitializer(address, isCode(load<Address>(stored)));
    return checkTarget(address, sizeof(Address));
  };
  uint64_t next = 0;
  for (uint64_t i = 0; i < bytes; i += sizeof(Address)) {
    uint64_t entry = load<Address>(entries + i);
    if (entry % 2 == 0) {
      if (MaybeError error = relocate(entry))
        return error;
      next = entry + sizeof(Address);
      continue;
    }
    for (uint64_t bit = 1; bit < 8 * sizeof(Address); ++bit)
      if (entry >> bit & 1)
        if (MaybeError error = relocate(next + (bit - 1) * sizeof(Address)))
          return error;
    next += (8 * sizeof(Address) - 1) * sizeof(Address);
  }
  return std::nullopt;
}

MaybeError Checker::checkInitializers() {
  for (ElfW(Sxword) tag : {DT_INIT, DT_FINI})
    if (has(tag) && !isCode(get(tag)))
      return "its initialization is no code";
  using Array = std::pair<ElfW(Sxword), ElfW(Sxword)>;
  for (const auto &[tag, sizeTag] :
       {Array{DT_INIT_ARRAY, DT_INIT_ARRAYSZ},
        Array{DT_FINI_ARRAY, DT_FINI_ARRAYSZ},
        Array{DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ}}) {
    if (!has(tag))
      continue;
    Range array = {get(tag), get(sizeTag)};
    if (!has(sizeTag) || !at(array.begin, array.size) ||
        array.size % sizeof(Address) != 0 || array.begin % sizeof(Address) != 0)
      return "its list of initializers is damaged";
    arrays.push_back(array);
  }
  return std::nullopt;
}

MaybeError Checker::checkRelocations() {
  if (has(DT_RELA) && get(DT_RELAENT) != sizeof(ElfW(Rela)))
    return "its relocations are damaged";
  if (has(DT_REL) && get(DT_RELENT) != sizeof(ElfW(Rel)))
    return "its relocations are damaged";
  if (has(DT_PLTREL) != has(DT_JMPREL) ||
      (has(DT_PLTREL) && get(DT_PLTREL) != DT_RELA && get(DT_PLTREL) != DT_REL))
    return "its relocations are damaged";
  // What the machine does not use the loader ignores, or ends the process.
  if (sizeof(Address) == 8 &&
      (has(DT_REL) || (has(DT_JMPREL) && get(DT_PLTREL) != DT_RELA)))
    return "its relocations are not this machine's";
  if (MaybeError error =
          checkTable<ElfW(Rela)>(DT_RELA, DT_RELASZ, get(DT_RELACOUNT)))
    return error;
  if (MaybeError error =
          checkTable<ElfW(Rel)>(DT_REL, DT_RELSZ, get(DT_RELCOUNT)))
    return error;
  if (MaybeError error =
          get(DT_PLTREL) == DT_REL
              ? checkTable<ElfW(Rel)>(DT_JMPREL, DT_PLTRELSZ, 0)
              : checkTable<ElfW(Rela)>(DT_JMPREL, DT_PLTRELSZ, 0))
    return error;
  if (MaybeError error = checkPacked())
    return error;
  for (const Range &array : arrays)
    for (uint64_t i = 0; i < array.size; i += sizeof(Address)) {
      auto slot = slots.find(array.begin + i);
      if (slot == slots.end() || !slot->second)
        return "an initializer is no code";
    }
  return std::nullopt;
}

MaybeError Checker::check() {
  if (MaybeError error = checkHeader())
    return error;
  if (MaybeError error = checkSegments())
    return error;
  if (MaybeError error = checkStrings())
    return error;
  if (MaybeError error = countSymbols())
    return error;
  if (MaybeError error = checkSymbols())
    return error;
  // Of a library without names the hash table may not give their number.
  if (!hasAbi)
    return std::nullopt;
  if (MaybeError error = checkVersions())
    return error;
  if (MaybeError error = checkInitializers())
    return error;
  return checkRelocations();
}

MaybeError tern::runtime::checkSharedLibrary(const char *data, uint64_t size,
                                             const std::string &name) {
  if (size < SELFMAG || std::memcmp(data, ELFMAG, SELFMAG) != 0)
    return name + " is not a shared library (ternc -o NAME.so makes one)";
  Checker checker(data, size);
  if (MaybeError error = checker.check())
    return "cannot load " + name + ": " + *error;
  if (!checker.isArtifact())
    return name + " is not a Tern artifact: it has no symbol tern_model_abi";
  return std::nullopt;
}
