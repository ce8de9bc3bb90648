// OffenceTable: how near each client is to a ban: for each offence a score that decays. A client is an IPv4
// address or an IPv6 /64, and only one that has proved its address is charged: the caller sees to that.
//
// A score is a bucket that leaks empty within a window (the generic cell rate algorithm, as in RateTable):
// each offence pours in 1/threshold, and when it runs over, the client is an offender, and its bucket starts
// empty. Thresholds grow with the clients seen behind the address, at most kClientsMax of them, so that a
// carrier's ten thousand honest clients do not add up to one attacker. An attacker who makes up clients to
// raise his own thresholds has to announce each of them, and gains a bounded factor.
//
// Two tables of fixed size, together 3.1 MB once all of it is used: 16,384 clients, found by a keyed hash in
// sets of eight, and 131,072 pairs of client and swarm, for new peers in one swarm. In a full set a new
// client replaces the one that did least lately, of what is counted here. So somebody with many addresses
// pushes out an offender only by doing more than it with each of them, which makes offenders of them. Any
// thread; no lock.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/info_hash.h"
#include "common/siphash.h"
#include "node/bans/client_sketch.h"
#include "node/limits/client_prefix.h"
#include "node/os/pages.h"
#include "proto/ban_change.h"

namespace shoal::node {

// How much of each offence is allowed within a window; 0: as much as anybody likes.
struct OffenceLimits {
  uint32_t window_s = 600;
  std::array<uint32_t, proto::kOffences> threshold{};  // by proto::Offence; that of by_hand is not used
  bool operator==(const OffenceLimits&) const = default;
};

class OffenceTable {
 public:
  static constexpr size_t kClients = size_t{16} * 1024;  // 128 bytes each
  static constexpr size_t kPairs = size_t{128} * 1024;   // 8 bytes each

  // More clients behind one address raise no threshold.
  static constexpr uint32_t kClientsMax = 16'384;

  // By so much each of them raises the thresholds.
  static constexpr std::array<uint32_t, proto::kOffences> kPerClient = {0, 10, 5, 2, 1, 0};

  // `key`: secret, so that nobody can choose addresses that share a set.
  OffenceTable(const common::SipKey& key, const OffenceLimits& limits);

  // In force from now on. Control thread.
  void set(const OffenceLimits& limits);

  // Who did it too often. `clients` were seen behind the address.
  struct Offender {
    ClientPrefix client{};
    proto::Offence offence{};
    uint32_t clients = 0;
    uint32_t threshold = 0;
  };

  // Charges an offence, done so many times; returns whether that was one too many. `now_us`: any clock that
  // never goes back.
  std::optional<Offender> charge(const ClientPrefix& client, proto::Offence offence, uint64_t now_us,
                                 uint64_t times = 1);

  // An announce that was answered.
  struct Announce {
    const common::InfoHash& swarm;
    const std::array<uint8_t, 20>& peer_id;  // tells the clients behind one address apart
    bool new_peer = false;                   // nobody knew this port of the address in the swarm
    bool new_swarm = false;                  // nor anybody else in it
  };
  // Charges what is new about it; of one that is known, only the client is seen.
  std::optional<Offender> announced(const ClientPrefix& client, const Announce& announce, uint64_t now_us);

  // What is known of a client, for people.
  struct Score {
    uint32_t permille = 0;  // of the threshold
    uint32_t threshold = 0;
  };
  struct Explained {
    bool known = false;
    uint32_t clients = 0;
    std::array<Score, proto::kOffences> scores{};
  };
  Explained explain(const ClientPrefix& client, uint64_t now_us) const;

  // A client is forgotten: after a ban it starts anew.
  void forget(const ClientPrefix& client);

  // Clients that were replaced while they still had a score.
  uint64_t displaced() const { return displaced_.load(std::memory_order_relaxed); }

 private:
  // What a client did in this minute or before, halved with each minute.
  struct Activity {
    static uint64_t of(uint64_t value, uint64_t minute);
    static uint64_t raised(uint64_t value, uint64_t minute);
  };

  // Zeros: free.
  struct alignas(64) Entry {
    std::atomic<uint64_t> id{0};        // the hash of the client; 0: free
    std::atomic<uint64_t> activity{0};  // minute << 32 | count
    // When the buckets of the offences will be empty, in microseconds: those after by_hand.
    std::array<std::atomic<uint64_t>, proto::kOffences - 1> empty_us{};
    ClientSketch clients;

    std::atomic<uint64_t>& bucket(proto::Offence offence) {
      return empty_us[static_cast<size_t>(offence) - 1];
    }
  };
  static_assert(sizeof(Entry) == 128);
  static constexpr size_t kWays = 8;
  static constexpr size_t kSets = kClients / kWays;
  using PairSet = std::array<std::atomic<uint64_t>, kWays>;
  static constexpr size_t kPairSets = kPairs / kWays;
  static constexpr uint64_t kTimeMask = (uint64_t{1} << 48) - 1;

  uint64_t hash_of(const ClientPrefix& client) const { return common::siphash(key_, client) | 1; }
  Entry* find(uint64_t id) const;
  Entry& find_or_make(uint64_t id, uint64_t now_us);
  uint32_t threshold_of(const Entry& entry, proto::Offence offence, uint64_t now_us) const;
  // Whether the bucket ran over.
  bool pour(std::atomic<uint64_t>& empty_us, uint64_t cost_us, uint64_t now_us) const;
  std::optional<Offender> charge(Entry& entry, const ClientPrefix& client, proto::Offence offence,
                                 uint64_t now_us, uint64_t times = 1) const;
  std::optional<Offender> charge_port(Entry& entry, const ClientPrefix& client, const common::InfoHash& swarm,
                                      uint64_t now_us) const;

  const common::SipKey key_;
  std::atomic<uint64_t> window_us_;
  std::array<std::atomic<uint32_t>, proto::kOffences> thresholds_{};
  const Pages<Entry> entries_{kClients};
  const Pages<PairSet> pairs_{kPairSets};
  std::atomic<uint64_t> displaced_{0};
};

}  // namespace shoal::node
