// The texts of opentracker's /stats, so that programs that read them keep working. Each function appends a
// whole text; the formats are those of its ot_stats.c, down to the spelling. Any thread.

#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proto/announce.h"
#include "proto/stats_query.h"

namespace shoal::proto {

// opentracker forgets peers after 45 minutes and counts re-announces by the minute.
constexpr size_t kRenewMinutes = 45;

// Counts are since start unless they say otherwise.
struct OpentrackerFigures {
  std::string_view version;
  uint32_t tracker_id = 0;
  int64_t uptime_s = 0;

  // Now.
  uint64_t torrents = 0;
  uint64_t peers = 0;  // seeders and leechers
  uint64_t seeds = 0;

  uint64_t started = 0;
  uint64_t stopped = 0;
  uint64_t completed = 0;
  std::array<uint64_t, kRenewMinutes> renewed{};  // by minutes since the peer was last heard

  uint64_t tcp_connections = 0;
  uint64_t tcp_announces = 0;
  uint64_t tcp_scrapes = 0;
  uint64_t udp_datagrams = 0;
  uint64_t udp_connects = 0;
  uint64_t udp_announces = 0;
  uint64_t udp_scrapes = 0;
  uint64_t udp_mismatches = 0;  // of connection ids

  uint64_t full_scrapes = 0;
  uint64_t full_scrape_bytes = 0;
  uint64_t synced_peers = 0;  // heard from other nodes
  uint64_t lock_stalls = 0;   // times a thread had to wait for a lock of the store

  uint64_t redirected = 0;
  uint64_t bad_requests = 0;
  uint64_t bad_parameters = 0;
  uint64_t not_modest = 0;  // refused full scrapes: too many requests
  uint64_t access_denied = 0;
  uint64_t not_found = 0;
  uint64_t server_errors = 0;
};

// For the modes whose text consists of these figures: all but top_10, top_100 and the dumps, for which it
// appends nothing.
void append_opentracker_stats(std::string& out, StatsMode mode, const OpentrackerFigures& figures);

// For top_10 and top_100: the swarms with most peers and those with most seeders, each in descending order
// and at most `amount` of them.
void append_opentracker_top(std::string& out, size_t amount, std::span<const ScrapedSwarm> by_peers,
                            std::span<const ScrapedSwarm> by_seeders,
                            std::span<const ScrapedSwarm> by_leechers);

}  // namespace shoal::proto
