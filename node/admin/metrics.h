// /metrics: the metrics of the node in the Prometheus text format.

#pragma once

#include <string>

#include "node/status/node_state.h"

namespace shoal::node {

std::string metrics_text(const NodeState& state);

}  // namespace shoal::node
