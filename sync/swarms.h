// Swarms: all that the cluster layer needs of the swarm store. node/ implements it; the simulator uses the
// real store.

#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "common/tick.h"
#include "proto/delta.h"
#include "proto/record_digest.h"
#include "sync/cells.h"

namespace shoal::sync {

// Records of one swarm, as deltas that would bring them elsewhere; a large swarm may come in several parts.
struct SwarmPart {
  common::InfoHash info_hash;
  uint32_t completed = 0;  // of the swarm
  std::span<const proto::Delta> records;
  bool some = false;  // to be merged: only some of the records that the teller counted have been asked for
};

using StampDigests = std::array<uint64_t, proto::kDigestStamps>;
using BucketDigests = std::array<uint64_t, proto::kDigestBuckets>;

class Swarms {
 public:
  virtual ~Swarms() = default;

  // Merges deltas of other nodes, in any order and any number of times: the later stamp wins, at equal stamps
  // the greater role; completed is kept once set. Deltas whose stamp is out of the window are ignored.
  // Returns how many changed something. Deltas of one swarm are best given one after the other.
  virtual size_t merge(std::span<const proto::Delta> deltas, common::Tick now) = 0;

  // The same for what another store holds of one swarm. Of its completed count and ours the larger stays; of
  // `some` of its records those newly known as completed are counted, up to its count: a completion that it
  // counted, and of which the delta is yet to come, is counted then.
  virtual size_t merge_part(const SwarmPart& part, common::Tick now) = 0;

  // The digest of each stamp over all buckets.
  virtual StampDigests stamp_digests() const = 0;

  // The digests of one stamp's cells.
  virtual BucketDigests bucket_digests(common::Stamp stamp) const = 0;

  // The store can be read in so many steps, one after the other.
  virtual size_t read_steps() const = 0;

  // Visits the records of one step that are in the cells, live and stopped, but none whose lifetime has
  // ended. `visit` must be short and must not call the store.
  virtual void read(size_t step, const Cells& cells, common::Tick now,
                    const std::function<void(const SwarmPart&)>& visit) const = 0;
};

}  // namespace shoal::sync
