//===- tern-onnx-suite.cpp - Judges the compiler by ONNX's tests ----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Suite.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/LineIterator.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tern::suite;
namespace cl = llvm::cl;

static cl::OptionCategory category("Suite");
static cl::opt<std::string> folder(cl::Positional, cl::Required,
                                   cl::desc("<folder of folders of tests>"),
                                   cl::cat(category));
static cl::opt<Variant> variant(
    "variant", cl::desc("What is done to the models"),
    cl::values(clEnumValN(Variant::Static, "static", "Nothing"),
               clEnumValN(Variant::Batch, "batch",
                          "The inputs' leading extent becomes a symbol"),
               clEnumValN(Variant::Dynamic, "dynamic",
                          "Extents of inputs become symbols"),
               clEnumValN(Variant::Parameters, "parameters",
                          "Inputs but the first become parameters")),
    cl::cat(category));
static cl::opt<std::string> filter("filter", cl::init("."),
                                   cl::desc("Only tests that match this regex"),
                                   cl::cat(category));
static cl::opt<unsigned> every("every", cl::init(1),
                               cl::desc("Only each N-th test"),
                               cl::cat(category));
static cl::opt<std::string>
    expectedPath("expected", cl::desc("Failures that are expected, and why"),
                 cl::value_desc("file"), cl::cat(category));
static cl::opt<std::string>
    resultsPath("results", cl::desc("Write one line for each test"),
                cl::value_desc("file"), cl::cat(category));
static cl::opt<unsigned> jobs("jobs", cl::init(2),
                              cl::desc("Tests that run at a time"),
                              cl::cat(category));
static cl::opt<double> relative("rtol", cl::init(1e-3),
                                cl::desc("Relative tolerance; the default is "
                                         "that of ONNX, as --atol's"),
                                cl::cat(category));
static cl::opt<double> absolute("atol", cl::init(1e-7),
                                cl::desc("Absolute tolerance"),
                                cl::cat(category));
static cl::opt<unsigned> optLevel("O", cl::Prefix, cl::init(1),
                                  cl::desc("As ternc's -O"), cl::cat(category));

static cl::opt<bool>
    isMutant("mutants",
             cl::desc("Models may have no data, or inputs alone; one line of "
                      "errors is all that the compiler may say"),
             cl::cat(category));

/// Seconds of processor time that a test may take.
static constexpr unsigned timeLimit = 120;

namespace {
struct Result {
  std::string name;
  /// Empty if it passed.
  std::string failure;
  std::vector<std::string> operators;
};

/// Expected failures: lines `NAME [VARIANT]: reason`.
class Expectations {
public:
  bool read(llvm::StringRef path);
  /// The reason, or null.
  const std::string *find(llvm::StringRef name) const {
    auto entry = reasons.find(name);
    return entry == reasons.end() ? nullptr : &entry->second;
  }

private:
  llvm::StringMap<std::string> reasons;
};
} // namespace

static llvm::StringRef getVariantName() {
  // In the order of the enumeration.
  static constexpr llvm::StringLiteral names[] = {"static", "batch", "dynamic",
                                                  "parameters"};
  return names[static_cast<size_t>(variant.getValue())];
}

bool Expectations::read(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return false;
  for (llvm::line_iterator line(**buffer, /*SkipBlanks=*/true, '#');
       !line.is_at_eof(); ++line) {
    auto [key, reason] = line->split(": ");
    auto [name, where] = key.split(' ');
    if (name.empty() || reason.empty())
      return false;
    if (where.empty() || where == getVariantName())
      reasons[name] = reason.str();
  }
  return true;
}

/// Runs one test; 0 if it passes. Says on stdout what is wrong.
static int runTest(llvm::StringRef path) {
  llvm::SmallString<128> scratch;
  if (llvm::sys::fs::createUniqueDirectory("tern-onnx-suite", scratch))
    return 2;
  auto report = [](llvm::Error error) {
    bool failed = static_cast<bool>(error);
    std::string text = llvm::toString(std::move(error));
    llvm::outs() << llvm::StringRef(text).split('\n').first;
    llvm::outs().flush();
    return failed ? 1 : 0;
  };
  auto model = prepareModel(path, variant, scratch);
  int status = model ? report(runModel(path, *model, scratch, optLevel,
                                       {relative, absolute, 0}, isMutant))
                     : report(model.takeError());
  [[maybe_unused]] std::error_code ignored =
      llvm::sys::fs::remove_directories(scratch);
  return status;
}

namespace {
/// A test that runs in a process of its own, so that a crash is one failure.
struct Child {
  pid_t pid;
  int output;
  size_t index;
  std::string text;
};
} // namespace

static Child start(size_t index, const std::string &path) {
  int ends[2];
  if (pipe(ends) != 0)
    llvm::report_fatal_error("cannot make a pipe");
  llvm::outs().flush();
  pid_t pid = fork();
  if (pid < 0)
    llvm::report_fatal_error("cannot fork");
  if (pid == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    alarm(timeLimit * 2);
    _exit(runTest(path));
  }
  close(ends[1]);
  return {pid, ends[0], index, ""};
}

/// Reads what a child says; false when it has ended.
static bool readMore(Child &child) {
  char buffer[4096];
  ssize_t count = read(child.output, buffer, sizeof(buffer));
  if (count <= 0)
    return false;
  child.text.append(buffer, count);
  return true;
}

static std::string finish(Child &child) {
  close(child.output);
  int status = 0;
  waitpid(child.pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return "";
  llvm::StringRef said = llvm::StringRef(child.text).split('\n').first;
  if (WIFEXITED(status))
    return said.empty() ? "failed without a message" : said.str();
  return ("CRASH, signal " + llvm::Twine(WTERMSIG(status)) + ": " + said).str();
}

static void runAll(std::vector<Result> &results) {
  std::vector<Child> children;
  size_t next = 0;
  while (next < results.size() || !children.empty()) {
    while (children.size() < jobs && next < results.size()) {
      children.push_back(start(next, folder + "/" + results[next].name));
      ++next;
    }
    std::vector<pollfd> fds;
    fds.reserve(children.size());
    for (Child &child : children)
      fds.push_back({child.output, POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0)
      continue;
    for (size_t i = fds.size(); i-- > 0;) {
      if (fds[i].revents == 0 || readMore(children[i]))
        continue;
      results[children[i].index].failure = finish(children[i]);
      children.erase(children.begin() + i);
    }
  }
}

static std::vector<Result> findTests() {
  std::vector<Result> results;
  llvm::Regex regex(filter);
  std::error_code code;
  for (llvm::sys::fs::directory_iterator kind(folder, code), end;
       !code && kind != end; kind.increment(code)) {
    std::error_code inner;
    for (llvm::sys::fs::directory_iterator test(kind->path(), inner);
         !inner && test != end; test.increment(inner)) {
      llvm::StringRef name =
          llvm::StringRef(test->path()).drop_front(folder.size() + 1);
      if (regex.match(name) &&
          llvm::sys::fs::exists(test->path() + "/model.onnx"))
        results.push_back({name.str(), "", {}});
    }
  }
  llvm::sort(results,
             [](const Result &a, const Result &b) { return a.name < b.name; });
  if (every > 1) {
    std::vector<Result> sample;
    for (size_t i = 0; i < results.size(); i += every)
      sample.push_back(results[i]);
    results = std::move(sample);
  }
  return results;
}

int main(int argc, char **argv) {
  llvm::InitLLVM initLLVM(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "ONNX's backend tests\n");
  while (llvm::StringRef(folder).ends_with("/"))
    folder.pop_back();
  Expectations expectations;
  if (!expectedPath.empty() && !expectations.read(expectedPath)) {
    llvm::errs() << "error: cannot read '" << expectedPath << "'\n";
    return 1;
  }
  std::vector<Result> results = findTests();
  for (Result &result : results)
    result.operators = getOperators(folder + "/" + result.name);
  runAll(results);

  size_t passed = 0, expected = 0, surprises = 0;
  for (const Result &result : results) {
    const std::string *reason = expectations.find(result.name);
    bool isFailure = !result.failure.empty();
    passed += !isFailure;
    bool isCrash = llvm::StringRef(result.failure).starts_with("CRASH");
    expected += isFailure && reason && !isCrash;
    if (isFailure && (!reason || isCrash)) {
      ++surprises;
      llvm::outs() << "FAIL " << result.name << ": " << result.failure << '\n';
    } else if (!isFailure && reason) {
      ++surprises;
      llvm::outs() << "PASS " << result.name
                   << ": it is expected to fail: " << *reason << '\n';
    }
  }
  llvm::outs() << getVariantName() << ": " << passed << " of " << results.size()
               << " models pass, " << expected << " fail as expected, "
               << surprises << " surprises\n";
  if (!resultsPath.empty()) {
    std::error_code code;
    llvm::raw_fd_ostream os(resultsPath, code);
    for (const Result &result : results)
      os << result.name << '\t' << llvm::join(result.operators, ",") << '\t'
         << (result.failure.empty() ? "pass" : result.failure) << '\n';
    if (code || os.error()) {
      llvm::errs() << "error: cannot write '" << resultsPath << "'\n";
      os.clear_error();
      return 1;
    }
  }
  return surprises || results.empty() ? 1 : 0;
}
