#include "node/admin/admin_access.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "common/hex.h"
#include "node/admin/admin_api.h"
#include "node/admin/admin_query.h"
#include "node/config/option_values.h"
#include "proto/http_answer.h"

namespace shoal::node {

namespace {

using Json = nlohmann::ordered_json;

Json verdicts_json(const AccessControl& access, const std::vector<common::InfoHash>& hashes) {
  Json list = Json::array();
  for (const common::InfoHash& hash : hashes) {
    list.push_back({{"info_hash", common::to_hex(hash)},
                    {"listed", access.listed(hash)},
                    {"allowed", access.allows(hash)}});
  }
  return {{"mode", to_string(access.status().mode)}, {"hashes", list}};
}

std::string list_json(const AccessStatus& status, const std::vector<proto::AccessChange>& changes) {
  Json list = Json::array();
  for (const proto::AccessChange& change : changes) {
    list.push_back({{"info_hash", common::to_hex(change.info_hash)},
                    {"change", change.listed ? "add" : "remove"},
                    {"unix_ms", change.stamp.unix_ms},
                    {"node", common::node_id_text(change.stamp.node_id)}});
  }
  const Json json = {{"mode", to_string(status.mode)},
                     {"file_entries", status.file_entries},
                     {"denied_networks", status.denied_networks},
                     {"changes", list}};
  return json.dump(2) + "\n";
}

// The changes as they were when they were asked for.
class ListAnswer final : public StreamedAnswer {
 public:
  ListAnswer(const AccessControl& access, const proto::HttpReply& reply)
      : status_(access.status()), reply_(reply) {
    changes_.reserve(access.log().size());
    access.log().for_each([this](const proto::AccessChange& change) { changes_.push_back(change); });
  }

  bool next(std::string& out) override {
    proto::append_content(out, reply_, 200, "application/json", list_json(status_, changes_));
    return false;
  }

 private:
  const AccessStatus status_;
  const proto::HttpReply reply_;
  std::vector<proto::AccessChange> changes_;
};

}  // namespace

std::unique_ptr<StreamedAnswer> show_access(const AccessControl& access, const proto::HttpRequest& request,
                                            std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  const auto hashes = hashes_of(request.query);
  if (!hashes) {
    append_api_error(out, reply, 400, hashes.error().message);
    return nullptr;
  }
  if (hashes->empty()) return std::make_unique<ListAnswer>(access, reply_to_long(request));
  proto::append_content(out, reply, 200, "application/json", verdicts_json(access, *hashes).dump(2) + "\n");
  return nullptr;
}

void change_access(AccessControl& access, const proto::HttpRequest& request, bool listed, std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  const auto hashes = hashes_of(request.query);
  if (!hashes || hashes->empty()) {
    const std::string reason =
        hashes ? "no hash is given: ?hash= and 40 hexadecimal digits" : hashes.error().message;
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
