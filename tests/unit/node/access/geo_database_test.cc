#include "node/access/geo_database.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/prng.h"

using namespace shoal;
using node::GeoDatabase;
using node::GeoEntry;
using namespace std::string_literals;

namespace {

const std::string kMark = "\xab\xcd\xefMaxMind.com";

std::string text(const std::string& value) { return static_cast<char>(2 << 5 | value.size()) + value; }
std::string map(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out(1, static_cast<char>(7 << 5 | entries.size()));
  for (const auto& [key, value] : entries) out += text(key) + value;
  return out;
}
// Of 285 entries and more; they follow.
std::string long_map_head(size_t entries) {
  const size_t more = entries - 285;
  return {static_cast<char>(7 << 5 | 30), static_cast<char>(more >> 8), static_cast<char>(more & 0xff)};
}
std::string number(uint32_t value) {
  std::string digits;
  for (int shift = 24; shift >= 0; shift -= 8) digits += static_cast<char>(value >> shift & 0xff);
  return static_cast<char>(6 << 5 | 4) + digits;
}
std::string country(const std::string& code) { return map({{"country", map({{"iso_code", text(code)}})}}); }
std::string asn(uint32_t value) { return map({{"autonomous_system_number", number(value)}}); }

std::string metadata(uint32_t nodes, uint32_t record_bits, uint32_t version, uint32_t major = 2) {
  return kMark + map({{"binary_format_major_version", number(major)},
                      {"database_type", text("Test")},
                      {"ip_version", number(version)},
                      {"node_count", number(nodes)},
                      {"record_size", number(record_bits)}});
}

std::string records(const std::vector<std::pair<uint32_t, uint32_t>>& nodes, uint32_t bits = 24) {
  std::string out;
  const auto put = [&](uint32_t value, unsigned bytes) {
    for (unsigned i = bytes; i > 0; --i) out += static_cast<char>(value >> 8 * (i - 1) & 0xff);
  };
  for (const auto& [left, right] : nodes) {
    put(left, bits == 32 ? 4 : 3);
    if (bits == 28) out += static_cast<char>((left >> 24) << 4 | right >> 24);
    put(right, bits == 32 ? 4 : 3);
  }
  return out;
}

// IPv4: 0.0.0.0/1 is country NL, 128.0.0.0/2 AS 64496, 192.0.0.0/2 nothing.
std::string small(uint32_t bits = 24) {
  const std::string nl = country("NL");
  const auto at = [](size_t offset) { return static_cast<uint32_t>(2 + 16 + offset); };
  return records({{at(0), 1}, {at(nl.size()), 2}}, bits) + std::string(16, '\0') + nl + asn(64496) +
         metadata(2, bits, 4);
}

using Found = std::map<std::string, std::pair<std::string, uint32_t>>;

common::Result<Found> walk(const GeoDatabase& database) {
  Found found;
  const auto walked = database.for_each([&](const common::AddressRange& range, const GeoEntry& entry) {
    found[common::address_to_string(range.first) + "-" + common::address_to_string(range.last)] = {
        entry.country[0] == '\0' ? "" : std::string(entry.country.data(), 2), entry.asn};
  });
  if (!walked) return tl::make_unexpected(walked.error());
  return found;
}

std::string refusal(const std::string& bytes) {
  const auto database = GeoDatabase::parse(bytes);
  if (!database) return database.error().message;
  const auto found = walk(*database);
  return found ? "" : found.error().message;
}

constexpr const char* kDamaged = "is a damaged MaxMind DB file";

}  // namespace

TEST_CASE("geo database: networks with what is said of them, with records of each size") {
  for (const uint32_t bits : {24u, 28u, 32u}) {
    const auto database = GeoDatabase::parse(small(bits));
    REQUIRE(database);
    CHECK(database->type() == "Test");
    const auto found = walk(*database);
    REQUIRE(found);
    CHECK(*found ==
          Found{{"0.0.0.0-127.255.255.255", {"NL", 0}}, {"128.0.0.0-191.255.255.255", {"", 64496}}});
  }
}

TEST_CASE("geo database: a registered country counts where no other is said") {
  const std::string both = map({{"registered_country", map({{"iso_code", text("DE")}})},
                                {"country", map({{"iso_code", text("NL")}})}});
  const std::string one = map({{"registered_country", map({{"iso_code", text("DE")}})}});
  const std::string tree = records({{17, static_cast<uint32_t>(17 + both.size())}}) + std::string(16, '\0');
  const auto database = GeoDatabase::parse(tree + both + one + metadata(1, 24, 4));
  REQUIRE(database);
  const auto found = walk(*database);
  REQUIRE(found);
  CHECK(found->at("0.0.0.0-127.255.255.255").first == "NL");
  CHECK(found->at("128.0.0.0-255.255.255.255").first == "DE");
}

TEST_CASE("geo database: what is no such file") {
  constexpr const char* kNone = "is not a MaxMind DB file, or is cut";
  CHECK(refusal("") == kNone);
  CHECK(refusal("text") == kNone);
  CHECK(refusal(kMark) == kNone);
  CHECK(refusal(small() + std::string(200'000, '\0')) == kNone);
  CHECK(refusal(metadata(2, 24, 4)) == kDamaged);
  CHECK(refusal(std::string(28, '\0') + metadata(0, 24, 4)) == kDamaged);
  CHECK(refusal(std::string(28, '\0') + metadata(2, 25, 4)) == kDamaged);
  CHECK(refusal(std::string(28, '\0') + metadata(2, 24, 5)) == kDamaged);
  CHECK(refusal(std::string(28, '\0') + metadata(UINT32_MAX, 32, 6)) == kDamaged);
  CHECK(refusal(std::string(28, '\0') + metadata(2, 24, 4, 3)) == "is of version 3 of the format, not 2");
}

TEST_CASE("geo database: hostile trees and values end") {
  const std::string zeros(16, '\0');
  // A node that is its own child, two that are each other's, one with two parents.
  CHECK(refusal(records({{0, 0}}) + zeros + metadata(1, 24, 4)) == kDamaged);
  CHECK(refusal(records({{1, 1}, {0, 0}}) + zeros + metadata(2, 24, 6)) == kDamaged);
  CHECK(refusal(records({{1, 1}, {2, 2}}) + zeros + metadata(2, 24, 4)) == kDamaged);
  // A record beyond the data, and one between tree and data.
  CHECK(refusal(records({{17 + 100, 1}}) + zeros + country("NL") + metadata(1, 24, 4)) == kDamaged);
  CHECK(refusal(records({{5, 1}}) + zeros + country("NL") + metadata(1, 24, 4)) == kDamaged);
  // A pointer to itself; a map with more entries than bytes; lists in lists in lists; a pointer to a pointer.
  const auto with = [&](const std::string& data) {
    return refusal(records({{17, 1}}) + zeros + data + metadata(1, 24, 4));
  };
  CHECK(with("\x20\x00"s) == kDamaged);
  CHECK(with("\xff\xff\xff\xff"s) == kDamaged);
  std::string lists = map({{"a", ""}});
  for (int i = 0; i < 1000; ++i) lists += "\x01\x04"s;
  CHECK(with(lists) == kDamaged);
  CHECK(with(map({{"country", "\x20\x0a\x20\x0a"s}})) == kDamaged);
  // A text where a number belongs.
  CHECK(with(map({{"autonomous_system_number", text("x")}})) == kDamaged);
}

TEST_CASE("geo database: many records that share one costly value") {
  // Each of 1,024 leaves has a pointer of its own to one map with many entries: one may be read, all may not.
  constexpr uint32_t kDepth = 10;
  constexpr uint32_t kInner = (1u << kDepth) - 1;
  constexpr size_t kEntries = 10'000;
  std::string data = long_map_head(kEntries) + text("country") + map({{"iso_code", text("NL")}});
  for (size_t i = 1; i < kEntries; ++i) data += text("b") + text("");
  const auto pointers = static_cast<uint32_t>(data.size());
  for (uint32_t i = 0; i <= kInner; ++i) data += "\x38\x00\x00\x00\x00"s;
  for (const bool all : {false, true}) {
    std::vector<std::pair<uint32_t, uint32_t>> nodes;
    const auto child = [&](uint32_t of) {
      if (of < kInner) return of;
      return all || of == kInner ? kInner + 16 + pointers + 5 * (of - kInner) : kInner;
    };
    for (uint32_t i = 0; i < kInner; ++i) nodes.emplace_back(child(2 * i + 1), child(2 * i + 2));
    const std::string bytes = records(nodes) + std::string(16, '\0') + data + metadata(kInner, 24, 4);
    if (all) {
      CHECK(refusal(bytes) == kDamaged);
    } else {
      CHECK(walk(*GeoDatabase::parse(bytes)).value() == Found{{"0.0.0.0-0.63.255.255", {"NL", 0}}});
    }
  }
}

TEST_CASE("geo database: no byte and no cut of a file does harm") {
  const std::string whole = small();
  for (size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(refusal(whole.substr(0, size)).empty());
  common::Prng prng(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = whole;
    for (uint32_t n = prng.below(4) + 1; n > 0; --n) {
      damaged[prng.below(static_cast<uint32_t>(damaged.size()))] = static_cast<char>(prng.next());
    }
    (void)refusal(damaged);
  }
}
