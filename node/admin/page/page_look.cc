#include "node/admin/page/page_look.h"

#include <algorithm>

#include "node/admin/page/html.h"
#include "node/admin/page/member_url.h"
#include "node/text/amount_text.h"

namespace shoal::node {

using sync::MemberState;
using sync::MemberStatus;

Look look_of(const MemberStatus& member) {
  const auto look = [&](const char* mark) { return Look{std::string(to_string(member.state)), mark}; };
  switch (member.state) {
    case MemberState::alive:
      break;
    case MemberState::suspect:
      return look("?");
    case MemberState::one_way:
      return look("!");
    case MemberState::refused:
    case MemberState::down:
      return look("✕");
    case MemberState::left:
      return look("–");
  }
  return look(member.synced ? "✓" : "…");
}

bool is_heard(const MemberStatus& member) { return !is_gone(member.state); }

bool is_at_work(const MemberStatus& member) { return member.state == MemberState::alive; }

std::string silence_text(const MemberStatus& member) {
  return seconds_text(static_cast<uint64_t>(std::max<int64_t>(0, member.heard_ago_ms)) / 1000);
}

std::string milliseconds_html(int64_t us) {
  if (us == 0) return "–";
  return us < 100 ? "&lt;0.1 ms" : duration_text(static_cast<double>(us));
}

std::string lag_html(const MemberStatus& member) {
  return milliseconds_html(std::max<int64_t>(0, member.lag_us));
}

std::string name_html(const NodeState& state, const MemberStatus& member, size_t characters_max) {
  std::string name = html_label(member.name, characters_max);
  if (state.member_url.empty()) return name;
  return "<a rel=\"noreferrer\" href=\"" +
         html_text(member_url(state.member_url, member.name, member.address), kMemberUrlMax) + "\">" + name +
         "</a>";
}

}  // namespace shoal::node
