#include "sync/heard_hashes.h"

#include <utility>

namespace shoal::sync {

void HeardHashes::share_with(size_t origins) {
  most_ = most(origins);
  if (places_.size() > most_) resize(most_);
}

void HeardHashes::learn(uint64_t number, const common::InfoHash& info_hash) {
  if (places_.empty()) places_.resize(kLeast);
  const auto is_taken = [&] { return place_of(number).number != 0 && place_of(number).number != number; };
  while (is_taken() && places_.size() < most_) resize(std::min(2 * places_.size(), most_));
  Place& place = place_of(number);
  if (place.number <= number) place = {number, info_hash};
}

const common::InfoHash* HeardHashes::find(uint64_t number) const {
  if (number == 0 || places_.empty()) return nullptr;
  const Place& place = places_[static_cast<size_t>(number % places_.size())];
  return place.number == number ? &place.info_hash : nullptr;
}

void HeardHashes::resize(size_t places) {
  const std::vector<Place> before = std::exchange(places_, std::vector<Place>(places));
  for (const Place& place : before) {
    Place& now = place_of(place.number);
    if (now.number < place.number) now = place;
  }
}

}  // namespace shoal::sync
