// NoSwarms: a store that keeps nothing, for tests of what comes before it.

#pragma once

#include "sync/swarms.h"

namespace shoal::test {

class NoSwarms : public sync::Swarms {
 public:
  // Reports everything as news.
  size_t merge(std::span<const proto::Delta> deltas, common::Tick) override {
    merged += deltas.size();
    ++merges;
    return deltas.size();
  }
  std::vector<proto::OwnDelta> restate(common::Moment) override { return {}; }
  size_t merge_part(const sync::SwarmPart& part, common::Tick now) override {
    return merge(part.records, now);
  }
  sync::StampDigests stamp_digests() const override { return {}; }
  sync::BucketDigests bucket_digests(common::Stamp) const override { return {}; }
  size_t read_steps() const override { return 1; }
  void read(size_t, const sync::Cells&, common::Tick,
            const std::function<void(const sync::SwarmPart&)>&) const override {}

  size_t merged = 0;
  int merges = 0;
};

}  // namespace shoal::test
