// Sketches of sets of records: what differs is found, and what is no sketch ends in a clean failure.

#include "proto/record_sketch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/hex.h"
#include "common/prng.h"
#include "common/web_address.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using proto::RecordSketch;

namespace {

constexpr proto::SketchSalt kSalt = {0x0123456789abcdef, 0xfedcba9876543210};

proto::Delta record(uint32_t number) {
  proto::Delta out;
  common::Prng hash(number / 3);
  for (uint8_t& byte : out.info_hash.bytes) byte = static_cast<uint8_t>(hash.next());
  out.peer = number % 4 == 0 ? test::v6_peer(number) : test::v4_peer(number & 0xffffff);
  out.state.role = static_cast<proto::PeerRole>(number % 3);
  out.stamp = static_cast<common::Stamp>(number % 170);
  return out;
}

// Records `from` to `to`.
void add(RecordSketch& sketch, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; ++i) sketch.add(sketch.id(record(i)));
}

std::set<uint64_t> ids_of(const RecordSketch& sketch, uint32_t from, uint32_t to) {
  std::set<uint64_t> ids;
  for (uint32_t i = from; i < to; ++i) ids.insert(sketch.id(record(i)));
  return ids;
}

// A sketch of any bytes, as another node may send.
RecordSketch noise(common::Prng& prng, size_t symbols, uint32_t limit) {
  std::vector<uint8_t> bytes = RecordSketch(kSalt, symbols).bytes();
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(prng.below(limit));
  return RecordSketch::read(kSalt, bytes);
}

}  // namespace

TEST_CASE("record sketch: finds what differs, both ways") {
  for (const uint32_t differing : {0u, 1u, 2u, 7u, 100u, 1000u, 4200u}) {
    CAPTURE(differing);
    const size_t symbols = RecordSketch::symbols_for(differing);
    RecordSketch ours(kSalt, symbols), theirs(kSalt, symbols);
    add(ours, 0, 10'000);
    // It lacks the first ones, and has others instead.
    add(theirs, differing / 3, 10'000 + differing - differing / 3);
    ours.subtract(theirs);
    std::set<uint64_t> expected = ids_of(ours, 0, differing / 3);
    expected.merge(ids_of(ours, 10'000, 10'000 + differing - differing / 3));
    REQUIRE(expected.size() == differing);
    CHECK(static_cast<double>(ours.estimate()) >= differing * 0.6);
    CHECK(static_cast<double>(ours.estimate()) <= differing * 1.5);
    const auto found = ours.decode();
    REQUIRE(found.has_value());
    CHECK(std::set<uint64_t>(found->begin(), found->end()) == expected);
    CHECK(found->size() == differing);
  }
}

TEST_CASE("record sketch: a record that differs in anything is another one") {
  RecordSketch sketch(kSalt, 10);
  std::vector<proto::Delta> records(6, record(4));
  records[1].info_hash.bytes[19] ^= 1;
  records[2].peer.port ^= 1;
  records[3].peer.address[15] ^= 1;
  records[4].stamp ^= 1;
  records[5].state.completed = true;
  std::set<uint64_t> ids;
  for (const proto::Delta& one : records) ids.insert(sketch.id(one));
  CHECK(ids.size() == records.size());
  // And each of them under another salt.
  for (const size_t half : {size_t{0}, size_t{1}}) {
    proto::SketchSalt salt = kSalt;
    salt[half] ^= 1;
    const RecordSketch other(salt, 10);
    for (const proto::Delta& one : records) CHECK(!ids.contains(other.id(one)));
  }
}

TEST_CASE("record sketch: the first symbols are the same however many there are") {
  RecordSketch few(kSalt, 50), many(kSalt, 400);
  add(few, 0, 300);
  add(many, 0, 300);
  const std::vector<uint8_t> bytes = few.bytes();
  const std::vector<uint8_t> more = many.bytes();
  CHECK(std::equal(bytes.begin(), bytes.end(), more.begin()));
}

TEST_CASE("record sketch: too few symbols fail, and the counters tell how many would do") {
  RecordSketch ours(kSalt, 100), theirs(kSalt, 100);
  add(ours, 0, 30'000);
  add(theirs, 0, 28'000);
  ours.subtract(theirs);
  CHECK(ours.estimate() > 1200);
  CHECK(ours.estimate() < 3000);
  CHECK(!ours.decode().has_value());
}

TEST_CASE("record sketch: bytes and back") {
  RecordSketch sketch(kSalt, 33);
  add(sketch, 0, 1000);
  const std::vector<uint8_t> bytes = sketch.bytes();
  CHECK(bytes.size() == 256 + 33 * 9);
  CHECK(RecordSketch::symbols_in(bytes.size()) == 33);
  CHECK(RecordSketch::read(kSalt, bytes).bytes() == bytes);
  CHECK(RecordSketch::symbols_in(0) == 0);
  CHECK(RecordSketch::symbols_in(256) == 0);
  CHECK(RecordSketch::symbols_in(256 + 9) == 1);
  CHECK(RecordSketch::symbols_in(256 + 10) == 0);
  CHECK(RecordSketch::symbols_in(RecordSketch::kSizeMax) == RecordSketch::kSymbolsMax);
  CHECK(RecordSketch::symbols_in(RecordSketch::kSizeMax + 9) == 0);
}

TEST_CASE("record sketch: any bytes end in a failure, or in ids that explain them") {
  common::Prng prng(1);
  for (int i = 0; i < 200; ++i) {
    const size_t symbols = 1 + prng.below(300);
    // Few different bytes: symbols are alike, and often empty.
    RecordSketch sketch = noise(prng, symbols, i % 2 == 0 ? 256 : 2);
    CHECK(!sketch.decode().has_value());
  }
}

TEST_CASE("record sketch: symbols of which some are altered fail") {
  common::Prng prng(2);
  for (int i = 0; i < 200; ++i) {
    RecordSketch sketch(kSalt, 200);
    add(sketch, 0, 100);
    std::vector<uint8_t> bytes = sketch.bytes();
    bytes[256 + prng.below(200 * 9)] ^= static_cast<uint8_t>(1 + prng.below(255));
    CHECK(!RecordSketch::read(kSalt, bytes).decode().has_value());
  }
}

TEST_CASE("record sketch: one record in every symbol does not loop") {
  // Each symbol seems to hold this record alone, also those that it does not cover.
  RecordSketch one(kSalt, 1);
  add(one, 7, 8);
  const std::vector<uint8_t> symbol = one.bytes();
  std::vector<uint8_t> bytes = RecordSketch(kSalt, RecordSketch::kSymbolsMax).bytes();
  for (size_t at = 256; at < bytes.size(); at += 9)
    std::copy(symbol.end() - 9, symbol.end(), bytes.begin() + static_cast<ptrdiff_t>(at));
  CHECK(!RecordSketch::read(kSalt, bytes).decode().has_value());
}

TEST_CASE("golden: a record sketch") {
  RecordSketch sketch(kSalt, 4);
  proto::Delta one;
  for (uint8_t i = 0; i < 20; ++i) one.info_hash.bytes[i] = i;
  one.peer = common::make_endpoint_v4(0xcb007109, 6881);
  one.state = {proto::PeerRole::seeder, true, 5};
  one.stamp = 200;
  sketch.add(sketch.id(one));
  one.peer = test::v6_peer(9);
  sketch.add(sketch.id(one));
  one.peer = common::to_endpoint({0x0123456789abcdef, 77});
  sketch.add(sketch.id(one));
  const std::vector<uint8_t> bytes = sketch.bytes();
  // The counters but those that are 0; then the symbols.
  std::map<size_t, int> counters;
  for (size_t i = 0; i < 128; ++i) {
    const int counter = bytes[2 * i] << 8 | bytes[2 * i + 1];
    if (counter != 0) counters[i] = counter;
  }
  CHECK(counters == std::map<size_t, int>{{9, 1}, {19, 0xffff}, {40, 0xffff}});
  CHECK(common::to_hex(common::ByteSpan(bytes).subspan(256)) ==
        "12d7eb2ef53ae692cb87acfd70ba09256f0a957b165e4f33c3fdc1249285896cee3187e3");
}
