#include "proto/udp_tracker.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

using namespace shoal;
using namespace shoal::proto;
using common::Family;

namespace {

constexpr uint64_t kConnection = 0x0123456789abcdef;
constexpr uint32_t kTransaction = 7;

std::vector<uint8_t> connect_request() {
  std::vector<uint8_t> datagram(kUdpConnectSize);
  write_connect_request(datagram, kTransaction);
  return datagram;
}

std::vector<uint8_t> announce_request() {
  AnnounceRequest announce;
  announce.info_hash.bytes.fill(0xab);
  announce.peer_id.fill('p');
  announce.left = 5;
  announce.port = 6881;
  std::vector<uint8_t> datagram(kUdpAnnounceSize);
  write_announce_request(datagram, kConnection, kTransaction, announce);
  return datagram;
}

std::vector<uint8_t> scrape_request(size_t hashes, size_t more_bytes = 0) {
  std::vector<uint8_t> datagram(kUdpScrapeHeaderSize + hashes * 20 + more_bytes);
  write_scrape_request(datagram, kConnection, kTransaction, std::vector<common::InfoHash>(hashes));
  return datagram;
}

void put_u32(std::vector<uint8_t>& datagram, size_t offset, uint32_t value) {
  common::ByteWriter writer{std::span(datagram).subspan(offset, 4)};
  writer.u32(value);
}

// A refusal can be answered: it still carries both ids.
void check_refused(const std::vector<uint8_t>& datagram, UdpFault fault) {
  const UdpRequest request = parse_udp_request(datagram);
  CHECK(request.kind == UdpKind::refused);
  CHECK(request.fault == fault);
  CHECK(request.connection_id == kConnection);
  CHECK(request.transaction_id == kTransaction);
  CHECK(!to_string(fault).empty());
}

void check_ignored(common::ByteSpan datagram, UdpFault fault) {
  const UdpRequest request = parse_udp_request(datagram);
  CHECK(request.kind == UdpKind::ignored);
  CHECK(request.fault == fault);
}

}  // namespace

TEST_CASE("udp tracker: truncated datagrams at every length") {
  const auto announce = announce_request();
  for (size_t size = 0; size < announce.size(); ++size) {
    std::vector<uint8_t> cut(announce.begin(), announce.begin() + static_cast<ptrdiff_t>(size));
    if (size < 16) {
      check_ignored(cut, UdpFault::too_short);
    } else {
      check_refused(cut, UdpFault::announce_too_short);
    }
  }
  const auto connect = connect_request();
  for (size_t size = 0; size < connect.size(); ++size) {
    check_ignored(std::span(connect).first(size), UdpFault::too_short);
  }
  const auto scrape = scrape_request(3);
  for (size_t size = 0; size < scrape.size(); ++size) {
    std::vector<uint8_t> cut(scrape.begin(), scrape.begin() + static_cast<ptrdiff_t>(size));
    if (size < 16) {
      check_ignored(cut, UdpFault::too_short);
    } else if (size < 36) {
      check_refused(cut, UdpFault::scrape_empty);
    } else {
      CHECK(parse_udp_request(cut).scrape_count() == (size - 16) / 20);
    }
  }
}

TEST_CASE("udp tracker: oversized datagrams at every length") {
  auto connect = connect_request();
  auto announce = announce_request();
  for (size_t more = 0; more < 2000; ++more) {
    CHECK(parse_udp_request(connect).kind == UdpKind::connect);
    CHECK(parse_udp_request(announce).kind == UdpKind::announce);
    connect.push_back(static_cast<uint8_t>(more));
    announce.push_back(static_cast<uint8_t>(more));
  }
}

TEST_CASE("udp tracker: wrong action and wrong protocol id are dropped") {
  auto datagram = announce_request();
  for (const uint32_t action : {3u, 4u, 0x01000000u, UINT32_MAX}) {
    put_u32(datagram, 8, action);
    check_ignored(datagram, UdpFault::unknown_action);
  }
  auto connect = connect_request();
  connect[7] ^= 1;
  check_ignored(connect, UdpFault::wrong_magic);
}

TEST_CASE("udp tracker: a scrape is of the first 74 whole hashes, at least one") {
  const auto hashes_of = [](size_t hashes, size_t more_bytes) {
    const auto datagram = scrape_request(hashes, more_bytes);  // the request points into it
    const UdpRequest request = parse_udp_request(datagram);
    REQUIRE(request.kind == UdpKind::scrape);
    return request.scrape_count();
  };
  check_refused(scrape_request(0), UdpFault::scrape_empty);
  for (size_t fraction = 0; fraction < 20; ++fraction) {
    check_refused(scrape_request(0, fraction), UdpFault::scrape_empty);
    CHECK(hashes_of(1, fraction) == 1);
    CHECK(hashes_of(74, fraction) == 74);
    CHECK(hashes_of(75, fraction) == 74);
    CHECK(hashes_of(200, fraction) == 74);
  }
}

TEST_CASE("udp tracker: numwant from -2^31 to 2^31-1") {
  auto datagram = announce_request();
  const auto numwant = [&](uint32_t value) {
    put_u32(datagram, 92, value);
    const UdpRequest request = parse_udp_request(datagram);
    REQUIRE(request.kind == UdpKind::announce);
    return request.announce.numwant;
  };
  CHECK(numwant(0xffffffff) == std::nullopt);
  CHECK(numwant(0x80000000) == std::nullopt);
  CHECK(numwant(0) == 0u);
  CHECK(numwant(50) == 50u);
  CHECK(numwant(0x7fffffff) == 0x7fffffffu);
}

TEST_CASE("udp tracker: events of BEP 15, paused of BEP 21; others are none") {
  auto datagram = announce_request();
  const std::array<Event, 5> events = {Event::none, Event::completed, Event::started, Event::stopped,
                                       Event::paused};
  for (uint32_t number = 0; number < events.size(); ++number) {
    put_u32(datagram, 80, number);
    CHECK(parse_udp_request(datagram).announce.event == events[number]);
  }
  for (const uint32_t number : {5u, 256u, UINT32_MAX}) {
    put_u32(datagram, 80, number);
    const UdpRequest request = parse_udp_request(datagram);
    CHECK(request.kind == UdpKind::announce);
    CHECK(request.announce.event == Event::none);
  }
}

TEST_CASE("udp tracker: left is 63 bits or unknown, port may be 0") {
  auto datagram = announce_request();
  put_u32(datagram, 64, 0x7fffffff);
  put_u32(datagram, 68, 0xffffffff);
  CHECK(parse_udp_request(datagram).announce.left == INT64_MAX);
  // WebTorrent sends -1 when it does not know.
  for (const auto& [high, low] : {std::pair(0x80000000u, 0u), std::pair(UINT32_MAX, UINT32_MAX)}) {
    put_u32(datagram, 64, high);
    put_u32(datagram, 68, low);
    const UdpRequest request = parse_udp_request(datagram);
    CHECK(request.kind == UdpKind::announce);
    CHECK(request.announce.left == kLeftUnknown);
  }

  datagram = announce_request();
  datagram[96] = datagram[97] = 0;
  CHECK(parse_udp_request(datagram).kind == UdpKind::announce);
  CHECK(parse_udp_request(datagram).announce.port == 0);
}

TEST_CASE("udp tracker: BEP 41 options change nothing, whole or cut short") {
  const auto plain = announce_request();
  const std::vector<std::vector<uint8_t>> options = {
      {0},                              // EndOfOptions
      {1, 1, 1},                        // NOPs without an end
      {2, 5, '/', 'a', 'n', 'n', 'o'},  // URLData
      {2, 0, 0},                        // empty URLData, end
      {2},                              // URLData without its length
      {2, 200, '/', 'a'},               // URLData longer than the datagram
      {77, 3, 1, 2, 3},                 // unknown option
      {255, 255},                       // unknown, cut short
  };
  for (const auto& option : options) {
    auto datagram = plain;
    datagram.insert(datagram.end(), option.begin(), option.end());
    const UdpRequest request = parse_udp_request(datagram);
    CHECK(request.kind == UdpKind::announce);
    CHECK(request.announce.port == 6881);
  }
}

TEST_CASE("udp tracker: answers pass every path, of 1280 bytes and more") {
  static_assert(udp_payload_max(Family::v4) == 1252);
  static_assert(udp_payload_max(Family::v6) == 1232);
  static_assert(udp_peers_max(Family::v4) == 205);
  static_assert(udp_peers_max(Family::v6) == 67);
  std::array<uint8_t, udp_payload_max(Family::v6)> out;
  CHECK(write_scrape_answer(out, 1, std::vector<SwarmCounts>(kUdpScrapeMax)) == 8 + 74 * 12);
  CHECK(write_error_answer(out, 1, std::string(5000, 'x')) == out.size());
  CHECK(write_error_answer(out, 1, "") == 8);
}

TEST_CASE("udp tracker: every fault has its own text") {
  std::vector<std::string_view> texts;
  for (size_t i = 1; i < kUdpFaults; ++i) texts.push_back(to_string(static_cast<UdpFault>(i)));
  std::sort(texts.begin(), texts.end());
  CHECK(!texts.front().empty());
  CHECK(std::adjacent_find(texts.begin(), texts.end()) == texts.end());
  CHECK(to_string(UdpFault::none).empty());
  CHECK(8 + to_string(UdpFault::connection_id).size() < kUdpScrapeHeaderSize + 20);
}

TEST_CASE("udp tracker: a client refuses truncated and foreign answers") {
  std::array<uint8_t, kUdpAnswerMax> out;
  const auto kind = [&](size_t size, Family family) {
    return parse_udp_answer(std::span(out).first(size), family).kind;
  };
  write_connect_answer(out, 1, 2);
  for (size_t size = 0; size < 16; ++size) CHECK(kind(size, Family::v4) == UdpAnswerKind::malformed);
  CHECK(kind(16, Family::v4) == UdpAnswerKind::connect);

  write_announce_header(out, 1, 1800, {});
  for (size_t size = 0; size < 100; ++size) {
    const bool whole_v4 = size >= 20 && (size - 20) % 6 == 0;
    const bool whole_v6 = size >= 20 && (size - 20) % 18 == 0;
    CHECK((kind(size, Family::v4) == UdpAnswerKind::announce) == whole_v4);
    CHECK((kind(size, Family::v6) == UdpAnswerKind::announce) == whole_v6);
  }

  write_scrape_answer(out, 1, std::vector<SwarmCounts>(2));
  for (size_t size = 0; size < 60; ++size) {
    CHECK((kind(size, Family::v4) == UdpAnswerKind::scrape) == (size >= 8 && (size - 8) % 12 == 0));
  }

  write_error_answer(out, 1, "no");
  for (size_t size = 0; size < 8; ++size) CHECK(kind(size, Family::v4) == UdpAnswerKind::malformed);
  out[3] = 4;
  CHECK(kind(10, Family::v4) == UdpAnswerKind::malformed);
}
