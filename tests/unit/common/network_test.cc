#include "common/network.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>
#include <vector>

#include "common/prng.h"

using namespace shoal::common;

namespace {

NetworkSet set_of(std::initializer_list<const char*> texts) {
  std::vector<Network> networks;
  for (const char* text : texts) {
    REQUIRE(parse_network(text));
    networks.push_back(*parse_network(text));
  }
  return NetworkSet(networks);
}

bool contains(const NetworkSet& set, const char* address) { return set.contains(*parse_address(address)); }

}  // namespace

TEST_CASE("network: parses and prints") {
  for (const char* text : {"0.0.0.0/0", "192.0.2.0/24", "192.0.2.128/25", "192.0.2.1/32", "::/0",
                           "2001:db8::/32", "2001:db8:0:0:8000::/65", "::1/128"}) {
    CAPTURE(text);
    const auto network = parse_network(text);
    REQUIRE(network);
    CHECK(to_string(*network) == text);
  }
  CHECK(to_string(*parse_network("192.0.2.1")) == "192.0.2.1/32");
  CHECK(to_string(*parse_network("::1")) == "::1/128");
}

TEST_CASE("network: invalid text is refused") {
  for (const char* text :
       {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/ 8",
        "10.0.0.0/8/8", "10.0.0.1/8", "192.0.2.129/25", "10.0.0/8", "2001:db8::/129", "2001:db8::1/64",
        "[::1]/128", "::1%lo", "localhost", "10.0.0.0/99999999999999999999"}) {
    CAPTURE(text);
    CHECK(!parse_network(text));
  }
}

TEST_CASE("network set: edges, nesting and families") {
  const NetworkSet set = set_of({"192.0.2.0/24", "192.0.2.64/26", "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/9",
                                 "2001:db8::/33", "203.0.113.7"});
  for (const char* inside : {"192.0.2.0", "192.0.2.255", "192.0.2.200", "10.0.0.0", "10.255.255.255",
                             "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "203.0.113.7"}) {
    CAPTURE(inside);
    CHECK(contains(set, inside));
  }
  for (const char* outside : {"192.0.1.255", "192.0.3.0", "9.255.255.255", "11.0.0.0", "0.0.0.0",
                              "255.255.255.255", "2001:db8:8000::", "2001:db7:ffff::", "::", "203.0.113.8"}) {
    CAPTURE(outside);
    CHECK(!contains(set, outside));
  }
  CHECK(contains(set_of({"0.0.0.0/0"}), "255.255.255.255"));
  CHECK(!contains(set_of({"0.0.0.0/0"}), "::1"));
  CHECK(contains(set_of({"::/0"}), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  CHECK(NetworkSet().empty());
  CHECK(!contains(NetworkSet(), "10.0.0.1"));
}

namespace {

// What contains() says, from the bounds.
bool is_within_bounds(const NetworkSet& set, const Endpoint& address) {
  const auto number = [&](size_t from, size_t size) {
    uint64_t value = 0;
    for (size_t i = from; i < from + size; ++i) value = value << 8 | address.address[i];
    return value;
  };
  const auto rank = [](const auto& bounds, const auto& key) {
    REQUIRE(std::is_sorted(bounds.begin(), bounds.end()));
    return std::upper_bound(bounds.begin(), bounds.end(), key) - bounds.begin();
  };
  return address.family == Family::v4
             ? rank(set.v4_bounds(), static_cast<uint32_t>(number(0, 4))) % 2 == 1
             : rank(set.v6_bounds(), std::pair<uint64_t, uint64_t>(number(0, 8), number(8, 8))) % 2 == 1;
}

}  // namespace

TEST_CASE("network set: agrees with a linear search") {
  Prng prng(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<Network> networks;
    for (uint64_t i = prng.below(12); i > 0; --i) {
      // Few distinct bits, so that networks nest and touch.
      const auto prefix = static_cast<uint8_t>(prng.below(9));
      const auto byte = static_cast<uint32_t>(prng.below(256) & (0xff00 >> prefix) & 0xff);
      networks.push_back({make_endpoint_v4(byte << 24, 0), prefix});
    }
    const NetworkSet set(networks);
    for (uint32_t byte = 0; byte < 256; ++byte) {
      bool expected = false;
      for (const Network& network : networks) {
        const uint32_t mask = (0xff00U >> network.prefix) & 0xff;
        expected |= (byte & mask) == network.address.address[0];
      }
      REQUIRE(set.contains(make_endpoint_v4(byte << 24 | 0x00fffffe, 1)) == expected);
      REQUIRE(is_within_bounds(set, make_endpoint_v4(byte << 24 | 0x00fffffe, 1)) == expected);
    }
  }
}

namespace {

// An address whose bits are few, so that ranges nest, touch and meet at /64s and at both ends of the space.
Endpoint sparse_v6(Prng& prng) {
  constexpr std::array<uint8_t, 5> kBytes = {0, 1, 0x80, 0xfe, 0xff};
  Endpoint address = *parse_address("::");
  const bool ones = prng.below(2) == 0;
  for (size_t i = 0; i < 16; ++i) address.address[i] = ones ? 0xff : 0;
  for (const size_t place : {size_t{0}, size_t{7}, size_t{8}, size_t{15}}) {
    address.address[place] = kBytes[prng.below(kBytes.size())];
  }
  return address;
}

}  // namespace

TEST_CASE("network set: ranges of IPv6 agree with a linear search") {
  Prng prng(11);
  for (int round = 0; round < 400; ++round) {
    std::vector<AddressRange> ranges;
    NetworkSet::Builder builder;
    for (uint64_t i = 1 + prng.below(10); i > 0; --i) {
      AddressRange range{sparse_v6(prng), sparse_v6(prng)};
      if (range.last.address < range.first.address) std::swap(range.first, range.last);
      ranges.push_back(range);
      builder.add(range);
    }
    const NetworkSet set(std::move(builder));
    for (int i = 0; i < 300; ++i) {
      const Endpoint address = sparse_v6(prng);
      bool expected = false;
      for (const AddressRange& range : ranges) {
        expected |= range.first.address <= address.address && address.address <= range.last.address;
      }
      CAPTURE(round);
      CAPTURE(address_to_string(address));
      REQUIRE(set.contains(address) == expected);
      REQUIRE(is_within_bounds(set, address) == expected);
    }
  }
}

TEST_CASE("network set: made of another it is the same, and of two it holds both") {
  Prng prng(12);
  for (int round = 0; round < 300; ++round) {
    const auto random_set = [&] {
      NetworkSet::Builder builder;
      for (uint64_t i = prng.below(8); i > 0; --i) {
        AddressRange range{sparse_v6(prng), sparse_v6(prng)};
        if (range.last.address < range.first.address) std::swap(range.first, range.last);
        builder.add(range);
        const uint32_t first = prng.below(2) == 0 ? UINT32_MAX - prng.below(20) : prng.below(100);
        const uint32_t last = first + std::min(UINT32_MAX - first, prng.below(10));
        builder.add(AddressRange{make_endpoint_v4(first, 0), make_endpoint_v4(last, 0)});
      }
      return NetworkSet(std::move(builder));
    };
    const NetworkSet one = random_set();
    const NetworkSet other = random_set();
    NetworkSet::Builder same;
    same.add(one);
    REQUIRE(NetworkSet(std::move(same)) == one);
    NetworkSet::Builder both;
    both.add(one);
    both.add(other);
    const NetworkSet joined(std::move(both));
    for (int i = 0; i < 200; ++i) {
      const Endpoint address = prng.below(2) == 0 ? sparse_v6(prng) : make_endpoint_v4(prng.below(120), 0);
      REQUIRE(joined.contains(address) == (one.contains(address) || other.contains(address)));
    }
  }
}

TEST_CASE("network set: ranges of IPv4, and the ends of the space") {
  const auto range = [](const char* first, const char* last) {
    return AddressRange{*parse_address(first), *parse_address(last)};
  };
  NetworkSet::Builder builder;
  builder.add(range("0.0.0.0", "0.0.0.5"));
  builder.add(range("10.0.0.7", "10.0.1.3"));
  builder.add(range("10.0.1.4", "10.0.1.9"));  // touches it
  builder.add(range("255.255.255.254", "255.255.255.255"));
  builder.add(range("::", "::"));
  builder.add(range("ffff:ffff:ffff:ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  const NetworkSet set(std::move(builder));
  for (const char* inside :
       {"0.0.0.0", "0.0.0.5", "10.0.0.7", "10.0.1.3", "10.0.1.4", "10.0.1.9", "255.255.255.255",
        "::", "ffff:ffff:ffff:ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    CAPTURE(inside);
    CHECK(contains(set, inside));
    CHECK(is_within_bounds(set, *parse_address(inside)));
  }
  for (const char* outside : {"0.0.0.6", "10.0.0.6", "10.0.1.10", "255.255.255.253", "::1",
                              "ffff:ffff:ffff:fffe:ffff:ffff:ffff:ffff"}) {
    CAPTURE(outside);
    CHECK(!contains(set, outside));
    CHECK(!is_within_bounds(set, *parse_address(outside)));
  }
}

TEST_CASE("network set: a million networks take at most 32 MB, whatever they are") {
  constexpr uint32_t kNetworks = 1'000'000;
  Prng prng(3);
  const auto random_v6 = [&](uint8_t prefix) {
    Endpoint address = *parse_address("::");
    for (size_t i = 0; i < prefix / 8; ++i) address.address[i] = static_cast<uint8_t>(prng.next());
    return Network{address, prefix};
  };
  for (const int kind : {0, 1, 2}) {
    CAPTURE(kind);
    NetworkSet::Builder builder;
    for (uint32_t i = 0; i < kNetworks; ++i) {
      if (kind == 0) builder.add(Network{make_endpoint_v4(static_cast<uint32_t>(prng.next()), 0), 32});
      if (kind == 1) builder.add(random_v6(64));
      if (kind == 2) builder.add(random_v6(128));  // the costliest: each in a /64 of its own
    }
    const NetworkSet set(std::move(builder));
    CHECK(set.bytes() <= 32'000'000);
    CHECK(!set.empty());
  }
}

TEST_CASE("sorted keys: the rank of every key and of its neighbours, at every size of a few blocks") {
  for (uint32_t size = 0; size < 600; ++size) {
    std::vector<uint32_t> keys(size);
    for (uint32_t i = 0; i < size; ++i) keys[i] = 10 + 3 * i;
    if (size > 0) keys.back() = UINT32_MAX;
    const SortedKeys<uint32_t> sorted{std::span<const uint32_t>(keys)};
    REQUIRE(sorted.size() == size);
    REQUIRE(sorted.rank(9) == (size == 1 && keys[0] <= 9 ? 1 : 0));
    for (uint32_t i = 0; i < size; ++i) {
      REQUIRE(sorted[i] == keys[i]);
      REQUIRE(sorted.rank(keys[i]) == i + 1);
      REQUIRE(sorted.rank(keys[i] - 1) == i);
    }
    REQUIRE(sorted.rank(UINT32_MAX) == size);
    REQUIRE(sorted.rank(UINT32_MAX - 1) == (size > 0 ? size - 1 : 0));
  }
}

TEST_CASE("private addresses") {
  for (const char* text :
       {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1", "100.64.0.1",
        "100.127.255.255", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
        "fdff::1", "ff02::1", "::ffff:10.0.0.1"}) {
    CAPTURE(text);
    CHECK(is_private(*parse_address(text)));
  }
  for (const char* text :
       {"8.8.8.8", "172.32.0.1", "172.15.255.255", "100.63.255.255", "100.128.0.0", "192.167.255.255",
        "223.255.255.255", "2001:db8::1", "::2", "fe00::1", "fec0::1"}) {
    CAPTURE(text);
    CHECK(!is_private(*parse_address(text)));
  }
}
