// AccessLog: the run-time changes of the access list, one per info_hash.
//
// A change stays forever, even if it agrees with the list's file: the files of two nodes may differ, or
// change.

#pragma once

#include <cstdint>

#include "proto/access_change.h"
#include "sync/replicated_table.h"

namespace shoal::sync {

struct AccessTable {
  using Key = common::InfoHash;
  using Value = bool;  // listed
  using Change = proto::AccessChange;

  static constexpr size_t kChangesMax = 100'000;
  static constexpr int64_t kAheadMaxMs = 24 * 3'600'000;
  static constexpr bool kExpires = false;

  static Change make(const Key& key, bool listed, const proto::ChangeStamp& stamp) {
    return {key, listed, stamp};
  }
  static const Key& key(const Change& change) { return change.info_hash; }
  static bool value(const Change& change) { return change.listed; }
  static uint8_t bucket(const Key& key) { return key.bytes[0]; }
  static uint64_t digest(const Change& change);
};

using AccessLog = ReplicatedTable<AccessTable>;

}  // namespace shoal::sync
