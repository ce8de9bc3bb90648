#include "node/admin/admin_api.h"

#include <sodium/randombytes.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "node/admin/admin_access.h"
#include "node/admin/admin_bans.h"
#include "node/admin/admin_feeds.h"
#include "node/admin/admin_query.h"
#include "node/admin/admin_reload.h"
#include "node/admin/metrics.h"
#include "node/admin/page/page.h"
#include "node/admin/page/page_chart.h"
#include "node/admin/page/page_files.h"
#include "node/admin/page/page_swarm.h"
#include "node/admin/status_json.h"
#include "node/admin/swarm_search.h"
#include "node/admin/swarm_view.h"
#include "node/text/word_list.h"
#include "proto/dump_format.h"
#include "proto/stats_query.h"

namespace shoal::node {

namespace {

using Json = nlohmann::ordered_json;
using proto::HttpReply;
using proto::HttpRequest;

void append_json(std::string& out, const HttpReply& reply, int status, std::string_view json) {
  proto::append_content(out, reply, status, "application/json", json);
}

std::unique_ptr<StreamedAnswer> send_json(std::string& out, const HttpReply& reply, std::string_view json) {
  append_json(out, reply, 200, json);
  return nullptr;
}

std::unique_ptr<StreamedAnswer> refuse(std::string& out, const HttpReply& reply, int status,
                                       std::string_view reason) {
  append_api_error(out, reply, status, reason);
  return nullptr;
}

Json roles_json(const SwarmDetails::Roles& roles) {
  const auto count = [&](proto::PeerRole role) { return roles[static_cast<size_t>(role)]; };
  return {{"seeders", count(proto::PeerRole::seeder)},
          {"leechers", count(proto::PeerRole::leecher)},
          {"stopped", count(proto::PeerRole::stopped)}};
}

std::string swarm_json(const SwarmView& swarm) {
  Json peers = Json::array();
  for (const SwarmView::Peer& peer : swarm.peers) {
    peers.push_back({{"address", common::to_string(peer.address)},
                     {"state", peer.state},
                     {"completed", peer.completed},
                     {"age_s", peer.age_s}});
  }
  const Json json = {
      {"info_hash", common::to_hex(swarm.info_hash)}, {"seeders", swarm.details.counts.seeders},
      {"leechers", swarm.details.counts.leechers},    {"completed", swarm.details.counts.completed},
      {"ipv4", roles_json(swarm.details.v4)},         {"ipv6", roles_json(swarm.details.v6)},
      {"web", roles_json(swarm.details.web)},         {"peers", peers}};
  return json.dump(2) + "\n";
}

std::string top_json(const TopLists& top, size_t amount) {
  Json swarms = Json::array();
  for (size_t i = 0; i < std::min(amount, top.by_peers.size()); ++i) {
    const auto& [hash, counts] = top.by_peers[i];
    swarms.push_back({{"info_hash", common::to_hex(hash)},
                      {"seeders", counts.seeders},
                      {"leechers", counts.leechers},
                      {"completed", counts.completed}});
  }
  const Json json = {{"unix_ms", top.unix_ms ? Json(*top.unix_ms) : Json(nullptr)}, {"swarms", swarms}};
  return json.dump(2) + "\n";
}

using Answer = std::unique_ptr<StreamedAnswer>;

// Handlers append their answer to `out`, or return one that takes longer.

Answer show_top(const AdminContext& context, const HttpRequest& request, std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  const auto amount = number_of(request.query, "n", kTopMax, kTopDefault);
  if (!amount) return refuse(out, reply, 400, "?n= and a number from 0 to " + std::to_string(kTopMax));
  return send_json(out, reply, top_json(*context.top(), *amount));
}

Answer show_swarm(const AdminContext& context, const HttpRequest& request, std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  const auto hash = swarm_of(request.path);
  if (!hash) return refuse(out, reply, 400, "the path needs 40 hexadecimal digits after /v1/swarms/");
  const auto peers = number_of(request.query, "peers", kViewPeersMax, kViewPeersDefault);
  if (!peers) {
    return refuse(out, reply, 400, "?peers= and a number from 0 to " + std::to_string(kViewPeersMax));
  }
  uint64_t seed;
  randombytes_buf(&seed, sizeof seed);
  const auto swarm = view_swarm(context, *hash, *peers, seed);
  if (!swarm) return refuse(out, reply, 404, "no peer of this swarm is known");
  return send_json(out, reply, swarm_json(*swarm));
}

Answer show_status(const AdminContext& context, const HttpRequest& request, std::string& out) {
  return send_json(out, proto::reply_to(request), status_json(context.state()));
}

Answer show_members(const AdminContext& context, const HttpRequest& request, std::string& out) {
  return send_json(out, proto::reply_to(request), members_json(context.state()));
}

Answer show_history(const AdminContext& context, const HttpRequest& request, std::string& out) {
  return send_json(out, proto::reply_to(request), history_json(*context.history));
}

Answer begin_drain(const AdminContext& context, const HttpRequest& request, std::string& out) {
  append_api_result(out, proto::reply_to(request), context.drain() ? "draining" : "draining already");
  return nullptr;
}

Answer forget_member(const AdminContext& context, const HttpRequest& request, std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  const auto name = name_of(request.query);
  if (!name) return refuse(out, reply, 400, "?name= and the name of a member");
  switch (context.forget(*name)) {
    case sync::Forgotten::done:
      append_api_result(out, reply, std::string(*name) + " is forgotten");
      return nullptr;
    case sync::Forgotten::runs:
      return refuse(out, reply, 409,
                    std::string(*name) + " runs: only a member that is down or has left can be forgotten");
    case sync::Forgotten::unknown:
      break;
  }
  return refuse(out, reply, 404, "no member is named " + std::string(*name));
}

Answer reload(const AdminContext& context, const HttpRequest& request, std::string& /*out*/) {
  return begin_reload(context, request);
}

template <auto append>
Answer with_access(const AdminContext& context, const HttpRequest& request, std::string& out) {
  if (context.access == nullptr) {
    return refuse(out, proto::reply_to(request), 404, "there is no access list");
  }
  return append(*context.access, request, out);
}

Answer add_access(AccessControl& access, const HttpRequest& request, std::string& out) {
  change_access(access, request, true, out);
  return nullptr;
}

Answer remove_access(AccessControl& access, const HttpRequest& request, std::string& out) {
  change_access(access, request, false, out);
  return nullptr;
}

template <auto append>
Answer with_feeds(const AdminContext& context, const HttpRequest& request, std::string& out) {
  if (context.feeds == nullptr) return refuse(out, proto::reply_to(request), 404, "there are no feeds");
  return append(*context.feeds, request, out);
}

Answer list_feeds(const Feeds& feeds, const HttpRequest& request, std::string& out) {
  show_feeds(feeds, request, out);
  return nullptr;
}

Answer fetch_feeds(Feeds& feeds, const HttpRequest& request, std::string& out) {
  refresh_feeds(feeds, request, out);
  return nullptr;
}

Answer forget_access_origin(const AdminContext& context, const HttpRequest& request, std::string& out) {
  if (context.access == nullptr) {
    return refuse(out, proto::reply_to(request), 404, "there is no access list");
  }
  forget_access_of(context, request, out);
  return nullptr;
}

// Handlers of bans; those of changes append all of their answer.
template <auto handle>
Answer with_bans(const AdminContext& context, const HttpRequest& request, std::string& out) {
  if (context.bans == nullptr) return refuse(out, proto::reply_to(request), 404, "there are no bans");
  if constexpr (std::is_same_v<decltype(handle(context, request, out)), Answer>) {
    return handle(context, request, out);
  } else {
    handle(context, request, out);
    return nullptr;
  }
}

void make_ban(const AdminContext& context, const HttpRequest& request, std::string& out) {
  add_ban(*context.bans, request, out);
}

void lift_ban(const AdminContext& context, const HttpRequest& request, std::string& out) {
  remove_ban(*context.bans, request, out);
}

Answer show_health(const AdminContext& /*context*/, const HttpRequest& request, std::string& out) {
  proto::append_text(out, proto::reply_to(request), 200, "ok\n");
  return nullptr;
}

Answer show_readiness(const AdminContext& context, const HttpRequest& request, std::string& out) {
  const NodeState state = context.state();
  std::string text = state.readiness.ready ? "ready\n" : "not ready: " + state.readiness.reason + "\n";
  if (state.readiness.ready && state.sync && state.sync->alone) {
    text += "alone: " + sync::alone_text(state.sync->peers) + "\n";
  }
  for (const ServingFault& fault : state.serving_faults) {
    if (fault.serves) text += fault.text + "\n";
  }
  proto::append_text(out, proto::reply_to(request), state.readiness.ready ? 200 : 503, text);
  return nullptr;
}

Answer show_metrics(const AdminContext& context, const HttpRequest& request, std::string& out) {
  proto::append_content(out, proto::reply_to(request), 200, "text/plain; version=0.0.4; charset=utf-8",
                        metrics_text(context.state()));
  return nullptr;
}

Answer scrape_all(const AdminContext& context, const HttpRequest& request, std::string& out) {
  const auto format = proto::parse_full_scrape_query(request.query);
  if (format) return context.full_scrapes->answer(request, *format, std::nullopt, out);
  std::vector<std::string_view> names;
  names.reserve(proto::kDumpFormatNames.size());
  for (const auto& [name, value] : proto::kDumpFormatNames) names.push_back(name);
  proto::append_text(out, proto::reply_to(request), 400,
                     "/scrape?format=F, where F is " + or_list(names) + "\n");
  return nullptr;
}

Answer send_page(const HttpRequest& request, const std::string& page, std::string& out) {
  proto::append_content(out, proto::reply_to(request), 200, "text/html; charset=utf-8", page, kPageHeaders);
  return nullptr;
}

// 0: as much of the history as there is.
uint32_t chart_minutes_of(std::string_view query) {
  const auto minutes = number_of(query, "minutes", UINT32_MAX, 0);
  const bool known = minutes && std::count(std::begin(kChartMinutes), std::end(kChartMinutes), *minutes) > 0;
  return known ? *minutes : 0;
}

Answer show_page(const AdminContext& context, const HttpRequest& request, std::string& out) {
  return send_page(request,
                   page_html(context.state(), context.history->points(), context.top()->by_peers,
                             chart_minutes_of(request.query)),
                   out);
}

Answer show_swarm_page(const AdminContext& context, const HttpRequest& request, std::string& out) {
  SwarmPage page{.search = swarm_search(request.query), .swarm = std::nullopt};
  if (const auto& hash = page.search.info_hash) {
    page.swarm =
        view_swarm(context, *hash, kViewPeersDefault, 0);  // the same ones each time the page is loaded
    page.served = context.access == nullptr || context.access->allows(*hash);
  }
  return send_page(request, swarm_page_html(context.state(), page), out);
}

std::string_view content_type_of(std::string_view file) {
  if (file.ends_with(".css")) return "text/css; charset=utf-8";
  return file.ends_with(".js") ? "text/javascript; charset=utf-8" : "image/svg+xml";
}

Answer show_page_file(const AdminContext& /*context*/, const HttpRequest& request, std::string& out) {
  const std::string_view file = request.path.substr(1);
  proto::append_content(out, proto::reply_to(request), 200, content_type_of(file), page_file(file),
                        "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n");
  return nullptr;
}

Answer show_index(const AdminContext& context, const HttpRequest& request, std::string& out);

// One method at one path. docs/openapi.json describes those under /v1/ in full; a test compares.
struct ApiEndpoint {
  bool post;
  std::string_view path;  // ends with "{...}" where anything may stand
  Answer (*answer)(const AdminContext& context, const HttpRequest& request, std::string& out);
  std::string_view summary;
};

constexpr ApiEndpoint kEndpoints[] = {
    {false, "/v1/", show_index, "Every operation under /v1/"},
    {false, "/v1/status", show_status, "This node, the other members and the counts; also at /status.json"},
    {false, "/v1/members", show_members, "The other members as this node sees them"},
    {false, "/v1/history", show_history, "Rates and sizes of the last hour, one point every 10 s"},
    {false, "/v1/top", show_top, "The swarms with the most peers, found again every 30 s while requested"},
    {false, "/v1/swarms/{info_hash}", show_swarm, "One swarm as this node knows it, with some random peers"},
    {false, "/v1/access", with_access<show_access>, "The access list, or the verdicts on some info_hashes"},
    {true, "/v1/access/add", with_access<add_access>, "Add info_hashes to the access list of all nodes"},
    {true, "/v1/access/remove", with_access<remove_access>,
     "Remove info_hashes from the access list of all nodes"},
    {false, "/v1/feeds", with_feeds<list_feeds>, "The lists of access.feeds, and how fetching them goes"},
    {false, "/v1/feeds/{name}", with_feeds<give_feed>, "The last good copy of a feed, for the other nodes"},
    {true, "/v1/feeds/refresh", with_feeds<fetch_feeds>, "Fetch the feeds now"},
    {true, "/v1/access/forget-origin", forget_access_origin,
     "Make void on all nodes what a node has changed in the access list"},
    {false, "/v1/bans", with_bans<show_bans>, "The bans in force, or what is known of one client"},
    {true, "/v1/bans/add", with_bans<make_ban>, "Ban a client on all nodes for a while"},
    {true, "/v1/bans/remove", with_bans<lift_ban>, "End the ban of a client on all nodes"},
    {true, "/v1/bans/forget-origin", with_bans<forget_bans_of>,
     "Make void on all nodes the bans that a node has made"},
    {true, "/v1/drain", begin_drain, "Stop being ready, serve for node.drain_s, leave the cluster, exit"},
    {true, "/v1/members/forget", forget_member,
     "Drop a member that is down or has left from the lists of all nodes"},
    {true, "/v1/reload", reload,
     "Read options, keys, token and access list again, as at SIGHUP; all or nothing"},
    {false, "/status.json", show_status, "The same as /v1/status"},
    {false, "/healthz", show_health, "200 while the process runs"},
    {false, "/readyz", show_readiness, "200 when clients should be sent here, else 503 and the reason"},
    {false, "/metrics", show_metrics, "Metrics for Prometheus"},
    {false, "/scrape", scrape_all, "The counts of every swarm"},
    {false, "/", show_page, "The page for people"},
    {false, "/swarm", show_swarm_page, "The page of one swarm"},
    {false, "/page.css", show_page_file, "Part of the page"},
    {false, "/page.js", show_page_file, "Part of the page"},
    {false, "/icon.svg", show_page_file, "Part of the page"},
};

constexpr std::string_view kApiPrefix = "/v1/";

bool is_at(const ApiEndpoint& endpoint, std::string_view path) {
  const size_t fixed = endpoint.path.find('{');
  return fixed == std::string_view::npos ? path == endpoint.path
                                         : path.starts_with(endpoint.path.substr(0, fixed));
}

Answer show_index(const AdminContext& /*context*/, const HttpRequest& request, std::string& out) {
  Json operations = Json::array();
  for (const ApiEndpoint& endpoint : kEndpoints) {
    if (!endpoint.path.starts_with(kApiPrefix)) continue;
    operations.push_back(
        {{"method", endpoint.post ? "POST" : "GET"}, {"path", endpoint.path}, {"summary", endpoint.summary}});
  }
  return send_json(out, proto::reply_to(request), Json{{"operations", operations}}.dump(2) + "\n");
}

}  // namespace

void append_api_result(std::string& out, const HttpReply& reply, std::string_view result) {
  append_json(out, reply, 200, Json{{"result", result}}.dump() + "\n");
}

void append_api_error(std::string& out, const HttpReply& reply, int status, std::string_view reason) {
  append_json(out, reply, status,
              Json{{"error", reason}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::unique_ptr<StreamedAnswer> answer_endpoint(const AdminContext& context, const HttpRequest& request,
                                                std::string& out) {
  const HttpReply reply = proto::reply_to(request);
  const bool post = request.method == proto::HttpMethod::post;
  bool known = false;
  for (const ApiEndpoint& endpoint : kEndpoints) {
    if (!is_at(endpoint, request.path)) continue;
    if (endpoint.post == post) return endpoint.answer(context, request, out);
    known = true;
  }
  if (post) return refuse(out, reply, 404, "there is no such action");
  if (known) return refuse(out, reply, 400, "this needs POST");
  if (request.path.starts_with(kApiPrefix)) return refuse(out, reply, 404, "there is no such page");
  proto::append_text(out, reply, 404, "there is no such page; / lists them\n");
  return nullptr;
}

}  // namespace shoal::node
