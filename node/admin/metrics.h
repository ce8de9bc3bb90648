// /metrics: the node's counters in the Prometheus text format, names shoal_... (prometheus-cpp writes it).

#pragma once

#include <string>

#include "node/status/node_state.h"

namespace shoal::node {

std::string metrics_text(const NodeState& state);

}  // namespace shoal::node
