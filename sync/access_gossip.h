// AccessGossip: spreads the run-time changes of the access list. A change is sent to all at once; what gets
// lost is found by the digests in heartbeats, and asked for until all members hold the same.

#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "common/prng.h"
#include "sync/access_log.h"
#include "sync/arrival.h"
#include "sync/clock.h"
#include "sync/complaints.h"
#include "sync/membership.h"
#include "sync/sender.h"
#include "sync/stats.h"

namespace shoal::sync {

class AccessGossip {
 public:
  // The references must outlive it. `log`: null: it keeps one of its own.
  AccessGossip(AccessLog* log, Sender& sender, Membership& members, const Clock& clock,
               Complaints& complaints, common::Prng& prng)
      : log_(log != nullptr ? *log : own_log_),
        sender_(sender),
        members_(members),
        clock_(clock),
        complaints_(complaints),
        prng_(prng) {}

  // How fast members are sent changes they ask for.
  void set_pace(int64_t pace_bytes_per_s);

  // Changes made on this node, in the log already.
  void publish(Now now, std::span<const proto::AccessChange> changes, Outputs& out);

  void receive(const Arrival& arrival, const proto::AccessChanges& changes, Outputs& out);
  void receive(const Arrival& arrival, const proto::AccessAsk& ask, Outputs& out);

  // Of this node's changes, for its heartbeats.
  uint32_t digest() const { return log_.digest(); }

  // The digest in a heartbeat of the member.
  void compare(Now now, Member& member, uint32_t digest);

  // Asks a member whose changes differ from ours. Due at deadline_us().
  void reconcile(Now now, Outputs& out);
  int64_t deadline_us() const { return deadline_us_; }

  // Some member has had the same changes as this node, at least once.
  bool in_step() const { return in_step_; }

  const AccessStats& stats() const { return stats_; }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  AccessLog own_log_;
  AccessLog& log_;
  Sender& sender_;
  Membership& members_;
  const Clock& clock_;
  Complaints& complaints_;
  common::Prng& prng_;
  int64_t deadline_us_ = kNever;
  int64_t asked_us_ = kLongAgoUs;
  bool in_step_ = false;
  AccessStats stats_;
};

}  // namespace shoal::sync
