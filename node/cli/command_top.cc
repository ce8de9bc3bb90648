#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "node/cli/answer_text.h"
#include "node/cli/commands.h"
#include "node/cli/terminal.h"
#include "node/config/option_values.h"
#include "node/scan/top_swarms.h"

namespace shoal::node {

namespace {

constexpr const char* kTopExamples = R"(
Examples:
  shoal top                       the ten largest swarms
  shoal top --amount 100 --json --admin 192.0.2.1:9697

The result is the node's last search. If it is older than 30 seconds, the node searches again for the
next call; the first call after a start has no result yet.)";

struct TopRequest {
  std::string admin = default_admin();
  size_t amount = 10;
  bool json = false;
};

int run_top(const TopRequest& request) {
  const auto admin = read_admin(request.admin);
  if (!admin) return failed(request.json, admin.error().message);
  const auto answer = admin_get(*admin, "/v1/top?n=" + std::to_string(request.amount));
  if (!answer) return failed(request.json, to_string(*admin) + ": " + answer.error().message);
  if (request.json) {
    print_json(*answer);
  } else {
    std::fputs(top_text(*answer, colours_output()).c_str(), stdout);
  }
  return kExitOk;
}

}  // namespace

Command top_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("top", "Show the largest swarms that a node knows");
  app->footer(kTopExamples);
  auto top = std::make_shared<TopRequest>();
  app->add_option("--admin", top->admin, "admin.listen of the node")->type_name("HOST:PORT");
  app->add_option("--amount", top->amount,
                  "Number of swarms, 1 to " + std::to_string(kTopMax) + "; default 10")
      ->type_name("N")
      ->check(CLI::Range(size_t{1}, kTopMax));
  app->add_flag("--json", top->json, "Print JSON");
  return {app, [top] { return run_top(*top); }};
}

}  // namespace shoal::node
