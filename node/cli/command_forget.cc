#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "node/cli/answer_text.h"
#include "node/cli/commands.h"
#include "node/config/option_values.h"

namespace shoal::node {

namespace {

constexpr const char* kForgetExamples = R"(
Examples:
  shoal forget node-b
  shoal forget node-b --admin 192.0.2.1:9697 --token-file /etc/shoal.token

All nodes drop the member at once, unless they hear it; without this they do so an hour after it was last
heard. Its peers stay. Remove it from sync.peers as well. A member that comes back joins again.)";

struct ForgetRequest {
  AdminRequest node;
  std::string name;
};

int run_forget(const ForgetRequest& request) {
  const AdminRequest& node = request.node;
  if (!is_name(request.name)) {
    return failed(node.json,
                  "a name has 1 to " + std::to_string(kOptionNameMax) + " letters, digits, '.', '_' or '-'");
  }
  const auto admin = read_admin(node.admin);
  if (!admin) return failed(node.json, admin.error().message);
  const auto answer = admin_post(*admin, node.token_file, "/v1/members/forget?name=" + request.name);
  if (!answer) return failed(node.json, to_string(*admin) + ": " + answer.error().message);
  if (node.json) {
    print_json(*answer);
  } else {
    std::printf("%s: %s\n", to_string(*admin).c_str(), result_text(*answer).c_str());
  }
  return kExitOk;
}

}  // namespace

Command forget_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("forget", "Drop a member that is down or has left from the list");
  app->footer(kForgetExamples);
  auto request = std::make_shared<ForgetRequest>();
  app->add_option("name", request->name, "Name of the member")->type_name("NAME")->required();
  add_admin_options(*app, request->node);
  return {app, [request] { return run_forget(*request); }};
}

}  // namespace shoal::node
