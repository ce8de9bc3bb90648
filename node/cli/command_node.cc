#include <CLI/CLI.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/cli/commands.h"
#include "node/config/load_options.h"
#include "node/config/option_table.h"
#include "node/config/option_text.h"
#include "node/lifecycle/running_node.h"

namespace shoal::node {

namespace {

constexpr const char* kNodeExamples = R"(
Examples:
  shoal node                                    a single tracker on port 6969
  shoal node --config /etc/shoal.toml
  shoal node --sync.listen 192.0.2.1:6970 --sync.peers one.example:6970,two.example:6970 \
             --sync.key_files /etc/shoal.key    a node of a cluster

You can also set every option in the options file (`shoal config` prints one) and in the environment
(--tracker.interval_s is SHOAL_TRACKER_INTERVAL_S). A flag overrides the environment, which overrides
the file.)";

struct NodeArguments {
  std::string config;
  std::vector<std::string> options = std::vector<std::string>(option_table().size());
  // What was given of them.
  std::optional<std::string> given_config;
  std::vector<NamedText> given;
};

std::string option_help(const Option& option) {
  return std::string(option.summary) + " Allowed: " + option.allowed +
         ". Default: " + toml_value(option, option.default_text) + ". Takes effect " +
         std::string(when_effective(option)) + ".";
}

int start_node(const std::optional<std::string>& config, const std::vector<NamedText>& flags) {
  const auto options = load_options(config, flags);
  if (!options) {
    print_error(options.error().message);
    return kExitFailed;
  }
  return run_node(*options, [config, flags] { return load_options(config, flags); });
}

}  // namespace

Command node_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("node", "Run a node: a tracker, alone or in a cluster");
  app->footer(kNodeExamples);
  auto request = std::make_shared<NodeArguments>();
  const CLI::Option* config =
      app->add_option("--config", request->config, "Options file (TOML); also SHOAL_CONFIG")
          ->type_name("FILE");
  std::vector<const CLI::Option*> flags;
  for (size_t i = 0; i < option_table().size(); ++i) {
    const Option& option = option_table()[i];
    CLI::Option* flag = app->add_option(flag_name(option), request->options[i], option_help(option));
    flag->group(std::string(option.section()))->type_name(option.is_list() ? "LIST" : "VALUE");
    flags.push_back(flag);
  }
  app->final_callback([config, flags = std::move(flags), &arguments = *request] {
    if (config->count() > 0) arguments.given_config = arguments.config;
    for (size_t i = 0; i < flags.size(); ++i) {
      if (flags[i]->count() > 0) arguments.given.emplace_back(option_table()[i].key, arguments.options[i]);
    }
  });
  return {app, [request] { return start_node(request->given_config, request->given); }, true};
}

}  // namespace shoal::node
