// The admin API as the commands ask it. Blocking.

#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/result.h"
#include "node/net/addresses.h"

namespace shoal::node {

// A document of the admin endpoint: an object, of bounded depth.
common::Result<nlohmann::json> parse_status(std::string_view text);

// The document of an answer with status 200: an object. The error says why not, in the node's own words where
// it said something. `target` is a path of the admin endpoint.
common::Result<nlohmann::json> admin_get(const HostPort& admin, std::string_view target);

constexpr std::chrono::milliseconds kAdminTimeout{10'000};

// Does something, and returns what the node says about it. `token_file`: the node's admin.token_file; empty:
// none.
common::Result<nlohmann::json> admin_post(const HostPort& admin, const std::string& token_file,
                                          std::string_view target,
                                          std::chrono::milliseconds timeout = kAdminTimeout);

// On standard output, as ASCII.
void print_json(const nlohmann::json& document);

}  // namespace shoal::node
