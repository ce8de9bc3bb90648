#include "common/network.h"

#include <algorithm>

#include "common/check.h"

namespace shoal::common {

namespace {

size_t index_of(Family family) { return family == Family::v4 ? 0 : 1; }

// Sets the bits from `prefix` on to 1; true if one of them was 1 before.
bool fill_behind(std::array<uint8_t, 16>& bytes, size_t size, size_t prefix) {
  bool set_before = false;
  for (size_t i = prefix / 8; i < size; ++i) {
    const auto mask = static_cast<uint8_t>(i == prefix / 8 ? 0xff >> prefix % 8 : 0xff);
    set_before |= (bytes[i] & mask) != 0;
    bytes[i] |= mask;
  }
  return set_before;
}

}  // namespace

std::optional<Network> parse_network(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const size_t bits = 8 * address_size(address->family);
  if (slash == std::string_view::npos) return Network{*address, static_cast<uint8_t>(bits)};
  const std::string_view digits = text.substr(slash + 1);
  const auto prefix = parse_port(digits);  // a decimal number as well
  if (!prefix || *prefix > bits || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  std::array<uint8_t, 16> bytes = address->address;
  if (fill_behind(bytes, bits / 8, *prefix)) return std::nullopt;
  return Network{*address, static_cast<uint8_t>(*prefix)};
}

std::string to_string(const Network& network) {
  return address_to_string(network.address) + "/" + std::to_string(network.prefix);
}

NetworkSet::NetworkSet(std::span<const Network> networks) {
  for (const Network& network : networks) {
    Range range{network.address.address, network.address.address};
    fill_behind(range.last, address_size(network.address.family), network.prefix);
    ranges_[index_of(network.address.family)].push_back(range);
  }
  for (std::vector<Range>& ranges : ranges_) {
    // Of two that begin together the wider first: networks are nested or disjoint.
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
      return a.first != b.first ? a.first < b.first : b.last < a.last;
    });
    const auto covered = [](const Range& before, const Range& next) { return next.last <= before.last; };
    ranges.erase(std::unique(ranges.begin(), ranges.end(), covered), ranges.end());
  }
}

bool NetworkSet::contains(const Endpoint& address) const {
  const std::vector<Range>& ranges = ranges_[index_of(address.family)];
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), address.address,
                       [](const Bytes& bytes, const Range& range) { return bytes < range.first; });
  return after != ranges.begin() && address.address <= std::prev(after)->last;
}

bool is_private(const Endpoint& address) {
  static const NetworkSet kPrivate = [] {
    std::vector<Network> networks;
    for (const char* text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
          "192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"}) {
      const auto network = parse_network(text);
      CHECK_INVARIANT(network.has_value());
      networks.push_back(*network);
    }
    return NetworkSet(networks);
  }();
  return kPrivate.contains(address);
}

}  // namespace shoal::common
