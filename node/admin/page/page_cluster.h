// The cluster on the page at /: a picture with this node in the middle and the members around it, and a
// table. SVG and HTML. Pure.

#pragma once

#include <string>

#include "node/status/node_state.h"

namespace shoal::node {

// Most members in the picture and in the table.
constexpr size_t kPictureMembersMax = 16;
constexpr size_t kTableMembersMax = 256;

// Without a sync channel, a sentence that says so.
std::string cluster_picture(const NodeState& state);
std::string members_table(const NodeState& state);

}  // namespace shoal::node
