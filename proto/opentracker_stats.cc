#include "proto/opentracker_stats.h"

#include <cstdio>

#include "proto/dump_format.h"

namespace shoal::proto {

namespace {

using Figures = OpentrackerFigures;

template <class... Values>
void append_format(std::string& out, const char* format, Values... values) {
  char text[512];
  const int size = std::snprintf(text, sizeof text, format, values...);
  out.append(text, static_cast<size_t>(size));
}

using Count = unsigned long long;

Count per_second(uint64_t events, int64_t seconds) {
  return events / static_cast<uint64_t>(seconds > 0 ? seconds : 1);
}

// Four lines for MRTG: two numbers, the uptime, a name.
void append_mrtg(std::string& out, const Figures& figures, uint64_t first, uint64_t second) {
  append_format(out, "%llu\n%llu\n%lld seconds (%lld hours)\n", Count{first}, Count{second},
                static_cast<long long>(figures.uptime_s), static_cast<long long>(figures.uptime_s / 3600));
}

void append_rates(std::string& out, const char* name, const char* units, Count first, Count second) {
  append_format(out, "opentracker %s, %llu conns/s :: %llu %s/s.", name, first, second, units);
}

uint64_t connections(const Figures& f) { return f.tcp_connections + f.udp_datagrams; }

uint64_t successes(const Figures& f) { return f.tcp_announces + f.udp_announces + f.udp_connects; }

void append_http_errors(std::string& out, const Figures& f) {
  append_format(out,
                "302 RED %llu\n400 ... %llu\n400 PAR %llu\n400 COM %llu\n403 IP  %llu\n404 INV %llu\n"
                "500 SRV %llu\n",
                Count{f.redirected}, Count{f.bad_requests}, Count{f.bad_parameters}, Count{0},
                Count{f.access_denied}, Count{f.not_found}, Count{f.server_errors});
}

void append_renewals(std::string& out, const Figures& f) {
  for (size_t i = 0; i < kRenewMinutes; ++i) append_format(out, "%02zu %llu\n", i, Count{f.renewed[i]});
}

void append_xml_http_errors(std::string& out, const Figures& f) {
  const std::pair<const char*, uint64_t> rows[] = {
      {"302 Redirect", f.redirected},
      {"400 Parse Error", f.bad_requests},
      {"400 Invalid Parameter", f.bad_parameters},
      // Always 0: shoal serves lists of dictionaries, and demands no payment.
      {"400 Invalid Parameter (compact=0)", 0},
      {"400 Not Modest", f.not_modest},
      {"402 Payment Required", 0},
      {"403 Access Denied", f.access_denied},
      {"404 Not found", f.not_found},
      {"500 Internal Server Error", f.server_errors}};
  out += "    <http_error>\n";
  for (const auto& [code, count] : rows)
    append_format(out, "      <count code=\"%s\">%llu</count>\n", code, Count{count});
  out += "    </http_error>\n";
}

void append_everything(std::string& out, const Figures& f) {
  out += "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<stats>\n";
  append_format(out, "  <tracker_id>%u</tracker_id>\n  <version>\n", f.tracker_id);
  append_opentracker_stats(out, StatsMode::version, f);
  append_format(out, "  </version>\n  <uptime>%lld</uptime>\n", static_cast<long long>(f.uptime_s));
  append_format(out,
                "  <torrents>\n    <count_mutex>%llu</count_mutex>\n"
                "    <count_iterator>%llu</count_iterator>\n  </torrents>\n",
                Count{f.torrents}, Count{f.torrents});
  append_format(out, "  <peers>\n    <count>%llu</count>\n  </peers>\n", Count{f.peers});
  append_format(out, "  <seeds>\n    <count>%llu</count>\n  </seeds>\n", Count{f.seeds});
  append_format(out, "  <completed>\n    <count>%llu</count>\n  </completed>\n", Count{f.completed});
  append_format(out,
                "  <connections>\n    <tcp>\n      <accept>%llu</accept>\n      <announce>%llu</announce>\n"
                "      <scrape>%llu</scrape>\n    </tcp>\n",
                Count{f.tcp_connections}, Count{f.tcp_announces}, Count{f.tcp_scrapes});
  append_format(out,
                "    <udp>\n      <overall>%llu</overall>\n      <connect>%llu</connect>\n"
                "      <announce>%llu</announce>\n      <scrape>%llu</scrape>\n"
                "      <missmatch>%llu</missmatch>\n    </udp>\n",
                Count{f.udp_datagrams}, Count{f.udp_connects}, Count{f.udp_announces}, Count{f.udp_scrapes},
                Count{f.udp_mismatches});
  append_format(out, "    <livesync>\n      <count>%llu</count>\n    </livesync>\n  </connections>\n",
                Count{f.synced_peers});
  out += "  <debug>\n    <renew>\n";
  for (size_t i = 0; i < kRenewMinutes; ++i)
    append_format(out, "      <count interval=\"%02zu\">%llu</count>\n", i, Count{f.renewed[i]});
  out += "    </renew>\n";
  append_xml_http_errors(out, f);
  append_format(out, "    <mutex_stall>\n      <count>%llu</count>\n    </mutex_stall>\n  </debug>\n</stats>",
                Count{f.lock_stalls});
}

void append_torrents(std::string& out, const char* verb, uint64_t first, uint64_t second, uint64_t torrents) {
  append_format(out, "%llu\n%llu\nopentracker %s %llu torrents\nopentracker", Count{first}, Count{second},
                verb, Count{torrents});
}

}  // namespace

void append_opentracker_stats(std::string& out, StatsMode mode, const Figures& f) {
  switch (mode) {
    case StatsMode::peers:
      return append_torrents(out, "serving", f.peers, f.seeds, f.torrents);
    case StatsMode::torrents:
      return append_torrents(out, "serving", f.torrents, 0, f.torrents);
    case StatsMode::start_stop:
      return append_torrents(out, "handling", f.started, f.stopped, f.torrents);
    case StatsMode::connections:
      append_mrtg(out, f, connections(f), successes(f));
      return append_rates(out, "connections", "success", per_second(connections(f), f.uptime_s),
                          per_second(successes(f), f.uptime_s));
    case StatsMode::tcp:
      append_mrtg(out, f, f.tcp_connections, f.tcp_announces);
      return append_rates(out, "tcp4 stats", "success", per_second(f.tcp_connections, f.uptime_s),
                          per_second(f.tcp_announces, f.uptime_s));
    case StatsMode::udp:
      append_mrtg(out, f, f.udp_datagrams, f.udp_announces + f.udp_connects);
      return append_rates(out, "udp4 stats", "success", per_second(f.udp_datagrams, f.uptime_s),
                          per_second(f.udp_announces + f.udp_connects, f.uptime_s));
    case StatsMode::scrapes:
      append_mrtg(out, f, f.tcp_scrapes, f.udp_scrapes);
      return append_format(out, "opentracker scrape stats, %llu scrape/s (tcp and udp)",
                           per_second(f.tcp_scrapes + f.udp_scrapes, f.uptime_s));
    case StatsMode::full_scrapes:
      append_mrtg(out, f, f.full_scrapes * 1000, f.full_scrape_bytes);
      return append_rates(out, "full scrape stats", "bytes", per_second(f.full_scrapes, f.uptime_s),
                          per_second(f.full_scrape_bytes, f.uptime_s));
    case StatsMode::completed:
      append_mrtg(out, f, f.completed, 0);
      return append_format(out, "opentracker, %llu completed/h.", per_second(f.completed, f.uptime_s / 3600));
    case StatsMode::syncs:
      append_mrtg(out, f, f.synced_peers, 0);
      return append_rates(out, "connections", "success", per_second(connections(f), f.uptime_s),
                          per_second(successes(f), f.uptime_s));
    case StatsMode::http_errors:
      return append_http_errors(out, f);
    case StatsMode::renewals:
      return append_renewals(out, f);
    case StatsMode::version:
      out += "shoal ";
      out += f.version;
      out += '\n';
      return;
    case StatsMode::everything:
      return append_everything(out, f);
    case StatsMode::top_10:
    case StatsMode::top_100:
    case StatsMode::dump:
    case StatsMode::state_dump:
      return;
  }
}

void append_opentracker_top(std::string& out, size_t amount, std::span<const ScrapedSwarm> by_peers,
                            std::span<const ScrapedSwarm> by_seeders,
                            std::span<const ScrapedSwarm> by_leechers) {
  append_format(out, "Top %zu torrents by peers:\n", amount);
  for (const ScrapedSwarm& swarm : by_peers) {
    append_format(out, "\t%llu\t", Count{swarm.counts.seeders} + swarm.counts.leechers);
    append_upper_hex(out, swarm.info_hash);
    out += '\n';
  }
  append_format(out, "Top %zu torrents by seeds:\n", amount);
  for (const ScrapedSwarm& swarm : by_seeders) {
    append_format(out, "\t%u\t", swarm.counts.seeders);
    append_upper_hex(out, swarm.info_hash);
    out += '\n';
  }
  append_format(out, "Top %zu torrents by leechers:\n", amount);
  for (const ScrapedSwarm& swarm : by_leechers) {
    append_format(out, "\t%u\t", swarm.counts.leechers);
    append_upper_hex(out, swarm.info_hash);
    out += '\n';
  }
}

}  // namespace shoal::proto
