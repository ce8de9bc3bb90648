// Ticks, stamps and moments: how shoal measures a peer's age in one byte, and orders what happens to it.
//
// A tick is a slice of cluster time, peer_timeout / kLifetimeTicks long, counted from the Unix epoch; a
// peer's stamp is a tick modulo 256. A stamp is read relative to the current tick: up to kAheadTicks of the
// 256 values lie ahead of it (other nodes' clocks, local writes that had to win), the others behind.
//
// A moment is a 32nd of a tick: about half a second with the default peer_timeout. Age, refreshes and expiry
// count ticks; which of two changes of a peer came later is decided by moments.

#pragma once

#include <compare>
#include <cstdint>

namespace shoal::common {

using Tick = int64_t;
using Stamp = uint8_t;

// A record lives this many ticks after its stamp.
constexpr int kLifetimeTicks = 180;

// An unchanged re-announce younger than this writes nothing and is not published.
constexpr int kRefreshTicks = 20;

// A local write may use a stamp at most this far ahead of the current tick.
constexpr int kLocalAheadTicks = 4;

// A received stamp at most this far ahead is accepted; the rest of the ring is the past.
constexpr int kAheadTicks = 38;

constexpr Stamp stamp_of(Tick tick) { return static_cast<Stamp>(tick); }

// Ticks since the stamp, in [-kAheadTicks, 255 - kAheadTicks]; negative: ahead of `now`.
constexpr int stamp_age(Tick now, Stamp stamp) {
  const int behind = static_cast<Stamp>(static_cast<Stamp>(now) - stamp);
  return behind > 255 - kAheadTicks ? behind - 256 : behind;
}

constexpr int kMomentsPerTick = 32;

// A number of moments since the Unix epoch. A type of its own, so that it is never taken for a tick.
struct Moment {
  int64_t count = 0;

  static constexpr Moment begin_of(Tick tick) { return {tick * kMomentsPerTick}; }
  constexpr Tick tick() const { return count >> 5; }
  constexpr uint8_t in_tick() const { return static_cast<uint8_t>(count & (kMomentsPerTick - 1)); }

  constexpr Moment operator+(int64_t moments) const { return {count + moments}; }
  constexpr int64_t operator-(Moment other) const { return count - other.count; }
  constexpr auto operator<=>(const Moment&) const = default;
};

static_assert(kMomentsPerTick == 1 << 5);

// The moment that a stamp and the moment within its tick stand for.
constexpr Moment moment_of(Tick now, Stamp stamp, uint8_t in_tick) {
  return Moment::begin_of(now - stamp_age(now, stamp)) + in_tick;
}

// A live peer's announce is dated this much later than a stop. A client that stops at one node and starts at
// another at once would otherwise lose by the difference of their clocks. With the default peer_timeout a
// stop half a second after a start still has a later moment.
constexpr int64_t kLiveLeadMs = 15;

// The number of the tick, and of the moment, at a time. tick_ms is peer_timeout in milliseconds /
// kLifetimeTicks, at least 1.
constexpr Tick tick_at(int64_t unix_ms, int64_t tick_ms) { return unix_ms / tick_ms; }
constexpr Moment moment_at(int64_t unix_ms, int64_t tick_ms) { return {unix_ms * kMomentsPerTick / tick_ms}; }

}  // namespace shoal::common
