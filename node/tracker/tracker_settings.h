// TrackerSettings: what a worker's tracker goes by: the options themselves, and what is made of them. Plain
// values.

#pragma once

#include <atomic>
#include <cstdint>

#include "common/network.h"
#include "node/bans/offence_watch.h"
#include "node/config/options.h"
#include "node/limits/request_limiter.h"
#include "node/tracker/client_address.h"

namespace shoal::node {

// Immutable: shared by the workers, and replaced at a reload.
struct TrackerSettings {
  Options::Tracker options{};
  Options::Stats stats{};
  Options::Websocket websocket{};
  // The most peers in an answer: over UDP, over HTTP, and the larger of the two.
  uint32_t udp_peers_max = 0;
  uint32_t http_peers_max = 0;
  uint32_t peers_max = 0;
  TrustedProxies proxies{};
  bool proxy_protocol = false;          // their connections begin with a header that says whose they are
  common::NetworkSet stats_networks{};  // whose clients may see opentracker's page
  // Not null: the interval, as it is adapted; outlives the tracker.
  const std::atomic<uint32_t>* adapted_interval_s = nullptr;
  RequestLimiter* limiter = nullptr;  // null: requests are not limited; outlives the tracker
  // Null: offences are not counted; outlives the tracker. With sync.insecure anybody can make connection ids,
  // so those over UDP do not count.
  OffenceWatch* offences = nullptr;
  OffenceWatch* udp_offences = nullptr;
};

// `adapted_interval_s`, `limiter`, `offences`: see TrackerSettings.
TrackerSettings tracker_settings(const Options& options, const std::atomic<uint32_t>* adapted_interval_s,
                                 RequestLimiter* limiter, OffenceWatch* offences = nullptr);

}  // namespace shoal::node
