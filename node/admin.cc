#include "node/admin.h"

#include <algorithm>

#include "node/admin_access.h"
#include "node/metrics.h"
#include "node/status_json.h"
#include "proto/http_answer.h"
#include "proto/stats_query.h"

namespace shoal::node {

namespace {

constexpr const char* kIndex =
    "shoal: a BitTorrent tracker that runs as a flock of equal nodes\n"
    "\n"
    "/healthz      the process lives\n"
    "/readyz       this node is ready to serve, or why not\n"
    "/status.json  this node, the other members, the counts\n"
    "/metrics      the same for Prometheus\n"
    "/v1/access    the access list; ?hash=HEX of single hashes\n"
    "/scrape       seeders, leechers and downloads of every swarm; ?format=ben, txt, txtp, bin, url or json\n"
    "\n"
    "POST /v1/drain (from this machine): not ready, serve on for node.drain_s, leave, exit\n"
    "POST /v1/access/add?hash=HEX, /v1/access/remove?hash=HEX (from this machine): change the access list\n";

bool is_loopback(const common::Endpoint& client) {
  const auto address = client.address_bytes();
  if (client.family == common::Family::v4) return address[0] == 127;
  return address[15] == 1 &&
         std::all_of(address.begin(), address.end() - 1, [](uint8_t b) { return b == 0; });
}

}  // namespace

std::unique_ptr<LongAnswer> Admin::answer(const proto::HttpRequest& request, const common::Endpoint& client,
                                          std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  if (request.method == proto::HttpMethod::post) {
    post(request, client, out);
  } else if (request.path == "/healthz") {
    proto::append_text(out, reply, 200, "ok\n");
  } else if (request.path == "/readyz") {
    const Readiness readiness = actions_.state().readiness;
    proto::append_text(out, reply, readiness.ready ? 200 : 503,
                       readiness.ready ? "ready\n" : "not ready: " + readiness.reason + "\n");
  } else if (request.path == "/status.json") {
    proto::append_content(out, reply, 200, "application/json", status_json(actions_.state()));
  } else if (request.path == "/metrics") {
    proto::append_content(out, reply, 200, "text/plain; version=0.0.4; charset=utf-8",
                          metrics_text(actions_.state()));
  } else if (request.path == "/v1/access" && actions_.access != nullptr) {
    show_access(*actions_.access, request, out);
  } else if (request.path == "/scrape") {
    return full_scrape(request, out);
  } else if (request.path == "/v1/drain") {
    proto::append_text(out, reply, 400, "to drain, POST\n");
  } else if (request.path == "/") {
    proto::append_text(out, reply, 200, kIndex);
  } else {
    proto::append_text(out, reply, 404, "there is no such page; / lists them\n");
  }
  return nullptr;
}

std::unique_ptr<LongAnswer> Admin::full_scrape(const proto::HttpRequest& request, std::string& out) {
  const auto format = proto::parse_full_scrape_query(request.query);
  if (format) return full_scrapes_.answer(request, *format, std::nullopt, out);
  proto::append_text(out, proto::reply_to(request), 400,
                     "/scrape?format=F, where F is ben, txt, txtp, bin, url or json\n");
  return nullptr;
}

void Admin::post(const proto::HttpRequest& request, const common::Endpoint& client, std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  if (!is_loopback(client)) {
    proto::append_text(out, reply, 403, "only from the machine the node runs on\n");
  } else if (request.header("origin")) {
    proto::append_text(out, reply, 403, "not from a web page\n");
  } else if (request.path == "/v1/drain") {
    proto::append_text(out, reply, 200, actions_.drain() ? "draining\n" : "draining already\n");
  } else if (actions_.access != nullptr &&
             (request.path == "/v1/access/add" || request.path == "/v1/access/remove")) {
    change_access(*actions_.access, request, request.path.ends_with("add"), out);
  } else {
    proto::append_text(out, reply, 404, "there is no such action\n");
  }
}

}  // namespace shoal::node
