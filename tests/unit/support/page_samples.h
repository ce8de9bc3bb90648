// Pages of the admin endpoint as nodes in many states would make them, for the tests: of their text
// (tests/unit/node/admin) and of how browsers show it (tests/e2e/test_page_samples.py).

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/status/node_state.h"

namespace shoal::test {

// Text that another node, or somebody who pretends to be one, may send.
constexpr std::string_view kHostileText =
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&--></textarea>\x01\xff";

// A node that serves, in a cluster with `members` others that are all well, called "a", "b", ...
node::NodeState well_node(size_t members);

// The same with members in every state, and names and figures that take much room.
node::NodeState mixed_node(size_t members);

struct PageSample {
  std::string name;  // of a file, without its ending
  std::string html;
};

std::vector<PageSample> page_samples();

}  // namespace shoal::test
