#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/info_hash.h"
#include "node/admin/admin_query.h"
#include "node/cli/answer_text.h"
#include "node/cli/commands.h"
#include "node/config/option_values.h"
#include "node/text/json_field.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr const char* kAccessExamples = R"(
Examples:
  shoal access add 0123456789abcdef0123456789abcdef01234567
  shoal access remove 0123456789abcdef0123456789abcdef01234567
  shoal access list               the run-time changes
  shoal access list 0123456789abcdef0123456789abcdef01234567
  shoal access forget-origin node-b   make void what node-b has changed so far
  shoal access forget-origin --everybody   make void all changes so far, under any name

Changes apply to all nodes of the cluster and override each node's access.file. If access.mode is
"allow", nodes serve only the swarms on the list; if it is "deny", they serve all others.)";

struct AccessRequest {
  enum class Verb : uint8_t { add, remove, list, forget_origin };
  Verb verb = Verb::list;
  AdminRequest node;
  std::vector<std::string> hashes;
  bool everybody = false;
};

using Hashes = std::span<const std::string>;

std::string query_of(Hashes hashes) {
  std::string query;
  for (const std::string& hash : hashes) query += (query.empty() ? "?hash=" : "&hash=") + hash;
  return query;
}

// Removes from the front as many hashes as a request may have, and returns them.
Hashes next_batch(Hashes& rest) {
  const Hashes batch = rest.first(std::min(rest.size(), kAdminHashesMax));
  rest = rest.subspan(batch.size());
  return batch;
}

int change(const AccessRequest& request, const AdminAddress& admin) {
  const bool add = request.verb == AccessRequest::Verb::add;
  const char* const result = add ? "added" : "removed";
  for (Hashes rest = request.hashes; !rest.empty();) {
    const size_t done = request.hashes.size() - rest.size();
    const auto answer =
        admin_post(admin, request.node.token_file,
                   (add ? "/v1/access/add" : "/v1/access/remove") + query_of(next_batch(rest)));
    if (answer) continue;
    const std::string some = done == 0 ? "" : " (" + std::to_string(done) + " " + result + " before that)";
    return failed(request.node.json, to_string(admin) + ": " + answer.error().message + some);
  }
  if (request.node.json) {
    print_json({{"result", result}, {"hashes", request.hashes.size()}});
  } else {
    std::printf("%s: %s %zu\n", to_string(admin).c_str(), result, request.hashes.size());
  }
  return kExitOk;
}

// Gets one document, with as many requests as needed.
common::Result<nlohmann::json> fetch(Hashes hashes, const AdminAddress& admin) {
  const char* const rows = hashes.empty() ? "changes" : "hashes";
  nlohmann::json whole;
  do {
    auto answer = admin_get(admin, "/v1/access" + query_of(next_batch(hashes)));
    if (!answer) return tl::make_unexpected(answer.error());
    if (!field(*answer, rows).is_array()) return common::fail("the answer is not from a shoal node");
    if (whole.is_null()) {
      whole = std::move(*answer);
    } else {
      for (auto& row : (*answer)[rows]) whole[rows].push_back(std::move(row));
    }
  } while (!hashes.empty());
  return whole;
}

int show(const AccessRequest& request, const AdminAddress& admin) {
  const auto document = fetch(request.hashes, admin);
  if (!document) return failed(request.node.json, to_string(admin) + ": " + document.error().message);
  if (request.node.json) {
    print_json(*document);
  } else {
    const bool all = request.hashes.empty();
    std::fputs((all ? access_changes_text(*document) : access_verdicts_text(*document)).c_str(), stdout);
  }
  return kExitOk;
}

int run_access(const AccessRequest& request) {
  const auto admin = read_admin(request.node.admin);
  if (!admin) return failed(request.node.json, admin.error().message);
  if (request.verb == AccessRequest::Verb::forget_origin) {
    return forget_origin(request.node, *admin, "/v1/access", request.hashes, request.everybody);
  }
  if (request.everybody) return failed(request.node.json, "--everybody goes with forget-origin", kExitUsage);
  for (const std::string& hash : request.hashes) {
    if (common::info_hash_from_hex(hash)) continue;
    return failed(request.node.json,
                  "\"" + printable(hash, 80) + "\" is not allowed: an info_hash has 40 hexadecimal digits");
  }
  return request.verb == AccessRequest::Verb::list ? show(request, *admin) : change(request, *admin);
}

}  // namespace

Command access_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("access", "Show or change the access list");
  app->footer(kAccessExamples);
  auto access = std::make_shared<AccessRequest>();
  auto verb = std::make_shared<std::string>();
  app->add_option("verb", *verb, "add, remove, list or forget-origin")
      ->type_name("VERB")
      ->required()
      ->check(one_of({"add", "remove", "list", "forget-origin"}));
  CLI::Option* hashes =
      app->add_option("hash", access->hashes, "info_hashes in hexadecimal, or the name of a node")
          ->type_name("HASH");
  add_everybody(*app, access->everybody);
  add_admin_options(*app, access->node);
  return {app, [hashes, verb, access] {
            using Verb = AccessRequest::Verb;
            access->verb = *verb == "add"      ? Verb::add
                           : *verb == "remove" ? Verb::remove
                           : *verb == "list"   ? Verb::list
                                               : Verb::forget_origin;
            const bool changes = access->verb == Verb::add || access->verb == Verb::remove;
            if (changes && hashes->count() == 0) {
              return failed(access->node.json, "at least one info_hash is needed; see `shoal access --help`",
                            kExitUsage);
            }
            return run_access(*access);
          }};
}

}  // namespace shoal::node
