#include "node/admin/admin_api.h"

#include <sodium/randombytes.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/admin/admin_access.h"
#include "node/admin/admin_query.h"
#include "node/admin/admin_reload.h"
#include "node/admin/status_json.h"

namespace shoal::node {

namespace {

using Json = nlohmann::ordered_json;
using proto::HttpReply;
using proto::HttpRequest;

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

void show_top(const AdminContext& context, const HttpRequest& request, std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  const auto amount = number_of(request.query, "n", kTopMax, kTopDefault);
  if (!amount)
    return append_api_error(out, reply, 400, "?n= and a number from 0 to " + std::to_string(kTopMax));
  append_json(out, reply, 200, top_json(context.top(), *amount));
}

void show_swarm(const AdminContext& context, const HttpRequest& request, std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  const auto hash = swarm_of(request.path);
  if (!hash) return append_api_error(out, reply, 400, "/v1/swarms/ and 40 hexadecimal digits are needed");
  const auto peers = number_of(request.query, "peers", kLookPeersMax, kLookPeersDefault);
  if (!peers) {
    return append_api_error(out, reply, 400,
                            "?peers= and a number from 0 to " + std::to_string(kLookPeersMax));
  }
  uint64_t seed;
  randombytes_buf(&seed, sizeof seed);
  common::Prng prng(seed);
  const auto look = context.store->look(context.store->locate(*hash), *hash, *peers, prng);
  if (!look) return append_api_error(out, reply, 404, "no peer of this swarm is known");
  append_json(out, reply, 200, swarm_json(*hash, *look, *context.clock));
}

void show_state(const AdminContext& context, const HttpRequest& request, std::string& out) {
  append_json(out, proto::reply_to(request), 200, status_json(context.state()));
}

void show_members(const AdminContext& context, const HttpRequest& request, std::string& out) {
  append_json(out, proto::reply_to(request), 200, members_json(context.state()));
}

void show_history(const AdminContext& context, const HttpRequest& request, std::string& out) {
  append_json(out, proto::reply_to(request), 200, history_json(*context.history));
}

void drain(const AdminContext& context, const HttpRequest& request, std::string& out) {
  append_api_result(out, proto::reply_to(request), context.drain() ? "draining" : "draining already");
}

void show_index(const AdminContext& context, const HttpRequest& request, std::string& out);

// What an operation appends to the answer, or returns to make it.
using Answer = std::unique_ptr<StreamedAnswer> (*)(const AdminContext&, const HttpRequest&, std::string&);

template <auto append>
constexpr Answer at_once = [](const AdminContext& context, const HttpRequest& request, std::string& out) {
  append(context, request, out);
  return std::unique_ptr<StreamedAnswer>();
};

template <auto append>
void with_access(const AdminContext& context, const HttpRequest& request, std::string& out) {
  if (context.access != nullptr) return append(*context.access, request, out);
  append_api_error(out, proto::reply_to(request), 404, "there is no access list");
}

void add_access(AccessControl& access, const HttpRequest& request, std::string& out) {
  change_access(access, request, true, out);
}

void remove_access(AccessControl& access, const HttpRequest& request, std::string& out) {
  change_access(access, request, false, out);
}

std::unique_ptr<StreamedAnswer> reload(const AdminContext& context, const HttpRequest& request,
                                       std::string& /*out*/) {
  return begin_reload(context, request);
}

// All there is; docs/openapi.json describes each.
struct Operation {
  bool post;
  std::string_view path;  // ends with "{...}" where anything may stand
  Answer answer;
};

constexpr Operation kOperations[] = {
    {false, "/v1/", at_once<show_index>},
    {false, "/v1/status", at_once<show_state>},
    {false, "/v1/members", at_once<show_members>},
    {false, "/v1/history", at_once<show_history>},
    {false, "/v1/top", at_once<show_top>},
    {false, "/v1/swarms/{info_hash}", at_once<show_swarm>},
    {false, "/v1/access", at_once<with_access<show_access>>},
    {true, "/v1/access/add", at_once<with_access<add_access>>},
    {true, "/v1/access/remove", at_once<with_access<remove_access>>},
    {true, "/v1/drain", at_once<drain>},
    {true, "/v1/reload", reload},
};

bool is_at(const Operation& operation, std::string_view path) {
  const size_t fixed = operation.path.find('{');
  return fixed == std::string_view::npos ? path == operation.path
                                         : path.starts_with(operation.path.substr(0, fixed));
}

void show_index(const AdminContext& /*context*/, const HttpRequest& request, std::string& out) {
  Json operations = Json::array();
  for (const Operation& operation : kOperations) {
    operations.push_back({{"method", operation.post ? "POST" : "GET"}, {"path", operation.path}});
  }
  append_json(out, proto::reply_to(request), 200, Json{{"operations", operations}}.dump(2) + "\n");
}

}  // namespace

void append_api_result(std::string& out, const HttpReply& reply, std::string_view result) {
  append_json(out, reply, 200, Json{{"result", result}}.dump() + "\n");
}

void append_api_error(std::string& out, const HttpReply& reply, int status, std::string_view reason) {
  append_json(out, reply, status,
              Json{{"error", reason}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::unique_ptr<StreamedAnswer> answer_api(const AdminContext& context, const HttpRequest& request,
                                           std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  const bool post = request.method == proto::HttpMethod::post;
  bool known = false;
  for (const Operation& operation : kOperations) {
    if (!is_at(operation, request.path)) continue;
    if (operation.post == post) return operation.answer(context, request, out);
    known = true;
  }
  if (known && !post) {
    append_api_error(out, reply, 400, "this is done by POST");
  } else {
    append_api_error(out, reply, 404, post ? "there is no such action" : "there is no such page");
  }
  return nullptr;
}

}  // namespace shoal::node
