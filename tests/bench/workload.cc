#include "bench/workload.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace shoal::bench {

namespace {

uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::vector<double> torrent_weights(uint32_t torrents) {
  std::vector<double> weights(torrents);
  for (uint32_t i = 0; i < torrents; ++i) weights[i] = 0.5 + std::exp(6.5 - 500.0 * i / torrents);
  return weights;
}

}  // namespace

AliasTable::AliasTable(const std::vector<double>& weights) : slots_(weights.size()) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  std::vector<double> share(weights.size());
  std::vector<uint32_t> small;
  std::vector<uint32_t> large;
  for (uint32_t i = 0; i < weights.size(); ++i) {
    share[i] = weights[i] / sum * static_cast<double>(weights.size());
    (share[i] < 1 ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const uint32_t slot = small.back();
    const uint32_t donor = large.back();
    small.pop_back();
    slots_[slot] = {static_cast<uint32_t>(share[slot] * 0x1p32), donor};
    share[donor] -= 1 - share[slot];
    if (share[donor] < 1) {
      large.pop_back();
      small.push_back(donor);
    }
  }
  // Slots left over by rounding are full.
  for (const uint32_t slot : small) slots_[slot] = {UINT32_MAX, slot};
  for (const uint32_t slot : large) slots_[slot] = {UINT32_MAX, slot};
}

Workload::Workload(uint32_t torrents, uint32_t peers, bool even)
    : torrents_(torrents),
      peers_(peers),
      clients_(std::max(kClientsMin, (peers + kPeersPerClientMax - 1) / kPeersPerClientMax)),
      even_(even),
      table_(even ? std::vector<double>(torrents, 1.0) : torrent_weights(torrents)) {}

WorkloadPeer Workload::peer(uint32_t client, uint32_t index) const {
  const uint64_t random = mix(static_cast<uint64_t>(client) << 32 | index);
  WorkloadPeer peer;
  peer.client = client;
  peer.port = static_cast<uint16_t>(1 + index);
  peer.torrent =
      even_ ? static_cast<uint32_t>((uint64_t{index} * clients_ + client) % torrents_) : table_.draw(random);
  peer.seeder = mix(random) % 4 != 0;
  return peer;
}

common::InfoHash torrent_hash(uint32_t torrent) {
  common::InfoHash hash;
  for (uint64_t part = 0; part < 3; ++part) {
    const uint64_t word = mix(static_cast<uint64_t>(torrent) * 3 + part);
    std::memcpy(hash.bytes.data() + part * 8, &word, std::min<size_t>(8, hash.bytes.size() - part * 8));
  }
  return hash;
}

}  // namespace shoal::bench
