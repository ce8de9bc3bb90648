#include "common/endpoint.h"

#include <algorithm>

#include "common/address_text.h"
#include "common/check.h"
#include "common/hex.h"

namespace shoal::common {

namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Decimal digits only, at most `max`; no sign, no leading zero unless allowed.
std::optional<uint32_t> parse_decimal(std::string_view text, uint32_t max, bool leading_zero) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  if (!leading_zero && text.size() > 1 && text[0] == '0') return std::nullopt;
  uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  if (value > max) return std::nullopt;
  return value;
}

bool parse_v4(std::string_view text, uint8_t* out) {
  for (int i = 0; i < 4; ++i) {
    const size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return false;
    const auto byte = parse_decimal(text.substr(0, dot), 255, false);
    if (!byte) return false;
    out[i] = static_cast<uint8_t>(*byte);
    text.remove_prefix(std::min(text.size(), dot + 1));
  }
  return text.empty();
}

// One side of "::": groups of one to four digits between colons, the last may be dotted IPv4.
// Returns the bytes written, or -1.
int parse_v6_groups(std::string_view text, std::array<uint8_t, 16>& out) {
  size_t size = 0;
  while (!text.empty()) {
    const size_t colon = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, colon);
    if (group.find('.') != std::string_view::npos) {
      if (colon != text.size() || size > 12 || !parse_v4(group, out.data() + size)) return -1;
      return static_cast<int>(size) + 4;
    }
    if (group.empty() || group.size() > 4 || size > 14) return -1;
    unsigned value = 0;
    for (const char c : group) {
      const int digit = hex_digit(c);
      if (digit < 0) return -1;
      value = value << 4 | static_cast<unsigned>(digit);
    }
    out[size++] = static_cast<uint8_t>(value >> 8);
    out[size++] = static_cast<uint8_t>(value);
    if (colon == text.size()) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return -1;  // a colon at the end
  }
  return static_cast<int>(size);
}

bool parse_v6(std::string_view text, std::array<uint8_t, 16>& out) {
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) return parse_v6_groups(text, out) == 16;
  std::array<uint8_t, 16> head{};
  std::array<uint8_t, 16> tail{};
  const std::string_view head_text = text.substr(0, gap);
  if (head_text.find('.') != std::string_view::npos) return false;
  const int head_size = parse_v6_groups(head_text, head);
  const int tail_size = parse_v6_groups(text.substr(gap + 2), tail);
  if (head_size < 0 || tail_size < 0 || head_size + tail_size > 14) return false;
  out.fill(0);
  std::copy_n(head.begin(), head_size, out.begin());
  std::copy_n(tail.begin(), tail_size, out.end() - tail_size);
  return true;
}

}  // namespace

Endpoint make_endpoint(std::span<const uint8_t> address, uint16_t port) {
  CHECK_INVARIANT(address.size() == 4 || address.size() == 16);
  Endpoint endpoint;
  endpoint.port = port;
  if (address.size() == 16 && std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin())) {
    address = address.subspan(12);
  }
  endpoint.family = address.size() == 4 ? Family::v4 : Family::v6;
  std::copy(address.begin(), address.end(), endpoint.address.begin());
  return endpoint;
}

Endpoint make_endpoint_v4(uint32_t address, uint16_t port) {
  const std::array<uint8_t, 4> bytes = {static_cast<uint8_t>(address >> 24),
                                        static_cast<uint8_t>(address >> 16),
                                        static_cast<uint8_t>(address >> 8), static_cast<uint8_t>(address)};
  return make_endpoint(bytes, port);
}

bool is_wildcard(const Endpoint& endpoint) {
  return std::all_of(endpoint.address.begin(), endpoint.address.end(),
                     [](uint8_t byte) { return byte == 0; });
}

bool is_multicast(const Endpoint& endpoint) {
  return endpoint.family == Family::v4 ? endpoint.address[0] >> 4 == 0xe : endpoint.address[0] == 0xff;
}

std::string address_to_string(const Endpoint& endpoint) {
  std::array<char, kAddressTextMax> text;
  return {text.data(), write_address(endpoint, text.data())};
}

std::string to_string(const Endpoint& endpoint) {
  std::string address = address_to_string(endpoint);
  if (endpoint.family == Family::web) return address;
  const std::string port = std::to_string(endpoint.port);
  return endpoint.family == Family::v6 ? "[" + address + "]:" + port : address + ":" + port;
}

std::optional<Endpoint> parse_address(std::string_view text) {
  std::array<uint8_t, 16> bytes{};
  if (parse_v4(text, bytes.data())) return make_endpoint(std::span(bytes).first(4), 0);
  if (parse_v6(text, bytes)) return make_endpoint(bytes, 0);
  return std::nullopt;
}

std::optional<uint16_t> parse_port(std::string_view text) {
  const auto value = parse_decimal(text, 65535, true);
  if (!value) return std::nullopt;
  return static_cast<uint16_t>(*value);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  auto endpoint = parse_address(host);
  const auto port = parse_port(text.substr(colon + 1));
  if (!endpoint || !port) return std::nullopt;
  endpoint->port = *port;
  return endpoint;
}

}  // namespace shoal::common
