#include "node/bans/offence_table.h"

#include <algorithm>
#include <cstring>

namespace shoal::node {

using proto::Offence;

namespace {

constexpr uint64_t kMinuteUs = 60'000'000;
constexpr size_t index_of_offence(Offence offence) { return static_cast<size_t>(offence); }

}  // namespace

uint64_t OffenceTable::Activity::of(uint64_t value, uint64_t minute) {
  const uint64_t age = minute - (value >> 32);
  return age >= 32 ? 0 : (value & 0xffffffff) >> age;
}

uint64_t OffenceTable::Activity::raised(uint64_t value, uint64_t minute) {
  return minute << 32 | std::min<uint64_t>(of(value, minute) + 1, 0xffffffff);
}

OffenceTable::OffenceTable(const common::SipKey& key, const OffenceLimits& limits)
    : key_(key), window_us_(0) {
  set(limits);
}

void OffenceTable::set(const OffenceLimits& limits) {
  window_us_.store(uint64_t{limits.window_s} * 1'000'000, std::memory_order_relaxed);
  for (size_t i = 0; i < thresholds_.size(); ++i) {
    thresholds_[i].store(limits.threshold[i], std::memory_order_relaxed);
  }
}

OffenceTable::Entry* OffenceTable::find(uint64_t id) const {
  Entry* const set = &entries_[id / 2 % kSets * kWays];
  for (size_t i = 0; i < kWays; ++i) {
    if (set[i].id.load(std::memory_order_relaxed) == id) return &set[i];
  }
  return nullptr;
}

OffenceTable::Entry& OffenceTable::find_or_make(uint64_t id, uint64_t now_us) {
  const uint64_t minute = now_us / kMinuteUs;
  Entry* entry = find(id);
  if (entry == nullptr) {
    Entry* const set = &entries_[id / 2 % kSets * kWays];
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < kWays; ++i) {
      const uint64_t did = set[i].id.load(std::memory_order_relaxed) == 0
                               ? 0
                               : Activity::of(set[i].activity.load(std::memory_order_relaxed), minute) + 1;
      if (did >= least) continue;
      least = did;
      entry = &set[i];
    }
    uint64_t old = entry->id.load(std::memory_order_relaxed);
    // Two threads that make two clients here at once: one of them is forgotten again.
    if (entry->id.compare_exchange_strong(old, id, std::memory_order_relaxed)) {
      bool scored = false;
      for (auto& empty_us : entry->empty_us) {
        scored = scored || empty_us.load(std::memory_order_relaxed) > now_us;
        empty_us.store(0, std::memory_order_relaxed);
      }
      if (old != 0 && scored) displaced_.fetch_add(1, std::memory_order_relaxed);
      entry->activity.store(0, std::memory_order_relaxed);
      entry->clients.clear();
    }
  }
  const uint64_t activity = entry->activity.load(std::memory_order_relaxed);
  entry->activity.store(Activity::raised(activity, minute), std::memory_order_relaxed);
  return *entry;
}

uint32_t OffenceTable::threshold_of(const Entry& entry, Offence offence, uint64_t now_us) const {
  const size_t index = index_of_offence(offence);
  const uint32_t base = thresholds_[index].load(std::memory_order_relaxed);
  if (base == 0 || kPerClient[index] == 0) return base;
  return base + std::min(entry.clients.count(now_us), kClientsMax) * kPerClient[index];
}

bool OffenceTable::pour(std::atomic<uint64_t>& empty_us, uint64_t cost_us, uint64_t now_us) const {
  const uint64_t next = std::max(empty_us.load(std::memory_order_relaxed) & kTimeMask, now_us) + cost_us;
  const bool over = next - now_us > window_us_.load(std::memory_order_relaxed);
  empty_us.store(over ? now_us : next, std::memory_order_relaxed);
  return over;
}

auto OffenceTable::charge(const ClientPrefix& client, Offence offence, uint64_t now_us, uint64_t times)
    -> std::optional<Offender> {
  if (thresholds_[index_of_offence(offence)].load(std::memory_order_relaxed) == 0) return std::nullopt;
  return charge(find_or_make(hash_of(client), now_us), client, offence, now_us, times);
}

auto OffenceTable::charge(Entry& entry, const ClientPrefix& client, Offence offence, uint64_t now_us,
                          uint64_t times) const -> std::optional<Offender> {
  const uint32_t threshold = threshold_of(entry, offence, now_us);
  if (threshold == 0) return std::nullopt;
  // More than the threshold runs over as the threshold does.
  const uint64_t cost_us =
      window_us_.load(std::memory_order_relaxed) / threshold * std::min<uint64_t>(times, threshold + 1);
  if (!pour(entry.bucket(offence), cost_us, now_us)) return std::nullopt;
  return Offender{client, offence, entry.clients.count(now_us), threshold};
}

auto OffenceTable::charge_port(Entry& entry, const ClientPrefix& client, const common::InfoHash& swarm,
                               uint64_t now_us) const -> std::optional<Offender> {
  const uint32_t threshold = threshold_of(entry, Offence::ports, now_us);
  if (threshold == 0) return std::nullopt;
  std::array<uint64_t, 3> words;
  std::memcpy(words.data(), swarm.bytes.data(), 16);
  std::memcpy(&words[2], client.data() + 1, 8);
  const uint64_t hash = common::siphash_of_words(key_, words, client[0], 1);
  PairSet& set = pairs_[hash % kPairSets];
  const uint64_t tag = hash & ~kTimeMask;
  // The one of this pair, or else the emptiest.
  std::atomic<uint64_t>* cell = nullptr;
  uint64_t filled_us = 0;
  uint64_t least_us = UINT64_MAX;
  for (auto& one : set) {
    const uint64_t value = one.load(std::memory_order_relaxed);
    if (value != 0 && (value & ~kTimeMask) == tag) {
      cell = &one;
      filled_us = value & kTimeMask;
      break;
    }
    if ((value & kTimeMask) >= least_us) continue;
    least_us = value & kTimeMask;
    cell = &one;
  }
  std::atomic<uint64_t> bucket{filled_us};
  const bool over = pour(bucket, window_us_.load(std::memory_order_relaxed) / threshold, now_us);
  const uint64_t empty_us = bucket.load(std::memory_order_relaxed);
  cell->store(tag | (empty_us & kTimeMask), std::memory_order_relaxed);
  // For people: the fullest of its swarms.
  std::atomic<uint64_t>& shown = entry.bucket(Offence::ports);
  if (over || empty_us > shown.load(std::memory_order_relaxed)) {
    shown.store(empty_us, std::memory_order_relaxed);
  }
  if (!over) return std::nullopt;
  return Offender{client, Offence::ports, entry.clients.count(now_us), threshold};
}

auto OffenceTable::announced(const ClientPrefix& client, const Announce& announce, uint64_t now_us)
    -> std::optional<Offender> {
  Entry& entry = find_or_make(hash_of(client), now_us);
  entry.clients.add(common::siphash(key_, announce.peer_id), now_us);
  if (!announce.new_peer) return std::nullopt;
  const auto offender = charge_port(entry, client, announce.swarm, now_us);
  if (!announce.new_swarm) return offender;
  const auto other = charge(entry, client, Offence::new_swarms, now_us);
  return offender ? offender : other;
}

auto OffenceTable::explain(const ClientPrefix& client, uint64_t now_us) const -> Explained {
  Explained out;
  const Entry* entry = find(hash_of(client));
  out.known = entry != nullptr;
  if (entry != nullptr) out.clients = entry->clients.count(now_us);
  const uint64_t window_us = window_us_.load(std::memory_order_relaxed);
  for (size_t i = 1; i < out.scores.size(); ++i) {
    Score& score = out.scores[i];
    score.threshold = entry != nullptr ? threshold_of(*entry, static_cast<Offence>(i), now_us)
                                       : thresholds_[i].load(std::memory_order_relaxed);
    if (entry == nullptr) continue;
    const uint64_t empty_us = entry->empty_us[i - 1].load(std::memory_order_relaxed);
    if (empty_us > now_us) score.permille = static_cast<uint32_t>((empty_us - now_us) * 1000 / window_us);
  }
  return out;
}

void OffenceTable::forget(const ClientPrefix& client) {
  Entry* entry = find(hash_of(client));
  if (entry == nullptr) return;
  for (auto& empty_us : entry->empty_us) empty_us.store(0, std::memory_order_relaxed);
}

}  // namespace shoal::node
