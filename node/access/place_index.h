// PlaceIndex: which country and which autonomous system addresses belong to, by the files of
// access.geo_databases, for counting. Where two files say something of an address, the later one's word
// counts, of country and ASN each. Immutable; any number of threads.
//
// Sorted bounds, each with the number of the place that begins there: 8 bytes of IPv4, 20 of IPv6, and 8 a
// place. At most kPlaceBoundsMax, so at most 120 MB, whatever the files hold, and 300 MB while it is made;
// free databases of country and ASN together take a tenth of that.

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/network.h"
#include "common/sorted_keys.h"
#include "node/access/geo_database.h"

namespace shoal::node {

constexpr size_t kPlaceBoundsMax = 4'000'000;

class PlaceIndex {
 public:
  struct V6 {
    uint64_t head = 0;  // the upper half
    uint64_t tail = 0;
    auto operator<=>(const V6&) const = default;
  };

  // Collects what an index is made of, one file after the other.
  class Builder {
   public:
    explicit Builder(size_t bounds_max = kPlaceBoundsMax) : bounds_max_(bounds_max) {}

    // The networks of a file, ascending and apart, as GeoDatabase::for_each() visits them. A country that is
    // not two capital letters is none.
    void add(const common::AddressRange& range, const GeoEntry& entry);

    // After the last network of a file.
    void end_file();

    // More bounds than there may be: what came since has been left out.
    bool too_many() const { return too_many_; }

   private:
    friend class PlaceIndex;
    template <class Key>
    struct Bound {
      Key at{};
      GeoEntry entry;  // from here to the next bound
    };
    template <class Key>
    using Bounds = std::vector<Bound<Key>>;

    template <class Key>
    void append(Bounds<Key>& to, Key first, Key last, const GeoEntry& entry);
    template <class Key>
    Bounds<Key> joined(Bounds<Key> below, Bounds<Key> above);

    const size_t bounds_max_;
    bool too_many_ = false;
    Bounds<uint32_t> v4_;  // of all files so far
    Bounds<V6> v6_;
    Bounds<uint32_t> file_v4_;  // of the present one
    Bounds<V6> file_v6_;
  };

  // Nothing is known of any address.
  PlaceIndex() = default;
  explicit PlaceIndex(Builder builder);

  // The number of a place, below places().size(); 0: nothing is known of the address. The port does not
  // count.
  uint32_t find(const common::Endpoint& address) const;

  // All there are, the first one unknown.
  std::span<const GeoEntry> places() const { return places_; }

  size_t bounds() const { return v4_.size() + v6_.size(); }
  size_t bytes() const;

 private:
  common::SortedKeys<uint32_t> v4_;
  std::vector<uint32_t> v4_places_;  // the i-th belongs to the i-th bound
  std::vector<V6> v6_;
  std::vector<uint32_t> v6_places_;
  std::vector<GeoEntry> places_{GeoEntry{}};
};

}  // namespace shoal::node
