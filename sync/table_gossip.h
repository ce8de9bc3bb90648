// TableGossip: spreads the changes of a ReplicatedTable. A change is sent to all at once; what gets lost is
// found by the digests in heartbeats, and asked for until all members hold the same. `Wire` says of which
// table, in which messages, and within which bounds: sync/access_gossip.h, sync/ban_gossip.h.

#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "common/prng.h"
#include "proto/sync_packet.h"
#include "sync/arrival.h"
#include "sync/clock.h"
#include "sync/complaints.h"
#include "sync/membership.h"
#include "sync/sender.h"
#include "sync/stats.h"

namespace shoal::sync {

template <class Wire>
class TableGossip {
 public:
  using Table = typename Wire::Table;
  using Change = typename Table::Change;
  using Changes = typename Wire::Changes;
  using Ask = typename Wire::Ask;

  // The references must outlive it. `table`: null: it keeps one of its own.
  TableGossip(Table* table, Sender& sender, Membership& members, const Clock& clock, Complaints& complaints,
              common::Prng& prng)
      : table_(table != nullptr ? *table : own_table_),
        sender_(sender),
        members_(members),
        clock_(clock),
        complaints_(complaints),
        prng_(prng) {}

  // How fast members are sent changes they ask for.
  void set_pace(int64_t pace_bytes_per_s) {
    for (auto& [id, member] : members_.all()) Wire::of(member).mine().bucket = table_bucket(pace_bytes_per_s);
  }

  // Changes made on this node, in the table already.
  void publish(Now now, std::span<const Change> changes, Outputs& out) {
    send(now, changes.first(std::min(changes.size(), kPushedMax)), out);
    for (const Change& change : changes) {
      if (Wire::kRepeatUs.empty() || repeats_.size() >= kRepeatedMax) break;
      repeats_.push_back({change, now.mono_us, 0});
    }
    plan_repeats();
  }

  // An origin that was forgotten on this node, in the table already.
  void publish_origin(Now now, const proto::ForgottenOrigin& origin, Outputs& out) {
    sender_.broadcast(now, Changes{{}, {origin}}, out);
  }

  void receive(const Arrival& arrival, const Changes& changes, Outputs& out) {
    const int64_t now_ms = clock_.at_ms(arrival.now);
    TokenBucket& origins = Wire::of(arrival.member).mine().origins;
    origins.refill(arrival.now.mono_us);
    for (const proto::ForgottenOrigin& origin : changes.origins) {
      if (!origins.open()) {
        ++stats_.changes_refused;
        continue;
      }
      const auto merged = table_.merge_origin(origin, now_ms);
      count(arrival, merged, out);
      if (merged != Table::Merged::news) continue;
      origins.spend(1);
      Wire::origin_came(out);
    }
    drop_forgotten(arrival.now, out);
    TokenBucket& news = Wire::of(arrival.member).mine().news;
    if (Wire::kNewsPerS > 0) news.refill(arrival.now.mono_us);
    for (const Change& change : changes.changes) {
      if (Wire::kNewsPerS > 0 && !news.open()) {
        ++stats_.changes_refused;
        continue;
      }
      const auto merged = table_.merge(change, now_ms);
      count(arrival, merged, out);
      if (merged != Table::Merged::news) continue;
      if (Wire::kNewsPerS > 0) news.spend(1);
      Wire::changed(out).push_back(change);
    }
  }

  void receive(const Arrival& arrival, const Ask& ask, Outputs& out) {
    Member& member = arrival.member;
    if (member.refused()) return;
    TokenBucket& budget = Wire::of(member).mine().bucket;
    Changes packet;
    const auto flush = [&] {
      if (packet.changes.empty() && packet.origins.empty()) return;
      const SealedPacket sealed = sender_.seal_control(packet);
      budget.spend(static_cast<int64_t>(sealed->size()));
      sender_.send(member.address(), sealed, out);
      packet = {};
    };
    budget.refill(arrival.now.mono_us);
    if (!budget.open()) return;
    const auto ours = table_.bucket_digests();
    if (ask.origins != table_.origins_digest()) {
      for (const proto::ForgottenOrigin& origin : table_.origins()) {
        packet.origins.push_back(origin);
        if (packet.origins.size() == proto::kOriginsMax) flush();
      }
      flush();
    }
    // Starts at a random bucket, so that it is not always the same ones for which the budget is not enough.
    const size_t first = prng_.below(Table::kBuckets);
    for (size_t i = 0; i < Table::kBuckets; ++i) {
      const size_t bucket = (first + i) % Table::kBuckets;
      if (ours[bucket] == ask.digests[bucket]) continue;
      table_.for_bucket(bucket, [&](const Change& change) {
        packet.changes.push_back(change);
        if (packet.changes.size() == Wire::kPacketMax) flush();
        return budget.open();
      });
      if (!budget.open()) break;
    }
    flush();
  }

  // Of this node's changes, for its heartbeats.
  uint32_t digest() const { return table_.digest(); }

  // The digest in a heartbeat of the member.
  void compare(Now now, Member& member, uint32_t digest) {
    MemberTable& theirs = Wire::of(member).mine();
    theirs.digest = digest;
    if (digest == table_.digest()) {
      theirs.differed = 0;
      in_step_ = true;
    } else if (theirs.differed < kDifferedMax) {
      ++theirs.differed;
    }
    if (theirs.differed >= kDifferedMax) ask_us_ = std::min(ask_us_, now.mono_us);
  }

  // Asks a member whose changes differ from ours, says again what was said lately, and drops what has been
  // made void. Due at deadline_us().
  void advance(Now now, Outputs& out) {
    repeat(now, out);
    drop_forgotten(now, out);
    if (now.mono_us >= ask_us_) ask(now, out);
  }
  int64_t deadline_us() const { return std::min({ask_us_, repeat_us_, drop_us_}); }

  // Some member has had the same changes as this node, at least once.
  bool in_step() const { return in_step_; }

  const TableStats& stats() const { return stats_; }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // More changes at once are left to the digests, which cause no bursts; so are repeats of more.
  static constexpr size_t kPushedMax = 10 * Wire::kPacketMax;
  static constexpr size_t kRepeatedMax = 10 * Wire::kPacketMax;

  // A first difference may be a change that is still in flight.
  static constexpr unsigned kDifferedMax = 2;

  // While asking brings changes, the next ask follows after this.
  static constexpr int64_t kAskMembersAgainUs = 100'000;

  // All changes are looked at for those that are void: at most this often, whoever makes void how many.
  static constexpr int64_t kDropAgainUs = 250'000;

  struct Repeat {
    Change change;
    int64_t made_us;
    size_t done;
  };

  void send(Now now, std::span<const Change> changes, Outputs& out) {
    while (!changes.empty()) {
      const auto some = changes.first(std::min(changes.size(), Wire::kPacketMax));
      changes = changes.subspan(some.size());
      sender_.broadcast(now, Changes{{some.begin(), some.end()}}, out);
    }
  }

  static int64_t due_us(const Repeat& one) { return one.made_us + Wire::kRepeatUs[one.done]; }

  void plan_repeats() {
    repeat_us_ = kNever;
    for (const Repeat& one : repeats_) repeat_us_ = std::min(repeat_us_, due_us(one));
  }

  void repeat(Now now, Outputs& out) {
    if (now.mono_us < repeat_us_) return;
    std::vector<Change> again;
    for (Repeat& one : repeats_) {
      if (due_us(one) > now.mono_us) continue;
      // Once, even if this node stood still for several of them.
      while (one.done < Wire::kRepeatUs.size() && due_us(one) <= now.mono_us) ++one.done;
      // Not what has been replaced.
      if (table_.find(Wire::key(one.change)) == one.change) again.push_back(one.change);
    }
    std::erase_if(repeats_, [](const Repeat& one) { return one.done >= Wire::kRepeatUs.size(); });
    send(now, again, out);
    plan_repeats();
  }

  void drop_forgotten(Now now, Outputs& out) {
    drop_us_ = kNever;
    if (!table_.has_to_drop()) return;
    if (const int64_t due_us = dropped_us_ + kDropAgainUs; now.mono_us < due_us) {
      drop_us_ = due_us;
      return;
    }
    dropped_us_ = now.mono_us;
    ++stats_.scans;
    table_.drop_forgotten(clock_.at_ms(now), Wire::changed(out));
  }

  void count(const Arrival& arrival, typename Table::Merged merged, Outputs& out) {
    switch (merged) {
      case Table::Merged::news:
        ++stats_.changes_applied;
        // The ask brought something: ask again as long as there is more.
        ask_us_ = std::min(ask_us_, std::max(arrival.now.mono_us, asked_us_ + kAskMembersAgainUs));
        break;
      case Table::Merged::known:
        break;
      case Table::Merged::full:
      case Table::Merged::forgotten:
        ++stats_.changes_refused;
        break;
      case Table::Merged::ahead:
        ++stats_.changes_refused;
        complaints_.log(arrival.now, Wire::kAhead, Wire::kAheadText, arrival.datagram.from, out);
        break;
    }
  }

  void ask(Now now, Outputs& out) {
    ask_us_ = kNever;
    std::vector<const Member*> candidates;
    for (auto& [id, member] : members_.all()) {
      const bool alive = member.liveness(now.mono_us) == Liveness::alive && !member.refused();
      if (!alive || Wire::of(member)->digest == table_.digest()) continue;
      if (Wire::of(member)->digest == 0) continue;  // it has nothing to give, or does not know the question
      if (Wire::of(member)->differed >= kDifferedMax) candidates.push_back(&member);
    }
    if (candidates.empty() || now.mono_us < asked_us_ + kAskMembersAgainUs) return;
    asked_us_ = now.mono_us;
    // One at a time: several would send the same.
    ++stats_.asks_sent;
    sender_.send(candidates[prng_.below(candidates.size())]->address(),
                 Ask{table_.bucket_digests(), table_.origins_digest()}, out);
  }

  Table own_table_;
  Table& table_;
  Sender& sender_;
  Membership& members_;
  const Clock& clock_;
  Complaints& complaints_;
  common::Prng& prng_;
  std::vector<Repeat> repeats_;
  int64_t repeat_us_ = kNever;
  int64_t ask_us_ = kNever;
  int64_t asked_us_ = kLongAgoUs;
  int64_t drop_us_ = kNever;
  int64_t dropped_us_ = kLongAgoUs;
  bool in_step_ = false;
  TableStats stats_;
};

}  // namespace shoal::sync
