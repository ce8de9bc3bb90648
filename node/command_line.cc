#include "node/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>

#include "node/commands.h"
#include "node/option_table.h"
#include "node/option_text.h"
#include "node/printable.h"
#include "node/suggest.h"
#include "node/version.h"

namespace shoal::node {

namespace {

// Where CLI11 puts what it reads; lives as long as the parser.
struct Arguments {
  std::string config;
  std::vector<std::string> options = std::vector<std::string>(option_table().size());
  std::string key_file = "-";
  std::string check;
  bool reference = false;
};

struct Command {
  CLI::App* app;
  std::function<int()> run;
};

constexpr const char* kNodeExamples = R"(
Examples:
  shoal node                                    a tracker of its own on port 6969
  shoal node --config /etc/shoal.toml
  shoal node --sync.listen 192.0.2.1:6970 --sync.peers one.example:6970,two.example:6970 \
             --sync.key_files /etc/shoal.key    a node of a cluster

Every option can also be set in the file (`shoal config` prints one) and by the environment
(--tracker.interval_s is SHOAL_TRACKER_INTERVAL_S): flag over environment over file.)";

constexpr const char* kKeygenExamples = R"(
Examples:
  shoal keygen /etc/shoal.key     a new key, readable by its owner only; copy it to every node
  shoal keygen                    to standard output)";

constexpr const char* kConfigExamples = R"(
Examples:
  shoal config > shoal.toml
  shoal config --check shoal.toml)";

std::string option_help(const Option& option) {
  return std::string(option.summary) + " Allowed: " + std::string(option.allowed) +
         ". Default: " + toml_value(option, option.default_text);
}

Command node_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("node", "Run a node: a tracker, alone or in a cluster");
  app->footer(kNodeExamples);
  const CLI::Option* config =
      app->add_option("--config", arguments.config, "Options file (TOML); also SHOAL_CONFIG")
          ->type_name("FILE");
  std::vector<const CLI::Option*> flags;
  for (size_t i = 0; i < option_table().size(); ++i) {
    const Option& option = option_table()[i];
    CLI::Option* flag = app->add_option(flag_name(option), arguments.options[i], option_help(option));
    flag->group(std::string(option.section()))->type_name(option.is_list() ? "LIST" : "VALUE");
    flags.push_back(flag);
  }
  return {app, [config, flags, &arguments] {
            std::vector<NamedText> given;
            for (size_t i = 0; i < flags.size(); ++i) {
              if (flags[i]->count() > 0) given.emplace_back(option_table()[i].key, arguments.options[i]);
            }
            return command_node(config->count() > 0 ? std::optional(arguments.config) : std::nullopt,
                                std::move(given));
          }};
}

Command keygen_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("keygen", "Make a key for the sync channel of a cluster");
  app->footer(kKeygenExamples);
  app->add_option("file", arguments.key_file, "New file; - or nothing is standard output")->type_name("FILE");
  return {app, [&arguments] { return command_keygen(arguments.key_file); }};
}

Command config_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("config", "Print the default options file, or check one");
  app->footer(kConfigExamples);
  CLI::Option* check = app->add_option("--check", arguments.check,
                                       "Say whether this file, with the present environment, is valid");
  check->type_name("FILE");
  app->add_flag("--reference", arguments.reference, "Print the reference of all options as Markdown")
      ->excludes(check);
  return {app, [check, &arguments] {
            if (check->count() > 0) return command_config_check(arguments.check);
            return arguments.reference ? command_config_reference() : command_config_default();
          }};
}

// CLI11 takes the next argument as the value of "--key="; what was meant is an empty value. In CLI11's order:
// the last argument first.
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

int usage_error(const CLI::App& shoal, const CLI::ParseError& error) {
  std::string message = error.what();
  const auto extras = shoal.remaining(true);
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if ((code == CLI::ExitCodes::ExtrasError || code == CLI::ExitCodes::RequiredError) && !extras.empty()) {
    std::vector<std::string> known;
    for (const Option& option : option_table()) known.push_back(flag_name(option));
    const auto flag =
        std::find_if(extras.begin(), extras.end(), [](const auto& e) { return e.starts_with("--"); });
    const std::string& extra = flag == extras.end() ? extras.front() : *flag;
    message =
        printable(extra) + " is not expected here" + suggestion(extra.substr(0, extra.find('=')), known);
  }
  const auto chosen = shoal.get_subcommands();
  const std::string command = chosen.empty() ? "shoal" : "shoal " + chosen.front()->get_name();
  print_error(message + "\nsee `" + command + " --help`");
  return kExitUsage;
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  CLI::App shoal("shoal: a BitTorrent tracker that runs as a cluster of equal nodes", "shoal");
  shoal.set_version_flag("--version", std::string("shoal ") + version());
  shoal.require_subcommand(1);
  shoal.get_formatter()->column_width(34);
  Arguments arguments;
  const Command commands[] = {node_command(shoal, arguments), keygen_command(shoal, arguments),
                              config_command(shoal, arguments)};
  try {
    shoal.parse(reversed_arguments(argc, argv));
  } catch (const CLI::Success& success) {
    return shoal.exit(success);  // prints the help or the version that was asked for
  } catch (const CLI::ParseError& error) {
    return usage_error(shoal, error);
  }
  for (const Command& command : commands) {
    if (command.app->parsed()) return command.run();
  }
  return kExitUsage;
}

}  // namespace shoal::node
