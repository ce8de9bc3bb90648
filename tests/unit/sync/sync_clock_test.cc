// Clock against members that lie about the time.

#include <doctest/doctest.h>

#include <cstdlib>

#include "sync/clock.h"
#include "tests/unit/support/sync_parts.h"

namespace shoal::sync {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kYearsMs = 10LL * 365 * 24 * kHourMs;

TEST_CASE("clock: no member can move time to where packets cannot say it") {
  test::Parts parts;
  Member& liar = parts.admit(2);
  for (const int64_t claimed_ms : {proto::kSyncTimeMaxMs, proto::kSyncTimeMaxMs - kHourMs,
                                   Clock::kCredibleMaxMs + kHourMs, Clock::kCredibleMaxMs - kHourMs}) {
    for (const int64_t wall_ahead_ms : {int64_t{0}, proto::kSyncTimeMaxMs, -proto::kSyncTimeMaxMs}) {
      for (int i = 0; i < 10; ++i) {
        liar.heard(parts.now_us);
        parts.clock.add_reading(parts.now(), liar, {claimed_ms, wall_ahead_ms, proto::kSyncTimeMaxMs}, 0,
                                parts.out);
        parts.now_us += 10'000'000;
      }
    }
  }
  proto::Heartbeat heartbeat;
  heartbeat.name = "a";
  heartbeat.peer_timeout_s = 2700;
  heartbeat.unix_ms = parts.clock.at_ms(parts.now()) + kYearsMs;
  heartbeat.wall_ahead_ms = parts.clock.time().announced_wall_ahead_ms();
  CHECK(proto::decode_sync_packet(proto::encode_sync_packet(heartbeat)).has_value());
  CHECK(heartbeat.unix_ms < Clock::kCredibleMaxMs + kYearsMs + kHourMs);
}

TEST_CASE("clock: a member that says another time in each packet costs a few steps, and one line") {
  test::Parts parts;
  Member& liar = parts.admit(2);
  for (int i = 0; i < 100; ++i) {
    liar.heard(parts.now_us);
    const int64_t off_ms = i % 2 == 0 ? kHourMs : -kHourMs;
    parts.clock.add_reading(parts.now(), liar, {parts.clock.at_ms(parts.now()) + off_ms, 0, kYearsMs}, 0,
                            parts.out);
    parts.now_us += 10'000;
  }
  CHECK(parts.forgotten <= 6);
  CHECK(parts.clock.stats().clock_steps <= 6);
  size_t lines = 0;
  for (const LogEvent& event : parts.out.logs) lines += event.message.rfind("cluster time", 0) == 0 ? 1 : 0;
  CHECK(lines == 1);
  // Afterwards one in ten seconds.
  for (int i = 0; i < 100; ++i) {
    liar.heard(parts.now_us);
    parts.clock.add_reading(parts.now(), liar, {parts.clock.at_ms(parts.now()) + kHourMs, 0, kYearsMs}, 0,
                            parts.out);
    parts.now_us += 1'000'000;
  }
  CHECK(parts.clock.stats().clock_steps <= 6 + 11);
}

TEST_CASE("clock: that this machine stood still is believed of the middle of the members, not of one") {
  const auto ticks_behind = [](int64_t suspended, bool liar_only) {
    test::Parts parts;
    for (uint64_t id = 2; id < 5; ++id) {
      parts.clock.add_reading(parts.now(), parts.admit(id), {parts.clock.at_ms(parts.now()), 0, kYearsMs}, 0,
                              parts.out);
    }
    const int64_t at_ms = parts.clock.at_ms(parts.now());
    for (uint64_t id = 2; id < 5; ++id) {
      Member& member = *parts.members.find(id);
      member.heard(parts.now_us);
      const bool shows = !liar_only || id == 2;
      parts.clock.add_reading(parts.now(), member, {at_ms + suspended, 0, kYearsMs + (shows ? suspended : 0)},
                              0, parts.out);
    }
    CHECK(parts.clock.stats().clock_steps == 1);
    return parts.swarms.ahead();
  };
  CHECK(ticks_behind(kHourMs, false) == 0);  // it did: the records have aged
  CHECK(ticks_behind(kHourMs, true) == kHourMs / test::Parts().identity.tick_ms);
}

}  // namespace
}  // namespace shoal::sync
