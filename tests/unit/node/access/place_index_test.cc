#include "node/access/place_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/prng.h"

using namespace shoal;
using common::AddressRange;
using common::Endpoint;
using node::GeoEntry;
using node::PlaceIndex;

namespace {

using PlaceFile = std::vector<std::pair<AddressRange, GeoEntry>>;

GeoEntry place(const char* country, uint32_t asn) {
  return {country[0] == '\0' ? std::array<char, 2>{} : std::array<char, 2>{country[0], country[1]}, asn};
}

Endpoint v4_at(uint32_t number) { return common::make_endpoint_v4(number, 0); }

// Numbers that lie next to each other across the halves of an address, and at the end of all.
Endpoint v6_at(uint32_t number) {
  Endpoint out{common::Family::v6, {}, 0};
  const uint64_t tail = number - 600ull;  // below 600: the last ones of the head before
  const uint64_t head = 0x20010db8'00000000ull - (number < 600 ? 1 : 0);
  for (int i = 0; i < 8; ++i) {
    out.address[i] = static_cast<uint8_t>(head >> (56 - 8 * i));
    out.address[8 + i] = static_cast<uint8_t>(tail >> (56 - 8 * i));
  }
  return out;
}

constexpr uint32_t kNumbers = 1'200;
constexpr uint32_t kV4Base = 0xffffffff - kNumbers + 1;  // up to the last address

// Networks ascending and apart, some right behind each other, and some of the same place.
PlaceFile random_file(common::Prng& prng) {
  constexpr const char* kCountries[] = {"", "NL", "DE", "ZZ"};
  PlaceFile out;
  for (const bool v4 : {true, false}) {
    const auto at = [&](uint32_t number) { return v4 ? v4_at(kV4Base + number) : v6_at(number); };
    for (uint32_t number = static_cast<uint32_t>(prng.below(4)); number < kNumbers;) {
      const uint32_t last = std::min<uint32_t>(kNumbers - 1, number + static_cast<uint32_t>(prng.below(20)));
      out.push_back(
          {{at(number), at(last)}, place(kCountries[prng.below(4)], static_cast<uint32_t>(prng.below(3)))});
      number = last + 1 + (prng.below(2) == 0 ? 0 : static_cast<uint32_t>(prng.below(9)));
    }
  }
  return out;
}

PlaceIndex index_of(const std::vector<PlaceFile>& files) {
  PlaceIndex::Builder builder;
  for (const PlaceFile& file : files) {
    for (const auto& [range, entry] : file) builder.add(range, entry);
    builder.end_file();
  }
  CHECK(!builder.too_many());
  return PlaceIndex(std::move(builder));
}

// What each file says, one after the other.
GeoEntry plain_search(const std::vector<PlaceFile>& files, const Endpoint& address) {
  GeoEntry out;
  for (const PlaceFile& file : files) {
    for (const auto& [range, entry] : file) {
      if (address < range.first || range.last < address) continue;
      if (entry.country[0] != '\0') out.country = entry.country;
      if (entry.asn != 0) out.asn = entry.asn;
    }
  }
  return out;
}

GeoEntry found(const PlaceIndex& index, const Endpoint& address) {
  return index.places()[index.find(address)];
}

}  // namespace

TEST_CASE("place index: the same as a plain search, with one file and with several") {
  common::Prng prng(1);
  for (int round = 0; round < 24; ++round) {
    std::vector<PlaceFile> files;
    for (int i = 0; i <= round % 4; ++i) files.push_back(random_file(prng));
    const PlaceIndex index = index_of(files);
    size_t wrong = 0;
    for (uint32_t i = 0; i < kNumbers; ++i) {
      for (const Endpoint& address : {v4_at(kV4Base + i), v6_at(i)})
        wrong += found(index, address) == plain_search(files, address) ? 0 : 1;
    }
    CAPTURE(round);
    CHECK(wrong == 0);
    CHECK(index.bounds() > 100);
    // Each place once, the unknown one first.
    CHECK(index.places()[0] == GeoEntry{});
    CHECK(index.places().size() <= 4 * 3);
    for (const Endpoint& unknown : {v4_at(0), v4_at(kV4Base - 1), v6_at(5'000'000)})
      CHECK(index.find(unknown) == 0);
  }
}

TEST_CASE("place index: one that is empty, and one of all addresses") {
  CHECK(PlaceIndex().find(v4_at(1)) == 0);
  CHECK(PlaceIndex().find(v6_at(1)) == 0);
  CHECK(index_of({}).find(v4_at(1)) == 0);
  Endpoint last{common::Family::v6, {}, 0};
  last.address.fill(0xff);
  const PlaceIndex all = index_of({{{{v4_at(0), v4_at(UINT32_MAX)}, place("NL", 1)},
                                    {{{common::Family::v6, {}, 0}, last}, place("", 2)}}});
  for (const uint32_t number : {0u, 1u, UINT32_MAX}) CHECK(found(all, v4_at(number)) == place("NL", 1));
  CHECK(found(all, last) == place("", 2));
  CHECK(all.bounds() == 2);
}

TEST_CASE("place index: neighbours of one place are one, and what is no country is none") {
  const PlaceIndex index = index_of({{{{v4_at(10), v4_at(19)}, place("NL", 0)},
                                      {{v4_at(20), v4_at(29)}, place("NL", 0)},
                                      {{v4_at(30), v4_at(39)}, place("nl", 0)},
                                      {{v4_at(40), v4_at(49)}, place("T1", 7)}}});
  CHECK(index.bounds() == 4);  // 10, 30, 40, 50
  CHECK(found(index, v4_at(29)) == place("NL", 0));
  CHECK(index.find(v4_at(30)) == 0);
  CHECK(found(index, v4_at(45)) == place("", 7));
}

TEST_CASE("place index: more bounds than there may be are told") {
  PlaceIndex::Builder one_file(10);
  for (uint32_t i = 0; i < 5; ++i) one_file.add({v4_at(10 * i), v4_at(10 * i + 5)}, place("NL", i));
  CHECK(!one_file.too_many());
  one_file.add({v4_at(100), v4_at(105)}, place("NL", 9));
  CHECK(one_file.too_many());
  // Each file by itself would do.
  PlaceIndex::Builder two_files(10);
  for (uint32_t i = 0; i < 3; ++i) two_files.add({v4_at(10 * i), v4_at(10 * i + 5)}, place("NL", 0));
  two_files.end_file();
  CHECK(!two_files.too_many());
  for (uint32_t i = 0; i < 3; ++i) two_files.add({v4_at(10 * i + 2), v4_at(10 * i + 7)}, place("", 1));
  two_files.end_file();
  CHECK(two_files.too_many());
}

TEST_CASE("place index: memory as documented: 8 bytes a bound of IPv4, 20 of IPv6, 8 a place") {
  PlaceIndex::Builder builder;
  constexpr uint32_t kNetworks = 50'000;
  for (uint32_t i = 0; i < kNetworks; ++i)
    builder.add({v4_at(256 * i), v4_at(256 * i + 127)}, place("NL", 1 + i % 1000));
  builder.end_file();
  const PlaceIndex v4(std::move(builder));
  CHECK(v4.bounds() == 2 * kNetworks);
  CHECK(v4.bytes() <= 8 * v4.bounds() * 11 / 10 + 8 * v4.places().size());
  PlaceIndex::Builder builder_v6;
  for (uint32_t i = 0; i < kNetworks; ++i)
    builder_v6.add({v6_at(600 + 256 * i), v6_at(600 + 256 * i + 127)}, place("", 1 + i));
  builder_v6.end_file();
  const PlaceIndex v6(std::move(builder_v6));
  CHECK(v6.bounds() == 2 * kNetworks);
  CHECK(v6.bytes() <= 20 * v6.bounds() + 8 * v6.places().size());
}
