// The page of one swarm, at /swarm?info_hash= of the admin endpoint, for people. Pure.

#pragma once

#include <optional>
#include <string>

#include "node/admin/swarm_search.h"
#include "node/admin/swarm_view.h"
#include "node/status/node_state.h"

namespace shoal::node {

struct SwarmPage {
  SwarmSearch search;
  std::optional<SwarmView> swarm;  // none: no peer of it is known
  bool served = true;              // the access list lets clients announce it
};

std::string swarm_page_html(const NodeState& state, const SwarmPage& page);

}  // namespace shoal::node
