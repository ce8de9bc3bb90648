#include "node/tracker/tracker_settings.h"

#include <algorithm>

namespace shoal::node {

TrackerSettings tracker_settings(const Options& options, const std::atomic<uint32_t>* adapted_interval_s,
                                 RequestLimiter* limiter, OffenceWatch* offences) {
  const Options::Tracker& tracker = options.tracker;
  const auto or_any = [&](uint32_t numwant_max) {
    return numwant_max > 0 ? numwant_max : tracker.numwant_max;
  };
  const uint32_t udp = or_any(tracker.numwant_max_udp);
  const uint32_t http = or_any(tracker.numwant_max_http);
  return {.options = tracker,
          .stats = options.stats,
          .websocket = options.websocket,
          .udp_peers_max = udp,
          .http_peers_max = http,
          .peers_max = std::max(udp, http),
          .proxies = {common::NetworkSet(options.access.trusted_proxies), options.access.client_header},
          .proxy_protocol = options.access.proxy_protocol,
          .stats_networks = common::NetworkSet(options.stats.networks),
          .adapted_interval_s = adapted_interval_s,
          .limiter = limiter,
          .offences = offences,
          .udp_offences = options.sync.insecure ? nullptr : offences};
}

}  // namespace shoal::node
