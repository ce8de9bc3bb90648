// Network: a range of addresses in CIDR notation, and sets of them. Pure values, any thread.

#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/endpoint.h"
#include "common/sorted_keys.h"

namespace shoal::common {

struct Network {
  Endpoint address;  // the first of the range; port 0
  uint8_t prefix = 0;
  bool operator==(const Network&) const = default;
};

// "192.0.2.0/24", "2001:db8::/32", or an address alone: a network of one. Bits after the prefix must be 0:
// otherwise it is unclear which network is meant.
std::optional<Network> parse_network(std::string_view text);

// The text that parse_network reads back.
std::string to_string(const Network& network);

// All addresses from `first` to `last`, of one family. Ports do not count.
struct AddressRange {
  Endpoint first;
  Endpoint last;
  bool operator==(const AddressRange&) const = default;
};
AddressRange range_of(const Network& network);

// A set of addresses, made of any number of networks and ranges that may overlap. A lookup takes one step per
// factor of 16 in their number: below 100 ns with a million. A million networks take at most 32 MB, whatever
// they are.
class NetworkSet {
 public:
  // Collects what a set is made of. Takes 8 bytes a range of IPv4, 32 of IPv6.
  class Builder {
   public:
    // Wrong order or two families: our bug.
    void add(const AddressRange& range);
    void add(const Network& network) { add(range_of(network)); }
    void add(const NetworkSet& set);
    size_t size() const { return v4_.size() + v6_.size(); }

   private:
    friend class NetworkSet;
    struct V6 {
      uint64_t head = 0;  // the upper half
      uint64_t tail = 0;
      auto operator<=>(const V6&) const = default;
    };
    std::vector<std::pair<uint32_t, uint32_t>> v4_;
    std::vector<std::pair<V6, V6>> v6_;
  };

  NetworkSet() = default;
  explicit NetworkSet(std::span<const Network> networks);
  explicit NetworkSet(Builder builder);

  bool empty() const { return v4_.size() + v6_heads_.size() + v6_deep_.size() == 0; }

  // The port does not count.
  bool contains(const Endpoint& address) const;

  size_t bytes() const;

  // Where the set begins and where it ends (the address after the last one), in turn, ascending: an address
  // is in it if an odd number of bounds are at most it. As numbers, those of IPv6 in halves.
  std::vector<uint32_t> v4_bounds() const;
  std::vector<std::pair<uint64_t, uint64_t>> v6_bounds() const;

  bool operator==(const NetworkSet&) const = default;

 private:
  // Where the set begins and where it ends, in turn: an address is in it if an odd number of bounds are at
  // most it. A range up to the last address has no end.
  SortedKeys<uint32_t> v4_;
  // The same of the upper halves, for ranges of whole /64s.
  SortedKeys<uint64_t> v6_heads_;
  // Upper halves of which only a part is in the set. The bounds of the i-th are v6_tails_[v6_starts_[i]] up
  // to v6_tails_[v6_starts_[i + 1]].
  SortedKeys<uint64_t> v6_deep_;
  std::vector<uint32_t> v6_starts_;
  std::vector<uint64_t> v6_tails_;
};

// Addresses that are invalid or ambiguous on other networks: private, shared (RFC 6598), loopback,
// link-local, unique local, unspecified, multicast and reserved ones.
bool is_private(const Endpoint& address);

}  // namespace shoal::common
