// Makes the settings of a worker's tracker from the options. Pure.

#pragma once

#include <atomic>

#include "node/config/options.h"
#include "node/tracker/tracker.h"

namespace shoal::node {

// `adapted_interval_s`, `limiter`: see TrackerSettings.
TrackerSettings tracker_settings(const Options& options, const std::atomic<uint32_t>* adapted_interval_s,
                                 RequestLimiter* limiter);

}  // namespace shoal::node
