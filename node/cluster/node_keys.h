// NodeKeys: the secrets of a running node, loaded from sync.key_files at start and on SIGHUP.

#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "common/siphash.h"
#include "node/config/options.h"
#include "sync/keys.h"

namespace shoal::node {

struct NodeKeys {
  std::vector<sync::ClusterKey> cluster;   // the first seals, all open; empty: a single node
  std::vector<common::SipKey> connection;  // the first makes connection ids; those of all are accepted
  // What TLS tickets are sealed under, the first, and opened with; empty: random. With sync.insecure too:
  // whoever can derive these keys can read the connections of TLS 1.2.
  std::vector<sync::TicketRoot> tickets;
};

// A random key from the system.
common::SipKey random_key();

// Loads the keys. A node without key files gets random keys. With sync.insecure, all keys (also those for
// connection ids) are derived from the cluster's name, which anyone can do: the nodes share no secret, but
// must accept each other's connection ids. The error names the file.
common::Result<NodeKeys> load_node_keys(const Options& options);

// The ids of the keys, the sealing key's first (sync::to_text); empty: no keys.
std::string key_ids(const std::vector<sync::ClusterKey>& keys, const std::string& cluster);

}  // namespace shoal::node
