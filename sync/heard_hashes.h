// HeardHashes: the info_hashes of one origin by the numbers under which it told them: at least the last ones,
// so many as all origins together leave room for. It has a place for each number, modulo how many there are,
// so what an origin tells costs the same whatever its number is.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/info_hash.h"

namespace shoal::sync {

class HeardHashes {
 public:
  // Of all origins together, of one, and of one at least: 34 MB, 4.2 MB and 131 KB.
  static constexpr size_t kOfAll = size_t{1} << 20;
  static constexpr size_t kMost = size_t{1} << 17;
  static constexpr size_t kLeast = size_t{1} << 12;
  static constexpr size_t most(size_t origins) {
    return std::clamp(kOfAll / std::max<size_t>(origins, 1), kLeast, kMost);
  }

  void share_with(size_t origins);

  // Where two would need one place, and there can be no more places, the higher number stays.
  void learn(uint64_t number, const common::InfoHash& info_hash);

  // Null: not known.
  const common::InfoHash* find(uint64_t number) const;

  // Used or not.
  size_t places() const { return places_.size(); }

 private:
  struct Place {
    uint64_t number = 0;  // 0: of none
    common::InfoHash info_hash;
  };

  void resize(size_t places);
  Place& place_of(uint64_t number) { return places_[static_cast<size_t>(number % places_.size())]; }

  std::vector<Place> places_;  // none before the first is learnt
  size_t most_ = kMost;
};

}  // namespace shoal::sync
