#include "proto/http_query.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using namespace shoal;
using namespace shoal::proto;

namespace {

const std::string kHash = "info_hash=%00%01%ff%25%26+-abcdefghijklm";
const std::string kGood = kHash + "&port=6881";

QueryFault fault_of(const std::string& query) {
  const auto result = parse_announce_query(query);
  REQUIRE_MESSAGE(!result, query);
  return result.error();
}

AnnounceQuery good(const std::string& query) {
  const auto result = parse_announce_query(query);
  REQUIRE_MESSAGE(result, query);
  return *result;
}

using Room = std::array<common::InfoHash, kHttpScrapeMax>;

}  // namespace

TEST_CASE("http query: a whole announce") {
  const AnnounceQuery query =
      good(kHash +
           "&peer_id=-SH0100-%00%01abcdefghij&port=6881&uploaded=1&downloaded=2&left=3"
           "&compact=1&event=started&numwant=30&key=abcd&no_peer_id=1&supportcrypto=1");
  const std::string hash(query.request.info_hash.bytes.begin(), query.request.info_hash.bytes.end());
  CHECK(hash == std::string("\x00\x01\xff%&+-abcdefghijklm", 20));
  CHECK(std::string(query.request.peer_id.begin(), query.request.peer_id.end()) ==
        std::string("-SH0100-\x00\x01"
                    "abcdefghij",
                    20));
  CHECK(query.request.port == 6881);
  CHECK(query.request.left == 3);
  CHECK(query.request.event == Event::started);
  CHECK(query.request.numwant == 30u);
  CHECK(query.compact);
}

TEST_CASE("http query: optional keys") {
  const AnnounceQuery query = good(kGood);
  CHECK(query.request.left == kLeftUnknown);
  CHECK(query.request.event == Event::none);
  CHECK(!query.request.numwant);
  CHECK(query.compact);
  CHECK(good(kHash).request.port == 0);
  CHECK(fault_of("") == QueryFault::info_hash_missing);
  CHECK(fault_of("port=1") == QueryFault::info_hash_missing);
  CHECK(fault_of("Info_hash=x&port=1") == QueryFault::info_hash_missing);
}

TEST_CASE("http query: every truncation of the query fails until the info_hash is whole") {
  for (size_t size = 0; size < kGood.size(); ++size) {
    const auto result = parse_announce_query(kGood.substr(0, size));
    REQUIRE(result.has_value() == (size >= kHash.size()));
    if (result) CHECK((result->request.port != 0) == (size > kGood.size() - 4));
  }
}

TEST_CASE("http query: info_hash of 0, 19 and 21 bytes") {
  CHECK(fault_of("info_hash=&port=1") == QueryFault::info_hash_size);
  CHECK(fault_of("info_hash&port=1") == QueryFault::info_hash_size);
  CHECK(fault_of("info_hash=" + std::string(19, 'a') + "&port=1") == QueryFault::info_hash_size);
  CHECK(fault_of("info_hash=" + std::string(21, 'a') + "&port=1") == QueryFault::info_hash_size);
  CHECK(fault_of("info_hash=" + std::string(19, 'a') + "%aa%aa&port=1") == QueryFault::info_hash_size);
  CHECK(fault_of("info_hash=" + std::string(4000, 'a') + "&port=1") == QueryFault::info_hash_size);
  CHECK(to_string(QueryFault::info_hash_size) == "info_hash must be 20 bytes");
}

TEST_CASE("http query: a peer_id that is not 20 bytes is none") {
  for (const std::string& bad : {std::string("short"), std::string(), std::string(21, 'p'),
                                 std::string(20, 'p') + "%", std::string("%zz")}) {
    CAPTURE(bad);
    CHECK(good(kGood + "&peer_id=" + bad).request.peer_id == std::array<uint8_t, 20>{});
  }
  CHECK(good(kGood + "&peer_id=" + std::string(20, 'p')).request.peer_id[19] == 'p');
}

TEST_CASE("http query: bad percent escapes lose an info_hash, and of other keys only their value") {
  for (const char* bad : {"%", "%0", "%g0", "%0g", "%%", "%-1", "% 1", "%u00", "%\xff\xff"}) {
    CAPTURE(bad);
    CHECK(fault_of("info_hash=" + std::string(19, 'a') + bad + "&port=1") == QueryFault::info_hash_escape);
    CHECK(good(kHash + "&port=1" + bad).request.port == 0);
    CHECK(good(kGood + "&event=" + bad).request.event == Event::none);
    CHECK(good(kGood + "&left=1" + bad).request.left == kLeftUnknown);
    CHECK(!good(kGood + "&numwant=1" + bad).request.numwant);
    CHECK(good(kGood + "&unknown=" + bad).request.port == 6881);
    CHECK(good(kGood + "&" + bad + "=x").request.port == 6881);
  }
  CHECK(good(kHash + "&port=%36%388%31").request.port == 6881);
}

TEST_CASE("http query: of a key that comes twice the last value counts, good or bad") {
  const std::string other_hash = "info_hash=" + std::string(20, 'z');
  CHECK(good(other_hash + "&" + kGood).request.info_hash == good(kGood).request.info_hash);
  CHECK(good("info_hash=short&" + kGood).request.info_hash == good(kGood).request.info_hash);
  CHECK(fault_of(kGood + "&info_hash=short") == QueryFault::info_hash_size);
  CHECK(good(kGood + "&" + kGood).request.port == 6881);
  CHECK(good("port=1&" + kGood).request.port == 6881);
  CHECK(good("port=x&" + kGood).request.port == 6881);
  CHECK(good(kGood + "&port=").request.port == 0);
  CHECK(good(kGood + "&left=0&left=5").request.left == 5);
  CHECK(good(kGood + "&event=&event=stopped").request.event == Event::stopped);
  CHECK(good(kGood + "&event=stopped&event").request.event == Event::none);
  CHECK(good(kGood + "&numwant=1&numwant=2").request.numwant == 2U);
  CHECK(!good(kGood + "&compact=1&compact=0").compact);
  const std::string peer_id = "&peer_id=";
  CHECK(good(kGood + peer_id + std::string(20, 'p') + peer_id + std::string(20, 'q')).request.peer_id[0] ==
        'q');
  const std::string addresses = kGood + "&ip=1&ip=2&ipv4=3&ipv4=4&ipv6=5&ipv6=6";  // the query points into it
  const AnnounceQuery query = good(addresses);
  CHECK(query.ip == "2");
  CHECK(query.ipv4 == "4");
  CHECK(query.ipv6 == "6");
}

TEST_CASE("http query: a port that is missing, 0, 65536, -1 or text is none") {
  for (const char* bad : {"", "0", "00", "65536", "-1", "-6881", "+1", "x", "1x", "1.5", " 1", "0x1ae1",
                          "18446744073709551617", "99999999999999999999999999", "%00", "1%00",
                          "%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31"}) {
    CAPTURE(bad);
    CHECK(good(kHash + "&port=" + bad).request.port == 0);
  }
  CHECK(good(kHash + "&port").request.port == 0);
  CHECK(good(kHash + "&port=1").request.port == 1);
  CHECK(good(kHash + "&port=65535").request.port == 65535);
}

TEST_CASE("http query: a left that is no number below 2^63 is unknown") {
  // anacrolix/torrent and WebTorrent send some of these while they have no metadata.
  for (const char* unknown :
       {"9223372036854775808", "18446744073709551615", "99999999999999999999", "-1", "-9223372036854775808",
        "", "%2d1", "x", "-", "--1", "-x", "1x", "1.5", "NaN", "undefined", " ", "0x10", "+1"}) {
    CAPTURE(unknown);
    CHECK(good(kGood + "&left=" + unknown).request.left == kLeftUnknown);
  }
  CHECK(good(kGood + "&left").request.left == kLeftUnknown);
  CHECK(good(kGood + "&left=9223372036854775807").request.left == INT64_MAX);
  CHECK(good(kGood + "&left=0").request.left == 0);
}

TEST_CASE("http query: unknown events are none") {
  CHECK(good(kGood + "&event=").request.event == Event::none);
  CHECK(good(kGood + "&event=started").request.event == Event::started);
  CHECK(good(kGood + "&event=completed").request.event == Event::completed);
  CHECK(good(kGood + "&event=stopped").request.event == Event::stopped);
  CHECK(good(kGood + "&event=paused").request.event == Event::paused);
  for (const char* unknown :
       {"none", "Started", "start", "started+", "startedstartedstartedstarted", "started%00", "update"}) {
    CAPTURE(unknown);
    CHECK(good(kGood + "&event=" + unknown).request.event == Event::none);
  }
}

TEST_CASE("http query: numwant") {
  const auto numwant = [](const std::string& text) {
    return good(kGood + "&numwant=" + text).request.numwant;
  };
  CHECK(numwant("0") == 0u);
  CHECK(numwant("200") == 200u);
  CHECK(numwant("2147483647") == 2147483647u);
  CHECK(numwant("4294967295") == UINT32_MAX);
  CHECK(numwant("4294967296") == UINT32_MAX);
  CHECK(numwant("99999999999999999999999") == UINT32_MAX);
  for (const char* none :
       {"-1", "-2147483648", "-99999999999999999999999", "", "-", "x", "1x", "--1", "1.5"}) {
    CAPTURE(none);
    CHECK(!numwant(none));
  }
}

TEST_CASE("http query: compact") {
  CHECK(!good(kGood + "&compact=0").compact);
  CHECK(good(kGood + "&compact=1").compact);
  CHECK(good(kGood + "&compact=").compact);
  CHECK(good(kGood + "&compact").compact);
}

TEST_CASE("http query: claimed addresses are passed on unparsed, and parsed separately") {
  const std::string line = kGood + "&ip=5.6.7.8&ipv4=x&ipv6=%5B::1%5D:2";  // the query points into it
  const AnnounceQuery query = good(line);
  CHECK(query.ip == "5.6.7.8");
  CHECK(query.ipv4 == "x");
  CHECK(query.ipv6 == "%5B::1%5D:2");
  CHECK(good(kGood).ip.empty());
  const auto text = [](std::string_view value) {
    const auto address = parse_announced_address(value);
    return address ? common::to_string(*address) : "none";
  };
  CHECK(text("192.0.2.1") == "192.0.2.1:0");
  CHECK(text("192.0.2.1:6881") == "192.0.2.1:0");
  CHECK(text("2001%3Adb8%3A%3A1") == "[2001:db8::1]:0");
  CHECK(text("%5B2001:db8::1%5D%3A6881") == "[2001:db8::1]:0");
  for (const std::string& none :
       {std::string(), std::string("%"), std::string("1.2.3.4%00"), std::string("host"), std::string("%zz"),
        std::string(65, '1'), std::string("1.2.3.4 ")}) {
    CAPTURE(none);
    CHECK(text(none) == "none");
  }
}

TEST_CASE("http query: unknown keys and odd separators are skipped") {
  CHECK(good("&&" + kHash + "&&=&ip=1.2.3.4&ipv6=[::1]:2&trackerid=%&a=b=c&port=1&").request.port == 1);
  CHECK(good(kGood + "&portx=0&por=0&xleft=z").request.port == 6881);
  CHECK(good(kGood + "&x=" + std::string(5000, '%')).request.port == 6881);
}

TEST_CASE("http query: after 64 pairs that say nothing no more is read") {
  const std::string pairs63(63, '&');
  CHECK(good(pairs63 + kHash).request.port == 0);
  CHECK(fault_of(pairs63 + "&" + kHash) == QueryFault::info_hash_missing);
  CHECK(good(kGood + pairs63 + pairs63 + "&port=1").request.port == 6881);
  Room room;
  CHECK(parse_scrape_query(pairs63 + kHash, room)->size() == 1);
  CHECK(parse_scrape_query(pairs63 + "&" + kHash, room).error() == QueryFault::info_hash_missing);
  std::string bad;
  for (int i = 0; i < 64; ++i) bad += "info_hash=x&";
  CHECK(parse_scrape_query(bad + kHash, room).error() == QueryFault::info_hash_size);
}

TEST_CASE("http query: NUL bytes and binary garbage in any place") {
  std::string garbage;
  for (int i = 0; i < 256; ++i) garbage += static_cast<char>(i);
  CHECK(fault_of(garbage) == QueryFault::info_hash_missing);
  CHECK(good(kGood + "&" + garbage).request.port == 6881);
  CHECK(good(kHash + "&port=" + std::string(1, '\0')).request.port == 0);
}

TEST_CASE("http query: scrape hashes come sorted and once") {
  Room room;
  const std::string a = "info_hash=" + std::string(20, 'a');
  const std::string b = "info_hash=" + std::string(20, 'b');
  const auto hashes = parse_scrape_query(b + "&x=y&" + a + "&" + b + "&" + a, room);
  REQUIRE(hashes);
  REQUIRE(hashes->size() == 2);
  CHECK((*hashes)[0].bytes[0] == 'a');
  CHECK((*hashes)[1].bytes[0] == 'b');
}

TEST_CASE("http query: a scrape without a good hash is refused, one with is served") {
  Room room;
  CHECK(parse_scrape_query("", room).error() == QueryFault::info_hash_missing);
  CHECK(parse_scrape_query("x=1", room).error() == QueryFault::info_hash_missing);
  CHECK(parse_scrape_query("info_hash=abc", room).error() == QueryFault::info_hash_size);
  CHECK(parse_scrape_query("info_hash", room).error() == QueryFault::info_hash_size);
  CHECK(parse_scrape_query("info_hash=%zz", room).error() == QueryFault::info_hash_escape);
  const std::string hash = "&info_hash=" + std::string(20, 'a');
  CHECK(parse_scrape_query("info_hash=abc" + hash + "&info_hash=%zz", room)->size() == 1);
}

TEST_CASE("http query: a scrape of more than 100 hashes is served for the first 100") {
  Room room;
  std::string query;
  for (size_t i = 0; i <= kHttpScrapeMax; ++i) {
    query += "&info_hash=" + std::string(19, 'a') + static_cast<char>('0' + i);
  }
  const auto hashes = parse_scrape_query(query, room);
  REQUIRE(hashes);
  REQUIRE(hashes->size() == kHttpScrapeMax);
  CHECK(hashes->front().bytes[19] == '0');
  CHECK(hashes->back().bytes[19] == '0' + 99);
}

TEST_CASE("http query: every fault has its own text") {
  std::vector<std::string_view> texts;
  for (size_t i = 0; i < kQueryFaults; ++i) texts.push_back(to_string(static_cast<QueryFault>(i)));
  std::sort(texts.begin(), texts.end());
  CHECK(!texts.front().empty());
  CHECK(std::adjacent_find(texts.begin(), texts.end()) == texts.end());
}
