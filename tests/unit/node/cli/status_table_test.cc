#include "node/cli/status_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "node/cli/admin_client.h"
#include "node/text/printable.h"

using namespace shoal::node;

TEST_CASE("status table: this node first, then the members") {
  const auto status = parse_status(R"({
    "node": {"name": "a", "version": "0.1.0", "uptime_s": 4000, "ready": true, "reason": "", "cluster": "main"},
    "keys": {"ids": "1f2e3d4c, 5b6a7988"}, "pulls": {"phase": "synced"},
    "swarms": 12, "announces_per_s": 1234.5, "memory_bytes": 34500000, "memory_limit_bytes": 512000000,
    "peers": {"seeders_v4": 3, "leechers_v4": 4, "seeders_v6": 1, "leechers_v6": 2},
    "members": [
      {"name": "b", "address": "127.0.0.2:6970", "state": "alive", "heard_ago_ms": 230, "multicast": true,
       "deltas_received": 12, "datagrams_received": 5, "lost": 0, "clock_offset_ms": 3, "keys": "5b6a7988",
       "lag_us": 12340, "round_trip_us": 260, "loss_in_permille": 3, "loss_out_permille": 20, "synced": true},
      {"name": "c", "address": "[::1]:6970", "state": "refused", "heard_ago_ms": 423000, "multicast": false,
       "deltas_received": 0, "datagrams_received": 1, "lost": 2, "clock_offset_ms": -12, "lag_us": 0,
       "round_trip_us": 0, "synced": false, "refused": "it has another\ntick"}]})");
  REQUIRE(status);
  CHECK(status_table(*status, false) ==
        "shoal 0.1.0, cluster main: 12 swarms, 4 seeders, 6 leechers, 1.23 k/s announces\n"
        "memory 34.5 MB of 512 MB\n"
        "keys 1f2e3d4c, 5b6a7988\n"
        "\n"
        "NAME  STATE    SYNCED  ADDRESS         HEARD\n"
        "a     ready    yes     (this node)     up 66 min\n"
        "b     alive    yes     127.0.0.2:6970  230 ms ago\n"
        "c     refused  no      [::1]:6970      7 min ago\n"
        "b has other keys: 5b6a7988\n"
        "c is refused: it has another\\x0atick\n"
        "\n"
        "NAME  LAG      ROUND TRIP  LOSS IN  LOSS OUT  CLOCK   MULTICAST  LOST  DELTAS\n"
        "b     12.3 ms  0.3 ms      0.3 %    2 %       +3 ms   yes        0     12\n"
        "c     -        -           -        -         -12 ms  no         2     0\n");
}

TEST_CASE("status table: the shield, a line for each interface") {
  const auto status = parse_status(R"({
    "node": {"name": "a", "version": "0.1.0", "uptime_s": 4, "ready": true, "cluster": "main"},
    "xdp": {"interfaces": [{"interface": "eth0", "mode": "native", "attached": true, "trouble": ""},
                           {"interface": "eth1", "mode": "auto", "attached": false, "trouble": "no such\ninterface"}],
            "packets": {"connect_answered": 1500, "dropped_network": 2, "dropped_rate_address": 3,
                        "passed_request": 100, "dropped_of_another_shape": "x"}}})");
  REQUIRE(status);
  const std::string table = status_table(*status, false);
  CAPTURE(table);
  CHECK(table.find("\nshield on eth0 (native)\nno shield on eth1: no such\\x0ainterface\n"
                   "shield: 1.50 k connects answered, 5 datagrams dropped\n") != std::string::npos);
  CHECK(status_table(*parse_status(R"({"node": {}, "xdp": null})"), false).find("shield") ==
        std::string::npos);
}

TEST_CASE("status table: no line of a table is longer than 100 columns, whatever the members are called") {
  const std::string name(64, 'n');
  nlohmann::json member = {{"name", name},
                           {"address", "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"},
                           {"state", "suspect"},
                           {"synced", false},
                           {"heard_ago_ms", uint64_t{1} << 33},
                           {"multicast", true},
                           {"deltas_received", uint64_t{1} << 63},
                           {"lost", uint64_t{1} << 63},
                           {"clock_offset_ms", int64_t{-1} << 40},
                           {"lag_us", int64_t{1} << 50},
                           {"round_trip_us", int64_t{1} << 40},
                           {"loss_in_permille", 999},
                           {"loss_out_permille", 1000}};
  const nlohmann::json status = {
      {"node", {{"name", name}, {"uptime_s", uint64_t{1} << 22}, {"ready", false}}},
      {"members", nlohmann::json::array({member, member, member})}};
  const std::string table = status_table(status, false);
  size_t longest = 0;
  for (size_t at = 0; at < table.size(); at = table.find('\n', at) + 1)
    longest = std::max(longest, table.find('\n', at) - at);
  CAPTURE(table);
  CHECK(longest > 80);
  CHECK(longest <= 100);
  // Addresses are whole: they are to be copied.
  CHECK(table.find(" [2001:db8:1111:2222:3333:4444:5555:6666]:65535 ") != std::string::npos);
}

TEST_CASE("status table: colours tell what is wrong, and only on request") {
  const auto status = parse_status(R"({
    "node": {"name": "a", "ready": false, "reason": "draining"},
    "members": [{"name": "b", "state": "alive"}, {"name": "c", "state": "suspect"}, {"name": "d", "state": "down"},
                {"name": "e", "state": "refused", "refused": "another tick"}]})");
  REQUIRE(status);
  CHECK(status_table(*status, false).find('\x1b') == std::string::npos);
  const std::string table = status_table(*status, true);
  for (const char* part : {"\x1b[1;31mnot ready: draining\x1b[0m\n", "\x1b[1;31mnot ready\x1b[0m",
                           "\x1b[32malive\x1b[0m", "\x1b[33msuspect\x1b[0m", "\x1b[1;31mdown\x1b[0m",
                           "\x1b[1;31mrefused\x1b[0m", "\x1b[1mNAME\x1b[0m"}) {
    CAPTURE(part);
    CHECK(table.find(part) != std::string::npos);
  }
}

TEST_CASE("status table: a reload that failed, and options that wait for a restart") {
  const auto status = parse_status(
      R"({"reload": {"error": "shoal.toml:3: tracker.x: unknown key\nmore", "need_restart": ["node.name", "node.workers"]}})");
  REQUIRE(status);
  const std::string table = status_table(*status, false);
  CHECK(table.find("\nthe last reload failed, everything stays as it was: shoal.toml:3: tracker.x: unknown "
                   "key; more\n") != std::string::npos);
  CHECK(table.find("\noptions have changed that need a restart: node.name, node.workers\n") !=
        std::string::npos);
  const auto good = parse_status(R"({"reload": {"error": "", "need_restart": []}})");
  REQUIRE(good);
  CHECK(status_table(*good, false).find("reload") == std::string::npos);
  CHECK(status_table(*good, false).find("restart") == std::string::npos);
}

TEST_CASE("status table: a node that is not ready says why, and hostile names stay on their line") {
  const auto status = parse_status(
      R"({"node": {"name": "\u001b[2J\nx", "ready": false, "reason": "pulling\nstate"}, "members": [{"name": "é"}]})");
  REQUIRE(status);
  const std::string table = status_table(*status, false);
  CHECK(table.find("not ready: pulling\\x0astate\n") != std::string::npos);
  CHECK(table.find("\\x1b[2J\\x0ax") != std::string::npos);
  for (const char c : table) CHECK(((c >= 0x20 && c < 0x7f) || c == '\n'));
}

TEST_CASE("status table: JSON of another shape") {
  for (const char* text :
       {"{}", R"({"node": 1, "members": {}, "peers": [], "swarms": "x"})",
        R"({"members": [1, null, [], {}, {"name": 1, "lost": -1.5, "clock_offset_ms": "x"}]})",
        R"({"node": {"uptime_s": 18446744073709551615, "name": {}}, "swarms": -1})",
        R"({"peers": {"seeders_v4": 1e300, "seeders_v6": -1}})"}) {
    CAPTURE(text);
    const auto status = parse_status(text);
    REQUIRE(status);
    CHECK(!status_table(*status, false).empty());
  }
  for (const std::string& text : {std::string(""), std::string("[]"), std::string("{"), std::string("\xff"),
                                  R"({"a": )" + std::string(1'000'000, '['),
                                  R"({"a": )" + std::string(40, '[') + std::string(40, ']') + "}"}) {
    CHECK(!parse_status(text));
  }
}

TEST_CASE("printable: no control bytes, bounded length") {
  CHECK(printable("a\tb\x7f\x9b") == "a\\x09b\\x7f\\x9b");
  CHECK(printable(std::string(300, 'a')) == std::string(200, 'a') + "...");
}
