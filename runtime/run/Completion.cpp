//===- Completion.cpp - Completion of command lines in shells ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Completion.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <cstdio>

using namespace tern::runtime;
using Options = std::vector<CompletionOption>;
using Value = CompletionOption::Value;

namespace {

bool contains(std::string text, const char *part) {
  for (char &c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text.find(part) != std::string::npos;
}

bool takesFolder(const CompletionOption &option) {
  return contains(option.hint, "folder") || contains(option.hint, "dir");
}

bool takesFile(const CompletionOption &option) {
  return contains(option.hint, "file") || contains(option.hint, "tensor");
}

/// The values that an option has, separated by spaces; empty if it takes any.
std::string getChoices(const CompletionOption &option) {
  std::string choices = option.hint;
  if (choices.find('|') == std::string::npos)
    return "";
  std::replace(choices.begin(), choices.end(), '|', ' ');
  return choices;
}

std::string replaceAll(std::string text, const std::string &from,
                       const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// Inside single quotes.
std::string quote(const std::string &text) {
  return "'" + replaceAll(text, "'", "'\\''") + "'";
}

/// Code of bash that makes `generate` what the option's values are.
std::string getBashCase(const CompletionOption &option) {
  std::string words = "-W ''";
  if (std::string choices = getChoices(option); !choices.empty())
    words = "-W " + quote(choices);
  else if (takesFolder(option))
    words = "-d";
  else if (takesFile(option))
    words = "-f";
  // An optional value only stands behind an equals sign.
  bool isSeparate = option.value == Value::Required;
  return "    " + (isSeparate ? option.name + "|" : "") + option.name +
         "=) generate=(" + words + ") ;;\n";
}

std::string getBash(const std::string &tool, const Options &options) {
  std::string function = "_" + replaceAll(tool, "-", "_"), names, cases;
  for (const CompletionOption &option : options) {
    bool isLong = option.name.rfind("--", 0) == 0;
    names += (names.empty() ? "" : " ") + option.name +
             (option.value == Value::Required && isLong ? "=" : "");
    if (option.value != Value::None)
      cases += getBashCase(option);
  }
  return function + R"(() {
  local current=${COMP_LINE:0:COMP_POINT} option value prefix= generate=(-f)
  current=${current##*[[:space:]]}
  if [[ $current == --*=* ]]; then
    option=${current%%=*}= value=${current#*=}
    # What is replaced begins after the last break.
    [[ $COMP_WORDBREAKS == *=* ]] || prefix=$option
  elif [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W ')" +
         names + R"(' -- "$current")
    if [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
    return
  else
    option=${COMP_WORDS[COMP_CWORD-1]} value=$current
  fi
  case $option in
)" + cases +
         R"(  esac
  if [[ ${generate[0]} != -W ]]; then compopt -o filenames; fi
  mapfile -t COMPREPLY < <(compgen -P "$prefix" "${generate[@]}" -- "$value")
  # A name with line breaks falls apart; what is left of it is none.
  if [[ ${generate[0]} != -W ]]; then
    local word
    for word in "${!COMPREPLY[@]}"; do
      value=${COMPREPLY[word]#"$prefix"}
      [[ -e ${value/#\~/$HOME} || -L $value ]] || unset "COMPREPLY[word]"
    done
  fi
}
complete -F )" +
         function + " " + tool + "\n";
}

std::string getZsh(const std::string &tool, const Options &options) {
  std::string specs;
  for (const CompletionOption &option : options) {
    std::string text = option.description;
    for (const char *special : {"\\", "[", "]"})
      text = replaceAll(text, special, std::string("\\") + special);
    std::string spec = (option.isRepeated ? "*" : "") + option.name;
    if (option.value != Value::None) {
      bool isOptional = option.value == Value::Optional;
      spec += isOptional ? "=-" : option.name.size() > 2 ? "=" : "";
      std::string action = " ";
      if (std::string choices = getChoices(option); !choices.empty())
        action = "(" + choices + ")";
      else if (takesFolder(option))
        action = "_directories";
      else if (takesFile(option))
        action = "_files";
      text += std::string("]") + (isOptional ? "::" : ":") + "value:" + action;
    } else {
      text += "]";
    }
    specs += " \\\n  " + quote(spec + "[" + text);
  }
  return "#compdef " + tool + "\n_arguments" + specs +
         " \\\n  '*:file:_files'\n";
}

std::string getFish(const std::string &tool, const Options &options) {
  std::string text;
  for (const CompletionOption &option : options) {
    bool isLong = option.name.rfind("--", 0) == 0;
    text += "complete -c " + tool + (isLong ? " -l " : " -s ") +
            option.name.substr(isLong ? 2 : 1);
    std::string choices = getChoices(option);
    if (option.value == Value::Required)
      text += takesFile(option) || takesFolder(option) ? " -r -F" : " -x";
    if (option.value != Value::None && !choices.empty())
      text += " -a " + quote(choices);
    text += " -d " + quote(replaceAll(option.description, "\\", "\\\\")) + "\n";
  }
  return text;
}

/// What an option of the command-line parser is.
CompletionOption describe(const CLI::Option &option) {
  CompletionOption result;
  result.name = option.get_lnames().empty()
                    ? "-" + option.get_snames().front()
                    : "--" + option.get_lnames().front();
  result.description = option.get_description();
  result.isRepeated = option.get_items_expected_max() > 1;
  if (option.get_items_expected_max() == 0)
    return result;
  result.hint = option.get_type_name();
  // "[=SECONDS]" is how --help writes an optional value.
  bool isOptional = result.hint.rfind("[=", 0) == 0;
  result.value = isOptional ? Value::Optional : Value::Required;
  // "TEXT:{constant,linear}": one of these.
  if (size_t begin = result.hint.find('{'), end = result.hint.rfind('}');
      begin < end && end != std::string::npos) {
    result.hint = result.hint.substr(begin + 1, end - begin - 1);
    std::replace(result.hint.begin(), result.hint.end(), ',', '|');
  }
  return result;
}

} // namespace

std::string tern::runtime::getCompletion(const std::string &shell,
                                         const std::string &tool,
                                         const Options &options) {
  return shell == "bash"   ? getBash(tool, options)
         : shell == "zsh"  ? getZsh(tool, options)
         : shell == "fish" ? getFish(tool, options)
                           : "";
}

void tern::runtime::addCompletionOption(CLI::App &app) {
  auto print = [&app](const std::string &shell) {
    Options options;
    for (const CLI::Option *option : app.get_options())
      if (option->nonpositional())
        options.push_back(describe(*option));
    std::string text = getCompletion(shell, app.get_name(), options);
    std::fwrite(text.data(), 1, text.size(), stdout);
    throw CLI::Success();
  };
  app.add_option_function<std::string>("--completion", print,
                                       "Print a completion script")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL")
      ->trigger_on_parse();
}
