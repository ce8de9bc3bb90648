// Reads paths and queries of requests to the admin API. Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/endpoint.h"
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

// "address=ADDRESS", then perhaps "&for_s=SECONDS", 1 to proto::kBanLongestS.
struct BanQuery {
  common::Endpoint address;
  std::optional<uint32_t> for_s;
};
std::optional<BanQuery> ban_query_of(std::string_view query);

// The name or id in "node=NODE"; nothing if it is neither.
std::optional<std::string_view> node_of(std::string_view query);

// 16 hexadecimal digits, as in the status; nothing if it is anything else.
std::optional<uint64_t> node_id_of(std::string_view text);

// The hash of "/v1/swarms/HEX".
constexpr std::string_view kSwarmsPath = "/v1/swarms/";
std::optional<common::InfoHash> swarm_of(std::string_view path);

}  // namespace shoal::node
