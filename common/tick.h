// Ticks and stamps: how shoal measures a peer's age in one byte.
//
// A tick is a slice of cluster time, peer_timeout / kLifetimeTicks long, counted from the Unix epoch; a
// peer's stamp is a tick modulo 256. A stamp is read relative to the current tick: up to kAheadTicks of the
// 256 values lie ahead of it (other nodes' clocks, local writes that had to win), the others behind.

#pragma once

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

// Tick number of a moment. tick_ms is peer_timeout in milliseconds / kLifetimeTicks, at least 1.
constexpr Tick tick_at(int64_t unix_ms, int64_t tick_ms) { return unix_ms / tick_ms; }

}  // namespace shoal::common
