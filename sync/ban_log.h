// BanLog: the bans of the cluster, one per address. A ban ends by itself, by cluster time, and is remembered
// for a day more, so that the next one can be longer. When the table is full, the one that ends first goes.

#pragma once

#include <cstdint>

#include "proto/ban_change.h"
#include "sync/replicated_table.h"

namespace shoal::sync {

struct BanTable {
  using Key = proto::BanPrefix;
  using Value = proto::BanTerm;
  using Change = proto::BanChange;

  // Some 20 MB at most.
  static constexpr size_t kChangesMax = 100'000;
  // Less than the shortest ban is long: a clock that is ahead makes no ban much longer.
  static constexpr int64_t kAheadMaxMs = 30'000;
  static constexpr bool kExpires = true;

  // After its end.
  static constexpr int64_t kRememberMs = 24 * 3'600'000;

  static constexpr int64_t kKeptMaxMs = int64_t{proto::kBanLongestS} * 1000 + kRememberMs;

  static Change make(const Key& prefix, const Value& term, const proto::ChangeStamp& stamp) {
    return {prefix, term, stamp};
  }
  static const Key& key(const Change& change) { return change.prefix; }
  static const Value& value(const Change& change) { return change.term; }
  static uint8_t bucket(const Key& prefix) { return static_cast<uint8_t>(common::siphash({}, prefix)); }
  static uint64_t digest(const Change& change);
  static int64_t kept_until_ms(const Change& change) { return change.ends_ms() + kRememberMs; }
};

using BanLog = ReplicatedTable<BanTable>;

// Whether somebody is banned now. One that begins too far in the future is of a clock that was wrong.
inline bool in_force(const proto::BanChange& ban, int64_t unix_ms) {
  return !ban.term.lifted && unix_ms < ban.ends_ms() && ban.stamp.unix_ms <= unix_ms + BanLog::kAheadMaxMs;
}

}  // namespace shoal::sync
