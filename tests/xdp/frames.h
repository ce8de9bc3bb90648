// Frames of Ethernet as a client would send them to the tracker: right by default, and wrong where a test
// wants. Pure.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/endpoint.h"

namespace shoal::test {

using Bytes = std::vector<uint8_t>;
using Hardware = std::array<uint8_t, 6>;

constexpr Hardware kServerHardware = {2, 0, 0, 0, 0, 1};
constexpr Hardware kClientHardware = {2, 0, 0, 0, 0, 2};

struct Tag {
  uint16_t protocol = 0x8100;
  uint16_t id = 0;
};

// What a datagram is wrapped in.
struct Wrapping {
  common::Endpoint from;
  common::Endpoint to;
  Hardware from_hardware = kClientHardware;
  Hardware to_hardware = kServerHardware;
  std::vector<Tag> tags;        // outermost first
  Bytes options;                // IPv4: a multiple of four bytes; IPv6: extension headers
  uint8_t first_extension = 0;  // IPv6: what the first of these is
  uint16_t fragment = 0x4000;   // IPv4
  uint8_t service = 0;          // IPv4: type of service; IPv6: traffic class
  uint8_t ttl = 57;
  uint8_t version = 0;  // 0: the right one
  uint8_t protocol = 17;
  int ip_size_off = 0;   // added to the IP size field
  int udp_size_off = 0;  // added to the UDP size field
  enum class Checksum : uint8_t { right, wrong, none, unfinished } udp_checksum = Checksum::right;
  bool right_ip_checksum = true;
  size_t padding = 0;  // bytes after IP's end
};

Bytes frame_of(const Wrapping& wrapping, std::span<const uint8_t> datagram);

// The UDP datagram in a frame with any number of tags and no options.
struct Unwrapped {
  common::Endpoint from;
  common::Endpoint to;
  Bytes datagram;
};
// None if it is none, or if a checksum in it is wrong.
std::optional<Unwrapped> unwrap(std::span<const uint8_t> frame);

// The frame as far as two answers to one request must be the same: without padding, IPv4's identification and
// "don't fragment", and IPv6's flow label, which a kernel chooses as it likes.
Bytes comparable(std::span<const uint8_t> frame);

std::string hex(std::span<const uint8_t> bytes);

}  // namespace shoal::test
