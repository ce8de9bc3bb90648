// Reads paths and queries of requests to the admin API. Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/info_hash.h"
#include "common/result.h"

namespace shoal::node {

// Most hashes in one request: as many as fit its head.
constexpr size_t kAdminHashesMax = 100;

// "hash=HEX&hash=HEX", or nothing. The error says what is not allowed.
common::Result<std::vector<common::InfoHash>> hashes_of(std::string_view query);

// The number in "KEY=NUMBER", which may be at most `max`; `none` if the query is empty; nothing if it is
// anything else.
std::optional<uint32_t> number_of(std::string_view query, std::string_view key, uint32_t max, uint32_t none);

// The name in "name=NAME": letters, digits, '.', '_' and '-'; nothing if it is anything else.
std::optional<std::string_view> name_of(std::string_view query);

// The hash of "/v1/swarms/HEX".
constexpr std::string_view kSwarmsPath = "/v1/swarms/";
std::optional<common::InfoHash> swarm_of(std::string_view path);

}  // namespace shoal::node
