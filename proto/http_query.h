// The query strings of /announce (BEP 3, 7, 23) and /scrape (BEP 48), percent-decoded straight into fixed
// arrays. No allocation, no state. Any thread.
//
// Only the info_hash can be wrong. Any other value that is missing, malformed or unknown is as if it had not
// been sent: a client that fills in one field badly is still served. Keys are matched without decoding. Of a
// key that comes twice the last value counts: a URL with a query of its own comes first, what the client
// appends to it is newer. Unknown keys are skipped with their values, and so are those that a tracker does
// not need: key, trackerid, uploaded, downloaded, no_peer_id and so on. The values of ip, ipv4 and ipv6 are
// passed on as sent. A '+' is a plus, never a space: info_hash and peer_id are binary.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>

#include "common/endpoint.h"
#include "common/info_hash.h"
#include "proto/announce.h"

namespace shoal::proto {

constexpr size_t kHttpScrapeMax = 100;  // info_hash keys of one scrape
// Pairs of an announce that are read, and those of a scrape that are no good info_hash: what follows is as if
// it had not been sent. Clients send a dozen; 8,000 empty pairs would take fifty times as long.
constexpr size_t kQueryPairsMax = 64;

enum class QueryFault : uint8_t {
  info_hash_missing,
  info_hash_size,
  info_hash_escape,  // a '%' without two hexadecimal digits
};
constexpr size_t kQueryFaults = 3;

// The failure reason for the client: a short sentence.
std::string_view to_string(QueryFault fault);

struct AnnounceQuery {
  // left is kLeftUnknown if it is no number below 2^63; port is 0 if it is none from 1 to 65535; peer_id is
  // all zeros if it is not 20 bytes; numwant is cut to 2^32 - 1
  AnnounceRequest request;
  bool compact = true;  // false only for compact=0

  // The addresses the client claims (BEP 3, BEP 7), not parsed: for parse_announced_address().
  std::string_view ip{};
  std::string_view ipv4{};
  std::string_view ipv6{};
};

tl::expected<AnnounceQuery, QueryFault> parse_announce_query(std::string_view query);

// The value of ip, ipv4 or ipv6: an address, with or without a port, which is ignored; IPv6 addresses with or
// without brackets. Nothing: something else, such as a name.
std::optional<common::Endpoint> parse_announced_address(std::string_view value);

// The info_hashes asked for, the first kHttpScrapeMax, sorted and each once (the order of the answer's
// dictionary), at the front of `room`. One that is malformed does not lose the others. Never empty: there is
// no full scrape this way.
tl::expected<std::span<common::InfoHash>, QueryFault> parse_scrape_query(
    std::string_view query, std::span<common::InfoHash, kHttpScrapeMax> room);

}  // namespace shoal::proto
