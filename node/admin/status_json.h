// /status.json and /v1/status: this node, the other members, and the counts, for people and for `shoal
// status`.

#pragma once

#include <string>
#include <vector>

#include "node/status/node_state.h"

namespace shoal::node {

std::string status_json(const NodeState& state);

// /v1/members: the part of it that says who is in the cluster.
std::string members_json(const NodeState& state);

// {"feeds": [...]}, of GET /v1/feeds.
std::string feeds_json(const std::vector<FeedStatus>& feeds);

}  // namespace shoal::node
