// The members on the page at / as a table, this node first. Pure.

#pragma once

#include <string>

#include "node/status/node_state.h"

namespace shoal::node {

// Most members in the table.
constexpr size_t kTableMembersMax = 256;

std::string members_table(const NodeState& state);

}  // namespace shoal::node
