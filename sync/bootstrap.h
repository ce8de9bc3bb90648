// Bootstrap: the way of a node that has just started to one that holds what the cluster holds: wait for a
// member that is synced, pull everything from the nearest, compare digests with all, be synced. Nodes that
// have all just started wait only so long for each other.

#pragma once

#include <cstdint>
#include <string>

#include "sync/addresses.h"
#include "sync/departure.h"
#include "sync/greetings.h"
#include "sync/membership.h"
#include "sync/namesakes.h"
#include "sync/pull_timer.h"
#include "sync/pulls.h"
#include "sync/repair.h"

namespace shoal::sync {

class Bootstrap {
 public:
  // The references must outlive it. `peers_named`: sync.peers is not empty. `snapshot`: there is one to
  // merge.
  Bootstrap(const Identity& identity, Phase& phase, Membership& members, const Addresses& addresses,
            const Namesakes& namesakes, const Departure& departure, Greetings& greetings, Repair& repair,
            Pulls& pulls, PullTimer& timer, bool peers_named, bool snapshot);

  // Moves to the next phase if it is time. Due at look_us().
  void advance(Now now, Outputs& out);
  int64_t look_us(Now now) const;

  // The first heartbeat of a member has arrived.
  void met(Now now, const Member& member, int64_t uptime_ms, Outputs& out);

  // This node stood still for so long that it has missed deltas.
  void stalled(Now now);

  void pull_ended(Now now, const Pulls::Ended& ended, Outputs& out);

  void snapshot_merged();

  bool synced() const { return *phase_ == SyncPhase::synced; }
  SyncPhase phase() const { return *phase_; }

 private:
  enum class Snapshot : uint8_t { held, loading, merged };

  void advance_waiting(Now now, Outputs& out);
  void advance_checking(Now now, Outputs& out);
  // The snapshot is merged before anything else, but stamped in a time that has been compared with the
  // members': so it is asked for when the wait is over.
  bool snapshot_ready(Outputs& out);
  void become_synced(common::LogLevel level, const std::string& message, Outputs& out);
  // Starts over: there is more to pull than digests should find.
  void begin_waiting(Now now);
  void begin_checking(Now now);
  // No member names another that we have not met.
  bool all_met(int64_t now_us) const;

  const Identity& identity_;
  Phase& phase_;
  Membership& members_;
  const Addresses& addresses_;
  const Namesakes& namesakes_;
  const Departure& departure_;
  Greetings& greetings_;
  Repair& repair_;
  Pulls& pulls_;
  PullTimer& timer_;
  const bool peers_named_;
  Snapshot snapshot_;
  bool alone_ = false;        // synced because there was nobody to pull from
  int64_t waiting_since_us_;  // for the first time, or again
  int64_t alone_since_us_;    // waiting: since then no member is known that could give
  int64_t give_up_us_;        // waiting: until then members may give nothing
  uint32_t broken_ = 0;       // pulls that brought something, but not all
  int64_t check_until_us_ = 0;
};

}  // namespace shoal::sync
