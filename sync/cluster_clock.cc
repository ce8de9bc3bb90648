// What the members' clocks say, and what we make of it.

#include <cstdlib>

#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

using common::LogLevel;

// A packet underway for longer tells little of the sender's clock.
constexpr int64_t kClockRoundTripMaxUs = 1'000'000;

// A step that comes so soon after it was found that our monotonic clock stood still is due to that.
constexpr int64_t kDueToStandingStillUs = 30'000'000;

std::string seconds_text(int64_t ms) {
  const std::string tenths = std::to_string(std::abs(ms) / 100 % 10);
  return (ms < 0 ? "-" : "") + std::to_string(std::abs(ms) / 1000) + "." + tenths + " s";
}

}  // namespace

void Cluster::Impl::note_clock(Now now, Member& member, const ClockReading& reading, int64_t round_trip_us,
                               Outputs& out) {
  if (round_trip_us > kClockRoundTripMaxUs) return;
  const int64_t mono_ms = now.mono_us / 1000;
  // Of the journey half was spent coming here.
  const int64_t cluster_ms = reading.cluster_ms + round_trip_us / 2000;
  const int64_t started_ms = mono_ms - reading.uptime_ms;
  if (member.clock_known && member.started_ms - started_ms > time.tolerance_ms()) {
    stood_still_ms = member.started_ms - started_ms;
    stood_still_us = now.mono_us;
  }
  member.clock_known = true;
  member.clock_offset_ms = cluster_ms - mono_ms;
  member.wall_offset_ms = member.clock_offset_ms + reading.wall_ahead_ms;
  member.started_ms = started_ms;
  // What would move us is looked at before its deltas are.
  if (std::abs(member.clock_offset_ms - time.offset_ms()) > time.tolerance_ms()) advance_time(now, out);
}

void Cluster::Impl::advance_time(Now now, Outputs& out) {
  std::vector<ClockSample> samples;
  for (const auto& [member_id, member] : members.all()) {
    if (!member.clock_known || member.state(now.mono_us) == MemberState::down) continue;
    samples.push_back({member.id, now.mono_us / 1000 - member.started_ms,
                       member.clock_offset_ms - time.offset_ms(), member.wall_offset_ms - time.offset_ms()});
  }
  const ClusterTime::Moved moved = time.advance(now.mono_us, now.unix_ms, samples);
  if (moved.jumped_ms != 0) {
    ++stats.wall_jumps;
    out.logs.push_back(
        {LogLevel::error,
         "this machine's clock was set; cluster time goes on as before and follows slowly if the "
         "other members' clocks agree",
         {{"by", seconds_text(moved.jumped_ms)}}});
  }
  if (moved.stepped_ms != 0) {
    ++stats.clock_steps;
    keep_ages(now, moved.stepped_ms);
    out.logs.push_back(
        {LogLevel::error,
         "cluster time here was not that of the other members and is corrected; check the clocks",
         {{"by", seconds_text(moved.stepped_ms)}}});
  }
  if (time.wall_off() && complaints.due(Complaint::wall_off, now.mono_us)) {
    out.logs.push_back({LogLevel::error,
                        "this machine's clock is not that of the cluster",
                        {{"ahead", seconds_text(time.wall_ahead_ms())}}});
  }
}

// What is in the store was stamped in the time that cluster time was here, and keeps its age: the store's
// ticks are not stepped. Small steps are, lest every record that members have in common differs by a few
// ticks: as long as they were no farther apart, they exchanged records. So are those that make up for a
// monotonic clock that stood still, as it does while a virtual machine is suspended: the records have aged
// meanwhile.
void Cluster::Impl::keep_ages(Now now, int64_t stepped_ms) {
  if (now.mono_us - stood_still_us < kDueToStandingStillUs) stepped_ms -= stood_still_ms;
  stood_still_us = kLongAgoUs;
  const int64_t at_ms = time.at_ms(now.mono_us);
  const common::Tick by = common::tick_at(at_ms, tick_ms) - common::tick_at(at_ms - stepped_ms, tick_ms);
  if (std::abs(by) <= kTicksApartMax) return;
  swarms.step(by);
  // It is stamped otherwise.
  forget_untold();
}

}  // namespace shoal::sync
