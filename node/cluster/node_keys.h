// NodeKeys: the secrets of a running node, from sync.key_files: at start, and again at SIGHUP.

#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "common/siphash.h"
#include "node/config/options.h"
#include "sync/keys.h"

namespace shoal::node {

struct NodeKeys {
  std::vector<sync::ClusterKey> cluster;   // the first seals, all open; empty: this node is on its own
  common::SipKey store;                    // of the first key; the store keeps the one it was made with
  std::vector<common::SipKey> connection;  // the first makes connection ids, all are accepted
};

// From the system.
common::SipKey random_key();

// A node without a key gets random ones. With sync.insecure they are what anyone can make, the connection
// keys too: nodes must take each other's connection ids, and have nothing else in common. The error names the
// file.
common::Result<NodeKeys> load_node_keys(const Options& options);

// Their ids, the one that seals first (sync::to_text); empty: no keys.
std::string key_ids(const std::vector<sync::ClusterKey>& keys, const std::string& cluster);

}  // namespace shoal::node
