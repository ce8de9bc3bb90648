// What requests to the admin API say in path and query. Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/info_hash.h"
#include "common/result.h"

namespace shoal::node {

// Most hashes of one request; they fit its head.
constexpr size_t kAdminHashesMax = 100;

// "hash=HEX&hash=HEX", maybe none at all. The error says what is not allowed.
common::Result<std::vector<common::InfoHash>> hashes_of(std::string_view query);

// The number of a query that is "KEY=NUMBER" and at most `max`, or `none` for an empty one; nothing for any
// other.
std::optional<uint32_t> number_of(std::string_view query, std::string_view key, uint32_t max, uint32_t none);

// The hash of "/v1/swarms/HEX".
constexpr std::string_view kSwarmsPath = "/v1/swarms/";
std::optional<common::InfoHash> swarm_of(std::string_view path);

}  // namespace shoal::node
