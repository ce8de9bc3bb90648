#include "sync/member.h"

#include <algorithm>

#include "common/hex.h"

namespace shoal::sync {

TokenBucket resend_bucket(int64_t pace_bytes_per_s) { return pace_bucket(pace_bytes_per_s / 5); }

TokenBucket hashes_bucket(int64_t pace_bytes_per_s) { return pace_bucket(pace_bytes_per_s / 10); }

TokenBucket table_bucket(int64_t pace_bytes_per_s) {
  return TokenBucket(pace_bytes_per_s / 10, MemberTable::kBurst);
}

TokenBucket relay_bucket(int64_t pace_bytes_per_s) { return pace_bucket(pace_bytes_per_s / 2); }

TokenBucket onward_bucket(int64_t pace_bytes_per_s) {
  return TokenBucket(pace_bytes_per_s / 2, pace_burst(pace_bytes_per_s));
}

Member::Member(uint64_t id, uint64_t incarnation, const common::Endpoint& at, int64_t pace_bytes_per_s,
               int64_t now_us)
    : reach(MemberReach{.address = at, .source = at}),
      resend(MemberResend{
          .asked = {}, .bucket = resend_bucket(pace_bytes_per_s), .hashes = hashes_bucket(pace_bytes_per_s)}),
      pace(pace_bucket(pace_bytes_per_s)),
      access(MemberTable{.bucket = table_bucket(pace_bytes_per_s)}),
      bans(MemberTable{.bucket = table_bucket(pace_bytes_per_s)}),
      relays(MemberRelays{.bucket = relay_bucket(pace_bytes_per_s)}),
      site(MemberSite{.asked = pace_bucket(pace_bytes_per_s), .onward = onward_bucket(pace_bytes_per_s)}),
      id_(id),
      incarnation_(incarnation),
      started_us_(now_us),
      heard_us_(now_us),
      hears_us_until_us_(now_us + kHearsUsUs) {}

Member Member::restarted(const Member& known, uint64_t incarnation, const common::Endpoint& at,
                         int64_t pace_bytes_per_s, int64_t now_us) {
  Member fresh(known.id_, incarnation, at, pace_bytes_per_s, now_us);
  fresh.restarted_ = true;
  MemberProfile profile;
  profile.name = known.profile->name;
  fresh.profile = Owned<Heartbeats, MemberProfile>(std::move(profile));
  return fresh;
}

std::string Member::display_name() const {
  if (!profile->name.empty()) return profile->name;
  return common::node_id_text(id_);
}

Liveness Member::liveness(int64_t now_us) const {
  const int64_t silent_us = now_us - heard_us_;
  if (left_ || silent_us >= kDownAfterUs) return Liveness::down;
  return silent_us >= kSuspectAfterUs ? Liveness::suspect : Liveness::alive;
}

bool Member::is_at(const common::Endpoint& where, int64_t now_us) const {
  if (reach->address == where || reach->source == where) return true;
  const auto found = reach->reached_at.find(where);
  return found != reach->reached_at.end() && now_us - found->second < kReachedUs;
}

void Member::add_round_trip(int64_t us) {
  us = std::clamp<int64_t>(us, 1, kRoundTripMaxUs);
  smoothed_round_trip_us_ += smoothed_round_trip_us_ == 0 ? us : (us - smoothed_round_trip_us_) / 8;
}

void Member::excuse(int64_t stall_us) {
  heard_us_ += stall_us;
  hears_us_until_us_ += stall_us;
  answers_until_us_ += stall_us;
  heard_by_group_us_ += stall_us;
  hears_us_by_group_until_us_ += stall_us;
}

}  // namespace shoal::sync
