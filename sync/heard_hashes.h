// HeardHashes: the info_hashes of one origin by the numbers under which it told them: a window of the last
// ones, so many as all origins together leave room for.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "common/info_hash.h"

namespace shoal::sync {

class HeardHashes {
 public:
  // Of all origins together, of one, and of one at least: 22 MB, 2.7 MB and 86 KB.
  static constexpr size_t kOfAll = size_t{1} << 20;
  static constexpr size_t kMost = size_t{1} << 17;
  static constexpr size_t kLeast = size_t{1} << 12;
  static constexpr size_t most(size_t origins) {
    return std::clamp(kOfAll / std::max<size_t>(origins, 1), kLeast, kMost);
  }

  void share_with(size_t origins);

  // What is below the window is not kept.
  void learn(uint64_t number, const common::InfoHash& info_hash);

  // Null: not known.
  const common::InfoHash* find(uint64_t number) const;

  size_t size() const { return window_.size(); }

 private:
  using Place = std::optional<common::InfoHash>;

  std::deque<Place> window_;  // of the numbers from first_ on
  uint64_t first_ = 1;
  size_t most_ = kMost;
};

}  // namespace shoal::sync
