#include "common/network.h"

#include <algorithm>
#include <optional>

#include "common/check.h"

namespace shoal::common {

namespace {

// `size` bytes, at most 8, as a number.
uint64_t number_of(const uint8_t* bytes, size_t size) {
  uint64_t number = 0;
  for (size_t i = 0; i < size; ++i) number = number << 8 | bytes[i];
  return number;
}

// Sorts ranges and joins those that overlap or touch. `next` gives the address after one; none after the
// last.
template <class Address, class Next>
void join(std::vector<std::pair<Address, Address>>& ranges, Next next) {
  std::sort(ranges.begin(), ranges.end());
  size_t kept = 0;
  for (const auto& range : ranges) {
    if (kept > 0) {
      auto& before = ranges[kept - 1];
      const auto after = next(before.second);
      if (!after || range.first <= *after) {
        before.second = std::max(before.second, range.second);
        continue;
      }
    }
    ranges[kept++] = range;
  }
  ranges.resize(kept);
}

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

AddressRange range_of(const Network& network) {
  AddressRange range{network.address, network.address};
  fill_behind(range.last.address, address_size(network.address.family), network.prefix);
  return range;
}

void NetworkSet::Builder::add(const AddressRange& range) {
  CHECK_INVARIANT(range.first.family == range.last.family && range.first.address <= range.last.address);
  const uint8_t* first = range.first.address.data();
  const uint8_t* last = range.last.address.data();
  if (range.first.family == Family::v4) {
    v4_.emplace_back(number_of(first, 4), number_of(last, 4));
  } else {
    v6_.push_back(
        {{number_of(first, 8), number_of(first + 8, 8)}, {number_of(last, 8), number_of(last + 8, 8)}});
  }
}

void NetworkSet::Builder::add(const NetworkSet& set) {
  const auto last_before = [](const auto& keys, size_t end, auto last) {
    return end < keys.size() ? static_cast<decltype(last)>(keys[end] - 1) : last;
  };
  for (size_t i = 0; i < set.v4_.size(); i += 2) {
    v4_.emplace_back(set.v4_[i], last_before(set.v4_, i + 1, UINT32_MAX));
  }
  for (size_t i = 0; i < set.v6_heads_.size(); i += 2) {
    v6_.push_back({{set.v6_heads_[i], 0}, {last_before(set.v6_heads_, i + 1, UINT64_MAX), UINT64_MAX}});
  }
  for (size_t i = 0; i < set.v6_deep_.size(); ++i) {
    const uint64_t head = set.v6_deep_[i];
    const std::span tails =
        std::span(set.v6_tails_).subspan(set.v6_starts_[i], set.v6_starts_[i + 1] - set.v6_starts_[i]);
    for (size_t k = 0; k < tails.size(); k += 2) {
      v6_.push_back({{head, tails[k]}, {head, last_before(tails, k + 1, UINT64_MAX)}});
    }
  }
}

NetworkSet::NetworkSet(std::span<const Network> networks)
    : NetworkSet([&] {
        Builder builder;
        for (const Network& network : networks) builder.add(network);
        return builder;
      }()) {}

NetworkSet::NetworkSet(Builder builder) {
  join(builder.v4_, [](uint32_t address) {
    return address == UINT32_MAX ? std::nullopt : std::optional<uint32_t>(address + 1);
  });
  std::vector<uint32_t> bounds;
  bounds.reserve(2 * builder.v4_.size());
  for (const auto& [first, last] : builder.v4_) {
    bounds.push_back(first);
    if (last != UINT32_MAX) bounds.push_back(last + 1);
  }
  std::vector<std::pair<uint32_t, uint32_t>>().swap(builder.v4_);
  v4_ = SortedKeys<uint32_t>(bounds);

  using V6 = Builder::V6;
  join(builder.v6_, [](const V6& address) -> std::optional<V6> {
    if (address.tail != UINT64_MAX) return V6{address.head, address.tail + 1};
    return address.head == UINT64_MAX ? std::nullopt : std::optional<V6>(V6{address.head + 1, 0});
  });
  std::vector<uint64_t> heads;
  std::vector<uint64_t> deep;
  heads.reserve(2 * builder.v6_.size());
  deep.reserve(2 * builder.v6_.size());
  v6_tails_.reserve(2 * builder.v6_.size());
  const auto part_of = [&](uint64_t head, uint64_t first, uint64_t last) {
    if (deep.empty() || deep.back() != head) {
      deep.push_back(head);
      v6_starts_.push_back(static_cast<uint32_t>(v6_tails_.size()));
    }
    v6_tails_.push_back(first);
    if (last != UINT64_MAX) v6_tails_.push_back(last + 1);
  };
  for (const auto& [first, last] : builder.v6_) {
    uint64_t head = first.head;
    if (first.tail != 0 || (head == last.head && last.tail != UINT64_MAX)) {
      part_of(head, first.tail, head == last.head ? last.tail : UINT64_MAX);
      if (head == last.head) continue;
      ++head;
    }
    const bool ends_whole = last.tail == UINT64_MAX;
    // Whole /64s. What lies between two joined ranges keeps their bounds apart.
    if (ends_whole ? head <= last.head : head < last.head) {
      heads.push_back(head);
      if (!ends_whole || last.head != UINT64_MAX) heads.push_back(ends_whole ? last.head + 1 : last.head);
    }
    if (!ends_whole) part_of(last.head, 0, last.tail);
  }
  v6_starts_.push_back(static_cast<uint32_t>(v6_tails_.size()));
  v6_starts_.shrink_to_fit();
  v6_tails_.shrink_to_fit();
  v6_heads_ = SortedKeys<uint64_t>(heads);
  v6_deep_ = SortedKeys<uint64_t>(deep);
}

bool NetworkSet::contains(const Endpoint& address) const {
  const uint8_t* bytes = address.address.data();
  if (address.family == Family::v4) return v4_.rank(static_cast<uint32_t>(number_of(bytes, 4))) % 2 == 1;
  const uint64_t head = number_of(bytes, 8);
  if (v6_heads_.rank(head) % 2 == 1) return true;
  const size_t deep = v6_deep_.rank(head);
  if (deep == 0 || v6_deep_[deep - 1] != head) return false;
  const auto first = v6_tails_.begin() + v6_starts_[deep - 1];
  const auto last = v6_tails_.begin() + v6_starts_[deep];
  return (std::upper_bound(first, last, number_of(bytes + 8, 8)) - first) % 2 == 1;
}

size_t NetworkSet::bytes() const {
  return v4_.bytes() + v6_heads_.bytes() + v6_deep_.bytes() + v6_starts_.capacity() * sizeof(uint32_t) +
         v6_tails_.capacity() * sizeof(uint64_t);
}

std::vector<uint32_t> NetworkSet::v4_bounds() const {
  std::vector<uint32_t> bounds(v4_.size());
  for (size_t i = 0; i < bounds.size(); ++i) bounds[i] = v4_[i];
  return bounds;
}

std::vector<std::pair<uint64_t, uint64_t>> NetworkSet::v6_bounds() const {
  std::vector<std::pair<uint64_t, uint64_t>> all;
  all.reserve(v6_heads_.size() + v6_tails_.size() + v6_deep_.size());
  for (size_t i = 0; i < v6_heads_.size(); ++i) all.emplace_back(v6_heads_[i], 0);
  for (size_t i = 0; i < v6_deep_.size(); ++i) {
    const uint64_t head = v6_deep_[i];
    for (size_t k = v6_starts_[i]; k < v6_starts_[i + 1]; ++k) all.emplace_back(head, v6_tails_[k]);
    const bool goes_on = (v6_starts_[i + 1] - v6_starts_[i]) % 2 == 1;
    if (goes_on && head != UINT64_MAX) all.emplace_back(head + 1, 0);
  }
  std::sort(all.begin(), all.end());
  // An end at which the next range begins is neither.
  std::vector<std::pair<uint64_t, uint64_t>> bounds;
  bounds.reserve(all.size());
  for (const auto& bound : all) {
    if (!bounds.empty() && bounds.back() == bound) {
      bounds.pop_back();
    } else {
      bounds.push_back(bound);
    }
  }
  return bounds;
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
