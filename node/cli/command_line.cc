#include "node/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/cli/commands.h"
#include "node/config/option_table.h"
#include "node/config/version.h"
#include "node/text/printable.h"
#include "node/text/suggest.h"
#include "node/text/word_list.h"

namespace shoal::node {

namespace {

// Returns the arguments in CLI11's order, the last one first. Splits "--key=" into "--key" and an empty
// value, because CLI11 would use the next argument as the value.
std::vector<std::string> reversed_arguments(int argc, const char* const* argv) {
  std::vector<std::string> out;
  for (int i = argc - 1; i > 0; --i) {
    std::string text = argv[i];
    if (text.starts_with("--") && text.find('=') == text.size() - 1) {
      out.emplace_back();
      text.pop_back();
    }
    out.push_back(std::move(text));
  }
  return out;
}

std::vector<std::string> command_names(const CLI::App& shoal) {
  std::vector<std::string> names;
  for (const CLI::App* command : shoal.get_subcommands([](const CLI::App* /*command*/) { return true; }))
    names.push_back(command->get_name());
  return names;
}

// `typed`: the first word, where a command should be; empty: there is none.
std::string no_such_command(const CLI::App& shoal, const std::string& typed) {
  const std::vector<std::string> names = command_names(shoal);
  const std::vector<std::string_view> views(names.begin(), names.end());
  if (typed.empty()) return "a command is needed: " + or_list(views);
  return '"' + printable(typed, 80) + "\" is not a command: " + or_list(views) + suggestion(typed, names);
}

// `json`: the command line has --json, whether or not its command supports it.
int usage_error(const CLI::App& shoal, const CLI::ParseError& error, bool json) {
  std::string message = error.what();
  const auto extras = shoal.remaining(true);
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  const auto chosen = shoal.get_subcommands();
  if (chosen.empty() && (extras.empty() || !extras.front().starts_with("-"))) {
    message = no_such_command(shoal, extras.empty() ? "" : extras.front());
  } else if ((code == CLI::ExitCodes::ExtrasError || code == CLI::ExitCodes::RequiredError) &&
             !extras.empty()) {
    std::vector<std::string> known;
    for (const Option& option : option_table()) known.push_back(flag_name(option));
    const auto flag =
        std::find_if(extras.begin(), extras.end(), [](const auto& e) { return e.starts_with("--"); });
    const std::string& extra = flag == extras.end() ? extras.front() : *flag;
    message =
        printable(extra) + " is not expected here" + suggestion(extra.substr(0, extra.find('=')), known);
  }
  const std::string command = chosen.empty() ? "shoal" : "shoal " + chosen.front()->get_name();
  json = json && !chosen.empty() && chosen.front()->get_option_no_throw("--json") != nullptr;
  return failed(json, message + "\nsee `" + command + " --help`", kExitUsage);
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  auto shoal = std::make_unique<CLI::App>("shoal: a BitTorrent tracker that runs as a cluster of equal nodes",
                                          "shoal");
  shoal->set_version_flag("--version", std::string("shoal ") + version());
  shoal->require_subcommand(1);
  shoal->get_formatter()->column_width(34);
#define SHOAL_ADD_COMMAND(name) name##_command(*shoal),
  const Command commands[] = {SHOAL_COMMANDS(SHOAL_ADD_COMMAND)};
#undef SHOAL_ADD_COMMAND
  const std::vector<std::string> words = reversed_arguments(argc, argv);
  try {
    shoal->parse(std::vector<std::string>(words));
  } catch (const CLI::Success& success) {
    return shoal->exit(success);  // prints the requested help or version
  } catch (const CLI::ParseError& error) {
    return usage_error(*shoal, error, std::find(words.begin(), words.end(), "--json") != words.end());
  }
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    if (command.without_app) shoal.reset();
    return command.run();
  }
  return kExitUsage;
}

}  // namespace shoal::node
