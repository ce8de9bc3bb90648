#include "node/admin/admin.h"

#include "node/admin/admin_api.h"
#include "node/admin/admin_token.h"
#include "node/admin/metrics.h"
#include "node/admin/page/page.h"
#include "node/admin/page/page_files.h"
#include "node/admin/status_json.h"
#include "proto/http_answer.h"
#include "proto/stats_query.h"

namespace shoal::node {

namespace {

// What a browser may do with what it gets here.
constexpr std::string_view kFileHeaders = "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n";

// The files that the page at / loads; any other is empty.
std::string_view content_type_of(std::string_view path) {
  if (path == "/page.css") return "text/css; charset=utf-8";
  if (path == "/page.js") return "text/javascript; charset=utf-8";
  if (path == "/icon.svg") return "image/svg+xml";
  return {};
}

}  // namespace

std::unique_ptr<StreamedAnswer> Admin::answer(const proto::HttpRequest& request,
                                              const common::Endpoint& client, std::string& out) {
  const proto::HttpReply reply = proto::reply_to(request);
  if (request.method == proto::HttpMethod::post) {
    return post(request, client, out);
  } else if (request.path == "/healthz") {
    proto::append_text(out, reply, 200, "ok\n");
  } else if (request.path == "/readyz") {
    const Readiness readiness = context_.state().readiness;
    proto::append_text(out, reply, readiness.ready ? 200 : 503,
                       readiness.ready ? "ready\n" : "not ready: " + readiness.reason + "\n");
  } else if (request.path == "/status.json") {
    proto::append_content(out, reply, 200, "application/json", status_json(context_.state()));
  } else if (request.path == "/metrics") {
    proto::append_content(out, reply, 200, "text/plain; version=0.0.4; charset=utf-8",
                          metrics_text(context_.state()));
  } else if (request.path.starts_with("/v1/")) {
    return answer_api(context_, request, out);
  } else if (request.path == "/scrape") {
    return full_scrape(request, out);
  } else if (request.path == "/") {
    const std::string page = page_html(context_.state(), context_.history->points(), context_.top().swarms);
    proto::append_content(out, reply, 200, "text/html; charset=utf-8", page, kPageHeaders);
  } else if (const std::string_view type = content_type_of(request.path); !type.empty()) {
    proto::append_content(out, reply, 200, type, page_file(request.path.substr(1)), kFileHeaders);
  } else {
    proto::append_text(out, reply, 404, "there is no such page; / lists them\n");
  }
  return nullptr;
}

std::unique_ptr<StreamedAnswer> Admin::full_scrape(const proto::HttpRequest& request, std::string& out) {
  const auto format = proto::parse_full_scrape_query(request.query);
  if (format) return context_.full_scrapes->answer(request, *format, std::nullopt, out);
  proto::append_text(out, proto::reply_to(request), 400,
                     "/scrape?format=F, where F is ben, txt, txtp, bin, url or json\n");
  return nullptr;
}

std::unique_ptr<StreamedAnswer> Admin::post(const proto::HttpRequest& request, const common::Endpoint& client,
                                            std::string& out) {
  const auto refusal = refuses_change(context_.token(), request, client);
  if (!refusal) return answer_api(context_, request, out);
  append_api_error(out, proto::reply_to(request), refusal->status, refusal->reason);
  return nullptr;
}

}  // namespace shoal::node
