// What goes into a Cluster and what comes out of it: datagrams, peers, log lines and pulls, as plain values.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/log.h"
#include "proto/access_change.h"
#include "proto/ban_change.h"

namespace shoal::sync {

// A datagram that was received.
struct Received {
  common::Endpoint from;
  std::optional<size_t> group;  // index of the multicast group it came by; none: unicast
  common::ByteSpan bytes;
};

// An entry of sync.peers, as far as it is resolved.
struct NamedPeer {
  std::string name;  // as the operator wrote it
  std::vector<common::Endpoint> addresses;
  std::string trouble;  // why there is no address; used only if there is none
};

// A datagram to send; all receivers of one packet share the bytes.
struct Send {
  std::optional<size_t> group;  // to this multicast group; none: to `to`
  common::Endpoint to;
  std::shared_ptr<const std::vector<uint8_t>> bytes;
};

struct LogEvent {
  common::LogLevel level;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
};

// A pull to start: connect to `to` by TCP, send the request, and pass what arrives to pull_received().
struct PullStart {
  uint64_t pull = 0;  // identifies it in later calls
  common::Endpoint to;
  std::shared_ptr<const std::vector<uint8_t>> request;
};

// A whole message for a web peer of this node (sync/relays.h).
struct Relayed {
  uint64_t from_run = 0;  // incarnation of the member that sent it
  std::vector<uint8_t> message;
};

// What one call asks the caller to do. The caller empties it.
struct Outputs {
  std::vector<Send> sends;
  std::vector<LogEvent> logs;
  // New ones from other nodes, and those that are void now; the log has been changed already.
  std::vector<proto::AccessChange> access_changes;
  bool access_origins = false;  // what one node has changed is void, whether or not any of it was here
  std::vector<proto::BanChange> ban_changes;
  std::vector<PullStart> pulls;
  std::vector<uint64_t> pull_aborts;  // close these; pull_closed() need not be called
  // Runs of nodes that have ended, or are down: their web peers are to be dropped from the store.
  std::vector<uint64_t> runs_gone;
  std::vector<Relayed> relayed;
  // Set once, if there is a snapshot: cluster time is now as accurate as it will get, so merge the snapshot
  // and call snapshot_merged().
  bool load_snapshot = false;
};

}  // namespace shoal::sync
