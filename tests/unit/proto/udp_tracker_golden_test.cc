// BEP 15 datagrams byte by byte, both directions.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/hex.h"
#include "proto/udp_tracker.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

std::vector<uint8_t> bytes_from(std::string_view spaced_hex) {
  std::string digits;
  for (const char c : spaced_hex) {
    if (c != ' ') digits += c;
  }
  std::vector<uint8_t> bytes(digits.size() / 2);
  REQUIRE(common::from_hex(digits, bytes));
  return bytes;
}

std::string hex(std::span<const uint8_t> bytes, size_t size) { return common::to_hex(bytes.first(size)); }

const std::string kConnectRequest =
    "0000041727101980"  // protocol id
    "00000000"          // action: connect
    "11223344";         // transaction id

const std::string kAnnounceRequest =
    "8877665544332211"                          // connection id
    "00000001"                                  // action: announce
    "11223344"                                  // transaction id
    "000102030405060708090a0b0c0d0e0f10111213"  // info_hash
    "2d5348303130302d616263646566676869"        // peer_id "-SH0100-abcdefghi"
    "6a6b6c"                                    // "jkl"
    "0000000000000400"                          // downloaded
    "0000000100000000"                          // left: 2^32
    "0000000000000800"                          // uploaded
    "00000002"                                  // event: started
    "c0000201"                                  // IP address, ignored
    "deadbeef"                                  // key
    "ffffffff"                                  // num_want: -1
    "1ae1";                                     // port 6881

const std::string kScrapeRequest =
    "8877665544332211"                           // connection id
    "00000002"                                   // action: scrape
    "11223344"                                   // transaction id
    "000102030405060708090a0b0c0d0e0f10111213"   // info_hash
    "ffeeddccbbaa99887766554433221100ffeeddcc";  // info_hash

const std::string kConnectAnswer =
    "00000000"           // action: connect
    "11223344"           // transaction id
    "8877665544332211";  // connection id

const std::string kAnnounceAnswer =
    "00000001"       // action: announce
    "11223344"       // transaction id
    "00000708"       // interval 1800 s
    "00000003"       // leechers
    "00000002"       // seeders
    "c00002011ae1"   // 192.0.2.1:6881
    "c6336402ffff";  // 198.51.100.2:65535

const std::string kScrapeAnswer =
    "00000002"   // action: scrape
    "11223344"   // transaction id
    "00000001"   // seeders
    "00000002"   // completed
    "00000003"   // leechers
    "00000004"   // seeders
    "00000005"   // completed
    "00000006";  // leechers

const std::string kErrorAnswer =
    "00000003"             // action: error
    "11223344"             // transaction id
    "6e6f7420746f646179";  // "not today"

constexpr uint32_t kTransaction = 0x11223344;
constexpr uint64_t kConnection = 0x8877665544332211;

}  // namespace

TEST_CASE("golden: UDP connect") {
  std::array<uint8_t, kUdpAnswerMax> out;
  CHECK(hex(out, write_connect_request(out, kTransaction)) == kConnectRequest);
  const UdpRequest request = parse_udp_request(bytes_from(kConnectRequest));
  CHECK(request.kind == UdpKind::connect);
  CHECK(request.transaction_id == kTransaction);

  CHECK(hex(out, write_connect_answer(out, kTransaction, kConnection)) == kConnectAnswer);
  const UdpAnswer answer = parse_udp_answer(bytes_from(kConnectAnswer), common::Family::v4);
  CHECK(answer.kind == UdpAnswerKind::connect);
  CHECK(answer.transaction_id == kTransaction);
  CHECK(answer.connection_id == kConnection);
}

TEST_CASE("golden: UDP announce") {
  const auto datagram = bytes_from(kAnnounceRequest);
  const UdpRequest request = parse_udp_request(datagram);
  REQUIRE(request.kind == UdpKind::announce);
  CHECK(request.connection_id == kConnection);
  CHECK(request.transaction_id == kTransaction);
  CHECK(to_hex(request.announce.info_hash) == "000102030405060708090a0b0c0d0e0f10111213");
  CHECK(std::string(request.announce.peer_id.begin(), request.announce.peer_id.end()) ==
        "-SH0100-abcdefghijkl");
  CHECK(request.announce.left == uint64_t{1} << 32);
  CHECK(request.announce.event == Event::started);
  CHECK(request.key == 0xdeadbeef);
  CHECK(!request.announce.numwant);
  CHECK(request.announce.port == 6881);

  std::array<uint8_t, kUdpAnswerMax> out;
  const UdpAnnounceExtras extras{.downloaded = 1024, .uploaded = 2048, .ip = 0xc0000201, .key = 0xdeadbeef};
  CHECK(hex(out, write_announce_request(out, kConnection, kTransaction, request.announce, extras)) ==
        kAnnounceRequest);

  const SwarmCounts counts{.seeders = 2, .leechers = 3, .completed = 9};
  const auto expected = bytes_from(kAnnounceAnswer);
  CHECK(hex(out, write_announce_header(out, kTransaction, 1800, counts)) == kAnnounceAnswer.substr(0, 40));
  const UdpAnswer answer = parse_udp_answer(expected, common::Family::v4);
  REQUIRE(answer.kind == UdpAnswerKind::announce);
  CHECK(answer.interval_s == 1800);
  CHECK(answer.counts == SwarmCounts{.seeders = 2, .leechers = 3});
  CHECK(common::to_hex(answer.peers) == kAnnounceAnswer.substr(40));
}

TEST_CASE("golden: UDP scrape") {
  const auto datagram = bytes_from(kScrapeRequest);
  const UdpRequest request = parse_udp_request(datagram);
  REQUIRE(request.kind == UdpKind::scrape);
  CHECK(request.connection_id == kConnection);
  CHECK(request.transaction_id == kTransaction);
  REQUIRE(request.scrape_count() == 2);
  const std::array<common::InfoHash, 2> hashes = {request.scrape_hash(0), request.scrape_hash(1)};
  CHECK(to_hex(hashes[0]) == "000102030405060708090a0b0c0d0e0f10111213");
  CHECK(to_hex(hashes[1]) == "ffeeddccbbaa99887766554433221100ffeeddcc");

  std::array<uint8_t, kUdpAnswerMax> out;
  CHECK(hex(out, write_scrape_request(out, kConnection, kTransaction, hashes)) == kScrapeRequest);

  const std::array<SwarmCounts, 2> counts = {SwarmCounts{.seeders = 1, .leechers = 3, .completed = 2},
                                             SwarmCounts{.seeders = 4, .leechers = 6, .completed = 5}};
  CHECK(hex(out, write_scrape_answer(out, kTransaction, counts)) == kScrapeAnswer);
  const auto expected = bytes_from(kScrapeAnswer);
  const UdpAnswer answer = parse_udp_answer(expected, common::Family::v4);
  REQUIRE(answer.kind == UdpAnswerKind::scrape);
  REQUIRE(answer.scrape_count() == 2);
  CHECK(answer.scrape_counts(0) == counts[0]);
  CHECK(answer.scrape_counts(1) == counts[1]);
}

TEST_CASE("golden: UDP error") {
  std::array<uint8_t, kUdpAnswerMax> out;
  CHECK(hex(out, write_error_answer(out, kTransaction, "not today")) == kErrorAnswer);
  const auto expected = bytes_from(kErrorAnswer);
  const UdpAnswer answer = parse_udp_answer(expected, common::Family::v6);
  REQUIRE(answer.kind == UdpAnswerKind::error);
  CHECK(answer.transaction_id == kTransaction);
  CHECK(answer.message == "not today");
}
