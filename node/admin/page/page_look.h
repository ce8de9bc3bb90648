// How the page at / shows a member, in the picture and in the table alike. Pure.

#pragma once

#include <string>

#include "node/status/node_state.h"

namespace shoal::node {

// Name of a state, which is also its class in the style sheet, and its symbol.
struct Look {
  std::string name;
  const char* mark;
};

Look look_of(const sync::MemberStatus& member);

// It is heard, so that what is known of it is of now. What is known of the others is old.
bool is_heard(const sync::MemberStatus& member);

// It is heard and exchanges peers with this node.
bool is_at_work(const sync::MemberStatus& member);

// Since it was last heard: "5 min".
std::string silence_text(const sync::MemberStatus& member);

// HTML. Time from sending a change until it is merged here; negative by the clocks: shown as 0.
std::string lag_html(const sync::MemberStatus& member);
// HTML. 0: not measured yet.
std::string milliseconds_html(int64_t us);

// HTML, for a <text> too. At most `characters_max` of the name; a link to the member's page if
// admin.member_url says where that is.
std::string name_html(const NodeState& state, const sync::MemberStatus& member, size_t characters_max);

}  // namespace shoal::node
