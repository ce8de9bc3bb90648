#include "proto/stats_query.h"

#include <doctest/doctest.h>

#include <utility>

using namespace shoal::proto;

TEST_CASE("stats query: every mode of opentracker by its name") {
  const std::pair<const char*, StatsMode> modes[] = {
      {"", StatsMode::peers},
      {"mode=peer", StatsMode::peers},
      {"mode=torr", StatsMode::torrents},
      {"mode=conn", StatsMode::connections},
      {"mode=tcp4", StatsMode::tcp},
      {"mode=udp4", StatsMode::udp},
      {"mode=scrp", StatsMode::scrapes},
      {"mode=fscr", StatsMode::full_scrapes},
      {"mode=completed", StatsMode::completed},
      {"mode=syncs", StatsMode::syncs},
      {"mode=herr", StatsMode::http_errors},
      {"mode=renew", StatsMode::renewals},
      {"mode=top10", StatsMode::top_10},
      {"mode=top100", StatsMode::top_100},
      {"mode=startstop", StatsMode::start_stop},
      {"mode=version", StatsMode::version},
      {"mode=everything", StatsMode::everything},
      {"mode=tpbs", StatsMode::dump},
      {"mode=statedump", StatsMode::state_dump},
      {"x=1&mode=torr&&=&mode", StatsMode::peers},
      {"mode=torr&mode=conn", StatsMode::connections},
  };
  for (const auto& [query, mode] : modes) {
    CAPTURE(query);
    const auto parsed = parse_stats_query(query);
    if (std::string_view(query).ends_with("&mode")) {
      CHECK(!parsed);  // a mode without a name
    } else {
      REQUIRE(parsed);
      CHECK(parsed->mode == mode);
    }
  }
  for (const char* query : {"mode=", "mode=peers", "mode=PEER", "mode=top1", "mode=top1000", "format=xml",
                            "mode=everything&info_hash=01234567890123456789", "info_hash"}) {
    CAPTURE(query);
    CHECK(!parse_stats_query(query));
  }
}

TEST_CASE("stats query: formats of a dump") {
  CHECK(parse_stats_query("mode=tpbs")->format == DumpFormat::bencode);
  CHECK(parse_stats_query("mode=tpbs&format=txt")->format == DumpFormat::text);
  CHECK(parse_stats_query("format=bin&mode=tpbs")->format == DumpFormat::binary);
  CHECK(parse_stats_query("mode=statedump&format=bin")->format == DumpFormat::state);
}

TEST_CASE("stats query: a full scrape, and what is none") {
  CHECK(parse_full_scrape_query("") == DumpFormat::bencode);
  CHECK(parse_full_scrape_query("format=json") == DumpFormat::json);
  CHECK(parse_full_scrape_query("format=txt&format=bin") == DumpFormat::binary);
  for (const char* query : {"format=", "format=xml", "info_hash=%00", "format=txt&x", "x=1", "&"}) {
    CAPTURE(query);
    CHECK(!parse_full_scrape_query(query));
  }
}
