// The commands' client of the admin API. Blocking.

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

// The document of an answer with status 200: an object. An error has the node's own words if it gave any.
// `target` is a path of the admin endpoint.
common::Result<nlohmann::json> admin_get(const HostPort& admin, std::string_view target);

constexpr std::chrono::milliseconds kAdminTimeout{10'000};

// Posts to the node and returns its answer. `token_file`: the node's admin.token_file; empty: none.
common::Result<nlohmann::json> admin_post(const HostPort& admin, const std::string& token_file,
                                          std::string_view target,
                                          std::chrono::milliseconds timeout = kAdminTimeout);

// Prints to standard output, as ASCII.
void print_json(const nlohmann::json& document);

}  // namespace shoal::node
