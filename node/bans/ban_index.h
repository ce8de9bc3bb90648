// BanIndex: the bans in force, for the workers: who is banned, and until when. Immutable: made on the control
// thread, shared by the workers, replaced when bans come or go. One that has ended is not in force, even if
// the index still has it. If nobody is banned there is no index, which the workers' hot path checks first.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "common/siphash.h"
#include "node/limits/client_prefix.h"

namespace shoal::node {

struct Ban {
  ClientPrefix client{};
  int64_t ends_ms = 0;  // cluster time
  bool dry = false;     // it would be in force if bans.mode were on
  bool operator==(const Ban&) const = default;
};

class BanIndex {
 public:
  enum class Verdict : uint8_t { none, dry, banned };

  // `key`: secret, so that nobody can choose addresses that lie together.
  BanIndex(std::span<const Ban> bans, const common::SipKey& key);

  // `now_ms`: cluster time.
  Verdict judge(const common::Endpoint& client, int64_t now_ms) const {
    const uint64_t key = key_of(client.family, client.address.data());
    for (size_t at = place_of(key);; at = (at + 1) & mask_) {
      const Cell& cell = cells_[at];
      if (cell.key == 0) return Verdict::none;
      if (cell.key != key) continue;
      if (now_ms < cell.ends_ms) return Verdict::banned;
      return now_ms < -cell.ends_ms ? Verdict::dry : Verdict::none;
    }
  }

  size_t bytes() const { return cells_.size() * sizeof(Cell); }

 private:
  struct Cell {
    uint64_t key = 0;     // 0: free
    int64_t ends_ms = 0;  // negative: of a dry one
  };

  // Above an IPv4 address. As an IPv6 address this is multicast, which no client has.
  static constexpr uint64_t kV4 = 0xffff'ffff'0000'0000;

  // The first 8 bytes of the address as a number, so that no two clients have one key. ::/64 becomes 1, which
  // is no client's either.
  static uint64_t key_of(common::Family family, const uint8_t* address) {
    if (family == common::Family::v4) {
      uint32_t v4;
      std::memcpy(&v4, address, sizeof v4);
      return kV4 | v4;
    }
    uint64_t v6;
    std::memcpy(&v6, address, sizeof v6);
    return std::max<uint64_t>(__builtin_bswap64(v6), 1);
  }
  // Two rounds of multiply and fold, as in MurmurHash3's finalizer, of a key that nobody knows.
  size_t place_of(uint64_t key) const {
    uint64_t mixed = (key ^ seed_) * 0xff51'afd7'ed55'8ccd;
    mixed = (mixed ^ mixed >> 33) * 0xc4ce'b9fe'1a85'ec53;
    return static_cast<size_t>(mixed ^ mixed >> 33) & mask_;
  }

  const uint64_t seed_;
  size_t mask_ = 0;
  std::vector<Cell> cells_;
};

}  // namespace shoal::node
