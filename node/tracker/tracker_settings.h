// TrackerSettings: what a worker's tracker goes by, made of the options. Plain values.

#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "common/network.h"
#include "node/config/options.h"
#include "node/limits/request_limiter.h"
#include "node/tracker/client_address.h"

namespace shoal::node {

// Immutable: shared by the workers, and replaced at a reload.
struct TrackerSettings {
  uint32_t interval_s = 1800;
  double interval_jitter = 0.1;
  // Not null: the interval, as it is adapted; outlives the tracker.
  const std::atomic<uint32_t>* adapted_interval_s = nullptr;
  uint32_t min_interval_s = 0;  // 0: not told
  uint32_t numwant_default = 50;
  uint32_t numwant_max = 200;  // the larger of the next two
  uint32_t numwant_max_udp = 200;
  uint32_t numwant_max_http = 200;
  IpParam ip_param = IpParam::ignore;
  std::string warning{};       // empty: none
  std::string redirect_url{};  // empty: none
  TrustedProxies proxies{};
  bool proxy_protocol = false;          // their connections begin with a header that says whose they are
  bool full_scrape = false;             // to be had on the tracker's HTTP port
  std::string stats_path{};             // opentracker's page; empty: there is none
  common::NetworkSet stats_networks{};  // whose clients may see it
  RequestLimiter* limiter = nullptr;    // null: requests are not limited; outlives the tracker
};

// `adapted_interval_s`, `limiter`: see TrackerSettings.
TrackerSettings tracker_settings(const Options& options, const std::atomic<uint32_t>* adapted_interval_s,
                                 RequestLimiter* limiter);

}  // namespace shoal::node
