// Keys: the cluster's secret and everything derived from it.
//
// Each use has a key of its own: keyed BLAKE2b of (use, cluster name) under the 32-byte secret. So two
// clusters that share a key file by mistake still cannot open each other's packets.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/siphash.h"

namespace shoal::sync {

using ClusterKey = std::array<uint8_t, 32>;
using KeyId = std::array<uint8_t, 4>;
using ClusterTag = std::array<uint8_t, 4>;

// For sync.insecure: derived from the cluster's name alone, so anyone can derive it. It protects nothing; it
// only saves the rest of the code a special case.
ClusterKey insecure_key(std::string_view cluster);

// For the connection ids of BEP 15: an id issued by one node is valid on every other.
common::SipKey derive_connection_id_key(const ClusterKey& key, std::string_view cluster);

// What a node's TLS session tickets are sealed under: a root for each key of the cluster, and from it a key
// for each epoch. Roots follow each other (next_ticket_root), for a node that has no cluster key and forgets
// what it no longer needs.
using TicketRoot = std::array<uint8_t, 32>;
struct TicketKey {
  std::array<uint8_t, 16> name{};  // stands in the ticket, in clear; reveals nothing
  std::array<uint8_t, 32> cipher{};
  std::array<uint8_t, 32> mac{};
};
TicketRoot derive_ticket_root(const ClusterKey& key, std::string_view cluster);
TicketRoot next_ticket_root(const TicketRoot& root);
TicketKey derive_ticket_key(const TicketRoot& root, uint64_t epoch);

// Identifies a cluster in clear, to distinguish another cluster's packets from forged ones.
ClusterTag cluster_tag(std::string_view cluster);

// A node's id. Not keyed by the cluster's secret, which rotates: a node keeps its id when it restarts with a
// new first key, and two nodes with one name are detected whichever keys they hold.
uint64_t node_id(std::string_view cluster, std::string_view node_name);

// Seals and opens datagrams.
struct SealingKey {
  KeyId id{};
  std::array<uint8_t, 32> key{};
};

// "1f2e3d4c, 5b6a7988". An id reveals nothing about its key.
std::string to_text(const std::vector<KeyId>& ids);

// The first key seals, all open.
class KeyRing {
 public:
  // `keys` must not be empty.
  KeyRing(const std::vector<ClusterKey>& keys, std::string_view cluster);

  const SealingKey& sealing() const { return keys_.front(); }
  const std::vector<SealingKey>& all() const { return keys_; }

  // The sealing key's comes first.
  std::vector<KeyId> ids() const;
  bool holds(const KeyId& id) const;

 private:
  std::vector<SealingKey> keys_;
};

}  // namespace shoal::sync
