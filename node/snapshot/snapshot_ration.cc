#include "node/snapshot/snapshot_ration.h"

#include <algorithm>
#include <bit>

namespace shoal::node {

namespace {

bool fits_into(const StoreUse& use, const StoreUse& room) {
  return use.swarms <= room.swarms && use.records <= room.records && use.memory_bytes <= room.memory_bytes;
}

void take_from(StoreUse& room, const StoreUse& use) {
  room.swarms -= std::min(room.swarms, use.swarms);
  room.records -= std::min(room.records, use.records);
  room.memory_bytes -= std::min(room.memory_bytes, use.memory_bytes);
}

}  // namespace

size_t SnapshotRation::rank_of(std::span<const proto::Delta> alive, common::Tick now) {
  size_t live = 0;
  const proto::Delta* first = nullptr;
  bool one_address = true;
  int age = static_cast<int>(kAges) - 1;
  for (const proto::Delta& delta : alive) {
    if (delta.state.role == proto::PeerRole::stopped) continue;
    ++live;
    if (first == nullptr) first = &delta;
    one_address &= delta.peer.family == first->peer.family && delta.peer.address == first->peer.address;
    age = std::min(age, std::max(0, common::stamp_age(now, delta.stamp) + int{common::kAheadTicks}));
  }
  // 0: no live peer; 1: one address; then 2 and 3 peers, 4 to 7, and so on.
  size_t size = 0;
  if (live > 0) size = one_address ? 1 : std::min<size_t>(std::bit_width(live), kSizes - 1);
  return (kSizes - 1 - size) * kAges + static_cast<size_t>(age);
}

StoreUse SnapshotRation::use_of(std::span<const proto::Delta> alive, bool begins) {
  StoreUse use{begins ? 1U : 0U, alive.size(), begins ? kSwarmRoomBytes : 0};
  const auto v4 = static_cast<uint64_t>(std::count_if(
      alive.begin(), alive.end(), [](const auto& delta) { return delta.peer.family == common::Family::v4; }));
  const uint64_t others = alive.size() - v4;
  use.memory_bytes += v4 * kV4RecordRoomBytes + others * kV6RecordRoomBytes;
  if (v4 != 0 && others != 0) use.memory_bytes += kPairRoomBytes;
  return use;
}

bool SnapshotRation::begins(const common::InfoHash& info_hash) {
  const bool begins = !any_ || info_hash != swarm_;
  any_ = true;
  swarm_ = info_hash;
  return begins;
}

void SnapshotRation::count(const common::InfoHash& info_hash, std::span<const proto::Delta> alive,
                           common::Tick now) {
  if (alive.empty()) return;
  const bool first = begins(info_hash);
  if (first) rank_ = rank_of(alive, now);
  const StoreUse use = use_of(alive, first);
  StoreUse& sum = (*ranks_)[rank_];
  sum = {sum.swarms + use.swarms, sum.records + use.records, sum.memory_bytes + use.memory_bytes};
}

void SnapshotRation::settle(const StoreUse& room) {
  left_ = room;
  for (whole_ = 0; whole_ < kRanks && fits_into((*ranks_)[whole_], left_); ++whole_) {
    take_from(left_, (*ranks_)[whole_]);
  }
  any_ = false;
}

bool SnapshotRation::take(const common::InfoHash& info_hash, std::span<const proto::Delta> alive,
                          common::Tick now) {
  if (alive.empty()) return false;
  const bool first = begins(info_hash);
  if (first) {
    rank_ = rank_of(alive, now);
    taken_ = rank_ < whole_;
  }
  if (rank_ == whole_) {
    // The rest of a large swarm only as far as it goes.
    const StoreUse use = use_of(alive, first);
    if (first || taken_) taken_ = fits_into(use, left_);
    if (taken_) take_from(left_, use);
  }
  if (taken_) return true;
  if (first) ++swarms_left_out_;
  records_left_out_ += alive.size();
  return false;
}

}  // namespace shoal::node
