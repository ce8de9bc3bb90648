// The sync channel's part of /metrics.

#pragma once

#include "node/admin/metric_families.h"
#include "node/status/node_state.h"

namespace shoal::node {

// The node's sync must be on.
void add_sync_metrics(Families& out, const NodeState& state);

}  // namespace shoal::node
