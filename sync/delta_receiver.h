// DeltaReceiver: the delta streams of the other members. It merges what arrives into the store, asks a
// stream's origin for packets that are missing (Nack), and counts those that will never arrive.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sync/arrival.h"
#include "sync/clock.h"
#include "sync/complaints.h"
#include "sync/deltas_aside.h"
#include "sync/sender.h"
#include "sync/stats.h"
#include "sync/store_ticks.h"

namespace shoal::sync {

class DeltaReceiver {
 public:
  // The references must outlive it.
  DeltaReceiver(const Identity& identity, Sender& sender, const Clock& clock, StoreTicks& swarms,
                Complaints& complaints)
      : identity_(identity), sender_(sender), clock_(clock), swarms_(swarms), complaints_(complaints) {}

  void receive(const Arrival& arrival, const proto::DeltaBatch& batch, Outputs& out);
  void receive(const Arrival& arrival, const proto::NumberedBatch& batch, Outputs& out);
  void receive(const Arrival& arrival, const proto::Hashes& hashes, Outputs& out);
  void receive(const Arrival& arrival, const proto::Gone& gone, Outputs& out);

  // Packets of the stream up to `base` are not missed. To be called first for a new incarnation.
  void begin(Member& member, uint64_t base);

  // The member says that it has sent this packet.
  void announced(Now now, Member& member, uint64_t sequence);

  // This packet has arrived. To be called before it is received, and after it is marked in the window.
  void arrived(Now now, Member& member, uint64_t sequence, Outputs& out);

  // The member's incarnation is over: nobody has its packets any more.
  void end(Now now, Member& member, Outputs& out);

  // Asks for what is missing and due, packets and info_hashes, and gives up what has been missing for too
  // long.
  void request_missing(Now now, Member& member, Outputs& out);

  // All that the member's packets up to this one say has been merged, or is given up.
  static uint64_t merged_up_to(const Member& member);

  // When request_missing() is due for this member.
  static int64_t request_us(const Member& member, int64_t now_us);

  // To be called regularly. Gives up info_hashes that have been asked for in vain for too long, also where
  // nobody is left to be asked.
  void sample(Now now, Member& member, size_t members);

  // This node stood still: nothing is asked for before `us`.
  void request_from(Member& member, int64_t us);

  const DeltaReceiverStats& stats() const { return stats_; }
  uint64_t dropped_refused() const { return dropped_refused_; }

 private:
  // A batch of other settings or another time is not merged, and counted.
  bool takes(Now now, uint32_t peer_timeout_s, int64_t sent_unix_ms);
  bool stamps_readable(Now now, int64_t sent_unix_ms) const;
  void merge(Now now, MemberStream& stream, std::span<const proto::Delta> deltas, int64_t sent_unix_ms);
  // What waits for it goes to the end of `told`.
  static void learn(MemberStream& stream, uint64_t number, const common::InfoHash& info_hash,
                    std::vector<DeltasAside::Kept>& told);
  // Merges what has waited and is told now, all at once.
  void merge_told(Now now, MemberStream& stream, const std::vector<DeltasAside::Kept>& told);
  void apply(Now now, MemberStream& stream, std::span<const proto::Delta> deltas);
  int64_t lag_of(Now now, int64_t sent_unix_ms) const;
  static void smooth_lag(MemberStream& stream, int64_t lag_ms);
  void ask_hashes(Now now, Member& member, Outputs& out);
  // The one place that finds out that packets are lost for good.
  void count_losses(Now now, Member& member, Outputs& out);

  const Identity& identity_;
  Sender& sender_;
  const Clock& clock_;
  StoreTicks& swarms_;
  Complaints& complaints_;
  uint64_t dropped_refused_ = 0;
  DeltaReceiverStats stats_;
};

}  // namespace shoal::sync
