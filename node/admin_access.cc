#include "node/admin_access.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "node/admin_api.h"
#include "node/printable.h"
#include "proto/http_answer.h"

namespace shoal::node {

namespace {

using Json = nlohmann::ordered_json;

common::Result<std::vector<common::InfoHash>> hashes_of(std::string_view query) {
  std::vector<common::InfoHash> hashes;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    constexpr std::string_view kKey = "hash=";
    const auto hash =
        pair.starts_with(kKey) ? common::info_hash_from_hex(pair.substr(kKey.size())) : std::nullopt;
    if (!hash) {
      return common::fail("\"" + printable(pair, 60) + "\" is not allowed: hash= and 40 hexadecimal digits");
    }
    if (hashes.size() == kAdminHashesMax) {
      return common::fail("more than " + std::to_string(kAdminHashesMax) + " hashes in one request");
    }
    hashes.push_back(*hash);
  }
  return hashes;
}

Json verdicts_json(const AccessControl& access, const std::vector<common::InfoHash>& hashes) {
  Json list = Json::array();
  for (const common::InfoHash& hash : hashes) {
    list.push_back({{"info_hash", common::to_hex(hash)},
                    {"listed", access.listed(hash)},
                    {"allowed", access.allows(hash)}});
  }
  return {{"mode", to_string(access.status().mode)}, {"hashes", list}};
}

Json list_json(const AccessControl& access) {
  const AccessStatus status = access.status();
  Json changes = Json::array();
  access.log().for_each([&](const proto::AccessChange& change) {
    changes.push_back({{"info_hash", common::to_hex(change.info_hash)},
                       {"change", change.listed ? "add" : "remove"},
                       {"unix_ms", change.stamp.unix_ms}});
  });
  return {{"mode", to_string(status.mode)}, {"file_entries", status.file_entries}, {"changes", changes}};
}

}  // namespace

void show_access(const AccessControl& access, const proto::HttpRequest& request, std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  const auto hashes = hashes_of(request.query);
  if (!hashes) {
    append_api_error(out, reply, 400, hashes.error().message);
    return;
  }
  const Json json = hashes->empty() ? list_json(access) : verdicts_json(access, *hashes);
  proto::append_content(out, reply, 200, "application/json", json.dump(2) + "\n");
}

void change_access(AccessControl& access, const proto::HttpRequest& request, bool listed, std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  const auto hashes = hashes_of(request.query);
  if (!hashes || hashes->empty()) {
    const std::string reason = hashes ? "no hash: ?hash= and 40 hexadecimal digits" : hashes.error().message;
    append_api_error(out, reply, 400, reason);
    return;
  }
  if (const auto changed = access.change(*hashes, listed); !changed) {
    append_api_error(out, reply, 409, changed.error().message);
    return;
  }
  append_api_result(out, reply, (listed ? "added " : "removed ") + std::to_string(hashes->size()));
}

}  // namespace shoal::node
