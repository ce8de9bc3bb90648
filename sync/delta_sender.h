// DeltaSender: the delta stream of this node. It collects the deltas announced here, sends them to all
// members as fast as the pace allows, and sends packets again to members that ask for them (Nack).

#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "sync/arrival.h"
#include "sync/clock.h"
#include "sync/delta_log.h"
#include "sync/retransmit_ring.h"
#include "sync/sender.h"
#include "sync/stats.h"
#include "sync/store_ticks.h"
#include "sync/told_hashes.h"

namespace shoal::sync {

class DeltaSender {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // The references must outlive it. The key is secret: numbers of info_hashes are found by it.
  DeltaSender(const Identity& identity, Sender& sender, Membership& members, const Clock& clock,
              const StoreTicks& swarms, const common::SipKey& hashes_key);

  // How fast members are sent packets again; the pace of everything is the Sender's.
  void set_pace(int64_t pace_bytes_per_s);

  // Deltas in the store's ticks.
  void publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out);

  // Sends what is waiting, as far as the pace allows. Due at flush_us().
  void flush(Now now, Outputs& out);
  int64_t flush_us() const { return std::max(log_.deadline_us(), paced_until_us_); }

  // Sends everything that is waiting, whatever the pace.
  void flush_all(Now now, Outputs& out);

  // Drops what is waiting and what is kept for resending: the stamps are not right any more.
  void forget_unsent();

  // This node stood still for so long that deltas announced before have ambiguous stamps: they are dropped,
  // also those still queued in the workers.
  void forget_stalled(Now now);

  void receive(const Arrival& arrival, const proto::Nack& nack, Outputs& out);
  void receive(const Arrival& arrival, const proto::HashesAsk& ask, Outputs& out);

  // Sends again what the member has asked for, as far as its pace allows.
  void resend(Now now, Member& member, Outputs& out);

  // When resend() is due for this member; kNever if it has asked for nothing.
  static int64_t resend_us(const Member& member) {
    return member.resend->asked.empty() ? kNever : member.resend->bucket.open_us();
  }

  void forget_old(Now now) { ring_.forget_old(now.mono_us); }

  // What is kept for resending is sealed by this key from now on. `opens` holds the keys used so far.
  void reseal(const KeyRing& opens, const SealingKey& key) { ring_.reseal(opens, key); }

  size_t waiting() const { return log_.waiting(); }
  const DeltaSenderStats& stats() const { return stats_; }
  uint64_t dropped_repair() const { return dropped_repair_; }
  uint64_t web_deltas_kept() const { return web_deltas_kept_; }

 private:
  bool all_take_web(Now now) const;
  bool all_read_numbers(Now now) const;
  void send_batch(Now now, size_t deltas_max, Outputs& out);

  const Identity& identity_;
  Sender& sender_;
  Membership& members_;
  const Clock& clock_;
  const StoreTicks& swarms_;
  DeltaLog log_;
  ToldHashes told_;
  RetransmitRing ring_;
  int64_t dropping_until_us_ = kLongAgoUs;  // what is published until then was announced before a stall
  int64_t paced_until_us_ = kLongAgoUs;
  uint64_t dropped_repair_ = 0;
  uint64_t web_deltas_kept_ = 0;
  DeltaSenderStats stats_;
};

}  // namespace shoal::sync
