// The admin API as the commands ask it. Blocking.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/result.h"
#include "node/options.h"

namespace shoal::node {

constexpr std::string_view kDefaultAdmin = "127.0.0.1:9697";

// Which node, and what it wants to be shown before it changes something.
struct AdminRequest {
  std::string admin{kDefaultAdmin};  // HOST:PORT
  std::string token_file;            // empty: none
};

// The address of --admin; the error says what is allowed.
common::Result<HostPort> parse_admin(const std::string& text);

// The document of an answer with status 200: an object. The error says who failed and why, in the node's own
// words where it said something. `target` is a path of the admin endpoint.
common::Result<nlohmann::json> admin_get(const HostPort& admin, std::string_view target);

// Does something, and returns what the node says about it.
common::Result<nlohmann::json> admin_post(const AdminRequest& request, std::string_view target);

// On standard output, as ASCII.
void print_json(const nlohmann::json& document);

}  // namespace shoal::node
