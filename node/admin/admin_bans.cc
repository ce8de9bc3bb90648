#include "node/admin/admin_bans.h"

#include <map>
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

constexpr std::string_view kAddressWanted =
    "an address is needed: ?address= and an IPv4 or IPv6 address; bans are of an IPv4 address or an IPv6 /64";

// Of a day, if an operator says nothing else.
constexpr uint32_t kByHandS = 86'400;

using NodeNames = std::map<uint64_t, std::string>;

NodeNames names_of(const NodeState& state) {
  NodeNames names;
  if (!state.sync) return names;
  names[state.sync->id] = state.name;
  for (const sync::MemberStatus& member : state.sync->members) names[member.id] = member.name;
  return names;
}

std::string ban_node_text(const NodeNames& names, uint64_t id) {
  const auto found = names.find(id);
  return found != names.end() ? found->second : common::node_id_text(id);
}

Json ban_json(const proto::BanChange& ban, const NodeNames& names, bool would_be) {
  return {{"client", to_text(ban.prefix)}, {"offence", to_string(ban.term.offence)},
          {"level", ban.term.level},       {"lifted", ban.term.lifted},
          {"would_be", would_be},          {"made_unix_ms", ban.stamp.unix_ms},
          {"ends_unix_ms", ban.ends_ms()}, {"node", ban_node_text(names, ban.stamp.node_id)}};
}

Json counts_json(const BanStatus& status) {
  return {{"mode", to_string(status.mode)},
          {"in_force", status.in_force},
          {"would_be_in_force", status.dry},
          {"remembered", status.remembered}};
}

// The bans as they were when they were asked for.
class BansAnswer final : public StreamedAnswer {
 public:
  BansAnswer(const BanControl& bans, int64_t now_ms, NodeNames names, const proto::HttpReply& reply)
      : status_(bans.status()), names_(std::move(names)), reply_(reply) {
    bans.for_each_in_force(now_ms,
                           [this](const proto::BanChange& ban, bool dry) { bans_.emplace_back(ban, dry); });
  }

  bool next(std::string& out) override {
    Json json = counts_json(status_);
    Json list = Json::array();
    for (const auto& [ban, dry] : bans_) list.push_back(ban_json(ban, names_, dry));
    json["bans"] = std::move(list);
    proto::append_content(out, reply_, 200, "application/json", json.dump(2) + "\n");
    return false;
  }

 private:
  const BanStatus status_;
  const NodeNames names_;
  const proto::HttpReply reply_;
  std::vector<std::pair<proto::BanChange, bool>> bans_;
};

Json explained_json(const BanControl& bans, const common::Endpoint& client, const NodeNames& names) {
  const BanControl::Explained found = bans.explain(client);
  Json scores = Json::array();
  for (size_t i = 1; i < proto::kOffences; ++i) {
    const OffenceTable::Score& score = found.scores.scores[i];
    scores.push_back({{"offence", to_string(static_cast<proto::Offence>(i))},
                      {"score_permille", score.permille},
                      {"threshold", score.threshold}});
  }
  return {{"client", to_text(address_prefix(client))},
          {"mode", to_string(bans.mode())},
          {"banned", found.banned},
          {"would_be", found.would_be},
          {"exempt", found.exempt},
          {"ban", found.ban ? ban_json(*found.ban, names, false) : Json(nullptr)},
          {"dry_ban", found.dry_ban ? ban_json(*found.dry_ban, names, true) : Json(nullptr)},
          {"next_ban_s", found.next_s},
          {"clients_behind_it", found.scores.clients},
          {"scores", scores}};
}

// The id of the node that the query names; or it has been answered.
std::optional<uint64_t> origin_of(const AdminContext& context, const proto::HttpRequest& request,
                                  std::string& out) {
  const auto node = node_of(request.query);
  if (!node) {
    append_api_error(
        out, proto::reply_to(request), 400,
        "?node= and the name of a node, or its id, 16 hexadecimal digits; 16 zeros are everybody");
    return std::nullopt;
  }
  if (const auto id = node_id_of(*node)) return id;
  return context.node_id(*node);
}

}  // namespace

std::unique_ptr<StreamedAnswer> show_bans(const AdminContext& context, const proto::HttpRequest& request,
                                          std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  NodeNames names = names_of(context.state());
  if (request.query.empty()) {
    return std::make_unique<BansAnswer>(*context.bans, context.clock->unix_ms(), std::move(names),
                                        reply_to_long(request));
  }
  const auto asked = ban_query_of(request.query);
  if (!asked || asked->for_s) {
    append_api_error(out, reply, 400, kAddressWanted);
    return nullptr;
  }
  proto::append_content(out, reply, 200, "application/json",
                        explained_json(*context.bans, asked->address, names).dump(2) + "\n");
  return nullptr;
}

void add_ban(BanControl& bans, const proto::HttpRequest& request, std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  const auto asked = ban_query_of(request.query);
  if (!asked) {
    append_api_error(out, reply, 400,
                     std::string(kAddressWanted) + "; &for_s= and 1 to " +
                         std::to_string(proto::kBanLongestS) + " seconds");
    return;
  }
  const uint32_t for_s = asked->for_s.value_or(kByHandS);
  if (const auto banned = bans.ban(asked->address, for_s); !banned) {
    append_api_error(out, reply, 409, banned.error().message);
    return;
  }
  append_api_result(
      out, reply, to_text(address_prefix(asked->address)) + " is banned for " + std::to_string(for_s) + " s");
}

void remove_ban(BanControl& bans, const proto::HttpRequest& request, std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  const auto asked = ban_query_of(request.query);
  if (!asked || asked->for_s) return append_api_error(out, reply, 400, kAddressWanted);
  if (const auto lifted = bans.lift(asked->address); !lifted) {
    return append_api_error(out, reply, 404, lifted.error().message);
  }
  append_api_result(out, reply, to_text(address_prefix(asked->address)) + " is banned no longer");
}

void forget_bans_of(const AdminContext& context, const proto::HttpRequest& request, std::string& out) {
  const auto id = origin_of(context, request, out);
  if (!id) return;
  append_api_result(out, proto::reply_to(request),
                    "forgotten: " + std::to_string(context.bans->forget_origin(*id)) + " bans");
}

void forget_access_of(const AdminContext& context, const proto::HttpRequest& request, std::string& out) {
  const auto id = origin_of(context, request, out);
  if (!id) return;
  append_api_result(out, proto::reply_to(request),
                    "forgotten: " + std::to_string(context.access->forget_origin(*id)) + " changes");
}

}  // namespace shoal::node
