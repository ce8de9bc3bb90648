// Config: what a Cluster is started with.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "sync/access_log.h"
#include "sync/ban_log.h"
#include "sync/keys.h"

namespace shoal::sync {

// Whether records that are missing here and there are found by sketches: never, as before they were known;
// where it pays; or wherever it can be done.
enum class Sketching : uint8_t { never, usual, always };

struct Config {
  std::string name;                           // node.name; sent to the others as printable ASCII
  uint64_t incarnation = 0;                   // unix_ms << 16 | random16 at start
  uint64_t seed = 0;                          // secret and random: nonces are made of it
  std::string cluster;                        // sync.cluster
  std::vector<ClusterKey> keys;               // the first seals, all open; empty only with `insecure`
  bool insecure = false;                      // no key: packets are sealed with a key anyone can derive
  std::string site;                           // sync.site; empty: none
  std::optional<common::Endpoint> advertise;  // none: the others use the source address of our datagrams
  bool peers_named = false;                   // sync.peers is not empty: wait longer for them at start
  size_t multicast_groups = 0;                // how many groups the socket side has joined
  std::string version;                        // of this program, for the others to show; printable ASCII
  uint32_t peer_timeout_s = 2700;             // must be the same on all members
  int64_t pace_bytes_per_s = 6'250'000;       // to one destination; resending gets at most a fifth of it
  int64_t donate_bytes_per_s = 20'000'000;    // all donations together; 0: unlimited
  AccessLog* access_log = nullptr;            // must outlive the cluster; null: it keeps one of its own
  BanLog* ban_log = nullptr;                  // the same
  Sketching sketching = Sketching::usual;     // otherwise for tests
  bool numbered = true;                       // false: as before info_hashes could come by number, for tests
  bool snapshot = false;                      // there may be one to merge: see Outputs::load_snapshot
};

}  // namespace shoal::sync
