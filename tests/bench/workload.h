// The workload of the load generators, the same as in aquatic's load tester: few popular torrents and many
// nearly dead ones, each peer in one torrent, three of four peers seeders. A pure function of its parameters:
// peer 17 is the same in every run and every program.

#pragma once

#include <cstdint>
#include <vector>

#include "common/info_hash.h"
#include "common/prng.h"

namespace shoal::bench {

// Draws an index with the probability of its weight, in constant time (Walker's alias method in Vose's form).
class AliasTable {
 public:
  explicit AliasTable(const std::vector<double>& weights);
  // `random`: 64 random bits.
  uint32_t draw(uint64_t random) const {
    const auto slot = static_cast<uint32_t>((random >> 32) * slots_.size() >> 32);
    return static_cast<uint32_t>(random) < slots_[slot].threshold ? slot : slots_[slot].alias;
  }

 private:
  struct Slot {
    uint32_t threshold;
    uint32_t alias;
  };
  std::vector<Slot> slots_;
};

// One peer: `client` is the number of its address, `port` the port it announces.
struct WorkloadPeer {
  uint32_t torrent = 0;
  uint32_t client = 0;
  uint16_t port = 0;
  bool seeder = false;
};

class Workload {
 public:
  static constexpr uint32_t kPeersPerClientMax = 60'000;
  static constexpr uint32_t kClientsMin = 64;

  // Torrent i of n weighs 0.5 + exp(6.5 - 500 i / n). `even`: all have the same number of peers instead.
  Workload(uint32_t torrents, uint32_t peers, bool even = false);

  uint32_t torrents() const { return torrents_; }
  uint32_t peers() const { return peers_; }
  // The number of addresses over which the peers are distributed in turn.
  uint32_t clients() const { return clients_; }
  uint32_t peers_of_client(uint32_t client) const { return (peers_ - client + clients_ - 1) / clients_; }

  // Peer number `index` of one client.
  WorkloadPeer peer(uint32_t client, uint32_t index) const;
  uint32_t random_torrent(common::Prng& prng) const { return table_.draw(prng.next()); }

 private:
  uint32_t torrents_;
  uint32_t peers_;
  uint32_t clients_;
  bool even_;
  AliasTable table_;
};

common::InfoHash torrent_hash(uint32_t torrent);

}  // namespace shoal::bench
