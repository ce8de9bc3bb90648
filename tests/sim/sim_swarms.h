// SimSwarms: the real swarm store, and beside it a plain map of the same records, in which a simulation can
// see what a node knows. Both get the same deltas.

#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "node/store/early_stops.h"
#include "node/store/swarm_store.h"
#include "sync/swarms.h"

namespace shoal::sim {

using PeerKey = std::pair<common::InfoHash, common::Endpoint>;

using Record = proto::PeerValue;

class SimSwarms final : public sync::Swarms {
 public:
  // Without the map it costs what the store costs, and records() is empty.
  explicit SimSwarms(const common::SipKey& store_key, bool keeps_map = true);

  size_t merge(std::span<const proto::Delta> deltas, common::Tick now) override;
  size_t merge_part(const sync::SwarmPart& part, common::Tick now) override;
  sync::StampDigests stamp_digests() const override { return store_.stamp_digests(); }
  sync::BucketDigests bucket_digests(common::Stamp stamp) const override {
    return store_.bucket_digests(stamp);
  }
  std::vector<proto::OwnDelta> restate(common::Moment now) override;
  uint64_t record_count() const override { return keeps_map_ ? records_.size() : store_.record_count(); }
  size_t read_steps() const override { return store_.read_steps(); }
  void read(size_t step, const sync::Cells& cells, common::Tick now,
            const std::function<void(const sync::SwarmPart&)>& visit) const override {
    store_.read(step, cells, now, visit);
  }

  // Removes expired records.
  void expire(common::Tick now);

  // The web peers of these runs are gone.
  void drop_runs(std::span<const uint64_t> runs);

  // A client's announce to this node; returns the delta to publish, if any.
  std::optional<proto::OwnDelta> announce(const node::PeerAnnounce& announce, common::Moment now,
                                          common::Prng& prng);

  const std::map<PeerKey, Record>& records() const { return records_; }

  // As a scrape returns it.
  uint32_t completed(const common::InfoHash& info_hash) const {
    return store_.scrape(store_.locate(info_hash), info_hash).completed;
  }

  // Where the real store's counts differ from the map's; empty: nowhere.
  std::string disagreement() const;

 private:
  void merge_record(const proto::Delta& delta, common::Tick now);
  void set_record(const proto::Delta& delta) {
    if (keeps_map_) records_[{delta.info_hash, delta.peer}] = delta.value();
  }
  node::EarlyStops& early_stops(const common::InfoHash& info_hash, const common::Endpoint& peer) {
    const node::SwarmRef ref =
        peer.family == common::Family::web ? store_.locate_web(info_hash).swarm : store_.locate(info_hash);
    return early_stops_[ref.hash >> 54];
  }

  node::SwarmStore store_;
  const bool keeps_map_;
  std::map<PeerKey, Record> records_;
  std::map<uint64_t, node::EarlyStops> early_stops_;  // by shard
  common::Tick expired_at_ = 0;
};

}  // namespace shoal::sim
