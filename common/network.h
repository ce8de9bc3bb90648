// Network: a range of addresses in CIDR notation, and sets of them. Pure values, any thread.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.h"

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

class NetworkSet {
 public:
  NetworkSet() = default;
  explicit NetworkSet(std::span<const Network> networks);

  bool empty() const { return ranges_[0].empty() && ranges_[1].empty(); }

  // The port does not count. Time grows with the logarithm of the number of networks.
  bool contains(const Endpoint& address) const;

  bool operator==(const NetworkSet&) const = default;

 private:
  using Bytes = std::array<uint8_t, 16>;
  struct Range {
    Bytes first;
    Bytes last;
    bool operator==(const Range&) const = default;
  };
  std::array<std::vector<Range>, 2> ranges_;  // IPv4, IPv6; ascending, disjoint
};

// Addresses that are invalid or ambiguous on other networks: private, shared (RFC 6598), loopback,
// link-local, unique local, unspecified, multicast and reserved ones.
bool is_private(const Endpoint& address);

}  // namespace shoal::common
