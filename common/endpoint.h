// Endpoint: an IP address and a port, without any socket header. Addresses are kept in network order. A
// browser has none: it is known by the node that holds its connection (common/web_address.h).

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace shoal::common {

enum class Family : uint8_t {
  v4 = 4,
  v6 = 6,
  web = 7,  // a peer by websocket: no IP address. Only in the store and between nodes, never parsed from text
};

// Bytes of one address of the family: 4 or 16.
constexpr size_t address_size(Family family) { return family == Family::v4 ? 4 : 16; }

// Bytes of one peer in compact form: address and port (BEP 23, BEP 7): 6 or 18. Of a web peer 18, between
// nodes.
constexpr size_t compact_size(Family family) { return address_size(family) + 2; }

struct Endpoint {
  Family family = Family::v4;
  std::array<uint8_t, 16> address{};  // IPv4: the first four bytes, the others are zero
  uint16_t port = 0;                  // host order

  auto operator<=>(const Endpoint&) const = default;

  std::span<const uint8_t> address_bytes() const { return {address.data(), address_size(family)}; }
};

// From the bytes of an address: 4 make an IPv4, 16 an IPv6 address (IPv4-mapped ones become IPv4), never a
// web peer. Other sizes are our bug.
Endpoint make_endpoint(std::span<const uint8_t> address, uint16_t port);

// IPv4 from a number in host order, as 0x7f000001; for tests and constants.
Endpoint make_endpoint_v4(uint32_t address, uint16_t port);

// 0.0.0.0 or ::, whatever the port.
bool is_wildcard(const Endpoint& endpoint);

// 224.0.0.0/4 or ff00::/8.
bool is_multicast(const Endpoint& endpoint);

// "192.0.2.1" or "2001:db8::1" (RFC 5952); of a web peer "web:RUN/CONNECTION", each 16 hexadecimal digits.
std::string address_to_string(const Endpoint& endpoint);

// "192.0.2.1:6969" or "[2001:db8::1]:6969"; a web peer without its port, which is always the same.
std::string to_string(const Endpoint& endpoint);

// A numeric IPv4 or IPv6 address without brackets (RFC 4291 text forms, no zone); the port of the result is
// 0.
std::optional<Endpoint> parse_address(std::string_view text);

// "ADDRESS:PORT" or "[ADDRESS]:PORT", numeric, port 0 to 65535.
std::optional<Endpoint> parse_endpoint(std::string_view text);

// A decimal port, 0 to 65535, digits only.
std::optional<uint16_t> parse_port(std::string_view text);

}  // namespace shoal::common
