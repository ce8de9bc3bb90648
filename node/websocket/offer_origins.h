// OfferOrigins: who made the offers that one connection was handed, so that its answers find the way back,
// to whichever node. Bounded: the oldest offer goes first; none is kept beyond kLifeMs. Empty, it holds no
// memory. One thread.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/web_address.h"
#include "proto/web_relay.h"

namespace shoal::node {

class OfferOrigins {
 public:
  static constexpr size_t kMax = 64;
  // Clients give an offer up after 50 s.
  static constexpr int64_t kLifeMs = 60'000;

  // False: an offer that could still have been answered was forgotten for this one.
  bool add(const proto::OfferId& id, const common::WebAddress& from, int64_t now_ms) {
    forget_old(now_ms);
    const bool full = offers_.size() == kMax;
    if (full) offers_.erase(offers_.begin());
    offers_.push_back({id, from, now_ms});
    return !full;
  }

  // Who made this offer; asked once of each. None: it is not known, or too old.
  std::optional<common::WebAddress> take(const proto::OfferId& id, int64_t now_ms) {
    forget_old(now_ms);
    const auto found =
        std::find_if(offers_.begin(), offers_.end(), [&](const Offer& offer) { return offer.id == id; });
    if (found == offers_.end()) return std::nullopt;
    const common::WebAddress from = found->from;
    offers_.erase(found);
    if (offers_.empty()) std::vector<Offer>().swap(offers_);
    return from;
  }

  void forget_old(int64_t now_ms) {
    const auto young = std::find_if(offers_.begin(), offers_.end(),
                                    [&](const Offer& offer) { return now_ms - offer.at_ms < kLifeMs; });
    offers_.erase(offers_.begin(), young);
    if (offers_.empty()) std::vector<Offer>().swap(offers_);
  }

  size_t bytes() const { return offers_.capacity() * sizeof(Offer); }

 private:
  struct Offer {
    proto::OfferId id;
    common::WebAddress from;
    int64_t at_ms;
  };

  std::vector<Offer> offers_;  // oldest first
};

}  // namespace shoal::node
