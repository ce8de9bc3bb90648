#include "node/tracker/tracker_settings.h"

#include <algorithm>

namespace shoal::node {

TrackerSettings tracker_settings(const Options& options, const std::atomic<uint32_t>* adapted_interval_s,
                                 RequestLimiter* limiter) {
  const Options::Tracker& tracker = options.tracker;
  const auto or_any = [&](uint32_t numwant_max) {
    return numwant_max > 0 ? numwant_max : tracker.numwant_max;
  };
  const uint32_t udp = or_any(tracker.numwant_max_udp);
  const uint32_t http = or_any(tracker.numwant_max_http);
  return {.interval_s = tracker.interval_s,
          .interval_jitter = tracker.interval_jitter,
          .adapted_interval_s = adapted_interval_s,
          .min_interval_s = tracker.min_interval_s,
          .numwant_default = tracker.numwant_default,
          .numwant_max = std::max(udp, http),
          .numwant_max_udp = udp,
          .numwant_max_http = http,
          .ip_param = tracker.ip_param,
          .warning = tracker.warning,
          .redirect_url = tracker.redirect_url,
          .proxies = {common::NetworkSet(options.access.trusted_proxies), options.access.client_header},
          .proxy_protocol = options.access.proxy_protocol,
          .full_scrape = tracker.full_scrape,
          .stats_path = options.stats.path,
          .stats_networks = common::NetworkSet(options.stats.networks),
          .limiter = limiter};
}

}  // namespace shoal::node
