// BanChange: one ban, or the end of one before its time, as nodes exchange it.

#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "proto/change_stamp.h"

namespace shoal::proto {

// Whom a ban is for: 4 and an IPv4 address, or 6 and the first 8 bytes of an IPv6 address; then zeros.
using BanPrefix = std::array<uint8_t, 9>;

// What a ban is for. The numbers are sent.
enum class Offence : uint8_t {
  by_hand,       // an operator's
  over_rate,     // requests above limits.requests_per_s_per_address
  new_swarms,    // announces of swarms that nobody else is in
  ports,         // new peers in one swarm
  malformed,     // HTTP requests that cannot be read, TLS handshakes that none makes
  full_scrapes,  // before the time
};
constexpr size_t kOffences = 6;

// No ban is longer, whatever a packet says: 30 days.
constexpr uint32_t kBanLongestS = 30 * 86'400;

// How often in a row it can have been banned, counted from 0.
constexpr uint8_t kBanLevelMax = 15;

struct BanTerm {
  uint32_t duration_s = 0;  // from the stamp; at most kBanLongestS
  Offence offence = Offence::by_hand;
  uint8_t level = 0;    // bans in a row before this one; at most kBanLevelMax
  bool lifted = false;  // the ban that lasts until then is over
  auto operator<=>(const BanTerm&) const = default;
};

struct BanChange {
  BanPrefix prefix{};
  BanTerm term;
  ChangeStamp stamp;

  int64_t ends_ms() const { return stamp.unix_ms + int64_t{term.duration_s} * 1000; }
  bool operator==(const BanChange&) const = default;
};

}  // namespace shoal::proto
