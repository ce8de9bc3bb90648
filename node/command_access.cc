#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>

#include "common/info_hash.h"
#include "node/admin_query.h"
#include "node/commands.h"
#include "node/option_values.h"
#include "node/printable.h"

namespace shoal::node {

namespace {

std::string query_of(std::span<const std::string> hashes) {
  std::string query;
  for (const std::string& hash : hashes) query += (query.empty() ? "?hash=" : "&hash=") + hash;
  return query;
}

common::Result<void> change(const AccessRequest& request, const HostPort& admin,
                            std::span<const std::string> hashes) {
  const std::string target =
      request.verb == AccessRequest::Verb::add ? "/v1/access/add" : "/v1/access/remove";
  const auto answer = admin_post(admin, request.node.token_file, target + query_of(hashes));
  if (!answer) return tl::make_unexpected(answer.error());
  return {};
}

void print_list(const nlohmann::json& document) {
  std::printf("mode %s, %llu from the file, %zu changed at run time\n",
              printable(document.value("mode", "?")).c_str(),
              static_cast<unsigned long long>(document.value("file_entries", uint64_t{0})),
              document["changes"].size());
  for (const auto& change : document["changes"]) {
    std::printf("%-6s %s\n", printable(change.value("change", "?")).c_str(),
                printable(change.value("info_hash", "?")).c_str());
  }
}

void print_verdicts(const nlohmann::json& document) {
  for (const auto& verdict : document["hashes"]) {
    std::printf("%s %s, %s\n", printable(verdict.value("info_hash", "?")).c_str(),
                verdict.value("listed", false) ? "listed" : "not listed",
                verdict.value("allowed", false) ? "served" : "not served");
  }
}

common::Result<void> show(const AccessRequest& request, const HostPort& admin,
                          std::span<const std::string> hashes) {
  const auto answer = admin_get(admin, "/v1/access" + query_of(hashes));
  if (!answer) return tl::make_unexpected(answer.error());
  const nlohmann::json& document = *answer;
  const char* const rows = hashes.empty() ? "changes" : "hashes";
  if (!document.contains(rows) || !document[rows].is_array()) {
    return common::fail("the answer is not that of a shoal node");
  }
  if (request.node.json) {
    print_json(document);
  } else if (hashes.empty()) {
    print_list(document);
  } else {
    print_verdicts(document);
  }
  return {};
}

}  // namespace

int command_access(const AccessRequest& request) {
  const auto admin = read_admin(request.node.admin);
  if (!admin) return kExitFailed;
  for (const std::string& hash : request.hashes) {
    if (common::info_hash_from_hex(hash)) continue;
    print_error("\"" + printable(hash, 80) + "\" is not allowed: an info_hash has 40 hexadecimal digits");
    return kExitFailed;
  }
  std::span<const std::string> rest = request.hashes;
  do {
    const auto batch = rest.first(std::min(rest.size(), kAdminHashesMax));
    rest = rest.subspan(batch.size());
    const auto done = request.verb == AccessRequest::Verb::list ? show(request, *admin, batch)
                                                                : change(request, *admin, batch);
    if (!done) {
      print_error(to_string(*admin) + ": " + done.error().message);
      return kExitFailed;
    }
  } while (!rest.empty());
  if (request.verb != AccessRequest::Verb::list) {
    std::printf("%s: %s %zu\n", to_string(*admin).c_str(),
                request.verb == AccessRequest::Verb::add ? "added" : "removed", request.hashes.size());
  }
  return kExitOk;
}

}  // namespace shoal::node
