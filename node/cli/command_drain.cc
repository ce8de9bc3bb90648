#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "node/cli/answer_text.h"
#include "node/cli/commands.h"
#include "node/config/option_values.h"

namespace shoal::node {

namespace {

constexpr const char* kDrainExamples = R"(
Examples:
  shoal drain                     returns at once; the node exits after node.drain_s seconds
  shoal drain --admin [::1]:9697

The node reports "not ready" at once, serves for another node.drain_s seconds, tells the other nodes
that it leaves, and exits with code 0. SIGTERM does the same; a second SIGTERM ends the node at once.)";

int run_drain(const AdminRequest& request) {
  const auto admin = read_admin(request.admin);
  if (!admin) return failed(request.json, admin.error().message);
  const auto answer = admin_post(*admin, request.token_file, "/v1/drain");
  if (!answer) return failed(request.json, to_string(*admin) + ": " + answer.error().message);
  if (request.json) {
    print_json(*answer);
  } else {
    std::printf("%s: %s\n", to_string(*admin).c_str(), result_text(*answer).c_str());
  }
  return kExitOk;
}

}  // namespace

Command drain_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("drain", "Shut down a node in an orderly way");
  app->footer(kDrainExamples);
  auto request = std::make_shared<AdminRequest>();
  add_admin_options(*app, *request);
  return {app, [request] { return run_drain(*request); }};
}

}  // namespace shoal::node
