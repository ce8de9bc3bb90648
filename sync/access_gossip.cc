#include "sync/access_gossip.h"

#include <algorithm>
#include <vector>

namespace shoal::sync {

namespace {

// More changes at once are left to the digests, which cause no bursts.
constexpr size_t kPushedMax = 10 * proto::kAccessChangesMax;

// A first difference may be a change that is still in flight.
constexpr unsigned kDifferedMax = 2;

// While asking brings changes, the next ask follows after this.
constexpr int64_t kAskMembersAgainUs = 100'000;

}  // namespace

void AccessGossip::set_pace(int64_t pace_bytes_per_s) {
  for (auto& [id, member] : members_.all()) member.access.mine().bucket = access_bucket(pace_bytes_per_s);
}

void AccessGossip::publish(Now now, std::span<const proto::AccessChange> changes, Outputs& out) {
  changes = changes.first(std::min(changes.size(), kPushedMax));
  while (!changes.empty()) {
    const auto some = changes.first(std::min(changes.size(), proto::kAccessChangesMax));
    changes = changes.subspan(some.size());
    sender_.broadcast(now, proto::AccessChanges{{some.begin(), some.end()}}, out);
  }
}

void AccessGossip::receive(const Arrival& arrival, const proto::AccessChanges& changes, Outputs& out) {
  for (const proto::AccessChange& change : changes.changes) {
    switch (log_.merge(change, clock_.at_ms(arrival.now))) {
      case AccessLog::Merged::news:
        ++stats_.access_changes_applied;
        out.access_changes.push_back(change);
        // The ask brought something: ask again as long as there is more.
        deadline_us_ = std::min(deadline_us_, std::max(arrival.now.mono_us, asked_us_ + kAskMembersAgainUs));
        break;
      case AccessLog::Merged::known:
        break;
      case AccessLog::Merged::full:
        ++stats_.access_changes_refused;
        break;
      case AccessLog::Merged::ahead:
        ++stats_.access_changes_refused;
        complaints_.log(arrival.now, Complaint::access_ahead,
                        "a change of the access list is stamped more than a day in the future: it is not "
                        "taken. Where it was made, the clock is or was wrong: make it there once more",
                        arrival.datagram.from, out);
        break;
    }
  }
}

void AccessGossip::receive(const Arrival& arrival, const proto::AccessAsk& ask, Outputs& out) {
  Member& member = arrival.member;
  if (member.refused()) return;
  const AccessLog::BucketDigests ours = log_.bucket_digests();
  TokenBucket& budget = member.access.mine().bucket;
  proto::AccessChanges packet;
  const auto flush = [&] {
    if (packet.changes.empty()) return;
    const SealedPacket sealed = sender_.seal_control(packet);
    budget.spend(static_cast<int64_t>(sealed->size()));
    sender_.send(member.address(), sealed, out);
    packet.changes.clear();
  };
  budget.refill(arrival.now.mono_us);
  // Starts at a random bucket, so that it is not always the same ones for which the budget is not enough.
  const size_t first = prng_.below(AccessLog::kBuckets);
  for (size_t i = 0; i < AccessLog::kBuckets; ++i) {
    const size_t bucket = (first + i) % AccessLog::kBuckets;
    if (ours[bucket] == ask.digests[bucket]) continue;
    log_.for_bucket(bucket, [&](const proto::AccessChange& change) {
      packet.changes.push_back(change);
      if (packet.changes.size() == proto::kAccessChangesMax) flush();
      return budget.open();
    });
    if (!budget.open()) break;
  }
  flush();
}

void AccessGossip::compare(Now now, Member& member, uint32_t digest) {
  MemberAccess& access = member.access.mine();
  access.digest = digest;
  if (digest == log_.digest()) {
    access.differed = 0;
    in_step_ = true;
  } else if (access.differed < kDifferedMax) {
    ++access.differed;
  }
  if (access.differed >= kDifferedMax) deadline_us_ = std::min(deadline_us_, now.mono_us);
}

void AccessGossip::reconcile(Now now, Outputs& out) {
  deadline_us_ = kNever;
  std::vector<const Member*> candidates;
  for (const auto& [id, member] : members_.all()) {
    const bool alive = member.liveness(now.mono_us) == Liveness::alive && !member.refused();
    if (!alive || member.access->digest == log_.digest()) continue;
    if (member.access->differed >= kDifferedMax) candidates.push_back(&member);
  }
  if (candidates.empty() || now.mono_us < asked_us_ + kAskMembersAgainUs) return;
  asked_us_ = now.mono_us;
  // One at a time: several would send the same.
  ++stats_.access_asks_sent;
  sender_.send(candidates[prng_.below(candidates.size())]->address(), proto::AccessAsk{log_.bucket_digests()},
               out);
}

}  // namespace shoal::sync
