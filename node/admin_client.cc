#include "node/admin_client.h"

#include <chrono>
#include <cstdio>

#include "node/admin_token.h"
#include "node/http_client.h"
#include "node/option_values.h"
#include "node/printable.h"
#include "node/status_table.h"

namespace shoal::node {

namespace {

constexpr std::chrono::milliseconds kTimeout{3000};

std::string reason_of(const HttpReply& reply) {
  const std::string status = "HTTP status " + std::to_string(reply.status);
  const auto document = parse_status(reply.body);
  if (!document) return status;
  const auto error = document->find("error");
  if (error == document->end() || !error->is_string()) return status;
  return status + ": " + printable(error->get_ref<const std::string&>());
}

common::Result<nlohmann::json> document_of(const HostPort& admin, const common::Result<HttpReply>& reply) {
  const std::string who = to_string(admin) + ": ";
  if (!reply) return common::fail(who + reply.error().message);
  if (reply->status != 200) return common::fail(who + reason_of(*reply));
  auto document = parse_status(reply->body);
  if (!document) return common::fail(who + document.error().message);
  return document;
}

}  // namespace

common::Result<HostPort> parse_admin(const std::string& text) {
  const auto admin = parse_host_port(text);
  if (admin) return *admin;
  return common::fail("--admin: \"" + printable(text, 80) + "\" is not allowed: HOST:PORT such as " +
                      std::string(kDefaultAdmin));
}

common::Result<nlohmann::json> admin_get(const HostPort& admin, std::string_view target) {
  return document_of(admin, http_get(admin, target, kTimeout));
}

common::Result<nlohmann::json> admin_post(const AdminRequest& request, std::string_view target) {
  const auto admin = parse_admin(request.admin);
  if (!admin) return tl::make_unexpected(admin.error());
  std::string headers;
  if (!request.token_file.empty()) {
    const auto token = load_admin_token(request.token_file);
    if (!token) return tl::make_unexpected(token.error());
    headers = "Authorization: Bearer " + *token + "\r\n";
  }
  return document_of(*admin, http_post(*admin, target, kTimeout, headers));
}

void print_json(const nlohmann::json& document) {
  const auto replace = nlohmann::json::error_handler_t::replace;
  std::printf("%s\n", document.dump(2, ' ', true, replace).c_str());
}

}  // namespace shoal::node
