// Identity: who this node is in the cluster, and the settings that never change while it runs. Plain values.

#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "common/endpoint.h"
#include "common/tick.h"
#include "proto/sync_packet.h"
#include "sync/config.h"
#include "sync/keys.h"
#include "sync/now.h"

namespace shoal::sync {

struct Identity {
  Identity(const Config& config, Now now)
      : name(to_wire_name(config.name)),
        id(node_id(config.cluster, config.name)),
        incarnation(config.incarnation),
        tag(cluster_tag(config.cluster)),
        advertise(config.advertise),
        version(config.version.substr(0, proto::kSyncVersionMax)),
        site(config.site.substr(0, proto::kSyncSiteMax)),
        peer_timeout_s(config.peer_timeout_s),
        tick_ms(std::max<int64_t>(1, int64_t{peer_timeout_s} * 1000 / common::kLifetimeTicks)),
        started_us(now.mono_us),
        numbered(config.numbered),
        sketching(config.sketching) {}

  int64_t uptime_ms(Now now) const { return (now.mono_us - started_us) / 1000; }

  const std::string name;  // as sent to the others
  const uint64_t id;
  const uint64_t incarnation;
  const ClusterTag tag;
  const std::optional<common::Endpoint> advertise;
  const std::string version;
  const std::string site;  // empty: none
  const uint32_t peer_timeout_s;
  const int64_t tick_ms;
  const int64_t started_us;
  const bool numbered;  // reads and sends deltas whose info_hashes come by number
  const Sketching sketching;

 private:
  // Names travel as printable ASCII. The id is derived from the name as configured, so this causes no
  // clashes.
  static std::string to_wire_name(const std::string& name) {
    std::string out = name.substr(0, proto::kSyncNameMax);
    for (char& c : out) {
      if (c < 0x20 || c >= 0x7f) c = '?';
    }
    return out;
  }
};

}  // namespace shoal::sync
