// The cluster on the page at / as a picture: this node and its links to the members, as SVG. Pure.
//
// Each member has a row of its own, with everything that is written about it: so nothing overlaps, however
// many there are. The picture is drawn twice, for wide and for narrow windows; the style sheet shows one of
// them.

#pragma once

#include <string>

#include "node/status/node_state.h"

namespace shoal::node {

// Most members in the picture.
constexpr size_t kPictureMembersMax = 16;

// Without a sync channel, a sentence that says so.
std::string cluster_picture(const NodeState& state);

}  // namespace shoal::node
