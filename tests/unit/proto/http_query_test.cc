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
  CHECK(fault_of("") == QueryFault::info_hash_missing);
  CHECK(fault_of("port=1") == QueryFault::info_hash_missing);
  CHECK(fault_of(kHash) == QueryFault::port_missing);
  CHECK(fault_of("Info_hash=x&port=1") == QueryFault::info_hash_missing);
}

TEST_CASE("http query: every truncation of the query fails or is a whole announce") {
  for (size_t size = 0; size < kGood.size(); ++size) {
    const auto result = parse_announce_query(kGood.substr(0, size));
    CHECK(result.has_value() == (size > kGood.size() - 4));
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
  CHECK(fault_of(kGood + "&peer_id=short") == QueryFault::peer_id_size);
  CHECK(fault_of(kGood + "&peer_id=") == QueryFault::peer_id_size);
}

TEST_CASE("http query: bad percent escapes") {
  for (const char* bad : {"%", "%0", "%g0", "%0g", "%%", "%-1", "% 1", "%u00", "%\xff\xff"}) {
    CHECK(fault_of("info_hash=" + std::string(19, 'a') + bad + "&port=1") == QueryFault::bad_escape);
    CHECK(fault_of(kHash + "&port=1" + bad) == QueryFault::bad_escape);
    CHECK(fault_of(kGood + "&event=" + bad) == QueryFault::bad_escape);
    CHECK(fault_of(kGood + "&peer_id=" + bad) == QueryFault::bad_escape);
    CHECK(good(kGood + "&unknown=" + bad).request.port == 6881);
    CHECK(good(kGood + "&" + bad + "=x").request.port == 6881);
  }
  CHECK(good(kHash + "&port=%36%388%31").request.port == 6881);
}

TEST_CASE("http query: duplicate keys") {
  CHECK(fault_of(kGood + "&" + kHash) == QueryFault::info_hash_duplicate);
  CHECK(fault_of(kGood + "&port=6881") == QueryFault::port_duplicate);
  CHECK(fault_of(kGood + "&left=1&left=1") == QueryFault::left_duplicate);
  CHECK(fault_of(kGood + "&event=&event=stopped") == QueryFault::event_duplicate);
  CHECK(fault_of(kGood + "&numwant=1&numwant=1") == QueryFault::numwant_duplicate);
  CHECK(fault_of(kGood + "&compact=1&compact=0") == QueryFault::compact_duplicate);
  const std::string peer_id = "&peer_id=" + std::string(20, 'p');
  CHECK(fault_of(kGood + peer_id + peer_id) == QueryFault::peer_id_duplicate);
  CHECK(to_string(QueryFault::port_duplicate) == "duplicate key port");
  CHECK(good(kGood + "&key=1&key=2&ip=1&ip=2").request.port == 6881);
}

TEST_CASE("http query: port missing, 0, 65536, -1 and text") {
  for (const char* bad : {"", "0", "00", "65536", "-1", "-6881", "+1", "x", "1x", "1.5", " 1", "0x1ae1",
                          "18446744073709551617", "99999999999999999999999999", "%00", "1%00",
                          "%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31"}) {
    CHECK(fault_of(kHash + "&port=" + bad) == QueryFault::port_invalid);
  }
  CHECK(fault_of(kHash + "&port") == QueryFault::port_invalid);
  CHECK(good(kHash + "&port=1").request.port == 1);
  CHECK(good(kHash + "&port=65535").request.port == 65535);
}

TEST_CASE("http query: unknown left, and text") {
  // anacrolix/torrent and WebTorrent send these while they have no metadata.
  for (const char* unknown : {"9223372036854775808", "18446744073709551615", "99999999999999999999", "-1",
                              "-9223372036854775808", "", "%2d1"}) {
    CHECK(good(kGood + "&left=" + unknown).request.left == kLeftUnknown);
  }
  CHECK(good(kGood + "&left").request.left == kLeftUnknown);
  for (const char* bad : {"x", "-", "--1", "-x", "1x", "1.5", "NaN", "undefined", " ", "0x10", "+1"}) {
    CHECK(fault_of(kGood + "&left=" + bad) == QueryFault::left_invalid);
  }
  CHECK(good(kGood + "&left=9223372036854775807").request.left == INT64_MAX);
  CHECK(good(kGood + "&left=0").request.left == 0);
}

TEST_CASE("http query: events") {
  CHECK(good(kGood + "&event=").request.event == Event::none);
  CHECK(good(kGood + "&event=started").request.event == Event::started);
  CHECK(good(kGood + "&event=completed").request.event == Event::completed);
  CHECK(good(kGood + "&event=stopped").request.event == Event::stopped);
  CHECK(good(kGood + "&event=paused").request.event == Event::paused);
  for (const char* bad :
       {"none", "Started", "start", "started+", "startedstartedstartedstarted", "started%00"}) {
    CHECK(fault_of(kGood + "&event=" + bad) == QueryFault::event_unknown);
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
  CHECK(!numwant("-1"));
  CHECK(!numwant("-2147483648"));
  CHECK(!numwant("-99999999999999999999999"));
  for (const char* bad : {"", "-", "x", "1x", "--1", "-x", "1.5"}) {
    CHECK(fault_of(kGood + "&numwant=" + bad) == QueryFault::numwant_invalid);
  }
}

TEST_CASE("http query: compact") {
  CHECK(!good(kGood + "&compact=0").compact);
  CHECK(good(kGood + "&compact=1").compact);
  CHECK(good(kGood + "&compact=").compact);
  CHECK(good(kGood + "&compact").compact);
}

TEST_CASE("http query: claimed addresses are passed on unparsed, and parsed separately") {
  const std::string line =
      kGood + "&ip=1.2.3.4&ipv4=x&ipv6=%5B::1%5D:2&ip=5.6.7.8";  // the query points into it
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

TEST_CASE("http query: NUL bytes and binary garbage in any place") {
  std::string garbage;
  for (int i = 0; i < 256; ++i) garbage += static_cast<char>(i);
  CHECK(fault_of(garbage) == QueryFault::info_hash_missing);
  CHECK(good(kGood + "&" + garbage).request.port == 6881);
  CHECK(fault_of(kHash + "&port=" + std::string(1, '\0')) == QueryFault::port_invalid);
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

TEST_CASE("http query: scrape without, with too many and with bad hashes") {
  Room room;
  CHECK(parse_scrape_query("", room).error() == QueryFault::info_hash_missing);
  CHECK(parse_scrape_query("x=1", room).error() == QueryFault::info_hash_missing);
  CHECK(parse_scrape_query("info_hash=abc", room).error() == QueryFault::info_hash_size);
  CHECK(parse_scrape_query("info_hash=%zz", room).error() == QueryFault::bad_escape);
  const std::string hash = "&info_hash=" + std::string(20, 'a');
  std::string query;
  for (size_t i = 0; i < kHttpScrapeMax; ++i) query += hash;
  CHECK(parse_scrape_query(query, room)->size() == 1);
  CHECK(parse_scrape_query(query + hash, room).error() == QueryFault::info_hash_too_many);
}

TEST_CASE("http query: every fault has its own text") {
  std::vector<std::string_view> texts;
  for (size_t i = 0; i < kQueryFaults; ++i) texts.push_back(to_string(static_cast<QueryFault>(i)));
  std::sort(texts.begin(), texts.end());
  CHECK(!texts.front().empty());
  CHECK(std::adjacent_find(texts.begin(), texts.end()) == texts.end());
}
