// SimSwarms: the real swarm store, and beside it a plain map of the same records, by which a simulation can
// see what a node knows. Both are given the same deltas.

#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "node/swarm_store.h"
#include "sync/swarms.h"

namespace shoal::sim {

using PeerKey = std::pair<common::InfoHash, common::Endpoint>;

struct Record {
  common::Stamp stamp = 0;
  proto::PeerState state;
  bool operator==(const Record&) const = default;
};

class SimSwarms final : public sync::Swarms {
 public:
  explicit SimSwarms(const common::SipKey& store_key);

  size_t merge(std::span<const proto::Delta> deltas, common::Tick now) override;

  // What a client's announce to this node does; the delta to publish, if there is one.
  std::optional<proto::OwnDelta> announce(const node::PeerAnnounce& announce, common::Tick now,
                                          common::Prng& prng);

  const std::map<PeerKey, Record>& records() const { return records_; }

  // What the real store counts otherwise than the map does; empty if nothing.
  std::string disagreement() const;

 private:
  bool merge_record(const proto::Delta& delta, common::Tick now);

  node::SwarmStore store_;
  std::map<PeerKey, Record> records_;
};

}  // namespace shoal::sim
