#include "node/access/place_index.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "common/bytes.h"

namespace shoal::node {

using common::Endpoint;
using common::Family;

namespace {

using V6Bound = PlaceIndex::V6;

uint32_t v4_bound(const Endpoint& address) { return common::ByteReader(address.address_bytes()).u32(); }

V6Bound v6_bound(const Endpoint& address) {
  common::ByteReader bytes(address.address_bytes());
  const uint64_t head = bytes.u64();
  return {head, bytes.u64()};
}

// None: `bound` is the last one there is.
std::optional<uint32_t> bound_behind(uint32_t bound) {
  return bound == UINT32_MAX ? std::nullopt : std::optional(bound + 1);
}

std::optional<V6Bound> bound_behind(const V6Bound& bound) {
  if (bound.tail != UINT64_MAX) return V6Bound{bound.head, bound.tail + 1};
  return bound.head == UINT64_MAX ? std::nullopt : std::optional(V6Bound{bound.head + 1, 0});
}

bool is_capital(char letter) { return letter >= 'A' && letter <= 'Z'; }

bool says_nothing(const GeoEntry& entry) { return entry == GeoEntry{}; }

bool place_before(const GeoEntry& a, const GeoEntry& b) {
  return std::pair(a.country, a.asn) < std::pair(b.country, b.asn);
}

}  // namespace

template <class Key>
void PlaceIndex::Builder::append(Bounds<Key>& to, Key first, Key last, const GeoEntry& entry) {
  if (file_v4_.size() + file_v6_.size() + 2 > bounds_max_) {
    too_many_ = true;
    return;
  }
  // Right behind the last network, which is the same place, or another.
  if (!to.empty() && to.back().at == first) to.pop_back();
  if (to.empty() || to.back().entry != entry) to.push_back({first, entry});
  if (const auto behind = bound_behind(last)) to.push_back({*behind, {}});
}

void PlaceIndex::Builder::add(const common::AddressRange& range, const GeoEntry& entry) {
  GeoEntry said = entry;
  if (!is_capital(said.country[0]) || !is_capital(said.country[1])) said.country = {};
  if (says_nothing(said) || too_many_) return;
  if (range.first.family == Family::v4) {
    append(file_v4_, v4_bound(range.first), v4_bound(range.last), said);
  } else {
    append(file_v6_, v6_bound(range.first), v6_bound(range.last), said);
  }
}

template <class Key>
PlaceIndex::Builder::Bounds<Key> PlaceIndex::Builder::joined(Bounds<Key> below, Bounds<Key> above) {
  if (below.empty()) return above;
  if (above.empty()) return below;
  Bounds<Key> out;
  out.reserve(std::min(below.size() + above.size(), bounds_max_));
  GeoEntry of_below;
  GeoEntry of_above;
  for (size_t b = 0, a = 0; b < below.size() || a < above.size();) {
    const bool take_below = a == above.size() || (b < below.size() && below[b].at <= above[a].at);
    const bool take_above = b == below.size() || (a < above.size() && above[a].at <= below[b].at);
    const Key at = take_below ? below[b].at : above[a].at;
    if (take_below) of_below = below[b++].entry;
    if (take_above) of_above = above[a++].entry;
    GeoEntry entry = of_above;
    if (entry.country[0] == '\0') entry.country = of_below.country;
    if (entry.asn == 0) entry.asn = of_below.asn;
    if (out.empty() ? says_nothing(entry) : out.back().entry == entry) continue;
    if (out.size() == bounds_max_) {
      too_many_ = true;
      break;
    }
    out.push_back({at, entry});
  }
  return out;
}

void PlaceIndex::Builder::end_file() {
  v4_ = joined(std::move(v4_), std::exchange(file_v4_, {}));
  v6_ = joined(std::move(v6_), std::exchange(file_v6_, {}));
  too_many_ |= v4_.size() + v6_.size() > bounds_max_;
}

PlaceIndex::PlaceIndex(Builder builder) {
  places_.reserve(1 + builder.v4_.size() + builder.v6_.size());
  for (const auto& bound : builder.v4_) places_.push_back(bound.entry);
  for (const auto& bound : builder.v6_) places_.push_back(bound.entry);
  // What says nothing is the least.
  std::sort(places_.begin(), places_.end(), place_before);
  places_.erase(std::unique(places_.begin(), places_.end()), places_.end());
  places_.shrink_to_fit();
  const auto number_of = [this](const GeoEntry& entry) {
    return static_cast<uint32_t>(std::lower_bound(places_.begin(), places_.end(), entry, place_before) -
                                 places_.begin());
  };
  std::vector<uint32_t> v4;
  v4.reserve(builder.v4_.size());
  v4_places_.reserve(builder.v4_.size());
  for (const auto& bound : builder.v4_) {
    v4.push_back(bound.at);
    v4_places_.push_back(number_of(bound.entry));
  }
  v4_ = common::SortedKeys<uint32_t>(v4);
  builder.v4_ = {};
  v6_.reserve(builder.v6_.size());
  v6_places_.reserve(builder.v6_.size());
  for (const auto& bound : builder.v6_) {
    v6_.push_back(bound.at);
    v6_places_.push_back(number_of(bound.entry));
  }
}

uint32_t PlaceIndex::find(const Endpoint& address) const {
  if (address.family == Family::v4) {
    const size_t rank = v4_.rank(v4_bound(address));
    return rank == 0 ? 0 : v4_places_[rank - 1];
  }
  const auto behind = std::upper_bound(v6_.begin(), v6_.end(), v6_bound(address));
  return behind == v6_.begin() ? 0 : v6_places_[static_cast<size_t>(behind - v6_.begin()) - 1];
}

size_t PlaceIndex::bytes() const {
  return v4_.bytes() + v6_.capacity() * sizeof(V6) +
         (v4_places_.capacity() + v6_places_.capacity()) * sizeof(uint32_t) +
         places_.capacity() * sizeof(GeoEntry);
}

}  // namespace shoal::node
