#include "node/admin/page/page_members.h"

#include <algorithm>
#include <cstdlib>

#include "node/admin/page/html.h"
#include "node/admin/page/page_look.h"
#include "node/config/version.h"
#include "node/status/problems.h"
#include "node/text/amount_text.h"

namespace shoal::node {

namespace {

using sync::MemberStatus;

constexpr size_t kTableNameMax = 64;
constexpr size_t kVersionMax = 8;
constexpr size_t kColumns = 10;

// "wide": columns that a phone has no room for; "wider": that need a screen.
constexpr std::string_view kMembersHead =
    "<table><thead><tr><th>name</th><th>state</th><th class=\"wide\">synced</th><th "
    "class=\"wide\">version</th><th>lag</th>"
    "<th class=\"wide\">round trip</th><th>loss</th><th class=\"wide\">announces</th><th "
    "class=\"wider\">CPU</th>"
    "<th class=\"wide\" title=\"against this node's; that of this node: against the cluster's "
    "time\">clock</th>"
    "</tr></thead><tbody>";

std::string state_html(const std::string& kind, const std::string& text) {
  return std::string("<span class=\"state ") + kind + "\">" + text + "</span>";
}

// How far a clock is from this machine's, or this machine's from the cluster's time.
std::string clock_cell(int64_t ms, bool old) {
  const int64_t size = std::abs(ms);
  const char* kinds = old                         ? "wide"
                      : size >= kClockOffMs       ? "wide clock-off"
                      : size >= kClockDifferentMs ? "wide clock-different"
                                                  : "wide";
  return html_cell(signed_duration_text(ms), kinds);
}

// A second line in a cell, where there is room.
std::string below_html(const std::string& text) { return "<small class=\"wide\">" + text + "</small>"; }

std::string this_node_row(const NodeState& state) {
  std::string synced;
  if (state.sync) synced = state.sync->phase == sync::SyncPhase::synced ? "yes" : "no";
  const bool ready = state.readiness.ready;
  return "<tr>" + html_cell("<b>" + html_text(state.name) + "</b>" + below_html("this node")) +
         html_cell(ready ? state_html("ready", "ready") : state_html("not-ready", "not ready")) +
         html_cell(synced, "wide") + html_cell(version(), "wide") + html_cell("") + html_cell("", "wide") +
         html_cell("") + html_cell(amount_text(state.announces_per_s) + "/s", "wide") +
         html_cell("", "wider") +
         (state.sync ? clock_cell(state.sync->wall_ahead_ms, false) : html_cell("", "wide")) + "</tr>";
}

std::string version_cell(const MemberStatus& member) {
  if (member.version.empty()) return html_cell("–", "wide");
  return html_cell(html_label(member.version, kVersionMax),
                   member.version == version() ? "wide" : "wide version-different");
}

std::string member_row(const NodeState& state, const MemberStatus& member) {
  const std::string look = look_of(member).name;
  const bool old = !is_heard(member);
  // With a member that is refused nothing is exchanged.
  const bool exchanges = member.state != sync::MemberState::refused;
  const char* synced = member.synced ? "yes" : "no";
  std::string out =
      std::string(old ? "<tr class=\"old\" title=\"as last heard, " + silence_text(member) + " ago\">"
                      : "<tr>") +
      html_cell(name_html(state, member, kTableNameMax) +
                below_html(html_text(common::to_string(member.address)))) +
      html_cell(state_html(look, look) + (old ? below_html(silence_text(member)) : "")) +
      html_cell(synced, "wide") + version_cell(member) + html_cell(exchanges ? lag_html(member) : "–") +
      html_cell(milliseconds_html(member.round_trip_us), "wide") +
      html_cell(exchanges ? permille_text(member.loss_in_permille) : "–") +
      html_cell(amount_text(member.announces_per_s) + "/s", "wide") +
      html_cell(permille_text(member.load_permille), "wider") + clock_cell(member.clock_offset_ms, old) +
      "</tr>";
  if (!exchanges) {
    out += "<tr class=\"why\"><td colspan=\"" + std::to_string(kColumns) +
           "\">refused: " + html_text(member.refused, 200) + "</td></tr>";
  }
  return out;
}

}  // namespace

std::string members_table(const NodeState& state) {
  std::string out = std::string(kMembersHead) + this_node_row(state);
  if (!state.sync) return out + "</tbody></table>";
  const auto& members = state.sync->members;
  const size_t shown = std::min(members.size(), kTableMembersMax);
  for (size_t i = 0; i < shown; ++i) out += member_row(state, members[i]);
  out += "</tbody></table>";
  if (members.size() > shown) {
    out += "<p class=\"none\">and " + std::to_string(members.size() - shown) + " more</p>";
  }
  return out;
}

}  // namespace shoal::node
