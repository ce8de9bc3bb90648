#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "node/cli/answer_text.h"
#include "node/cli/commands.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"
#include "proto/ban_change.h"

namespace shoal::node {

namespace {

constexpr const char* kBanExamples = R"(
Examples:
  shoal ban list
  shoal ban explain 192.0.2.7           scores, thresholds, and what would happen
  shoal ban add 192.0.2.7 --for 3600
  shoal ban remove 192.0.2.7
  shoal ban forget-origin node-b        make void all bans that node-b has made
  shoal ban forget-origin --everybody   make void all bans that anybody has made, under any name

Bans apply to all nodes of the cluster and end by themselves. A client is an IPv4 address or an IPv6
/64. For whole networks see access.deny_networks.)";

struct BanRequest {
  AdminRequest node;
  std::string verb;
  std::vector<std::string> what;
  uint32_t for_s = 86'400;
  bool everybody = false;
};

int print(const BanRequest& request, const AdminAddress& admin, const common::Result<nlohmann::json>& answer,
          std::string (*text)(const nlohmann::json&)) {
  if (!answer) return failed(request.node.json, to_string(admin) + ": " + answer.error().message);
  if (request.node.json) {
    print_json(*answer);
  } else {
    std::fputs(text(*answer).c_str(), stdout);
  }
  return kExitOk;
}

std::string line_of(const nlohmann::json& answer) { return result_text(answer) + "\n"; }

int run_ban(const BanRequest& request) {
  const AdminRequest& node = request.node;
  const auto admin = read_admin(node.admin);
  if (!admin) return failed(node.json, admin.error().message);
  if (request.verb == "forget-origin") {
    return forget_origin(node, *admin, "/v1/bans", request.what, request.everybody);
  }
  if (request.everybody) return failed(node.json, "--everybody goes with forget-origin", kExitUsage);
  if (request.verb == "list") {
    if (!request.what.empty()) {
      return failed(node.json, "list takes no address: see `shoal ban explain`", kExitUsage);
    }
    return print(request, *admin, admin_get(*admin, "/v1/bans"), bans_text);
  }
  if (request.what.size() != 1) {
    return failed(node.json, request.verb + " needs one address; see `shoal ban --help`", kExitUsage);
  }
  if (!common::parse_address(request.what[0])) {
    return failed(node.json, "\"" + printable(request.what[0], 80) +
                                 "\" is not allowed: an address such as 192.0.2.7 or 2001:db8::7");
  }
  const std::string query = "?address=" + request.what[0];
  if (request.verb == "explain") {
    return print(request, *admin, admin_get(*admin, "/v1/bans" + query), ban_explained_text);
  }
  const std::string target = request.verb == "add"
                                 ? "/v1/bans/add" + query + "&for_s=" + std::to_string(request.for_s)
                                 : "/v1/bans/remove" + query;
  return print(request, *admin, admin_post(*admin, node.token_file, target), line_of);
}

}  // namespace

Command ban_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("ban", "Show, explain, make or end bans");
  app->footer(kBanExamples);
  auto request = std::make_shared<BanRequest>();
  app->add_option("verb", request->verb, "list, add, remove, explain or forget-origin")
      ->type_name("VERB")
      ->required()
      ->check(one_of({"list", "add", "remove", "explain", "forget-origin"}));
  app->add_option("what", request->what, "An address, or the name of a node")->type_name("WHAT");
  app->add_option("--for", request->for_s, "How long, in seconds; a day unless it is said")
      ->type_name("SECONDS")
      ->check(CLI::Range(uint32_t{1}, proto::kBanLongestS));
  add_everybody(*app, request->everybody);
  add_admin_options(*app, request->node);
  return {app, [request] { return run_ban(*request); }};
}

}  // namespace shoal::node
