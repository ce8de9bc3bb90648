// Swarms: all that the cluster layer needs of the swarm store. node/ implements it; the simulator uses the
// real store.

#pragma once

#include <span>

#include "common/tick.h"
#include "proto/delta.h"

namespace shoal::sync {

class Swarms {
 public:
  virtual ~Swarms() = default;

  // Merges deltas of other nodes, in any order and any number of times: the later stamp wins, at equal stamps
  // the greater role; completed is kept once set. Deltas whose stamp is out of the window are ignored.
  // Returns how many changed something.
  virtual size_t merge(std::span<const proto::Delta> deltas, common::Tick now) = 0;
};

}  // namespace shoal::sync
