#include "tests/xdp/frames.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>

namespace shoal::test {

using common::Endpoint;
using common::Family;

namespace {

constexpr size_t kEthernetSize = 14;
constexpr size_t kUdpSize = 8;

void put16(Bytes& out, size_t at, uint32_t value) {
  out[at] = static_cast<uint8_t>(value >> 8);
  out[at + 1] = static_cast<uint8_t>(value);
}

uint16_t get16(std::span<const uint8_t> in, size_t at) {
  return static_cast<uint16_t>(in[at] << 8 | in[at + 1]);
}

uint64_t sum_of(std::span<const uint8_t> bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? uint64_t{bytes[i]} << 8 : bytes[i];
  return sum;
}

uint16_t folded(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

uint64_t pseudo_sum(const Endpoint& from, const Endpoint& to, size_t udp_size) {
  return sum_of(from.address_bytes()) + sum_of(to.address_bytes()) + 17 + udp_size;
}

void append(Bytes& out, std::span<const uint8_t> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void append_v4(Bytes& out, const Wrapping& wrapping, size_t udp_size) {
  const size_t at = out.size();
  const size_t header = 20 + wrapping.options.size();
  out.resize(at + 20);
  const uint8_t version = wrapping.version == 0 ? 4 : wrapping.version;
  out[at] = static_cast<uint8_t>(version << 4 | header / 4);
  out[at + 1] = wrapping.service;
  put16(out, at + 2, static_cast<uint32_t>(static_cast<int>(header + udp_size) + wrapping.ip_size_off));
  put16(out, at + 4, 0x1234);
  put16(out, at + 6, wrapping.fragment);
  out[at + 8] = wrapping.ttl;
  out[at + 9] = wrapping.protocol;
  std::copy_n(wrapping.from.address.begin(), 4, out.begin() + static_cast<std::ptrdiff_t>(at) + 12);
  std::copy_n(wrapping.to.address.begin(), 4, out.begin() + static_cast<std::ptrdiff_t>(at) + 16);
  append(out, wrapping.options);
  const uint16_t checksum = static_cast<uint16_t>(~folded(sum_of(std::span(out).subspan(at, header))));
  put16(out, at + 10, checksum ^ (wrapping.right_ip_checksum ? 0U : 1U));
}

void append_v6(Bytes& out, const Wrapping& wrapping, size_t udp_size) {
  const size_t at = out.size();
  out.resize(at + 8);
  const uint8_t version = wrapping.version == 0 ? 6 : wrapping.version;
  out[at] = static_cast<uint8_t>(version << 4 | wrapping.service >> 4);
  out[at + 1] = static_cast<uint8_t>(wrapping.service << 4 | 0xa);  // and some flow label
  put16(out, at + 2, 0xbcde);
  put16(out, at + 4,
        static_cast<uint32_t>(static_cast<int>(wrapping.options.size() + udp_size) + wrapping.ip_size_off));
  out[at + 6] = wrapping.options.empty() ? wrapping.protocol : wrapping.first_extension;
  out[at + 7] = wrapping.ttl;
  append(out, wrapping.from.address_bytes());
  append(out, wrapping.to.address_bytes());
  append(out, wrapping.options);
}

size_t after_tags(std::span<const uint8_t> frame) {
  size_t at = kEthernetSize;
  while (at + 4 <= frame.size() && (get16(frame, at - 2) == 0x8100 || get16(frame, at - 2) == 0x88a8))
    at += 4;
  return at;
}

}  // namespace

Bytes frame_of(const Wrapping& wrapping, std::span<const uint8_t> datagram) {
  Bytes out;
  out.reserve(kEthernetSize + 60 + wrapping.options.size() + datagram.size() + wrapping.padding);
  append(out, wrapping.to_hardware);
  append(out, wrapping.from_hardware);
  const auto append16 = [&](uint16_t value) {
    out.push_back(static_cast<uint8_t>(value >> 8));
    out.push_back(static_cast<uint8_t>(value));
  };
  for (const Tag& tag : wrapping.tags) {
    append16(tag.protocol);
    append16(tag.id);
  }
  const bool v4 = wrapping.from.family == Family::v4;
  append16(v4 ? 0x0800 : 0x86dd);
  const size_t udp_size = kUdpSize + datagram.size();
  v4 ? append_v4(out, wrapping, udp_size) : append_v6(out, wrapping, udp_size);

  const size_t at = out.size();
  const size_t said = static_cast<size_t>(static_cast<int>(udp_size) + wrapping.udp_size_off);
  append16(wrapping.from.port);
  append16(wrapping.to.port);
  append16(static_cast<uint16_t>(said));
  append16(0);
  append(out, datagram);
  const uint64_t pseudo = pseudo_sum(wrapping.from, wrapping.to, said);
  const uint16_t right = static_cast<uint16_t>(~folded(pseudo + sum_of(std::span(out).subspan(at))));
  using Checksum = Wrapping::Checksum;
  switch (wrapping.udp_checksum) {
    case Checksum::right:
      put16(out, at + 6, right == 0 ? 0xffff : right);
      break;
    case Checksum::wrong:
      put16(out, at + 6, right ^ 0x0100U);
      break;
    case Checksum::none:
      break;
    case Checksum::unfinished:
      put16(out, at + 6, folded(pseudo));
      break;
  }
  out.resize(out.size() + wrapping.padding, 0xee);
  return out;
}

std::optional<Unwrapped> unwrap(std::span<const uint8_t> frame) {
  const size_t at = after_tags(frame);
  if (frame.size() < at + 28) return std::nullopt;
  const uint16_t protocol = get16(frame, at - 2);
  const bool v4 = protocol == 0x0800;
  if (!v4 && (protocol != 0x86dd || frame.size() < at + 48)) return std::nullopt;
  if (v4 && (frame[at] != 0x45 || frame[at + 9] != 17)) return std::nullopt;
  if (!v4 && (frame[at] >> 4 != 6 || frame[at + 6] != 17)) return std::nullopt;
  if (v4 && folded(sum_of(frame.subspan(at, 20))) != 0xffff) return std::nullopt;
  const size_t udp = at + (v4 ? 20 : 40);
  const size_t size = get16(frame, udp + 4);
  if (size < kUdpSize || udp + size > frame.size()) return std::nullopt;
  if (size != (v4 ? get16(frame, at + 2) - 20U : get16(frame, at + 4))) return std::nullopt;
  Unwrapped out;
  const size_t address = v4 ? 4 : 16;
  const size_t addresses = at + (v4 ? 12 : 8);
  out.from = common::make_endpoint(frame.subspan(addresses, address), get16(frame, udp));
  out.to = common::make_endpoint(frame.subspan(addresses + address, address), get16(frame, udp + 2));
  if (get16(frame, udp + 6) == 0) return std::nullopt;  // answers have one
  if (folded(pseudo_sum(out.from, out.to, size) + sum_of(frame.subspan(udp, size))) != 0xffff)
    return std::nullopt;
  const auto datagram = frame.subspan(udp + kUdpSize, size - kUdpSize);
  out.datagram.assign(datagram.begin(), datagram.end());
  return out;
}

Bytes comparable(std::span<const uint8_t> frame) {
  const size_t at = after_tags(frame);
  Bytes out(frame.begin(), frame.end());
  if (frame.size() < at + 28) return out;
  if (get16(frame, at - 2) == 0x0800) {
    out.resize(std::min<size_t>(out.size(), at + get16(frame, at + 2)));
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at) + 4, 4, 0);
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at) + 10, 2, 0);
  } else {
    out.resize(std::min<size_t>(out.size(), at + 40 + get16(frame, at + 4)));
    out[at + 1] &= 0xf0;
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at) + 2, 2, 0);
  }
  return out;
}

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  std::array<char, 3> two;
  for (const uint8_t byte : bytes) {
    std::snprintf(two.data(), two.size(), "%02x", byte);
    text += two.data();
  }
  return text;
}

}  // namespace shoal::test
