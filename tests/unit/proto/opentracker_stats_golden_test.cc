// What opentracker (Debian's 0.0~git20210823) answers, byte for byte, with other numbers. tests/e2e compares
// with the program itself where it is installed.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proto/opentracker_stats.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

OpentrackerFigures example() {
  OpentrackerFigures f;
  f.version = "9.9";
  f.tracker_id = 401676818;
  f.uptime_s = 7300;
  f.torrents = 3;
  f.peers = 20;
  f.seeds = 7;
  f.started = 30;
  f.stopped = 4;
  f.completed = 9;
  f.renewed[0] = 1;
  f.renewed[44] = 45;
  f.tcp_connections = 14600;
  f.tcp_announces = 7300;
  f.tcp_scrapes = 100;
  f.udp_datagrams = 29200;
  f.udp_connects = 7299;
  f.udp_announces = 1;
  f.udp_scrapes = 7400;
  f.udp_mismatches = 2;
  f.full_scrapes = 5;
  f.full_scrape_bytes = 73000;
  f.synced_peers = 6;
  f.lock_stalls = 8;
  f.redirected = 1;
  f.bad_requests = 2;
  f.bad_parameters = 3;
  f.not_modest = 4;
  f.access_denied = 5;
  f.not_found = 6;
  f.server_errors = 7;
  return f;
}

std::string text(StatsMode mode, const OpentrackerFigures& figures = example()) {
  std::string out;
  append_opentracker_stats(out, mode, figures);
  return out;
}

ScrapedSwarm swarm(uint8_t byte, uint32_t seeders, uint32_t leechers) {
  ScrapedSwarm swarm{{}, {seeders, leechers, 0}};
  swarm.info_hash.bytes.fill(byte);
  return swarm;
}

}  // namespace

TEST_CASE("opentracker stats: texts for MRTG") {
  CHECK(text(StatsMode::peers) == "20\n7\nopentracker serving 3 torrents\nopentracker");
  CHECK(text(StatsMode::torrents) == "3\n0\nopentracker serving 3 torrents\nopentracker");
  CHECK(text(StatsMode::start_stop) == "30\n4\nopentracker handling 3 torrents\nopentracker");
  CHECK(text(StatsMode::connections) ==
        "43800\n14600\n7300 seconds (2 hours)\nopentracker connections, 6 conns/s :: 2 success/s.");
  CHECK(text(StatsMode::tcp) ==
        "14600\n7300\n7300 seconds (2 hours)\nopentracker tcp4 stats, 2 conns/s :: 1 success/s.");
  CHECK(text(StatsMode::udp) ==
        "29200\n7300\n7300 seconds (2 hours)\nopentracker udp4 stats, 4 conns/s :: 1 success/s.");
  CHECK(text(StatsMode::scrapes) ==
        "100\n7400\n7300 seconds (2 hours)\nopentracker scrape stats, 1 scrape/s (tcp and udp)");
  CHECK(text(StatsMode::full_scrapes) ==
        "5000\n73000\n7300 seconds (2 hours)\nopentracker full scrape stats, 0 conns/s :: 10 bytes/s.");
  CHECK(text(StatsMode::completed) == "9\n0\n7300 seconds (2 hours)\nopentracker, 4 completed/h.");
  CHECK(text(StatsMode::syncs) ==
        "6\n0\n7300 seconds (2 hours)\nopentracker connections, 6 conns/s :: 2 success/s.");
  CHECK(text(StatsMode::completed, {}) == "0\n0\n0 seconds (0 hours)\nopentracker, 0 completed/h.");
}

TEST_CASE("opentracker stats: tables") {
  CHECK(text(StatsMode::http_errors) ==
        "302 RED 1\n400 ... 2\n400 PAR 3\n400 COM 0\n403 IP  5\n404 INV 6\n500 SRV 7\n");
  const std::string renewals = text(StatsMode::renewals);
  CHECK(renewals.starts_with("00 1\n01 0\n"));
  CHECK(renewals.ends_with("43 0\n44 45\n"));
  CHECK(text(StatsMode::version) == "shoal 9.9\n");
}

TEST_CASE("opentracker stats: top lists") {
  std::string out;
  append_opentracker_top(out, 10, std::vector{swarm(0xab, 3, UINT32_MAX), swarm(1, 0, 2)},
                         std::vector{swarm(0xab, 3, 0)}, std::vector{swarm(1, 0, 2)});
  CHECK(out ==
        "Top 10 torrents by peers:\n"
        "\t4294967298\tABABABABABABABABABABABABABABABABABABABAB\n"
        "\t2\t0101010101010101010101010101010101010101\n"
        "Top 10 torrents by seeds:\n"
        "\t3\tABABABABABABABABABABABABABABABABABABABAB\n"
        "Top 10 torrents by leechers:\n"
        "\t2\t0101010101010101010101010101010101010101\n");
}

TEST_CASE("opentracker stats: everything, as XML") {
  const std::string xml = text(StatsMode::everything);
  CHECK(
      xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<stats>\n"
                      "  <tracker_id>401676818</tracker_id>\n"
                      "  <version>\n"
                      "shoal 9.9\n"
                      "  </version>\n"
                      "  <uptime>7300</uptime>\n"
                      "  <torrents>\n"
                      "    <count_mutex>3</count_mutex>\n"
                      "    <count_iterator>3</count_iterator>\n"
                      "  </torrents>\n"
                      "  <peers>\n"
                      "    <count>20</count>\n"
                      "  </peers>\n"
                      "  <seeds>\n"
                      "    <count>7</count>\n"
                      "  </seeds>\n"
                      "  <completed>\n"
                      "    <count>9</count>\n"
                      "  </completed>\n"
                      "  <connections>\n"
                      "    <tcp>\n"
                      "      <accept>14600</accept>\n"
                      "      <announce>7300</announce>\n"
                      "      <scrape>100</scrape>\n"
                      "    </tcp>\n"
                      "    <udp>\n"
                      "      <overall>29200</overall>\n"
                      "      <connect>7299</connect>\n"
                      "      <announce>1</announce>\n"
                      "      <scrape>7400</scrape>\n"
                      "      <missmatch>2</missmatch>\n"
                      "    </udp>\n"
                      "    <livesync>\n"
                      "      <count>6</count>\n"
                      "    </livesync>\n"
                      "  </connections>\n"
                      "  <debug>\n"
                      "    <renew>\n"
                      "      <count interval=\"00\">1</count>\n"
                      "      <count interval=\"01\">0</count>\n"));
  CHECK(
      xml.ends_with("      <count interval=\"44\">45</count>\n"
                    "    </renew>\n"
                    "    <http_error>\n"
                    "      <count code=\"302 Redirect\">1</count>\n"
                    "      <count code=\"400 Parse Error\">2</count>\n"
                    "      <count code=\"400 Invalid Parameter\">3</count>\n"
                    "      <count code=\"400 Invalid Parameter (compact=0)\">0</count>\n"
                    "      <count code=\"400 Not Modest\">4</count>\n"
                    "      <count code=\"402 Payment Required\">0</count>\n"
                    "      <count code=\"403 Access Denied\">5</count>\n"
                    "      <count code=\"404 Not found\">6</count>\n"
                    "      <count code=\"500 Internal Server Error\">7</count>\n"
                    "    </http_error>\n"
                    "    <mutex_stall>\n"
                    "      <count>8</count>\n"
                    "    </mutex_stall>\n"
                    "  </debug>\n"
                    "</stats>"));
}
