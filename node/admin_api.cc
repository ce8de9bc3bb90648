#include "node/admin_api.h"

#include <sodium/randombytes.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/admin_access.h"
#include "node/option_values.h"
#include "node/printable.h"
#include "node/status_json.h"

namespace shoal::node {

namespace {

using Json = nlohmann::ordered_json;
using proto::HttpReply;
using proto::HttpRequest;

constexpr std::string_view kSwarms = "/v1/swarms/";

void append_json(std::string& out, const HttpReply& reply, int status, std::string_view json) {
  proto::append_content(out, reply, status, "application/json", json);
}

std::string_view to_string(proto::PeerRole role) {
  switch (role) {
    case proto::PeerRole::leecher:
      return "leecher";
    case proto::PeerRole::seeder:
      return "seeder";
    case proto::PeerRole::stopped:
      return "stopped";
  }
  return "?";
}

Json roles_json(const SwarmLook::Roles& roles) {
  const auto count = [&](proto::PeerRole role) { return roles[static_cast<size_t>(role)]; };
  return {{"seeders", count(proto::PeerRole::seeder)},
          {"leechers", count(proto::PeerRole::leecher)},
          {"stopped", count(proto::PeerRole::stopped)}};
}

std::string swarm_json(const common::InfoHash& hash, const SwarmLook& look, const ClusterClock& clock) {
  Json peers = Json::array();
  for (const proto::Delta& peer : look.peers) {
    const int64_t age_ticks = std::max(0, common::stamp_age(clock.tick(), peer.stamp));
    peers.push_back({{"address", common::to_string(peer.peer)},
                     {"state", to_string(peer.state.role)},
                     {"completed", peer.state.completed},
                     {"age_s", age_ticks * clock.tick_ms() / 1000}});
  }
  const Json json = {{"info_hash", common::to_hex(hash)},
                     {"seeders", look.counts.seeders},
                     {"leechers", look.counts.leechers},
                     {"completed", look.counts.completed},
                     {"ipv4", roles_json(look.v4)},
                     {"ipv6", roles_json(look.v6)},
                     {"peers", peers}};
  return json.dump(2) + "\n";
}

// The number of a query that is "KEY=NUMBER", or `none` for an empty one; nothing for any other.
std::optional<uint32_t> number_of(std::string_view query, std::string_view key, uint32_t max, uint32_t none) {
  if (query.empty()) return none;
  if (!query.starts_with(key) || query.substr(key.size(), 1) != "=") return std::nullopt;
  return parse_whole(query.substr(key.size() + 1), 0, max);
}

std::string top_json(const TopView& top, size_t amount) {
  Json swarms = Json::array();
  for (size_t i = 0; i < std::min(amount, top.swarms.size()); ++i) {
    const auto& [hash, counts] = top.swarms[i];
    swarms.push_back({{"info_hash", common::to_hex(hash)},
                      {"seeders", counts.seeders},
                      {"leechers", counts.leechers},
                      {"completed", counts.completed}});
  }
  const Json json = {{"unix_ms", top.unix_ms ? Json(*top.unix_ms) : Json(nullptr)}, {"swarms", swarms}};
  return json.dump(2) + "\n";
}

void show_top(const Admin::Actions& actions, const HttpRequest& request, std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  const auto amount = number_of(request.query, "n", kTopMax, kTopDefault);
  if (!amount)
    return append_api_error(out, reply, 400, "?n= and a number from 0 to " + std::to_string(kTopMax));
  append_json(out, reply, 200, top_json(actions.top(), *amount));
}

void show_swarm(const Admin::Actions& actions, const HttpRequest& request, std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  const auto hash = common::info_hash_from_hex(request.path.substr(kSwarms.size()));
  if (!hash) return append_api_error(out, reply, 400, "/v1/swarms/ and 40 hexadecimal digits are needed");
  const auto peers = number_of(request.query, "peers", kLookPeersMax, kLookPeersDefault);
  if (!peers) {
    return append_api_error(out, reply, 400,
                            "?peers= and a number from 0 to " + std::to_string(kLookPeersMax));
  }
  uint64_t seed;
  randombytes_buf(&seed, sizeof seed);
  common::Prng prng(seed);
  const auto look = actions.store->look(actions.store->locate(*hash), *hash, *peers, prng);
  if (!look) return append_api_error(out, reply, 404, "no peer of this swarm is known");
  append_json(out, reply, 200, swarm_json(*hash, *look, *actions.clock));
}

}  // namespace

void append_api_result(std::string& out, const HttpReply& reply, std::string_view result) {
  append_json(out, reply, 200, Json{{"result", result}}.dump() + "\n");
}

void append_api_error(std::string& out, const HttpReply& reply, int status, std::string_view reason) {
  append_json(out, reply, status, Json{{"error", reason}}.dump() + "\n");
}

void answer_api_get(const Admin::Actions& actions, const HttpRequest& request, std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  if (request.path == "/v1/status") {
    append_json(out, reply, 200, status_json(actions.state()));
  } else if (request.path == "/v1/members") {
    append_json(out, reply, 200, members_json(actions.state()));
  } else if (request.path == "/v1/history") {
    append_json(out, reply, 200, history_json(*actions.history));
  } else if (request.path == "/v1/top") {
    show_top(actions, request, out);
  } else if (request.path.starts_with(kSwarms)) {
    show_swarm(actions, request, out);
  } else if (request.path == "/v1/access" && actions.access != nullptr) {
    show_access(*actions.access, request, out);
  } else if (request.path == "/v1/drain") {
    append_api_error(out, reply, 400, "to drain, POST");
  } else {
    append_api_error(out, reply, 404, "there is no such page");
  }
}

void answer_api_post(const Admin::Actions& actions, const HttpRequest& request, std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  if (request.path == "/v1/drain") {
    append_api_result(out, reply, actions.drain() ? "draining" : "draining already");
  } else if (actions.access != nullptr &&
             (request.path == "/v1/access/add" || request.path == "/v1/access/remove")) {
    change_access(*actions.access, request, request.path.ends_with("add"), out);
  } else {
    append_api_error(out, reply, 404, "there is no such action");
  }
}

}  // namespace shoal::node
