//===- Arguments.cpp - Parse ternc's command line -------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace cl = llvm::cl;
using llvm::StringRef;

namespace {
/// What is written to the standard error meanwhile: LLVM's parser prints some
/// of its errors there, whatever it was told.
class StandardErrorCapture {
public:
  StandardErrorCapture()
      : saved(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)),
        file(::memfd_create("stderr", MFD_CLOEXEC)) {
    if (saved >= 0 && file >= 0)
      ::dup2(file, STDERR_FILENO);
  }
  ~StandardErrorCapture() { (void)finish(); }

  /// Ends it; what was written.
  std::string finish() {
    std::string text;
    if (saved >= 0)
      ::dup2(saved, STDERR_FILENO);
    char buffer[4096];
    ssize_t count;
    for (off_t at = 0;
         file >= 0 && (count = ::pread(file, buffer, sizeof(buffer), at)) > 0;
         at += count)
      text.append(buffer, static_cast<size_t>(count));
    for (int *fd : {&saved, &file})
      if (*fd >= 0)
        ::close(std::exchange(*fd, -1));
    return text;
  }

private:
  int saved, file;
};
} // namespace

/// "--stats report.json": what an option may have stands behind a "=". The name
/// of the option before what is taken for a second input; empty if there is
/// none.
static StringRef findSeparated(llvm::ArrayRef<const char *> argv,
                               StringRef &value) {
  for (size_t i = 1; i + 1 < argv.size(); ++i) {
    StringRef name = argv[i];
    value = argv[i + 1];
    if (!name.consume_front("-") || value.starts_with("-"))
      continue;
    name.consume_front("-");
    auto option = cl::getRegisteredOptions().find(name);
    if (option != cl::getRegisteredOptions().end() &&
        option->second->getValueExpectedFlag() != cl::ValueRequired)
      return name;
  }
  return "";
}

static std::string
explain(StringRef message, llvm::ArrayRef<const char *> argv,
        llvm::function_ref<bool(const cl::Option &)> isOurs) {
  const auto &options = cl::getRegisteredOptions();
  // The first line says what is wrong; the second, how to get help.
  StringRef line = message.trim().split('\n').first;
  line.consume_front(argv[0]);
  line.consume_front(": ");
  if (line.starts_with("Too many positional arguments")) {
    StringRef value, name = findSeparated(argv, value);
    if (name.empty())
      return "there is more than one input; ternc compiles one model";
    return ("'" + value + "' is a second input; " +
            (options.find(name)->second->ValueStr.empty()
                 ? "--" + name + " takes no value"
                 : "did you mean '--" + name + "=" + value + "'?"))
        .str();
  }
  auto [text, rest] = line.split("'.  Try: '");
  auto [what, argument] = text.split('\'');
  if (rest.empty() || !what.starts_with("Unknown command line argument"))
    return line.str();
  // LLVM's own suggestions are of the hundreds of options that are hidden.
  std::vector<std::string> known = {"help", "version"};
  for (const auto &[name, option] : options)
    if (isOurs(*option))
      known.push_back(name.str());
  llvm::sort(known);
  StringRef name = argument.ltrim('-').split('=').first;
  std::string suggestion = tern::runtime::suggest(name, known);
  if (size_t at = suggestion.find('\''); at != std::string::npos)
    suggestion.insert(at + 1, "--");
  return (text + "'" + suggestion + " (see --help)").str();
}

std::optional<std::string>
tern::parseArguments(llvm::ArrayRef<const char *> argv, StringRef overview,
                     llvm::function_ref<bool(const cl::Option &)> isOurs) {
  std::string message;
  llvm::raw_string_ostream os(message);
  StandardErrorCapture capture;
  bool isParsed = cl::ParseCommandLineOptions(static_cast<int>(argv.size()),
                                              argv.data(), overview, &os);
  std::string other = capture.finish();
  if (isParsed) {
    llvm::errs() << other;
    return std::nullopt;
  }
  return explain(message.empty() ? other : message, argv, isOurs);
}
