// What /metrics tells of the second line of repair: digests and pulls.

#pragma once

#include "node/admin/metric_families.h"
#include "node/status/node_state.h"

namespace shoal::node {

// The node's sync must be on.
void add_pull_metrics(Families& out, const NodeState& state);

}  // namespace shoal::node
