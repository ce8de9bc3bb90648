#include "proto/stats_query.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proto/query_pairs.h"

namespace shoal::proto {

namespace {

constexpr std::array<std::pair<std::string_view, StatsMode>, 18> kModes = {{
    {"peer", StatsMode::peers},
    {"torr", StatsMode::torrents},
    {"conn", StatsMode::connections},
    {"tcp4", StatsMode::tcp},
    {"udp4", StatsMode::udp},
    {"scrp", StatsMode::scrapes},
    {"fscr", StatsMode::full_scrapes},
    {"completed", StatsMode::completed},
    {"syncs", StatsMode::syncs},
    {"herr", StatsMode::http_errors},
    {"renew", StatsMode::renewals},
    {"top10", StatsMode::top_10},
    {"top100", StatsMode::top_100},
    {"startstop", StatsMode::start_stop},
    {"version", StatsMode::version},
    {"everything", StatsMode::everything},
    {"tpbs", StatsMode::dump},
    {"statedump", StatsMode::state_dump},
}};

std::optional<StatsMode> stats_mode_from(std::string_view name) {
  const auto found =
      std::find_if(kModes.begin(), kModes.end(), [&](const auto& m) { return m.first == name; });
  return found == kModes.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::optional<StatsQuery> parse_stats_query(std::string_view query) {
  StatsQuery out;
  while (!query.empty()) {
    const QueryPair pair = take_query_pair(query);
    if (pair.key == "info_hash") return std::nullopt;
    if (pair.key == "mode") {
      const auto mode = stats_mode_from(pair.value);
      if (!mode) return std::nullopt;
      out.mode = *mode;
    } else if (pair.key == "format") {
      const auto format = dump_format_from(pair.value);
      if (!format) return std::nullopt;
      out.format = *format;
    }
  }
  if (out.mode == StatsMode::state_dump) out.format = DumpFormat::state;
  return out;
}

std::optional<DumpFormat> parse_full_scrape_query(std::string_view query) {
  std::optional<DumpFormat> format = DumpFormat::bencode;
  while (format && !query.empty()) {
    const QueryPair pair = take_query_pair(query);
    format = pair.key == "format" ? dump_format_from(pair.value) : std::nullopt;
  }
  return format;
}

}  // namespace shoal::proto
