#include "common/address_text.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace shoal::common {

namespace {

char* write_decimal(uint8_t value, char* out) {
  if (value >= 100) *out++ = static_cast<char>('0' + value / 100);
  if (value >= 10) *out++ = static_cast<char>('0' + value / 10 % 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

char* write_group(unsigned group, char* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int shift = 12; shift >= 0; shift -= 4) {
    if (group >> shift != 0 || shift == 0) *out++ = kDigits[group >> shift & 0xf];
  }
  return out;
}

char* write_v4(const std::array<uint8_t, 16>& address, char* out) {
  for (size_t i = 0; i < 4; ++i) {
    if (i > 0) *out++ = '.';
    out = write_decimal(address[i], out);
  }
  return out;
}

char* write_v6(const std::array<uint8_t, 16>& address, char* out) {
  std::array<unsigned, 8> groups;
  for (size_t i = 0; i < 8; ++i) groups[i] = static_cast<unsigned>(address[2 * i] << 8 | address[2 * i + 1]);
  size_t gap = 8;
  size_t gap_size = 1;  // a single zero group is not shortened
  for (size_t i = 0; i < 8; ++i) {
    size_t size = 0;
    while (i + size < 8 && groups[i + size] == 0) ++size;
    if (size > gap_size) {
      gap = i;
      gap_size = size;
    }
    if (size > 0) i += size - 1;
  }
  for (size_t i = 0; i < 8;) {
    if (i == gap) {
      *out++ = ':';
      *out++ = ':';
      i += gap_size;
      continue;
    }
    const bool after_gap = gap < 8 && i == gap + gap_size;
    if (i > 0 && !after_gap) *out++ = ':';
    out = write_group(groups[i], out);
    ++i;
  }
  return out;
}

constexpr std::string_view kWebPrefix = "web:";
constexpr size_t kWebTextSize = kWebPrefix.size() + 16 + 1 + 16;
static_assert(kWebTextSize <= kAddressTextMax);

char* write_web(const std::array<uint8_t, 16>& address, char* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out = std::copy(kWebPrefix.begin(), kWebPrefix.end(), out);
  for (size_t i = 0; i < address.size(); ++i) {
    if (i == address.size() / 2) *out++ = '/';
    *out++ = kDigits[address[i] >> 4];
    *out++ = kDigits[address[i] & 0xf];
  }
  return out;
}

}  // namespace

char* write_address(const Endpoint& endpoint, char* out) {
  switch (endpoint.family) {
    case Family::v4:
      return write_v4(endpoint.address, out);
    case Family::v6:
      return write_v6(endpoint.address, out);
    case Family::web:
      return write_web(endpoint.address, out);
  }
  return out;
}

}  // namespace shoal::common
