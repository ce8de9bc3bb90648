#include "node/cluster/node_keys.h"

#include <sodium/randombytes.h>

#include "node/cluster/key_file.h"

namespace shoal::node {

common::SipKey random_key() {
  common::SipKey key;
  randombytes_buf(key.data(), key.size());
  return key;
}

common::Result<NodeKeys> load_node_keys(const Options& options) {
  NodeKeys keys;
  const std::string& cluster = options.sync.cluster;
  for (const std::string& path : options.sync.key_files) {
    auto key = load_key_file(path);
    if (!key) return common::fail("sync.key_files: " + key.error().message);
    keys.cluster.push_back(*key);
    keys.tickets.push_back(sync::derive_ticket_root(*key, cluster));
  }
  if (options.sync.insecure) keys.cluster.push_back(sync::insecure_key(cluster));
  if (keys.cluster.empty()) {
    // A single node: no other node needs its keys.
    keys.connection.push_back(random_key());
    return keys;
  }
  for (const sync::ClusterKey& key : keys.cluster) {
    keys.connection.push_back(sync::derive_connection_id_key(key, cluster));
  }
  return keys;
}

std::string key_ids(const std::vector<sync::ClusterKey>& keys, const std::string& cluster) {
  return keys.empty() ? "" : sync::to_text(sync::KeyRing(keys, cluster).ids());
}

}  // namespace shoal::node
