// The access list's run-time changes: told at once, and by digests until all members hold the same.

#include <algorithm>

#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

// More at once are left to the digests, which do not come in bursts.
constexpr size_t kPushedMax = 10 * proto::kAccessChangesMax;

// A first difference may be a change that is still under way.
constexpr unsigned kAccessDiffersMax = 2;

// While an ask brings changes the next follows after this.
constexpr int64_t kAskOnUs = 100'000;

}  // namespace

void Cluster::Impl::publish_access(Now now, std::span<const proto::AccessChange> changes, Outputs& out) {
  changes = changes.first(std::min(changes.size(), kPushedMax));
  while (!changes.empty()) {
    const auto some = changes.first(std::min(changes.size(), proto::kAccessChangesMax));
    changes = changes.subspan(some.size());
    const proto::AccessChanges packet{{some.begin(), some.end()}};
    broadcast(now, sealer.seal(proto::SyncStream::control, proto::encode_sync_packet(packet)), out);
  }
}

void Cluster::Impl::apply_access_changes(Now now, const proto::AccessChanges& changes, Outputs& out) {
  for (const proto::AccessChange& change : changes.changes) {
    switch (access.merge(change)) {
      case AccessLog::Merged::news:
        ++stats.access_changes_applied;
        out.access_changes.push_back(change);
        // What was asked for comes: ask on as long as there is more.
        access_deadline_us = std::min(access_deadline_us, std::max(now.mono_us, access_asked_us + kAskOnUs));
        break;
      case AccessLog::Merged::known:
        break;
      case AccessLog::Merged::full:
        ++stats.access_changes_refused;
        break;
    }
  }
}

void Cluster::Impl::apply_access_ask(Now now, Member& member, const proto::AccessAsk& ask, Outputs& out) {
  if (!member.refused.empty()) return;
  const AccessLog::BucketDigests ours = access.bucket_digests();
  proto::AccessChanges packet;
  const auto flush = [&] {
    if (packet.changes.empty()) return;
    SealedPacket sealed = sealer.seal(proto::SyncStream::control, proto::encode_sync_packet(packet));
    member.access_bucket.take(static_cast<int64_t>(sealed->size()));
    send(member.address, sealed, out);
    packet.changes.clear();
  };
  member.access_bucket.refill(now.mono_us);
  // Begins elsewhere each time, so that what does not fit is not always the same.
  const size_t first = prng.below(AccessLog::kBuckets);
  for (size_t i = 0; i < AccessLog::kBuckets; ++i) {
    const size_t bucket = (first + i) % AccessLog::kBuckets;
    if (ours[bucket] == ask.digests[bucket]) continue;
    access.for_bucket(bucket, [&](const proto::AccessChange& change) {
      packet.changes.push_back(change);
      if (packet.changes.size() == proto::kAccessChangesMax) flush();
      return member.access_bucket.open();
    });
    if (!member.access_bucket.open()) break;
  }
  flush();
}

void Cluster::Impl::note_access_digest(Now now, Member& member, uint32_t digest) {
  member.access_digest = digest;
  if (digest == access.digest()) {
    member.access_differs = 0;
    access_in_step = true;
  } else if (member.access_differs < kAccessDiffersMax) {
    ++member.access_differs;
  }
  if (member.access_differs >= kAccessDiffersMax)
    access_deadline_us = std::min(access_deadline_us, now.mono_us);
}

void Cluster::Impl::reconcile_access(Now now, Outputs& out) {
  access_deadline_us = Gaps::kNever;
  std::vector<Member*> candidates;
  for (auto& [member_id, member] : members.all()) {
    const bool alive = member.state(now.mono_us) == MemberState::alive && member.refused.empty();
    if (!alive || member.access_digest == access.digest()) continue;
    if (member.access_differs >= kAccessDiffersMax) candidates.push_back(&member);
  }
  if (candidates.empty() || now.mono_us < access_asked_us + kAskOnUs) return;
  access_asked_us = now.mono_us;
  // One at a time: several would send the same.
  ++stats.access_asks_sent;
  send_control(candidates[prng.below(candidates.size())]->address, proto::AccessAsk{access.bucket_digests()},
               out);
}

}  // namespace shoal::sync
