#include "sync/clock.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace shoal::sync {

namespace {

using common::LogLevel;

// A packet in flight for longer says little about the sender's clock.
constexpr int64_t kClockRoundTripMaxUs = 1'000'000;

// A step this soon after our monotonic clock was found to have stood still is due to that.
constexpr int64_t kDueToStandingStillUs = 30'000'000;

bool credible(int64_t unix_ms) { return unix_ms >= 0 && unix_ms <= Clock::kCredibleMaxMs; }

std::string seconds_text(int64_t ms) {
  const std::string tenths = std::to_string(std::abs(ms) / 100 % 10);
  return (ms < 0 ? "-" : "") + std::to_string(std::abs(ms) / 1000) + "." + tenths + " s";
}

}  // namespace

Clock::Clock(const Identity& identity, Membership& members, StoreTicks& swarms, Complaints& complaints,
             Now now, std::function<void()> forget_unsent)
    : identity_(identity),
      members_(members),
      swarms_(swarms),
      complaints_(complaints),
      forget_unsent_(std::move(forget_unsent)),
      time_(identity.id, identity.tick_ms, now.mono_us, now.unix_ms) {}

void Clock::add_reading(Now now, Member& member, const ClockReading& reading, int64_t round_trip_us,
                        Outputs& out) {
  if (round_trip_us > kClockRoundTripMaxUs) return;
  MemberClock& clock = member.clock.mine();
  const int64_t mono_ms = now.mono_us / 1000;
  const int64_t cluster_ms = reading.cluster_ms + round_trip_us / 2000;
  const bool agrees = std::abs(cluster_ms - at_ms(now)) <= time_.tolerance_ms();
  if (!(agrees || credible(cluster_ms)) || !credible(cluster_ms + reading.wall_ahead_ms)) {
    complaints_.log(now, Complaint::incredible_time,
                    "member " + member.display_name() +
                        " sends a time before 1970 or after 2200: its clocks are left out of account",
                    member.address(), out);
    return;
  }
  const int64_t started_ms = mono_ms - reading.uptime_ms;
  if (clock.known && clock.started_ms - started_ms > time_.tolerance_ms()) {
    clock.stood_still_ms = clock.started_ms - started_ms;
    clock.stood_still_us = now.mono_us;
  }
  clock.known = true;
  clock.offset_ms = cluster_ms - mono_ms;
  clock.wall_offset_ms = clock.offset_ms + reading.wall_ahead_ms;
  clock.started_ms = started_ms;
  // What might move our time comes before the member's deltas.
  if (std::abs(clock.offset_ms - time_.offset_ms()) > time_.tolerance_ms()) advance(now, out);
}

std::vector<ClockSample> Clock::samples(Now now) const {
  std::vector<ClockSample> out;
  out.reserve(members_.all().size());
  for (const auto& [id, member] : members_.all()) {
    const MemberClock& clock = *member.clock;
    if (!clock.known || member.liveness(now.mono_us) == Liveness::down) continue;
    out.push_back({id, now.mono_us / 1000 - clock.started_ms, clock.offset_ms - time_.offset_ms(),
                   clock.wall_offset_ms - time_.offset_ms()});
  }
  return out;
}

void Clock::advance(Now now, Outputs& out) {
  const ClusterTime::Moved moved = time_.advance(now.mono_us, now.unix_ms, samples(now));
  if (moved.jumped_ms != 0) {
    ++stats_.wall_jumps;
    out.logs.push_back({LogLevel::error,
                        "this machine's clock was set; cluster time continues as before, and follows slowly "
                        "if the other members' clocks agree",
                        {{"by", seconds_text(moved.jumped_ms)}}});
  }
  if (moved.stepped_ms != 0) {
    ++stats_.clock_steps;
    keep_ages(now, moved.stepped_ms);
    if (complaints_.due(Complaint::stepped, now.mono_us)) {
      out.logs.push_back(
          {LogLevel::error,
           "cluster time here differed from that of the other members and was corrected; check the clocks",
           {{"by", seconds_text(moved.stepped_ms)}}});
    }
  }
  if (time_.wall_off() && complaints_.due(Complaint::wall_off, now.mono_us)) {
    out.logs.push_back({LogLevel::error,
                        "this machine's clock is not that of the cluster",
                        {{"ahead", seconds_text(time_.wall_ahead_ms())}}});
  }
}

// Records in the store were stamped in what cluster time was here, and keep their age: the store's ticks are
// not stepped. With two exceptions. Small steps do move the store's ticks, or else every record that members
// have in common would differ by a few ticks: as long as they were no farther apart, they exchanged records.
// So do steps that make up for a monotonic clock that stood still, as it does while a virtual machine is
// suspended: the records have aged meanwhile.
void Clock::keep_ages(Now now, int64_t stepped_ms) {
  stepped_ms -= stood_still_ms(now);
  for (auto& [id, member] : members_.all()) member.clock.mine().stood_still_us = kLongAgoUs;
  const int64_t now_ms = at_ms(now);
  const common::Tick by =
      common::tick_at(now_ms, identity_.tick_ms) - common::tick_at(now_ms - stepped_ms, identity_.tick_ms);
  if (std::abs(by) <= kTicksApartMax) return;
  swarms_.step(by);
  forget_unsent_();
}

// As the middle one of the voters among the members says: one of several alone is not believed, since it
// could make all records here too old.
int64_t Clock::stood_still_ms(Now now) const {
  const std::vector<ClockSample> all = samples(now);
  int64_t oldest_ms = identity_.uptime_ms(now);
  for (const ClockSample& sample : all) oldest_ms = std::max(oldest_ms, sample.uptime_ms);
  std::vector<int64_t> said;
  said.reserve(all.size());
  for (const ClockSample& sample : all) {
    if (sample.uptime_ms < ClusterTime::voting_uptime_ms(oldest_ms)) continue;
    const MemberClock& clock = *members_.find(sample.id)->clock;
    said.push_back(now.mono_us - clock.stood_still_us < kDueToStandingStillUs ? clock.stood_still_ms : 0);
  }
  if (said.empty()) return 0;
  const auto middle = said.begin() + static_cast<ptrdiff_t>((said.size() - 1) / 2);
  std::nth_element(said.begin(), middle, said.end());
  return *middle;
}

}  // namespace shoal::sync
