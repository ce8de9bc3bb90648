// The keys that seal TLS session tickets (RFC 5077, RFC 8446 4.6.1), so that any node of a cluster resumes
// what another began: each is derived from a key of the cluster and an epoch of kTicketEpochS of cluster
// time. New tickets are sealed under the first key and the present epoch; tickets of all keys and of the
// epoch before and after are opened. So a ticket outlives a rotation of the cluster key and clocks that
// differ.
//
// A node without a cluster key has a random root, which is replaced by its hash from epoch to epoch: what
// sealed the tickets of three epochs ago cannot be computed any more.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sync/keys.h"

namespace shoal::node {

constexpr int64_t kTicketEpochS = 7200;
// A client is told to keep a ticket for so long: one of the last moment of an epoch is opened until the next
// epoch ends.
constexpr int64_t kTicketLifetimeS = kTicketEpochS;

constexpr uint64_t ticket_epoch(int64_t unix_ms) {
  return static_cast<uint64_t>(unix_ms < 0 ? 0 : unix_ms) / (1000 * static_cast<uint64_t>(kTicketEpochS));
}

// The keys of one moment. Immutable, any thread; wiped when the last who holds them lets go.
class TicketKeys {
 public:
  // At least one; the first seals.
  explicit TicketKeys(std::vector<sync::TicketKey> keys);
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  const sync::TicketKey& sealing() const { return keys_.front(); }
  // The key of this name; null: a ticket of other keys, or of another time.
  const sync::TicketKey* find(std::span<const uint8_t, 16> name) const;

 private:
  std::vector<sync::TicketKey> keys_;
};

// Where they come from. One thread.
class TicketSource {
 public:
  // Without roots: a random one.
  explicit TicketSource(std::vector<sync::TicketRoot> roots) { set_roots(std::move(roots)); }
  ~TicketSource();
  TicketSource(const TicketSource&) = delete;
  TicketSource& operator=(const TicketSource&) = delete;

  // Those of the cluster's keys, the sealing key's first.
  void set_roots(std::vector<sync::TicketRoot> roots);

  // With a random root epochs do not go back: a clock that was set back keeps the keys.
  std::shared_ptr<const TicketKeys> keys(uint64_t epoch);

 private:
  void wipe();

  std::vector<sync::TicketRoot> roots_;  // empty: `own_`
  sync::TicketRoot own_{};               // of the epoch before own_epoch_
  uint64_t own_epoch_ = 0;               // 0: none was asked for yet
};

}  // namespace shoal::node
