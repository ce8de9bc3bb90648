#include "sync/clock.h"

#include <cstdlib>
#include <string>
#include <utility>

namespace shoal::sync {

namespace {

using common::LogLevel;

// A packet in flight for longer says little about the sender's clock.
constexpr int64_t kClockRoundTripMaxUs = 1'000'000;

// A step this soon after our monotonic clock was found to have stood still is due to that.
constexpr int64_t kDueToStandingStillUs = 30'000'000;

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
  const int64_t started_ms = mono_ms - reading.uptime_ms;
  if (clock.known && clock.started_ms - started_ms > time_.tolerance_ms()) {
    stood_still_ms_ = clock.started_ms - started_ms;
    stood_still_us_ = now.mono_us;
  }
  clock.known = true;
  clock.offset_ms = cluster_ms - mono_ms;
  clock.wall_offset_ms = clock.offset_ms + reading.wall_ahead_ms;
  clock.started_ms = started_ms;
  // What might move our time comes before the member's deltas.
  if (std::abs(clock.offset_ms - time_.offset_ms()) > time_.tolerance_ms()) advance(now, out);
}

void Clock::advance(Now now, Outputs& out) {
  std::vector<ClockSample> samples;
  for (const auto& [id, member] : members_.all()) {
    const MemberClock& clock = *member.clock;
    if (!clock.known || member.liveness(now.mono_us) == Liveness::down) continue;
    samples.push_back({id, now.mono_us / 1000 - clock.started_ms, clock.offset_ms - time_.offset_ms(),
                       clock.wall_offset_ms - time_.offset_ms()});
  }
  const ClusterTime::Moved moved = time_.advance(now.mono_us, now.unix_ms, samples);
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
    out.logs.push_back(
        {LogLevel::error,
         "cluster time here differed from that of the other members and was corrected; check the clocks",
         {{"by", seconds_text(moved.stepped_ms)}}});
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
  if (now.mono_us - stood_still_us_ < kDueToStandingStillUs) stepped_ms -= stood_still_ms_;
  stood_still_us_ = kLongAgoUs;
  const int64_t now_ms = at_ms(now);
  const common::Tick by =
      common::tick_at(now_ms, identity_.tick_ms) - common::tick_at(now_ms - stepped_ms, identity_.tick_ms);
  if (std::abs(by) <= kTicksApartMax) return;
  swarms_.step(by);
  forget_unsent_();
}

}  // namespace shoal::sync
