#include "node/cli/admin_client.h"

#include <cstdio>

#include "node/admin/admin_token.h"
#include "node/probe/http_client.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr int kDepthMax = 32;  // because printing is recursive
constexpr std::chrono::milliseconds kTrackerTimeout{2'000};

std::string reason_of(const HttpResponse& reply) {
  std::string status = "HTTP status " + std::to_string(reply.status);
  const auto document = parse_status(reply.body);
  if (!document) return status;
  const auto error = document->find("error");
  if (error == document->end() || !error->is_string()) return status;
  return status + ": " + printable(error->get_ref<const std::string&>());
}

// Calls `request` with what it needs for TLS, or null.
template <class Request>
common::Result<HttpResponse> with_tls(const AdminAddress& admin, Request request) {
  if (!admin.tls) return request(nullptr);
  const auto client = TlsClient::make("");
  if (!client) return tl::make_unexpected(client.error());
  TlsAsk ask;
  ask.client = &*client;
  ask.host = admin.host;
  return request(&ask);
}

common::Result<nlohmann::json> document_of(const AdminAddress& admin,
                                           const common::Result<HttpResponse>& reply) {
  if (!reply) return tl::make_unexpected(reply.error());
  auto document = parse_status(reply->body);
  if (reply->status == 200 && document) return document;
  if (!document) {
    if (const auto why = not_an_admin_endpoint(admin)) return common::fail(*why);
  }
  return reply->status == 200 ? document : common::fail(reason_of(*reply));
}

}  // namespace

common::Result<nlohmann::json> parse_status(std::string_view text) {
  bool too_deep = false;
  const auto check_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kDepthMax;
    return !too_deep;
  };
  nlohmann::json status = nlohmann::json::parse(text, check_depth, false);
  if (too_deep || !status.is_object()) return common::fail("the answer is not from a shoal node");
  return status;
}

std::optional<std::string> not_an_admin_endpoint(const AdminAddress& admin) {
  // Every tracker refuses an announce without parameters in bencoding.
  const auto reply = ask_admin(admin, "/announce", kTrackerTimeout);
  if (!reply || reply->body.find("14:failure reason") == std::string::npos) return std::nullopt;
  return "this is a tracker's port; the admin endpoint is at admin.listen, by default 127.0.0.1:9697";
}

common::Result<HttpResponse> ask_admin(const AdminAddress& admin, std::string_view target,
                                       std::chrono::milliseconds timeout) {
  return with_tls(admin, [&](TlsAsk* tls) { return http_get(admin, target, timeout, tls); });
}

common::Result<nlohmann::json> admin_get(const AdminAddress& admin, std::string_view target) {
  return document_of(admin, ask_admin(admin, target, kAdminTimeout));
}

common::Result<nlohmann::json> admin_post(const AdminAddress& admin, const std::string& token_file,
                                          std::string_view target, std::chrono::milliseconds timeout) {
  std::string headers;
  if (!token_file.empty()) {
    const auto token = load_admin_token(token_file);
    if (!token) return tl::make_unexpected(token.error());
    headers = "Authorization: Bearer " + *token + "\r\n";
  }
  return document_of(
      admin, with_tls(admin, [&](TlsAsk* tls) { return http_post(admin, target, timeout, headers, tls); }));
}

void print_json(const nlohmann::json& document) {
  const auto replace = nlohmann::json::error_handler_t::replace;
  std::printf("%s\n", document.dump(2, ' ', true, replace).c_str());
}

}  // namespace shoal::node
