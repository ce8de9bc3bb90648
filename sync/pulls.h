// Pulls: asks a member for records over TCP and merges what arrives. One pull at a time; the bytes are the
// caller's affair.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/prng.h"
#include "sync/clock.h"
#include "sync/complaints.h"
#include "sync/departure.h"
#include "sync/pull.h"
#include "sync/pull_timer.h"
#include "sync/sender.h"
#include "sync/stats.h"
#include "sync/store_ticks.h"

namespace shoal::sync {

class Pulls {
 public:
  // The references must outlive it.
  Pulls(Sender& sender, const KeyRing& keys, Membership& members, const Clock& clock, StoreTicks& swarms,
        const Departure& departure, PullTimer& timer, Complaints& complaints, common::Prng& prng)
      : sender_(sender),
        keys_(keys),
        members_(members),
        clock_(clock),
        swarms_(swarms),
        departure_(departure),
        timer_(timer),
        complaints_(complaints),
        prng_(prng) {}

  // Whether a pull from this member may begin now.
  bool may_pull_from(const Member& member, int64_t now_us) const;

  // Pulls these parts, none: everything; `differences` is what they should bring.
  void begin(Now now, Member& member, std::vector<proto::PullPart> parts, std::vector<Difference> differences,
             Outputs& out);

  // Pulls what is not in this sketch of these parts, which have no buckets.
  void begin_beyond(Now now, Member& member, const proto::RecordSketch& sketch,
                    std::vector<proto::PullPart> parts, std::vector<Difference> differences, Outputs& out);

  // The same where datagrams do not pass both ways. It gives way to any other pull until it is answered.
  bool may_detour(const Member& member) const { return pull_ == nullptr && !member.refused(); }
  void detour(Now now, Member& member, proto::PullPart part, Outputs& out);

  // What became of a pull.
  struct Ended {
    Pull::Purpose purpose;
    bool good;         // all has arrived
    bool answered;     // something has
    bool turned_away;  // the donor closed the connection without an answer
    uint64_t records;
    uint64_t applied;                     // of those: changed something here
    std::optional<uint32_t> differing{};  // the sketch of the request was too small for about so many
  };

  // Nothing if the pull continues. No effect for any pull but the running one. `trouble`: why the donor was
  // not connected; empty: it was.
  std::optional<Ended> received(Now now, uint64_t pull, common::ByteSpan bytes, Outputs& out);
  std::optional<Ended> closed(Now now, uint64_t pull, const std::string& trouble, Outputs& out);

  // Gives the pull up if its donor has been silent for too long.
  std::optional<Ended> expire(Now now, Outputs& out);

  // Drops the pull, if there is one.
  void abort(Outputs& out);

  const Pull* running() const { return pull_.get(); }
  const PullStats& stats() const { return stats_; }

 private:
  enum class Result : uint8_t { good, refused, unconnected, failed };

  void start(Now now, Member& member, Pull::Purpose purpose, proto::PullRequest request, Outputs& out);
  bool merge(Now now, const proto::PullFrame& frame);
  // `reason`: why it is not connected, or failed.
  Ended end(Now now, Result result, const std::string& reason, Outputs& out);

  Sender& sender_;
  const KeyRing& keys_;
  Membership& members_;
  const Clock& clock_;
  StoreTicks& swarms_;
  const Departure& departure_;
  PullTimer& timer_;
  Complaints& complaints_;
  common::Prng& prng_;
  std::unique_ptr<Pull> pull_;
  uint64_t records_ = 0;  // of the running pull
  uint64_t applied_ = 0;
  std::optional<uint32_t> differing_;
  uint64_t number_ = 0;  // of the newest pull
  PullStats stats_;
};

}  // namespace shoal::sync
