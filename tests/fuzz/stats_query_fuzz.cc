// Queries of /stats and of a full scrape: what is accepted is what the header promises, however the pairs are
// written.

#include <string>
#include <string_view>

#include "common/check.h"
#include "proto/stats_query.h"

using namespace shoal::proto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string query(reinterpret_cast<const char*>(data), size);
  const auto stats = parse_stats_query(query);
  const auto more = parse_stats_query(query + "&other=1");
  CHECK_INVARIANT(stats.has_value() == more.has_value());
  if (stats) {
    CHECK_INVARIANT(stats->mode == more->mode && stats->format == more->format);
    CHECK_INVARIANT((stats->mode == StatsMode::state_dump) == (stats->format == DumpFormat::state));
    CHECK_INVARIANT(!parse_stats_query(query + "&info_hash=x"));
    CHECK_INVARIANT(parse_stats_query(query + "&mode=torr")->mode == StatsMode::torrents);
  }
  const auto full = parse_full_scrape_query(query);
  if (full) {
    CHECK_INVARIANT(*full != DumpFormat::state);
    CHECK_INVARIANT(query.empty() || query.starts_with("format="));
    CHECK_INVARIANT(!parse_full_scrape_query(query + "&info_hash=x"));
  }
  return 0;
}
