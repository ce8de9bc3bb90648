#include "node/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <utility>

#include "node/cli/commands.h"
#include "node/config/option_table.h"
#include "node/config/option_text.h"
#include "node/config/version.h"
#include "node/scan/top_swarms.h"
#include "node/text/printable.h"
#include "node/text/suggest.h"
#include "node/text/word_list.h"

namespace shoal::node {

namespace {

// The values that CLI11 parses. They outlive the parser.
struct Arguments {
  std::string config;
  std::vector<std::string> options = std::vector<std::string>(option_table().size());
  std::string key_file = "-";
  bool keygen_json = false;
  std::string check;
  bool check_json = false;
  std::string opentracker_config;
  bool reference = false;
  bool manual = false;
  std::vector<std::string> probe_targets;
  bool probe_all = false;
  ProbeAllRequest probe;
  std::string probe_hash;
  uint32_t probe_timeout_ms = 2000;
  uint32_t probe_agree_ms = 5000;
  AdminRequest drain;
  AdminRequest reload;
  StatusRequest status = {{default_admin()}};
  AccessRequest access;
  std::string access_verb;
  TopRequest top;
  std::string completion_shell;
};

struct Command {
  CLI::App* app;
  std::function<int()> run;
};

constexpr const char* kNodeExamples = R"(
Examples:
  shoal node                                    a single tracker on port 6969
  shoal node --config /etc/shoal.toml
  shoal node --sync.listen 192.0.2.1:6970 --sync.peers one.example:6970,two.example:6970 \
             --sync.key_files /etc/shoal.key    a node of a cluster

You can also set every option in the options file (`shoal config` prints one) and in the environment
(--tracker.interval_s is SHOAL_TRACKER_INTERVAL_S). A flag overrides the environment, which overrides
the file.)";

constexpr const char* kKeygenExamples = R"(
Examples:
  shoal keygen /etc/shoal.key     write a key that only the owner can read; copy it to every node
  shoal keygen                    print a key)";

constexpr const char* kConfigExamples = R"(
Examples:
  shoal config > shoal.toml
  shoal config --check shoal.toml
  shoal config --from-opentracker /etc/opentracker/opentracker.conf > shoal.toml)";

constexpr const char* kStatusExamples = R"(
Examples:
  shoal status
  shoal status --admin 192.0.2.1:9697 --admin 192.0.2.2:9697 --json
  shoal status --ready            for health checks: exit code 0 if the node is ready
  shoal status --watch            every second, until Ctrl-C)";

constexpr const char* kTopExamples = R"(
Examples:
  shoal top                       the ten largest swarms
  shoal top --amount 100 --json --admin 192.0.2.1:9697

The result is the node's last search. If it is older than 30 seconds, the node searches again for the
next call; the first call after a start has no result yet.)";

constexpr const char* kCompletionExamples = R"(
Examples:
  shoal completion bash > ~/.local/share/bash-completion/completions/shoal
  shoal completion zsh > ~/.zfunc/_shoal         (~/.zfunc must be in fpath)
  shoal completion fish > ~/.config/fish/completions/shoal.fish

The Debian package installs all three.)";

constexpr const char* kDrainExamples = R"(
Examples:
  shoal drain                     returns at once; the node exits after node.drain_s seconds
  shoal drain --admin [::1]:9697

The node reports "not ready" at once, serves for another node.drain_s seconds, tells the other nodes
that it leaves, and exits with code 0. SIGTERM does the same; a second SIGTERM ends the node at once.)";

constexpr const char* kReloadExamples = R"(
Examples:
  shoal reload                    waits for the reload and prints the changed options
  shoal reload --admin 192.0.2.1:9697 --token-file /etc/shoal.token

The node reloads its options, keys, token and access list, as on SIGHUP. If one of them is not valid,
nothing changes: the command prints the reason and exits with code 1.)";

constexpr const char* kAccessExamples = R"(
Examples:
  shoal access add 0123456789abcdef0123456789abcdef01234567
  shoal access remove 0123456789abcdef0123456789abcdef01234567
  shoal access list               the run-time changes
  shoal access list 0123456789abcdef0123456789abcdef01234567

Changes apply to all nodes of the cluster and override each node's access.file. If access.mode is
"allow", nodes serve only the swarms on the list; if it is "deny", they serve all others.)";

constexpr const char* kProbeExamples = R"(
Examples:
  shoal probe udp://127.0.0.1:6969
  shoal probe http://tracker.example:6969/announce --hash 0123456789abcdef0123456789abcdef01234567
  shoal probe --all tracker.example           all addresses of the name, on port 6969
  shoal probe --all 192.0.2.1:6969 192.0.2.2:6969 --admin 127.0.0.1:9697

The probe announces a leecher on port 6881 and stops it at the end.
Exit code 0: the tracker answered connect, announce, scrape and stop correctly. With --all: every address
did so, over UDP and HTTP, learnt in time what was announced to the others, and accepted a connection id
from another. --admin adds the members that this node knows: the addresses of their sync channels, with
the port of the first name.)";

std::string option_help(const Option& option) {
  return std::string(option.summary) + " Allowed: " + option.allowed +
         ". Default: " + toml_value(option, option.default_text) + ". Takes effect " +
         std::string(when_effective(option)) + ".";
}

// Refuses all other words, and names these.
CLI::Validator one_of(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](const std::string& typed) -> std::string {
    if (std::find(words.begin(), words.end(), typed) != words.end()) return "";
    const std::vector<std::string_view> views(words.begin(), words.end());
    return '"' + printable(typed, 80) + "\" is not allowed: " + or_list(views) + suggestion(typed, words);
  };
  return {check, ""};
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
            return command_node(config->count() > 0 ? std::optional(arguments.config) : std::nullopt, given);
          }};
}

Command keygen_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("keygen", "Make a key for a cluster");
  app->footer(kKeygenExamples);
  app->add_option("file", arguments.key_file, "New file; standard output if it is - or missing")
      ->type_name("FILE");
  app->add_flag("--json", arguments.keygen_json, "Print JSON");
  return {app, [&arguments] { return command_keygen(arguments.key_file, arguments.keygen_json); }};
}

Command config_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("config", "Print the default options file, check one, or make one");
  app->footer(kConfigExamples);
  CLI::Option* check =
      app->add_option("--check", arguments.check,
                      "Check this file, with the current environment, and the files that it names");
  check->type_name("FILE");
  app->add_flag("--json", arguments.check_json, "With --check: print JSON")->needs(check);
  CLI::Option* opentracker =
      app->add_option("--from-opentracker", arguments.opentracker_config,
                      "Translate this opentracker.conf, and report what has no equivalent");
  opentracker->type_name("FILE")->excludes(check);
  CLI::Option* reference =
      app->add_flag("--reference", arguments.reference, "Print the reference of all options as Markdown")
          ->excludes(check)
          ->excludes(opentracker);
  app->add_flag("--manual", arguments.manual, "Print the manual page shoal.toml(5)")
      ->excludes(check)
      ->excludes(opentracker)
      ->excludes(reference);
  return {app, [check, opentracker, &arguments] {
            if (check->count() > 0) return command_config_check(arguments.check, arguments.check_json);
            if (opentracker->count() > 0)
              return command_config_from_opentracker(arguments.opentracker_config);
            if (arguments.manual) return command_config_manual();
            return arguments.reference ? command_config_reference() : command_config_default();
          }};
}

Command status_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("status", "Show a node and its view of the cluster");
  app->footer(kStatusExamples);
  StatusRequest& status = arguments.status;
  app->add_option("--admin", status.admins, "admin.listen of a node; may be repeated")
      ->type_name("HOST:PORT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app->add_flag("--json", status.json, "Print JSON; with --watch, one line per second");
  CLI::Option* ready = app->add_flag("--ready", status.ready, "Check only whether the node is ready");
  app->add_flag("--watch", status.watch, "Refresh every second, until Ctrl-C")->excludes(ready);
  return {app, [&status] { return command_status(status); }};
}

Command top_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("top", "Show the largest swarms that a node knows");
  app->footer(kTopExamples);
  TopRequest& top = arguments.top;
  app->add_option("--admin", top.admin, "admin.listen of the node")->type_name("HOST:PORT");
  app->add_option("--amount", top.amount,
                  "Number of swarms, 1 to " + std::to_string(kTopMax) + "; default 10")
      ->type_name("N")
      ->check(CLI::Range(size_t{1}, kTopMax));
  app->add_flag("--json", top.json, "Print JSON");
  return {app, [&top] { return command_top(top); }};
}

// The flags of all commands that change a running node.
void add_admin_options(CLI::App& app, AdminRequest& request) {
  app.add_option("--admin", request.admin, "admin.listen of the node")->type_name("HOST:PORT");
  app.add_option("--token-file", request.token_file, "admin.token_file of the node")->type_name("FILE");
  app.add_flag("--json", request.json, "Print JSON");
}

Command drain_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("drain", "Shut down a node in an orderly way");
  app->footer(kDrainExamples);
  add_admin_options(*app, arguments.drain);
  return {app, [&arguments] { return command_drain(arguments.drain); }};
}

Command reload_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("reload", "Make a node reload its options and files");
  app->footer(kReloadExamples);
  add_admin_options(*app, arguments.reload);
  return {app, [&arguments] { return command_reload(arguments.reload); }};
}

Command access_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("access", "Show or change the access list");
  app->footer(kAccessExamples);
  AccessRequest& access = arguments.access;
  app->add_option("verb", arguments.access_verb, "add, remove or list")
      ->type_name("VERB")
      ->required()
      ->check(one_of({"add", "remove", "list"}));
  CLI::Option* hashes =
      app->add_option("hash", access.hashes, "info_hashes in hexadecimal")->type_name("HASH");
  add_admin_options(*app, access.node);
  return {app, [hashes, &access, &arguments] {
            using Verb = AccessRequest::Verb;
            const std::string& verb = arguments.access_verb;
            access.verb = verb == "add" ? Verb::add : verb == "remove" ? Verb::remove : Verb::list;
            if (access.verb != Verb::list && hashes->count() == 0) {
              return failed(access.node.json, "at least one info_hash is needed; see `shoal access --help`",
                            kExitUsage);
            }
            return command_access(access);
          }};
}

int run_probe(const Arguments& arguments, bool has_hash) {
  ProbeAllRequest all = arguments.probe;
  if (has_hash) all.hash = arguments.probe_hash;
  all.timeout = std::chrono::milliseconds(arguments.probe_timeout_ms);
  all.agree_within = std::chrono::milliseconds(arguments.probe_agree_ms);
  if (arguments.probe_all) {
    all.names = arguments.probe_targets;
    if (!all.names.empty() || !all.admins.empty()) return command_probe_all(all);
  } else if (arguments.probe_targets.size() == 1) {
    return command_probe({arguments.probe_targets[0], all.hash, all.timeout, all.json});
  }
  return failed(all.json,
                arguments.probe_all
                    ? "at least one name or --admin is needed; see `shoal probe --help`"
                    : "exactly one URL is needed, or --all and names; see `shoal probe --help`",
                kExitUsage);
}

Command probe_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("probe", "Query a tracker as a client would, and time its answers");
  app->footer(kProbeExamples);
  app->add_option("target", arguments.probe_targets,
                  "udp://HOST:PORT or http://HOST:PORT/announce; with --all: NAME[:PORT]...")
      ->type_name("TARGET");
  CLI::Option* all =
      app->add_flag("--all", arguments.probe_all,
                    "Query all addresses of all names, and check that they act as one tracker");
  app->add_option("--admin", arguments.probe.admins,
                  "With --all: admin.listen of a node whose members are queried, too")
      ->type_name("HOST:PORT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->needs(all);
  app->add_option("--protocol", arguments.probe.protocol, "With --all: use only udp or http")
      ->type_name("PROTOCOL")
      ->check(one_of({"udp", "http"}))
      ->needs(all);
  const CLI::Option* hash =
      app->add_option("--hash", arguments.probe_hash,
                      "info_hash in hexadecimal, by default random; with --all, of a swarm without peers")
          ->type_name("HASH");
  app->add_option("--timeout-ms", arguments.probe_timeout_ms,
                  "Time limit for each step, 1 to 60000; default 2000")
      ->type_name("N")
      ->check(CLI::Range(1, 60000));
  app->add_option("--agree-ms", arguments.probe_agree_ms,
                  "With --all: time in which all addresses must learn an announce, 1 to 600000; default 5000")
      ->type_name("N")
      ->check(CLI::Range(1, 600000))
      ->needs(all);
  app->add_flag("--json", arguments.probe.json, "Print JSON");
  return {app, [hash, &arguments] { return run_probe(arguments, hash->count() > 0); }};
}

Command completion_command(CLI::App& shoal, Arguments& arguments) {
  CLI::App* app = shoal.add_subcommand("completion", "Print a shell completion script");
  app->footer(kCompletionExamples);
  app->add_option("shell", arguments.completion_shell, "bash, zsh or fish")
      ->type_name("SHELL")
      ->required()
      ->check(one_of({"bash", "zsh", "fish"}));
  return {app, [&shoal, &arguments] { return command_completion(shoal, arguments.completion_shell); }};
}

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
  CLI::App shoal("shoal: a BitTorrent tracker that runs as a cluster of equal nodes", "shoal");
  shoal.set_version_flag("--version", std::string("shoal ") + version());
  shoal.require_subcommand(1);
  shoal.get_formatter()->column_width(34);
  Arguments arguments;
  const Command commands[] = {node_command(shoal, arguments),   probe_command(shoal, arguments),
                              status_command(shoal, arguments), top_command(shoal, arguments),
                              drain_command(shoal, arguments),  access_command(shoal, arguments),
                              keygen_command(shoal, arguments), config_command(shoal, arguments),
                              reload_command(shoal, arguments), completion_command(shoal, arguments)};
  const std::vector<std::string> words = reversed_arguments(argc, argv);
  try {
    shoal.parse(std::vector<std::string>(words));
  } catch (const CLI::Success& success) {
    return shoal.exit(success);  // prints the requested help or version
  } catch (const CLI::ParseError& error) {
    return usage_error(shoal, error, std::find(words.begin(), words.end(), "--json") != words.end());
  }
  for (const Command& command : commands) {
    if (command.app->parsed()) return command.run();
  }
  return kExitUsage;
}

}  // namespace shoal::node
