#include "sync/store_ticks.h"

#include <algorithm>
#include <iterator>

#include "common/web_address.h"

namespace shoal::sync {

// The deltas with stamps later by so many ticks: valid until the next call.
std::span<const proto::Delta> StoreTicks::stamped(std::span<const proto::Delta> deltas,
                                                  common::Tick by) const {
  if (by == 0) return deltas;
  stamped_.assign(deltas.begin(), deltas.end());
  for (proto::Delta& delta : stamped_) delta.stamp = common::stamp_of(delta.stamp + by);
  return stamped_;
}

// Those deltas without web peers of other runs: valid until the next call.
std::span<const proto::Delta> StoreTicks::of_live_runs(std::span<const proto::Delta> deltas) {
  const auto is_dead = [this](const proto::Delta& delta) {
    const auto address = common::from_endpoint(delta.peer);
    return address && !runs_->contains(address->run);
  };
  if (runs_ == nullptr || std::none_of(deltas.begin(), deltas.end(), is_dead)) return deltas;
  live_.clear();
  std::remove_copy_if(deltas.begin(), deltas.end(), std::back_inserter(live_), is_dead);
  refused_ += deltas.size() - live_.size();
  return live_;
}

size_t StoreTicks::merge(std::span<const proto::Delta> deltas, common::Tick now) {
  deltas = of_live_runs(deltas);
  return store_.merge(stamped(deltas, -ahead_), now - ahead_);
}

size_t StoreTicks::merge_part(const SwarmPart& part, common::Tick now) {
  const std::span<const proto::Delta> records = of_live_runs(part.records);
  if (records.empty() && !part.records.empty()) return 0;
  return store_.merge_part({part.info_hash, part.completed, stamped(records, -ahead_)}, now - ahead_);
}

StampDigests StoreTicks::stamp_digests() const {
  const StampDigests own = store_.stamp_digests();
  StampDigests out;
  for (size_t stamp = 0; stamp < own.size(); ++stamp)
    out[to_cluster(static_cast<common::Stamp>(stamp))] = own[stamp];
  return out;
}

BucketDigests StoreTicks::bucket_digests(common::Stamp stamp) const {
  return store_.bucket_digests(common::stamp_of(stamp - ahead_));
}

void StoreTicks::read(size_t step, const Cells& cells, common::Tick now,
                      const std::function<void(const SwarmPart&)>& visit) const {
  if (ahead_ == 0) return store_.read(step, cells, now, visit);
  store_.read(step, cells.stamped(-ahead_), now - ahead_, [&](const SwarmPart& part) {
    visit({part.info_hash, part.completed, stamped(part.records, ahead_)});
  });
}

bool StoreTicks::read_part(std::unique_ptr<Walk>& walk, size_t step, const Cells& cells, common::Tick now,
                           const std::function<void(const SwarmPart&)>& visit) const {
  if (ahead_ == 0) return store_.read_part(walk, step, cells, now, visit);
  return store_.read_part(walk, step, cells.stamped(-ahead_), now - ahead_, [&](const SwarmPart& part) {
    visit({part.info_hash, part.completed, stamped(part.records, ahead_)});
  });
}

}  // namespace shoal::sync
