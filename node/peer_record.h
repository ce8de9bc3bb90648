// PeerRecord: one peer of a swarm as the store keeps it: 8 bytes for IPv4, 20 for IPv6.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "common/endpoint.h"
#include "node/peer_rules.h"

namespace shoal::node {

// Address and port in network order: just as an answer carries them (BEP 23, BEP 7).
template <common::Family F>
using PeerKey = std::array<uint8_t, common::compact_size(F)>;

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

template <common::Family F>
struct PeerRecord {
  PeerKey<F> key;
  common::Stamp stamp;
  uint8_t state;  // proto::PeerState::byte()

  PeerValue value() const { return {stamp, proto::peer_state_from(state)}; }
  void set(PeerValue value) {
    stamp = value.stamp;
    state = value.state.byte();
  }
};

static_assert(sizeof(PeerRecord<common::Family::v4>) == 8 && sizeof(PeerRecord<common::Family::v6>) == 20);

// Which stamps have left their lifetime at `now`, in records whose stamps were all readable at `swept`, the
// tick of the last sweep, and not later than kAheadTicks after it. Ages are read at `swept` and the ticks
// since then added: after a pause longer than the ring of stamps, reading them at `now` would take old for
// new.
class Expiry {
 public:
  // `now` is not before `swept`.
  Expiry(common::Tick swept, common::Tick now)
      : latest_(static_cast<common::Stamp>(swept + common::kAheadTicks)),
        least_(static_cast<int>(
            std::max<common::Tick>(common::kLifetimeTicks + common::kAheadTicks - (now - swept), 0))) {}

  bool expired(common::Stamp stamp) const { return static_cast<common::Stamp>(latest_ - stamp) >= least_; }

 private:
  common::Stamp latest_;  // the latest stamp there can be; ages counted from it do not wrap
  int least_;             // such an age from which on a record has expired
};

constexpr size_t kRoles = 3;

constexpr size_t index_of(proto::PeerRole role) { return static_cast<size_t>(role); }

// A hash of peer keys that spreads them evenly and that nobody without the seed can aim: two multiplications
// folded from 128 bits.
struct PeerHash {
  uint64_t a = 0;
  uint64_t b = 0;

  uint64_t operator()(const PeerKey<common::Family::v4>& key) const {
    return fold(fold(load<6>(key.data()) ^ a, b), a);
  }
  uint64_t operator()(const PeerKey<common::Family::v6>& key) const {
    const uint64_t high = fold(load<8>(key.data()) ^ a, load<2>(key.data() + 16) ^ b);
    return fold(high ^ load<8>(key.data() + 8), b);
  }

 private:
  template <size_t N>
  static uint64_t load(const uint8_t* from) {
    uint64_t value = 0;
    std::memcpy(&value, from, N);
    return value;
  }
  static uint64_t fold(uint64_t x, uint64_t y) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(x) * y;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
};

// The high half of a 128-bit product: position of the fraction x / 2^64 in a range.
inline uint64_t scale(uint64_t x, uint64_t range) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(static_cast<Wide>(x) * range >> 64);
}

}  // namespace shoal::node
