// Swarms: everything the cluster layer needs from the swarm store. node/ implements it; the simulator uses
// the real store.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/tick.h"
#include "proto/delta.h"
#include "proto/record_digest.h"
#include "sync/cells.h"

namespace shoal::sync {

// Records of one swarm, as deltas that would create them on another node; a large swarm may be split in
// parts.
struct SwarmPart {
  common::InfoHash info_hash;
  uint32_t completed = 0;  // of the swarm
  std::span<const proto::Delta> records;
};

using StampDigests = std::array<uint64_t, proto::kDigestStamps>;
using BucketDigests = std::array<uint64_t, proto::kDigestBuckets>;

class Swarms {
 public:
  virtual ~Swarms() = default;

  // Merges deltas of other nodes, in any order and any number of times (proto::merge_values). Deltas whose
  // stamp is out of the window are ignored, and so are new records when the store is full. Returns how many
  // changed something. It is fastest with the deltas of one swarm next to each other.
  virtual size_t merge(std::span<const proto::Delta> deltas, common::Tick now) = 0;

  // The same for the records of one swarm in another store; the larger of its completed count and ours is
  // kept.
  virtual size_t merge_part(const SwarmPart& part, common::Tick now) = 0;

  // Last words of clients here that other nodes do not have, or would not have believed before: what of them
  // is to be sent now. To be called about once a second.
  virtual std::vector<proto::OwnDelta> restate(common::Moment now) = 0;

  // The digest of each stamp over all buckets.
  virtual StampDigests stamp_digests() const = 0;

  // The digests of one stamp's cells.
  virtual BucketDigests bucket_digests(common::Stamp stamp) const = 0;

  // About how many records there are, of all ticks; of few, perhaps 0.
  virtual uint64_t record_count() const { return 0; }

  // There is little room left: differences are no reason to pull.
  virtual bool nearly_full() const { return false; }

  // The store is read in so many steps, one after the other.
  virtual size_t read_steps() const = 0;

  // Visits the records of one step that are in the cells, live and stopped, but none that have expired.
  // `visit` must be fast and must not call the store.
  virtual void read(size_t step, const Cells& cells, common::Tick now,
                    const std::function<void(const SwarmPart&)>& visit) const = 0;

  // The same in parts of some thousand records, between which the store may change: what is there all the
  // while is visited, perhaps twice. `walk` is null before the first part, and belongs to this store. Returns
  // whether it was the last.
  struct Walk {
    virtual ~Walk() = default;
  };
  virtual bool read_part(std::unique_ptr<Walk>& /*walk*/, size_t step, const Cells& cells, common::Tick now,
                         const std::function<void(const SwarmPart&)>& visit) const {
    read(step, cells, now, visit);
    return true;
  }
};

}  // namespace shoal::sync
