#include "node/cli/completion.h"

#include <algorithm>
#include <array>

namespace shoal::node {

namespace {

using Commands = std::span<const CompletionCommand>;

constexpr std::string_view kTopFlags[] = {"--help", "--version"};

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// Quotes text for any of the three shells: fish allows \' inside quotes; the others must end the quotes
// first.
std::string quoted(Shell shell, std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += shell == Shell::fish ? "\\'" : "'\\''";
    } else if (c == '\\' && shell == Shell::fish) {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::vector<std::string> flag_names(const CompletionCommand& command) {
  std::vector<std::string> names;
  for (const CompletionFlag& flag : command.flags) names.push_back(flag.name);
  return names;
}

// The lines of a `case` that completes the value of each flag: with the shell code `files` for files and
// `words(LIST)` for words.
template <class Words>
std::string value_cases(Commands commands, const std::string& files, Words words) {
  std::string out;
  for (const CompletionCommand& command : commands) {
    for (const CompletionFlag& flag : command.flags) {
      if (!flag.value) continue;
      out += "    '" + command.name + " " + flag.name + "') ";
      if (flag.value->file) out += files + "; ";
      if (!flag.value->words.empty()) out += words(flag.value->words) + "; ";
      out += "return ;;\n";
    }
  }
  return out;
}

std::string bash_script(Commands commands) {
  std::vector<std::string> top;
  for (const CompletionCommand& command : commands) top.push_back(command.name);
  top.insert(top.end(), std::begin(kTopFlags), std::end(kTopFlags));
  std::string out = R"(# bash completion of shoal, made by `shoal completion bash`
_shoal_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}"); }
_shoal_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
}
_shoal() {
  local command=${COMP_WORDS[1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _shoal_words ')" +
                    joined(top) +
                    R"('
    return
  fi
  case "$command ${COMP_WORDS[COMP_CWORD - 1]}" in
)";
  const auto words = [](const std::vector<std::string>& list) {
    return "_shoal_words '" + joined(list) + "'";
  };
  out += value_cases(commands, "_shoal_files", words) + R"(  esac
  case "$command ${COMP_WORDS[COMP_CWORD]}" in
)";
  for (const CompletionCommand& command : commands) {
    out += "    '" + command.name + " -'*) " + words(flag_names(command)) + " ;;\n";
    if (command.argument.file) out += "    '" + command.name + " '*) _shoal_files ;;\n";
    if (!command.argument.words.empty())
      out += "    '" + command.name + " '*) ((COMP_CWORD > 2)) || " + words(command.argument.words) + " ;;\n";
  }
  return out + "  esac\n}\ncomplete -F _shoal shoal\n";
}

std::string zsh_script(Commands commands) {
  std::string out =
      "#compdef shoal\n# zsh completion of shoal, made by `shoal completion zsh`\n_shoal() {\n"
      "  local -a found\n  if (( CURRENT == 2 )); then\n    found=(\n";
  const auto described = [](const std::string& name, const std::string& summary) {
    return "      " + quoted(Shell::zsh, name + ":" + summary) + "\n";
  };
  for (const CompletionCommand& command : commands) out += described(command.name, command.summary);
  out +=
      "    )\n    _describe command found\n    compadd -- --help --version\n    return\n  fi\n"
      "  case \"$words[2] $words[CURRENT-1]\" in\n";
  const auto words = [](const std::vector<std::string>& list) { return "compadd -- " + joined(list); };
  out += value_cases(commands, "_files", words) + "  esac\n  case \"$words[2] $words[CURRENT]\" in\n";
  for (const CompletionCommand& command : commands) {
    out += "    '" + command.name + " -'*) found=(\n";
    for (const CompletionFlag& flag : command.flags) out += described(flag.name, flag.summary);
    out += "    )\n    _describe -o option found ;;\n";
    if (command.argument.file) out += "    '" + command.name + " '*) _files ;;\n";
    if (!command.argument.words.empty())
      out += "    '" + command.name + " '*) (( CURRENT > 3 )) || " + words(command.argument.words) + " ;;\n";
  }
  return out +
         "  esac\n}\nif [[ \"$funcstack[1]\" == _shoal ]]; then _shoal \"$@\"; else compdef _shoal shoal; "
         "fi\n";
}

std::string fish_script(Commands commands) {
  std::string out = "# fish completion of shoal, made by `shoal completion fish`\ncomplete -c shoal -f\n";
  const auto describe = [](const std::string& summary) {
    return " -d " + quoted(Shell::fish, summary) + "\n";
  };
  for (const CompletionCommand& command : commands) {
    out += "complete -c shoal -n __fish_use_subcommand -a " + command.name + describe(command.summary);
  }
  out +=
      "complete -c shoal -n __fish_use_subcommand -l help\n"
      "complete -c shoal -n __fish_use_subcommand -l version\n";
  for (const CompletionCommand& command : commands) {
    const std::string here = "complete -c shoal -n '__fish_seen_subcommand_from " + command.name + "'";
    for (const CompletionFlag& flag : command.flags) {
      out += here;
      out += " -l " + flag.name.substr(2);
      if (flag.value) out += flag.value->file ? " -rF" : " -x";
      if (flag.value && !flag.value->words.empty()) out += " -a '" + joined(flag.value->words) + "'";
      out += describe(flag.summary);
    }
    if (command.argument.file) out += here + " -F\n";
    if (!command.argument.words.empty()) {
      const std::string words = joined(command.argument.words);
      out += "complete -c shoal -n '__fish_seen_subcommand_from " + command.name;
      out += "; and not __fish_seen_subcommand_from " + words;
      out += "' -a '" + words + "'\n";
    }
  }
  return out;
}

}  // namespace

std::string completion_script(Shell shell, Commands commands) {
  switch (shell) {
    case Shell::bash:
      return bash_script(commands);
    case Shell::zsh:
      return zsh_script(commands);
    case Shell::fish:
      return fish_script(commands);
  }
  return "";
}

}  // namespace shoal::node
