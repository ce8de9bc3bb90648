// PeerRecord: one peer of a swarm as the store keeps it: 8 bytes for IPv4, 20 for IPv6.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "common/endpoint.h"
#include "common/product.h"
#include "node/store/peer_rules.h"

namespace shoal::node {

// Address and port in network order, as an answer carries them (BEP 23, BEP 7).
template <common::Family F>
using PeerKey = std::array<uint8_t, common::compact_size(F)>;

// The first N bytes as a number.
template <size_t N>
uint64_t load_word(const uint8_t* from) {
  uint64_t word = 0;
  std::memcpy(&word, from, N);
  return word;
}

// How a family is stored: web peers in the form of IPv6 peers, in swarms of their own.
constexpr common::Family stored_as(common::Family family) {
  return family == common::Family::v4 ? common::Family::v4 : common::Family::v6;
}

template <common::Family F>
PeerKey<F> key_of(const common::Endpoint& peer) {
  PeerKey<F> key;
  std::memcpy(key.data(), peer.address.data(), common::address_size(F));
  key[key.size() - 2] = static_cast<uint8_t>(peer.port >> 8);
  key[key.size() - 1] = static_cast<uint8_t>(peer.port);
  return key;
}

template <common::Family F>
common::Endpoint endpoint_of(const PeerKey<F>& key) {
  common::Endpoint peer;
  peer.family = F;
  std::copy_n(key.data(), common::address_size(F), peer.address.data());
  peer.port = static_cast<uint16_t>(key[key.size() - 2] << 8 | key[key.size() - 1]);
  return peer;
}

// Compares two keys by words.
inline bool same_key(const PeerKey<common::Family::v4>& a, const PeerKey<common::Family::v4>& b) {
  return load_word<4>(a.data()) == load_word<4>(b.data()) &&
         load_word<2>(a.data() + 4) == load_word<2>(b.data() + 4);
}
inline bool same_key(const PeerKey<common::Family::v6>& a, const PeerKey<common::Family::v6>& b) {
  return load_word<8>(a.data() + 8) == load_word<8>(b.data() + 8) &&
         load_word<8>(a.data()) == load_word<8>(b.data()) &&
         load_word<2>(a.data() + 16) == load_word<2>(b.data() + 16);
}

template <common::Family F>
struct PeerRecord {
  PeerKey<F> key;
  common::Stamp stamp;
  uint8_t state;  // proto::PeerState::byte()

  PeerValue value() const { return {stamp, proto::peer_state_from(state)}; }
  proto::PeerRole role() const { return proto::peer_state_from(state).role; }
  void set(PeerValue value) {
    stamp = value.stamp;
    state = value.state.byte();
  }
};

// Writes the keys of `count` neighbours to `to`; returns the end of what was written.
template <common::Family F>
uint8_t* copy_keys(const PeerRecord<F>* first, uint32_t count, uint8_t* to) {
  if (count == 0) return to;
  // Copies whole records, each over the surplus of the one before: one load and one store for IPv4. The last
  // may write no more than its key.
  for (; count > 1; --count, ++first, to += sizeof(PeerKey<F>)) std::memcpy(to, first, sizeof *first);
  std::memcpy(to, first->key.data(), sizeof(PeerKey<F>));
  return to + sizeof(PeerKey<F>);
}

static_assert(sizeof(PeerRecord<common::Family::v4>) == 8 && sizeof(PeerRecord<common::Family::v6>) == 20);

// Which stamps have expired at `now`, of records whose stamps were all readable at `swept`, the tick of the
// last sweep, and are at most kAheadTicks after it. Ages are read at `swept` and the ticks since then added:
// after a pause longer than the ring of stamps, an old stamp read at `now` would look new.
class Expiry {
 public:
  // `now` is not before `swept`.
  Expiry(common::Tick swept, common::Tick now)
      : latest_(static_cast<common::Stamp>(swept + common::kAheadTicks)),
        least_(static_cast<int>(
            std::max<common::Tick>(common::kLifetimeTicks + common::kAheadTicks - (now - swept), 0))) {}

  bool expired(common::Stamp stamp) const { return static_cast<common::Stamp>(latest_ - stamp) >= least_; }

 private:
  common::Stamp latest_;  // the latest possible stamp; ages counted from it do not wrap
  int least_;             // the least such age of an expired record
};

// Bounds the work under one hold of a lock, counted in records looked at. Removing a record costs as much as
// looking at several, removing a swarm as looking at many.
struct WorkBound {
  static constexpr uint32_t kRecordGone = 8;
  static constexpr uint32_t kSwarmGone = 32;
  static constexpr uint32_t kSwarmAsked = 16;  // a SwarmFilter or the like is called

  uint32_t records_max;
  uint32_t records = 0;

  bool reached() const { return records >= records_max; }
};

constexpr size_t kRoles = 3;

constexpr size_t index_of(proto::PeerRole role) { return static_cast<size_t>(role); }

// A hash of peer keys that spreads them evenly and that nobody can aim without the seed: two multiplications,
// each folded from 128 bits.
struct PeerHash {
  uint64_t a = 0;
  uint64_t b = 0;

  uint64_t operator()(const PeerKey<common::Family::v4>& key) const {
    return fold(fold(load_word<6>(key.data()) ^ a, b), a);
  }
  uint64_t operator()(const PeerKey<common::Family::v6>& key) const {
    const uint64_t high = fold(load_word<8>(key.data()) ^ a, load_word<2>(key.data() + 16) ^ b);
    return fold(high ^ load_word<8>(key.data() + 8), b);
  }

 private:
  static uint64_t fold(uint64_t x, uint64_t y) { return common::folded_product(x, y); }
};

// The high half of a 128-bit product: position of the fraction x / 2^64 in a range.
inline uint64_t scale(uint64_t x, uint64_t range) { return common::product(x, range).high; }

}  // namespace shoal::node
