#include "proto/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace shoal::proto {

using common::ByteSpan;
using common::Family;

namespace {

constexpr size_t kLineMax = 107;  // version 1, with CR LF
constexpr std::string_view kPrefix1 = "PROXY ";
constexpr std::array<uint8_t, 12> kSignature2 = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr size_t kHead2 = 16;

enum : uint8_t { kLocal = 0x20, kProxy = 0x21 };
enum : uint8_t { kUnspecified = 0x00, kTcp4 = 0x11, kTcp6 = 0x21 };

ProxyHeader bad() { return {ProxyState::bad, std::nullopt, 0}; }

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

// A canonical port: no sign, no leading zero.
std::optional<uint16_t> read_port(std::string_view word) {
  if (word.size() > 1 && word[0] == '0') return std::nullopt;
  return common::parse_port(word);
}

ProxyHeader parse_line(std::string_view line, size_t consumed) {
  const std::string_view family = take_word(line);
  if (family == "UNKNOWN") return {ProxyState::header, std::nullopt, consumed};
  if (family != "TCP4" && family != "TCP6") return bad();
  if (line.ends_with(' ')) return bad();
  auto source = common::parse_address(take_word(line));
  const auto destination = common::parse_address(take_word(line));
  const auto source_port = read_port(take_word(line));
  const auto destination_port = read_port(take_word(line));
  if (!source || !destination || !source_port || !destination_port || !line.empty()) return bad();
  // IPv4-mapped addresses are IPv4 to us, whichever family the header says.
  if (family == "TCP4" && (source->family != Family::v4 || destination->family != Family::v4)) return bad();
  source->port = *source_port;
  return {ProxyState::header, source, consumed};
}

ProxyHeader parse_version_1(std::string_view text) {
  const size_t known = std::min(text.size(), kPrefix1.size());
  if (text.substr(0, known) != kPrefix1.substr(0, known)) return bad();
  const size_t end = text.substr(0, kLineMax).find('\n');
  if (end == std::string_view::npos) {
    return text.size() >= kLineMax ? bad() : ProxyHeader{};
  }
  if (end < kPrefix1.size() || text[end - 1] != '\r') return bad();
  return parse_line(text.substr(kPrefix1.size(), end - 1 - kPrefix1.size()), end + 1);
}

ProxyHeader parse_version_2(ByteSpan buffer) {
  const size_t known = std::min(buffer.size(), kSignature2.size());
  if (!std::equal(kSignature2.begin(), kSignature2.begin() + static_cast<ptrdiff_t>(known), buffer.begin())) {
    return bad();
  }
  common::ByteReader reader(buffer);
  reader.take(kSignature2.size());
  const uint8_t command = reader.u8();
  if (reader.ok() && command != kLocal && command != kProxy) return bad();
  const uint8_t protocol = reader.u8();
  const size_t length = reader.u16();
  if (!reader.ok()) return {};
  if (kHead2 + length > kProxyHeaderMax) return bad();
  const size_t address_bytes = protocol == kTcp4 ? 4 : 16;
  const bool told = command == kProxy && protocol != kUnspecified;
  if (told && protocol != kTcp4 && protocol != kTcp6) return bad();
  if (told && length < 2 * address_bytes + 4) return bad();
  const ByteSpan content = reader.take(length);
  if (!reader.ok()) return {};
  ProxyHeader header{ProxyState::header, std::nullopt, kHead2 + length};
  if (told) {
    common::ByteReader addresses(content);
    const ByteSpan source = addresses.take(address_bytes);
    addresses.take(address_bytes);
    header.client = common::make_endpoint(source, addresses.u16());
  }
  return header;
}

}  // namespace

ProxyHeader parse_proxy_header(ByteSpan buffer) {
  if (buffer.empty()) return {};
  if (buffer[0] == kSignature2[0]) return parse_version_2(buffer);
  return parse_version_1({reinterpret_cast<const char*>(buffer.data()), buffer.size()});
}

}  // namespace shoal::proto
