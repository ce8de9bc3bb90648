// /status.json: this node, the other members, and the counts, for people and for `shoal status`.

#pragma once

#include <string>

#include "node/node_state.h"

namespace shoal::node {

std::string status_json(const NodeState& state);

}  // namespace shoal::node
