// Which swarms a full store gives up for new ones (docs/decisions/0009-what-goes-when-memory-is-full.md).
// Judged among some swarms drawn at random, by what is known of them without a ledger of who made what: an
// address, or a network, that turns up again and again in the draw has filled the store. Pure, bounded work.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/endpoint.h"

namespace shoal::node {

// What is looked at of one swarm.
struct SwarmFacts {
  // More addresses than this are many: such a swarm stays.
  static constexpr uint32_t kFewAddresses = 2;

  bool live = false;           // it has a peer that is not stopped
  uint32_t renewals = 0;       // of its peers' records by regular announces, up to a few
  uint32_t address_count = 0;  // distinct; at most kFewAddresses + 1
  std::array<uint64_t, kFewAddresses> addresses{};

  void add_address(uint64_t address) {
    const uint32_t known = std::min(address_count, kFewAddresses);
    if (std::find(addresses.begin(), addresses.begin() + known, address) != addresses.begin() + known) return;
    if (known < kFewAddresses) addresses[known] = address;
    if (address_count <= kFewAddresses) ++address_count;
  }
};

// An IPv4 address or an IPv6 /64 as a number.
template <size_t N>
uint64_t eviction_address(const std::array<uint8_t, N>& key) {
  uint64_t address = 0;
  for (size_t i = 0; i < (N < 8 ? 4 : 8); ++i) address = address << 8 | key[i];
  return N < 8 ? address << 16 | uint64_t{0xffff} << 48 : address;
}

// A web peer has no address: its connection stands for it, spread so that neighbours are in different
// networks. All peers of a node share the run, which says nothing about who they are.
inline uint64_t eviction_connection(const std::array<uint8_t, 18>& key) {
  uint64_t connection = 0;
  for (size_t i = 8; i < 16; ++i) connection = connection << 8 | key[i];
  uint64_t run = 0;
  for (size_t i = 0; i < 8; ++i) run = run << 8 | key[i];
  return (connection ^ run) * 0x9e3779b97f4a7c15 >> 1;
}

// Its IPv4 /24 or IPv6 /48: IPv4 has a prefix that no IPv6 address has (ffff::/16 is multicast).
constexpr uint64_t eviction_network(uint64_t address) {
  return address >> 48 == 0xffff ? address & ~uint64_t{0xffffff} : address & ~uint64_t{0xffff};
}

class Eviction {
 public:
  // Drawn at a time.
  static constexpr uint32_t kDrawn = 16;
  // An address or network that so many of them share is filling the store. An honest one would have to hold
  // a quarter of all swarms.
  static constexpr uint32_t kRecurs = 4;
  // So many renewals, and a lonely seed is no newcomer: at intervals of half an hour, an hour.
  static constexpr uint32_t kSettled = 2;
  // Given up at most, so that no shard is emptied while others have more of those to give up.
  static constexpr size_t kGone = 3;

  // Adds to `gone` the places of those to be given up, the least worth first. `lonely_too`: lonely newcomers
  // without blame, if there are few others.
  static void choose(std::span<const SwarmFacts> drawn, bool lonely_too, std::vector<size_t>& gone) {
    gone.reserve(gone.size() + drawn.size());
    const auto take = [&](auto which) {
      for (size_t i = 0; i < drawn.size(); ++i) {
        if (which(drawn[i])) gone.push_back(i);
      }
    };
    take([](const SwarmFacts& swarm) { return !swarm.live; });
    take([&](const SwarmFacts& swarm) { return swarm.live && fills(drawn, swarm); });
    gone.resize(std::min(gone.size(), kGone));
    const size_t blamed = gone.size();
    if (!lonely_too || blamed == kGone) return;
    take([&](const SwarmFacts& swarm) {
      return swarm.live && swarm.address_count == 1 && swarm.renewals < kSettled && !fills(drawn, swarm);
    });
    gone.resize(std::min(gone.size(), kGone));
  }

 private:
  template <class Same>
  static bool recurs(std::span<const SwarmFacts> drawn, Same same) {
    const auto has = [&](const SwarmFacts& swarm) {
      const uint32_t known = std::min(swarm.address_count, SwarmFacts::kFewAddresses);
      return std::any_of(swarm.addresses.begin(), swarm.addresses.begin() + known, same);
    };
    return std::count_if(drawn.begin(), drawn.end(), has) >= ptrdiff_t{kRecurs};
  }

  // Whether only those who fill the store are in the swarm. Of a lonely swarm the network counts: it is
  // easier to have many addresses in one than many networks.
  static bool fills(std::span<const SwarmFacts> drawn, const SwarmFacts& swarm) {
    if (swarm.address_count == 0 || swarm.address_count > SwarmFacts::kFewAddresses) return false;
    if (swarm.address_count == 1) {
      const uint64_t network = eviction_network(swarm.addresses[0]);
      return recurs(drawn, [&](uint64_t other) { return eviction_network(other) == network; });
    }
    return std::all_of(swarm.addresses.begin(), swarm.addresses.end(), [&](uint64_t address) {
      return recurs(drawn, [&](uint64_t other) { return other == address; });
    });
  }
};

}  // namespace shoal::node
