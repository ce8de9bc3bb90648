// RateTable: the recent request rate of each client, as token buckets in a table of fixed size, found by a
// keyed hash. If a set of eight is full, a new client replaces the least active one. A client that is not in
// the table has a full bucket. So somebody with enough addresses escapes the limit, but does not make it
// stricter for others, except for the one in about ten thousand that shares the hash bits which the table
// keeps. Any thread. Requests over the limit write nothing, so a flood only reads.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/siphash.h"
#include "node/limits/client_prefix.h"
#include "node/os/pages.h"

namespace shoal::node {

class RateTable {
 public:
  static constexpr size_t kClients = size_t{128} * 1024;  // 8 bytes each
  // A bucket holds the requests of this time, because clients that start many downloads announce them all at
  // once.
  static constexpr uint64_t kBurstUs = 10'000'000;
  static constexpr uint32_t kPerSecondMax = 100'000;

  explicit RateTable(const common::SipKey& key) : key_(key) {}

  // Charges one request to the client's bucket, which refills at `per_s` (at least 1). False: the bucket is
  // empty. `now_us`: any clock that never goes back and has run for less than eight years.
  bool charge(const ClientPrefix& client, uint32_t per_s, uint64_t now_us);

  // Whether charge() would succeed. Charges nothing.
  bool has_room(const ClientPrefix& client, uint32_t per_s, uint64_t now_us) const;

 private:
  // 16 bits of the hash, and 48 of the time at which the bucket will be full again, in microseconds: the
  // "theoretical arrival time" of the generic cell rate algorithm (ITU-T I.371). 0 is a full bucket.
  using Cell = std::atomic<uint64_t>;
  static constexpr size_t kWays = 8;  // a cache line
  static constexpr int kTimeBits = 48;
  static constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;

  struct alignas(64) Set {
    std::array<Cell, kWays> cells{};
  };
  static constexpr size_t kSets = kClients / kWays;

  static uint64_t tag_of(uint64_t hash) { return hash & ~kTimeMask; }
  static bool fits(uint64_t full_us, uint64_t cost_us, uint64_t now_us) {
    return full_us <= now_us || full_us - now_us + cost_us <= kBurstUs;
  }
  uint64_t hash_of(const ClientPrefix& client) const { return common::siphash(key_, client); }

  const common::SipKey key_;
  const Pages<Set> sets_{kSets};
};

}  // namespace shoal::node
