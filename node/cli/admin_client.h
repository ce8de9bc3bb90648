// The admin API client of the commands. Blocks.

#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "node/net/addresses.h"
#include "node/probe/http_client.h"

namespace shoal::node {

// Where a node's admin endpoint is: "HOST:PORT", or "https://HOST:PORT" with admin.tls.
struct AdminAddress : HostPort {
  bool tls = false;
};

// A request to it. Over TLS the certificate must be one of the host, by an authority that the system trusts
// or that the environment names (SSL_CERT_FILE).
common::Result<HttpResponse> ask_admin(const AdminAddress& admin, std::string_view target,
                                       std::chrono::milliseconds timeout);

// Parses a document of the admin endpoint: an object of bounded depth.
common::Result<nlohmann::json> parse_status(std::string_view text);

// "this is a tracker's port ..." if a tracker answers there, else nothing: why an answer is not what was
// expected.
std::optional<std::string> not_an_admin_endpoint(const AdminAddress& admin);

// Requests `target`, a path of the admin endpoint. Returns the document (an object) of an answer with status
// 200. Other errors include the node's own message, if it sent one, or say that a tracker answers there.
common::Result<nlohmann::json> admin_get(const AdminAddress& admin, std::string_view target);

constexpr std::chrono::milliseconds kAdminTimeout{10'000};

// Sends a POST request and returns the answer's document. `token_file`: the node's admin.token_file; empty:
// none.
common::Result<nlohmann::json> admin_post(const AdminAddress& admin, const std::string& token_file,
                                          std::string_view target,
                                          std::chrono::milliseconds timeout = kAdminTimeout);

// Prints a document to standard output, as ASCII.
void print_json(const nlohmann::json& document);

}  // namespace shoal::node
