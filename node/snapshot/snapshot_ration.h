// SnapshotRation: which swarms of a snapshot are loaded where not all of them find room: the largest first,
// of equally large ones the newest. Reading the file once counts them into a table of fixed size; reading it
// again tells of each whether it is among those that fit. Single thread.
//
// Of a large swarm the first block decides: it is at least that large.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/info_hash.h"
#include "common/tick.h"
#include "node/store/store_room.h"
#include "proto/delta.h"

namespace shoal::node {

class SnapshotRation {
 public:
  // A block of a swarm: its records that are alive at `now`, with stamps readable then. The blocks of a swarm
  // come one after the other.
  void count(const common::InfoHash& info_hash, std::span<const proto::Delta> alive, common::Tick now);

  // After the last count(): there is room for so much.
  void settle(const StoreUse& room);

  // Whether to load this block; for the same blocks as count(), at the same `now`.
  bool take(const common::InfoHash& info_hash, std::span<const proto::Delta> alive, common::Tick now);

  // That take() has left out.
  uint64_t swarms_left_out() const { return swarms_left_out_; }
  uint64_t records_left_out() const { return records_left_out_; }

 private:
  // Swarms of one address, then by powers of two of their live peers.
  static constexpr size_t kSizes = 16;
  static constexpr size_t kAges = common::kLifetimeTicks + common::kAheadTicks;
  static constexpr size_t kRanks = kSizes * kAges;

  // 0 is the best.
  static size_t rank_of(std::span<const proto::Delta> alive, common::Tick now);
  static StoreUse use_of(std::span<const proto::Delta> alive, bool begins);

  bool begins(const common::InfoHash& info_hash);

  std::unique_ptr<std::array<StoreUse, kRanks>> ranks_ = std::make_unique<std::array<StoreUse, kRanks>>();
  size_t whole_ = kRanks;  // ranks below this fit whole
  StoreUse left_;          // for those of that rank
  common::InfoHash swarm_{};
  bool any_ = false;
  size_t rank_ = 0;     // of the present swarm
  bool taken_ = false;  // the same
  uint64_t swarms_left_out_ = 0;
  uint64_t records_left_out_ = 0;
};

}  // namespace shoal::node
