// Repair: the second line after resending. It compares digests of records with the members, narrows
// differences down to cells, and pulls what a member has and we lack. Each side pulls what it lacks, so both
// heal.

#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "common/prng.h"
#include "sync/arrival.h"
#include "sync/clock.h"
#include "sync/membership.h"
#include "sync/owned.h"
#include "sync/pull_timer.h"
#include "sync/pulls.h"
#include "sync/sender.h"
#include "sync/sketch_reader.h"
#include "sync/stats.h"
#include "sync/store_ticks.h"
#include "sync/vain_differences.h"

namespace shoal::sync {

class Bootstrap;
using Phase = Owned<Bootstrap, SyncPhase>;

class Repair {
 public:
  // The references must outlive it.
  Repair(const Identity& identity, const Phase& phase, Sender& sender, Membership& members,
         const Clock& clock, const StoreTicks& swarms, Pulls& pulls, PullTimer& timer, common::Prng& prng)
      : identity_(identity),
        phase_(phase),
        sender_(sender),
        members_(members),
        clock_(clock),
        swarms_(swarms),
        pulls_(pulls),
        timer_(timer),
        prng_(prng) {}

  void receive(const Arrival& arrival, const proto::Digests& digests, Outputs& out);
  void receive(const Arrival& arrival, const proto::CellsAsk& ask, Outputs& out);
  void receive(const Arrival& arrival, const proto::CellDigests& digests, Outputs& out);

  // Pulls the cells that have been compared and are due.
  void pull_due_cells(Now now, Outputs& out);

  // Sends our digests, if it is time to.
  void announce(Now now, Outputs& out);

  // Goes on with the sketch that is being made.
  void advance_sketch(Now now, Outputs& out);

  // When the next of these is due.
  int64_t cells_us() const;
  int64_t announce_us() const { return announce_us_; }
  int64_t sketch_us(Now now) const {
    return search_ == nullptr ? std::numeric_limits<int64_t>::max() : now.mono_us;
  }

  // The next announcement is no later than this, or soon.
  void announce_by(int64_t us) { announce_us_ = std::min(announce_us_, us); }
  void announce_soon(Now now);

  // The member is new, or back after a silence.
  void trusted(Now now, Member& member);

  // Everything is to be compared anew with all members.
  void restart(Now now);

  void pull_ended(Now now, const Pulls::Ended& ended);

  const RepairStats& stats() const { return stats_; }
  uint64_t dropped_refused() const { return dropped_refused_; }
  uint64_t dropped_repair() const { return dropped_repair_; }

 private:
  // The digests of all ticks, which reads every cell. Of many members digests come all the time: for them it
  // is not read again at once.
  const StampDigests& own_digests(Now now);
  bool anyone_differs(int64_t now_us) const;
  // Ticks that differ steadily, and by something that this member may have and we lack.
  std::vector<common::Tick> worth_pulling(const MemberRepair& repair) const;
  void heal(Now now, Member& member, Outputs& out);
  // The same, without telling which: asked of all members at each comparison.
  bool anything_worth_pulling(const MemberRepair& repair) const;
  // Of many members this one alone differs from us, and has not yet had time to act.
  bool leave_it_to(Member& member, int64_t now_us);
  // Notes what the member has said of the ticks that are pulled now.
  void note_theirs(const Member& member, const std::vector<Difference>& wanted);
  // Pulls what is missing in these ticks by a sketch, soon or later; false: another way is better.
  bool sketch(Now now, Member& member, std::vector<common::Tick> ticks);
  void ask_cells(Now now, Member& member, const std::vector<common::Tick>& ticks, bool steady, Outputs& out);
  void pull_cells(Now now, Member& member, Outputs& out);

  const Identity& identity_;
  const Phase& phase_;
  Sender& sender_;
  Membership& members_;
  const Clock& clock_;
  const StoreTicks& swarms_;
  Pulls& pulls_;
  PullTimer& timer_;
  common::Prng& prng_;
  VainDifferences vain_;
  // Of the pull that runs, or ran last.
  std::vector<std::pair<common::Tick, uint64_t>> theirs_;
  StampDigests own_digests_{};
  int64_t own_digests_us_ = kLongAgoUs;  // when they were read

  // A pull by a sketch whose sketch is being made.
  struct Search {
    uint64_t member = 0;
    uint64_t incarnation = 0;
    std::vector<proto::PullPart> parts;
    std::vector<Difference> wanted;
    SketchReader reader;
    int64_t began_us = 0;
  };
  std::unique_ptr<Search> search_;
  int64_t next_search_us_ = kLongAgoUs;
  int64_t announce_us_ = 0;
  bool ask_others_ =
      false;  // a pull has brought something: the next announcement asks for the others' digests
  uint64_t dropped_refused_ = 0;
  uint64_t dropped_repair_ = 0;
  RepairStats stats_;
};

}  // namespace shoal::sync
