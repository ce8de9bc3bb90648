#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "node/cli/commands.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr const char* kReloadExamples = R"(
Examples:
  shoal reload                    waits for the reload and prints the changed options
  shoal reload --admin 192.0.2.1:9697 --token-file /etc/shoal.token

The node reloads its options, keys, token and access list, as on SIGHUP. If one of them is not valid,
nothing changes: the command prints the reason and exits with code 1.)";

// A long access list takes seconds to read, and another reload may be in progress.
constexpr std::chrono::milliseconds kReloadTimeout{120'000};

// "a, b" from a list of strings, which may have any shape; empty: none.
std::string keys_of(const nlohmann::json& answer, const char* name) {
  std::string text;
  const auto list = answer.find(name);
  if (list == answer.end() || !list->is_array()) return text;
  for (const nlohmann::json& key : *list) {
    if (!key.is_string()) continue;
    text += (text.empty() ? "" : ", ") + printable(key.get_ref<const std::string&>());
  }
  return text;
}

void print_report(const std::string& admin, const nlohmann::json& answer) {
  const std::string applied = keys_of(answer, "applied");
  const std::string need_restart = keys_of(answer, "need_restart");
  std::printf("%s: reloaded\n", admin.c_str());
  std::printf("changed: %s\n", applied.empty() ? "no options" : applied.c_str());
  if (!need_restart.empty()) std::printf("changed, but need a restart: %s\n", need_restart.c_str());
}

int run_reload(const AdminRequest& request) {
  const auto admin = read_admin(request.admin);
  if (!admin) return failed(request.json, admin.error().message);
  const auto answer = admin_post(*admin, request.token_file, "/v1/reload", kReloadTimeout);
  if (!answer) return failed(request.json, to_string(*admin) + ": " + answer.error().message);
  if (request.json) {
    print_json(*answer);
  } else {
    print_report(to_string(*admin), *answer);
  }
  return kExitOk;
}

}  // namespace

Command reload_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("reload", "Make a node reload its options and files");
  app->footer(kReloadExamples);
  auto request = std::make_shared<AdminRequest>();
  add_admin_options(*app, *request);
  return {app, [request] { return run_reload(*request); }};
}

}  // namespace shoal::node
