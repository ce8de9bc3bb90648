// NoSwarms: a store that keeps nothing, for tests of what comes before it.

#pragma once

#include "sync/swarms.h"

namespace shoal::test {

class NoSwarms : public sync::Swarms {
 public:
  // Takes everything for news.
  size_t merge(std::span<const proto::Delta> deltas, common::Tick) override {
    merged += deltas.size();
    return deltas.size();
  }
  void merge_completed(const common::InfoHash&, uint32_t) override {}
  sync::StampDigests stamp_digests() const override { return {}; }
  sync::BucketDigests bucket_digests(common::Stamp) const override { return {}; }
  size_t read_steps() const override { return 1; }
  void read(size_t, const sync::Cells&, common::Tick,
            const std::function<void(const sync::SwarmPart&)>&) const override {}

  size_t merged = 0;
};

}  // namespace shoal::test
