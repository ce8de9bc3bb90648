#include "node/text/suggest.h"

#include <algorithm>
#include <vector>

namespace shoal::node {

namespace {

constexpr size_t kTypedBytesMax = 80;  // bounds the work; longer words are not near anything

// Insertions, deletions and substitutions from a to b.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest_word(std::string_view typed, std::span<const std::string> known) {
  if (typed.size() > kTypedBytesMax) return {};
  std::string_view nearest;
  size_t least = std::max<size_t>(2, typed.size() / 3) + 1;
  for (const std::string& word : known) {
    const size_t distance = edit_distance(typed, word);
    if (distance >= least) continue;
    least = distance;
    nearest = word;
  }
  return nearest;
}

std::string suggestion(std::string_view typed, std::span<const std::string> known) {
  const std::string_view nearest = nearest_word(typed, known);
  return nearest.empty() ? "" : "; did you mean " + std::string(nearest) + "?";
}

}  // namespace shoal::node
