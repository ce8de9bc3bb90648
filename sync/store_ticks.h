// StoreTicks: the swarm store in the cluster's ticks, which may differ from the store's.
//
// The store's ticks only count up: a record keeps its age whatever happens to cluster time. When that is
// stepped (sync/cluster_time.h), the store's ticks are not; stamps are converted here on their way in and
// out. All arguments and results are in the cluster's ticks, but for what restate() returns, which goes the
// way of all deltas announced here. Not thread-safe, as the Cluster is not.

#pragma once

#include <vector>

#include "sync/live_runs.h"
#include "sync/swarms.h"

namespace shoal::sync {

class StoreTicks final : public Swarms {
 public:
  // `store`, and `runs` if there are any, must outlive this. Web peers are merged only if their run is among
  // them.
  explicit StoreTicks(Swarms& store, const LiveRuns* runs = nullptr) : store_(store), runs_(runs) {}

  // Records of web peers that were not merged.
  uint64_t refused() const { return refused_; }

  // The cluster's ticks minus the store's.
  common::Tick ahead() const { return ahead_; }

  // The cluster's ticks have been stepped by so many, the store's have not.
  void step(common::Tick by) { ahead_ += by; }

  // A stamp of the store in the cluster's ticks.
  common::Stamp to_cluster(common::Stamp stamp) const { return common::stamp_of(stamp + ahead_); }

  size_t merge(std::span<const proto::Delta> deltas, common::Tick now) override;
  size_t merge_part(const SwarmPart& part, common::Tick now) override;
  std::vector<proto::OwnDelta> restate(common::Moment now) override {
    return store_.restate(now + -ahead_ * common::kMomentsPerTick);
  }
  StampDigests stamp_digests() const override;
  BucketDigests bucket_digests(common::Stamp stamp) const override;
  uint64_t record_count() const override { return store_.record_count(); }
  bool nearly_full() const override { return store_.nearly_full(); }
  size_t read_steps() const override { return store_.read_steps(); }
  void read(size_t step, const Cells& cells, common::Tick now,
            const std::function<void(const SwarmPart&)>& visit) const override;
  bool read_part(std::unique_ptr<Walk>& walk, size_t step, const Cells& cells, common::Tick now,
                 const std::function<void(const SwarmPart&)>& visit) const override;

 private:
  std::span<const proto::Delta> stamped(std::span<const proto::Delta> deltas, common::Tick by) const;

  std::span<const proto::Delta> of_live_runs(std::span<const proto::Delta> deltas);

  Swarms& store_;
  const LiveRuns* runs_;
  common::Tick ahead_ = 0;
  uint64_t refused_ = 0;
  std::vector<proto::Delta> live_;
  mutable std::vector<proto::Delta> stamped_;
};

}  // namespace shoal::sync
