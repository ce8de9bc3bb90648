#include "node/admin/admin_query.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "node/config/option_values.h"
#include "node/text/printable.h"
#include "proto/ban_change.h"

namespace shoal::node {

common::Result<std::vector<common::InfoHash>> hashes_of(std::string_view query) {
  std::vector<common::InfoHash> hashes;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    constexpr std::string_view kKey = "hash=";
    const auto hash =
        pair.starts_with(kKey) ? common::info_hash_from_hex(pair.substr(kKey.size())) : std::nullopt;
    if (!hash) {
      return common::fail("\"" + printable(pair, 60) + "\" is not allowed: hash= and 40 hexadecimal digits");
    }
    if (hashes.size() == kAdminHashesMax) {
      return common::fail("more than " + std::to_string(kAdminHashesMax) + " hashes in one request");
    }
    hashes.push_back(*hash);
  }
  return hashes;
}

std::optional<uint32_t> number_of(std::string_view query, std::string_view key, uint32_t max, uint32_t none) {
  if (query.empty()) return none;
  if (!query.starts_with(key) || query.substr(key.size(), 1) != "=") return std::nullopt;
  return parse_whole(query.substr(key.size() + 1), 0, max);
}

std::optional<std::string_view> name_of(std::string_view query) {
  constexpr std::string_view kKey = "name=";
  if (!query.starts_with(kKey) || !is_name(query.substr(kKey.size()))) return std::nullopt;
  return query.substr(kKey.size());
}

std::optional<BanQuery> ban_query_of(std::string_view query) {
  constexpr std::string_view kKey = "address=";
  if (!query.starts_with(kKey)) return std::nullopt;
  query.remove_prefix(kKey.size());
  const size_t end = std::min(query.find('&'), query.size());
  const auto address = common::parse_address(query.substr(0, end));
  if (!address) return std::nullopt;
  BanQuery out{*address, std::nullopt};
  if (end == query.size()) return out;
  const auto for_s = number_of(query.substr(end + 1), "for_s", proto::kBanLongestS, 0);
  if (!for_s || *for_s == 0) return std::nullopt;
  out.for_s = for_s;
  return out;
}

std::optional<std::string_view> node_of(std::string_view query) {
  constexpr std::string_view kKey = "node=";
  if (!query.starts_with(kKey) || !is_name(query.substr(kKey.size()))) return std::nullopt;
  return query.substr(kKey.size());
}

std::optional<uint64_t> node_id_of(std::string_view text) {
  uint64_t id = 0;
  if (text.size() != 16) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

std::optional<common::InfoHash> swarm_of(std::string_view path) {
  if (!path.starts_with(kSwarmsPath)) return std::nullopt;
  return common::info_hash_from_hex(path.substr(kSwarmsPath.size()));
}

}  // namespace shoal::node
