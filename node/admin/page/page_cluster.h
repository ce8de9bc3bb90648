// The cluster on the page at /: as a picture, this node in the middle and the members around it, each with
// the link to it; and as a table. SVG and HTML. Pure.

#pragma once

#include <string>

#include "node/status/node_state.h"

namespace shoal::node {

// Members that the picture has room for; the table has all, up to kTableMembersMax.
constexpr size_t kPictureMembersMax = 16;
constexpr size_t kTableMembersMax = 256;

// Without a sync channel: that there is none.
std::string cluster_picture(const NodeState& state);
std::string members_table(const NodeState& state);

}  // namespace shoal::node
