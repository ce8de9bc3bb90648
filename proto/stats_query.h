// Queries for full scrapes and for opentracker's statistics: "mode=tpbs&format=txt". Words are matched
// without decoding; of several values of one key the last counts, as in opentracker. Any thread.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/dump_format.h"

namespace shoal::proto {

// The values of `mode`.
enum class StatsMode : uint8_t {
  peers,         // peer: also without a mode
  torrents,      // torr
  connections,   // conn
  tcp,           // tcp4
  udp,           // udp4
  scrapes,       // scrp
  full_scrapes,  // fscr
  completed,     // completed
  syncs,         // syncs
  http_errors,   // herr
  renewals,      // renew
  top_10,        // top10
  top_100,       // top100
  start_stop,    // startstop
  version,       // version
  everything,    // everything
  dump,          // tpbs: a full scrape in `format`
  state_dump,    // statedump: a full scrape as DumpFormat::state
};

struct StatsQuery {
  StatsMode mode = StatsMode::peers;
  DumpFormat format = DumpFormat::bencode;
};

// Nothing for an unknown mode or format, and if there is an info_hash: then a client was configured with the
// address of the statistics instead of the tracker's. Other keys are skipped.
std::optional<StatsQuery> parse_stats_query(std::string_view query);

// The format of a full scrape: the query is empty or just "format=...". Nothing for any other query: it is
// probably meant as a scrape of some swarms.
std::optional<DumpFormat> parse_full_scrape_query(std::string_view query);

}  // namespace shoal::proto
