#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "node/cli/answer_text.h"
#include "node/cli/commands.h"
#include "node/cli/terminal.h"
#include "node/config/option_values.h"
#include "node/text/json_field.h"

namespace shoal::node {

namespace {

constexpr const char* kFeedsExamples = R"(
Examples:
  shoal feeds                     the lists of access.feeds, and how fetching them goes
  shoal feeds --fetch             fetch all now
  shoal feeds --fetch level1      fetch one now
  shoal feeds --fetch level1 --shrink

A list that holds less than half of what it held is refused, as it may be cut. --shrink takes it for once.)";

struct FeedsRequest {
  AdminRequest node;
  std::string name;  // empty: all
  bool fetch = false;
  bool shrink = false;
};

int fetch_now(const FeedsRequest& request, const AdminAddress& admin) {
  const AdminRequest& node = request.node;
  std::string query = request.name.empty() ? "" : "?name=" + request.name;
  if (request.shrink) query += query.empty() ? "?shrink=1" : "&shrink=1";
  const auto answer = admin_post(admin, node.token_file, "/v1/feeds/refresh" + query);
  if (!answer) return failed(node.json, to_string(admin) + ": " + answer.error().message);
  if (node.json) {
    print_json(*answer);
  } else {
    std::printf("%s: %s\n", to_string(admin).c_str(), result_text(*answer).c_str());
  }
  return kExitOk;
}

int run_feeds(const FeedsRequest& request) {
  const AdminRequest& node = request.node;
  if (!request.name.empty() && !is_name(request.name))
    return failed(node.json, "the name of a feed has letters, digits, '.', '_' and '-'");
  if (request.shrink && !request.fetch) return failed(node.json, "--shrink goes with --fetch", kExitUsage);
  const auto admin = read_admin(node.admin);
  if (!admin) return failed(node.json, admin.error().message);
  if (request.fetch) return fetch_now(request, *admin);
  const auto answer = admin_get(*admin, "/v1/feeds");
  if (!answer) return failed(node.json, to_string(*admin) + ": " + answer.error().message);
  if (!field(*answer, "feeds").is_array())
    return failed(node.json, to_string(*admin) + ": the answer is not from a shoal node");
  if (node.json) {
    print_json(*answer);
  } else {
    std::fputs(feeds_text(*answer, request.name, colours_output()).c_str(), stdout);
  }
  return kExitOk;
}

}  // namespace

Command feeds_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("feeds", "Show the feeds, or fetch them now");
  app->footer(kFeedsExamples);
  auto request = std::make_shared<FeedsRequest>();
  app->add_option("name", request->name, "Name of a feed; default: all")->type_name("NAME");
  app->add_flag("--fetch", request->fetch, "Fetch now");
  app->add_flag("--shrink", request->shrink, "With --fetch: take a list with less than half of its entries");
  add_admin_options(*app, request->node);
  return {app, [request] { return run_feeds(*request); }};
}

}  // namespace shoal::node
