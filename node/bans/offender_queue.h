// OffenderQueue: a bounded queue from the workers to the control thread, without locks. A full one drops the
// item and counts it: whoever goes on is reported again.
//
// Each slot has a turn: it is even in the rounds in which it may be written, and odd in those in which it may
// be read (Dmitry Vyukov's bounded queue, for one reader).

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "node/bans/offence_table.h"

namespace shoal::node {

class OffenderQueue {
 public:
  static constexpr size_t kCapacity = 256;

  // Any thread. False: it was full.
  bool push(const OffenceTable::Offender& offender) {
    uint64_t at = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[at % kCapacity];
      const uint64_t turn = slot.turn.load(std::memory_order_acquire);
      const uint64_t ours = at / kCapacity * 2;
      if (turn < ours) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return false;
      }
      if (turn == ours && tail_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
        slot.offender = offender;
        slot.turn.store(ours + 1, std::memory_order_release);
        return true;
      }
      if (turn > ours) at = tail_.load(std::memory_order_relaxed);
    }
  }

  // One thread.
  template <class Visit>
  void drain(Visit visit) {
    for (size_t i = 0; i < kCapacity; ++i) {
      Slot& slot = slots_[head_ % kCapacity];
      const uint64_t ours = head_ / kCapacity * 2 + 1;
      if (slot.turn.load(std::memory_order_acquire) != ours) return;
      const OffenceTable::Offender offender = slot.offender;
      slot.turn.store(ours + 1, std::memory_order_release);
      ++head_;
      visit(offender);
    }
  }

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    std::atomic<uint64_t> turn{0};
    OffenceTable::Offender offender;
  };

  std::array<Slot, kCapacity> slots_{};
  alignas(64) std::atomic<uint64_t> tail_{0};
  alignas(64) uint64_t head_ = 0;
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace shoal::node
