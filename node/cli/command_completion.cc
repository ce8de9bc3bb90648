#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/cli/commands.h"
#include "node/cli/completion.h"
#include "node/config/option_table.h"

namespace shoal::node {

namespace {

constexpr const char* kCompletionExamples = R"(
Examples:
  shoal completion bash > ~/.local/share/bash-completion/completions/shoal
  shoal completion zsh > ~/.zfunc/_shoal         (~/.zfunc must be in fpath)
  shoal completion fish > ~/.config/fish/completions/shoal.fish

The Debian package installs all three.)";

// The allowed words of "COMMAND FLAG" or "COMMAND ARGUMENT", which CLI11 does not report.
const std::map<std::string, std::vector<std::string>> kWords = {
    {"access verb", {"add", "remove", "list", "forget-origin"}},
    {"ban verb", {"list", "add", "remove", "explain", "forget-origin"}},
    {"completion shell", {"bash", "zsh", "fish"}},
    {"probe --protocol", {"udp", "http"}}};

// The first sentence, to show beside the flag.
std::string brief(const std::string& text) { return text.substr(0, text.find(". ")); }

CompletionValue value_of(const std::string& command, const std::string& name, const CLI::Option& option) {
  if (const auto words = kWords.find(command + " " + name); words != kWords.end()) {
    return {false, words->second};
  }
  if (command == "node" && name.starts_with("--")) {
    if (const Option* row = find_option(name.substr(2))) {
      return {row->is_path, {row->words.begin(), row->words.end()}};
    }
  }
  return {option.get_type_name().starts_with("FILE"), {}};
}

CompletionCommand read_command(const CLI::App& app) {
  CompletionCommand command{app.get_name(), app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      CompletionFlag flag{"--" + name, brief(option->get_description()), std::nullopt};
      if (option->get_items_expected_max() > 0) flag.value = value_of(command.name, flag.name, *option);
      command.flags.push_back(std::move(flag));
    }
    if (option->get_positional() && command.argument.words.empty())
      command.argument = value_of(command.name, option->get_single_name(), *option);
  }
  return command;
}

int run_completion(const CLI::App& shoal, const std::string& shell) {
  std::vector<CompletionCommand> commands;
  for (const CLI::App* app : shoal.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(read_command(*app));
  }
  const Shell wanted = shell == "bash" ? Shell::bash : shell == "zsh" ? Shell::zsh : Shell::fish;
  std::fputs(completion_script(wanted, commands).c_str(), stdout);
  return kExitOk;
}

}  // namespace

Command completion_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("completion", "Print a shell completion script");
  app->footer(kCompletionExamples);
  auto shell = std::make_shared<std::string>();
  app->add_option("shell", *shell, "bash, zsh or fish")
      ->type_name("SHELL")
      ->required()
      ->check(one_of({"bash", "zsh", "fish"}));
  return {app, [&shoal, shell] { return run_completion(shoal, *shell); }};
}

}  // namespace shoal::node
