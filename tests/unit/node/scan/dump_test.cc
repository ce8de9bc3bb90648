#include "node/scan/dump.h"

#include <doctest/doctest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>

#include "node/scan/dump_gate.h"
#include "proto/bencode.h"
#include "tests/unit/support/heap_bytes.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using namespace shoal::test;
using node::Dump;
using node::DumpGate;
using node::SwarmScan;
using proto::ContentCoding;
using proto::DumpFormat;

namespace {

constexpr common::Tick kNow = 1'000'000;

// Fills the store with swarms: number i has i % 3 seeders and one leecher.
void fill(node::SwarmStore& store, uint32_t swarms) {
  for (uint32_t i = 0; i < swarms; ++i) {
    announce(store, {i, v4_peer(i)}, kNow);
    for (uint32_t seeder = 0; seeder < i % 3; ++seeder) {
      announce(store, {.hash = i, .peer = v6_peer(i * 4 + seeder), .seeder = true}, kNow);
    }
  }
}

std::string whole(const node::SwarmStore& store, DumpFormat format, ContentCoding coding) {
  Dump dump(store, format, coding, 1);
  std::string out;
  while (dump.next(out)) continue;
  return out;
}

std::string unzipped(const std::string& bytes) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out(1 << 24, 0);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  CHECK(stream.avail_in == 0);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::string unzstd(const std::string& bytes) {
  std::string out(1 << 24, 0);
  const size_t size = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
  REQUIRE(!ZSTD_isError(size));
  out.resize(size);
  return out;
}

}  // namespace

TEST_CASE("dump: a swarm that is no longer served is not in it, in either order") {
  const auto store = make_store(false);
  fill(*store, 50);
  store->serve_only([](const common::InfoHash& hash) { return hash != hash_of(7); });
  const std::string text = whole(*store, DumpFormat::text, ContentCoding::identity);
  CHECK(std::count(text.begin(), text.end(), '\n') == 49);
  CHECK(text.find(common::to_hex(hash_of(7))) == std::string::npos);
  const std::string sorted = whole(*store, DumpFormat::bencode, ContentCoding::identity);
  const auto raw = [](const common::InfoHash& hash) {
    return std::string(hash.bytes.begin(), hash.bytes.end());
  };
  CHECK(sorted.find(raw(hash_of(7))) == std::string::npos);
  CHECK(sorted.find(raw(hash_of(8))) != std::string::npos);
}

TEST_CASE("swarm scan: every swarm once, with its counts, in both orders") {
  constexpr uint32_t kSwarms = 3 * SwarmScan::kBatchMax + 17;
  const auto store = make_store(false);
  fill(*store, 5000);
  for (uint32_t i = 5000; i < kSwarms; ++i) announce(*store, {i, v4_peer(i)}, kNow);
  for (const auto order : {SwarmScan::Order::any, SwarmScan::Order::by_info_hash}) {
    SwarmScan scan(*store, order);
    std::set<common::InfoHash> seen;
    uint64_t seeders = 0;
    std::optional<common::InfoHash> last;
    for (auto batch = scan.next(); !batch.empty(); batch = scan.next()) {
      CHECK(batch.size() <= SwarmScan::kBatchMax);
      if (order == SwarmScan::Order::any) last.reset();
      for (const proto::ScrapedSwarm& swarm : batch) {
        if (last && swarm.info_hash <= *last) FAIL("not rising");
        last = swarm.info_hash;
        seen.insert(swarm.info_hash);
        seeders += swarm.counts.seeders;
      }
    }
    CHECK(seen.size() == kSwarms);
    CHECK(seeders == 4999);  // 0 + 1 + 2 for each three of 5000
    CHECK(scan.next().empty());
  }
}

TEST_CASE("swarm scan: swarms that stay are found while others come and go") {
  const auto store = make_store(false);
  constexpr uint32_t kStay = 20'000;
  for (uint32_t i = 0; i < 2 * kStay; ++i) announce(*store, {i, v4_peer(1)}, kNow);
  std::atomic<bool> over{false};
  std::thread churn([&] {
    for (uint32_t round = 0; !over; ++round) {
      const uint32_t i = kStay + round % kStay;
      announce(*store, {i, v4_peer(1), proto::Event::stopped}, kNow);
      announce(*store, {i + kStay * (1 + round % 2), v4_peer(1)}, kNow);
    }
  });
  for (int round = 0; round < 5; ++round) {
    SwarmScan scan(*store, round % 2 == 0 ? SwarmScan::Order::any : SwarmScan::Order::by_info_hash);
    std::set<common::InfoHash> seen;
    for (auto batch = scan.next(); !batch.empty(); batch = scan.next()) {
      for (const auto& swarm : batch) {
        if (!seen.insert(swarm.info_hash).second) FAIL("twice");
      }
    }
    uint32_t missing = 0;
    for (uint32_t i = 0; i < kStay; ++i) missing += seen.contains(hash_of(i)) ? 0 : 1;
    CHECK(missing == 0);
  }
  over = true;
  churn.join();
}

TEST_CASE("dump: the same text in every coding, in pieces of bounded size") {
  const auto store = make_store(true);
  fill(*store, 9000);
  const std::string plain = whole(*store, DumpFormat::text_completed, ContentCoding::identity);
  CHECK(std::count(plain.begin(), plain.end(), '\n') == 9000);
  CHECK(unzipped(whole(*store, DumpFormat::text_completed, ContentCoding::gzip)) == plain);
  CHECK(unzstd(whole(*store, DumpFormat::text_completed, ContentCoding::zstd)) == plain);
  for (const auto coding : {ContentCoding::identity, ContentCoding::gzip, ContentCoding::zstd}) {
    Dump dump(*store, DumpFormat::text_completed, coding, 1);
    std::string piece;
    size_t largest = 0;
    for (bool more = true; more;) {
      piece.clear();
      more = dump.next(piece);
      largest = std::max(largest, piece.size());
    }
    CHECK(largest < 2 * Dump::kPieceBytes);
  }
}

TEST_CASE("dump: bencoded it is one canonical value, even over several passes") {
  const auto store = make_store(true);
  for (uint32_t i = 0; i < SwarmScan::kBatchMax + 1000; ++i) announce(*store, {i, v4_peer(i)}, kNow);
  const std::string dump = whole(*store, DumpFormat::bencode, ContentCoding::identity);
  const auto value = proto::parse_bencode(dump);
  REQUIRE(value);
  size_t count = 0;
  auto files = value->find("files")->children();
  while (files.next()) ++count;
  CHECK(count == 2 * (SwarmScan::kBatchMax + 1000));
}

TEST_CASE("dump: two at once take less than 4 MiB whatever the size of the store") {
  const auto store = make_store(false);
  for (uint32_t i = 0; i < 4 * SwarmScan::kBatchMax; ++i) announce(*store, {i, v4_peer(i)}, kNow);
  for (const auto format : {DumpFormat::bencode, DumpFormat::json}) {
    for (const auto coding : {ContentCoding::identity, ContentCoding::gzip, ContentCoding::zstd}) {
      CAPTURE(static_cast<int>(format));
      CAPTURE(static_cast<int>(coding));
      const int64_t before = heap_bytes();
      int64_t most = 0;
      uint64_t bytes = 0;
      {
        Dump dump(*store, format, coding, 1);
        std::string piece;
        for (bool more = true; more;) {
          piece.clear();
          more = dump.next(piece);
          bytes += piece.size();
          most = std::max(most, heap_bytes() - before);
        }
      }
      CHECK(bytes > 1 << 20);
      CHECK(most <= 2 << 20);
      CHECK(heap_bytes() - before < 4096);
    }
  }
}

TEST_CASE("dump: an empty store") {
  const auto store = make_store(true);
  CHECK(whole(*store, DumpFormat::bencode, ContentCoding::identity) == "d5:filesdee");
  CHECK(whole(*store, DumpFormat::text, ContentCoding::identity).empty());
  CHECK(unzipped(whole(*store, DumpFormat::text, ContentCoding::gzip)).empty());
  CHECK(unzstd(whole(*store, DumpFormat::text, ContentCoding::zstd)).empty());
}

TEST_CASE("dump gate: one dump per client and interval, a few at once") {
  DumpGate gate(300);
  const auto client = v4_peer(1);
  {
    const auto first = gate.enter(client, 1000);
    REQUIRE(first);
    const auto again = gate.enter(client, 1010);
    REQUIRE(!again);
    CHECK(again.error().too_often);
    CHECK(again.error().wait_s == 290);
    // Another port is the same client; another address is not.
    auto same = client;
    same.port = 9;
    CHECK(!gate.enter(same, 1010));
    const auto second = gate.enter(v4_peer(3), 1010);
    REQUIRE(second);
    const auto third = gate.enter(v4_peer(2), 1010);
    REQUIRE(!third);
    CHECK(!third.error().too_often);
  }
  CHECK(!gate.enter(client, 1299));
  CHECK(gate.enter(client, 1300));
  CHECK(gate.dumps() == 3);
  CHECK(gate.refused_too_often() == 3);
  CHECK(gate.refused_busy() == 1);
}

TEST_CASE("dump gate: clients cannot take the operator's dumps, nor he theirs") {
  DumpGate gate(300);
  const auto one = gate.enter(v4_peer(1), 0);
  const auto two = gate.enter(v4_peer(2), 0);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(!gate.enter(v4_peer(3), 0));
  {
    const auto own = gate.enter(std::nullopt, 0);
    const auto second = gate.enter(std::nullopt, 0);
    CHECK(own);
    CHECK(second);
    CHECK(!gate.enter(std::nullopt, 0));
  }
  CHECK(gate.enter(std::nullopt, 0));
  CHECK(!gate.enter(v4_peer(3), 0));
}

TEST_CASE("dump gate: an IPv6 client is a /64") {
  DumpGate gate(300);
  CHECK(gate.enter(v6_peer(1), 0));
  CHECK(!gate.enter(v6_peer(2), 0));
  auto other = v6_peer(1);
  other.address[7] ^= 1;
  CHECK(gate.enter(other, 0));
}

TEST_CASE("dump gate: remembers a bounded number of clients and forgets the oldest first") {
  DumpGate gate(1'000'000);
  for (uint32_t i = 0; i <= DumpGate::kClientsMax; ++i) CHECK(gate.enter(v4_peer(i), i));
  CHECK(gate.enter(v4_peer(0), DumpGate::kClientsMax + 1));
  CHECK(!gate.enter(v4_peer(DumpGate::kClientsMax), DumpGate::kClientsMax + 1));
}

TEST_CASE("dump gate: without an interval, no limit per client") {
  DumpGate gate(0);
  for (int i = 0; i < 10; ++i) CHECK(gate.enter(v4_peer(1), 0));
}

TEST_CASE("dump gate: a new interval also holds for clients that have had a dump") {
  DumpGate gate(300);
  CHECK(gate.enter(v4_peer(1), 0));
  CHECK(!gate.enter(v4_peer(1), 60));
  gate.set_interval_s(60);
  CHECK(gate.enter(v4_peer(1), 60));
  gate.set_interval_s(0);
  CHECK(gate.enter(v4_peer(1), 60));
}
