#include "node/admin/page/page_cluster.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "node/admin/page/html.h"
#include "node/text/amount_text.h"

namespace shoal::node {

namespace {

constexpr double kMiddleX = 240;
constexpr double kMiddleY = 170;
constexpr double kRadiusX = 185;
constexpr double kRadiusY = 120;
// How far a node and its labels reach above and below its middle.
constexpr double kAbove = 32;
constexpr double kBelow = 66;
constexpr size_t kNameMax = 18;

struct Place {
  double x;
  double y;
};

// Name of a state, which is also its class in the style sheet, and its symbol.
struct Look {
  std::string name;
  const char* mark;
};

Look look_of(const sync::MemberStatus& member) {
  if (member.state == sync::MemberState::down) return {std::string(to_string(member.state)), "✕"};
  if (!member.refused.empty()) return {"refused", "✕"};
  if (member.state == sync::MemberState::suspect) return {std::string(to_string(member.state)), "?"};
  return {std::string(to_string(member.state)), member.synced ? "✓" : "…"};
}

// Shown below the name in the picture: whether the member holds what the cluster holds, unless its state is
// worse.
std::string holding(const sync::MemberStatus& member) {
  if (member.state != sync::MemberState::alive || !member.refused.empty()) return look_of(member).name;
  return member.synced ? "synced" : "not synced yet";
}

std::string fixed(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string at(const char* x_name, const char* y_name, Place place) {
  return std::string(" ") + x_name + "=\"" + fixed(place.x, 0) + "\" " + y_name + "=\"" + fixed(place.y, 0) +
         "\"";
}

// 0: not measured yet.
std::string milliseconds_text(int64_t us) {
  if (us == 0) return "–";
  return us < 100 ? "&lt;0.1 ms" : fixed(static_cast<double>(us) / 1000, 1) + " ms";
}

// Time from sending a change until it is merged here. Negative by the clocks: shown as 0.
std::string lag_text(const sync::MemberStatus& member) {
  return milliseconds_text(std::max<int64_t>(0, member.lag_us));
}

std::string text_svg(const char* kind, Place place, const std::string& html) {
  return std::string("<text class=\"") + kind + "\"" + at("x", "y", place) + ">" + html + "</text>";
}

std::string node_svg(Place place, const std::string& name, const Look& look, const char* below, int radius) {
  return std::string("<g class=\"node ") + look.name + "\"><circle" + at("cx", "cy", place) + " r=\"" +
         std::to_string(radius) + "\"/>" + text_svg("mark", {place.x, place.y + 6}, look.mark) +
         text_svg("name", {place.x, place.y + radius + 17}, html_text(name, kNameMax)) +
         text_svg("soft", {place.x, place.y + radius + 32}, below) + "</g>";
}

std::string link_svg(Place to, const sync::MemberStatus& member) {
  const Look look = look_of(member);
  std::string out = std::string("<path class=\"link ") + look.name + "\" d=\"M" + fixed(kMiddleX, 0) + " " +
                    fixed(kMiddleY, 0) + "L" + fixed(to.x, 0) + " " + fixed(to.y, 0) + "\"/>";
  // Closer to the member than to the middle, where the links meet.
  const Place label{kMiddleX + 0.56 * (to.x - kMiddleX), kMiddleY + 0.56 * (to.y - kMiddleY) - 6};
  if (member.state == sync::MemberState::down) {
    return out + text_svg("label soft", label,
                          "silent " + seconds_text(static_cast<uint64_t>(
                                          std::max<int64_t>(0, member.heard_ago_ms) / 1000)));
  }
  return out + text_svg("label soft", label, "lag " + lag_text(member)) +
         text_svg("label soft", {label.x, label.y + 22}, permille_text(member.loss_in_permille) + " loss");
}

// On an ellipse around the middle, beginning on the left: two members stand left and right.
Place place_of(size_t number, size_t count) {
  const double angle = std::numbers::pi * (1 + 2 * static_cast<double>(number) / static_cast<double>(count));
  return {kMiddleX + kRadiusX * std::cos(angle), kMiddleY + kRadiusY * std::sin(angle)};
}

std::string cell(const std::string& html, bool wide = false) {
  return (wide ? "<td class=\"wide\">" : "<td>") + html + "</td>";
}

std::string state_html(const std::string& kind, const std::string& text) {
  return std::string("<span class=\"state ") + kind + "\">" + text + "</span>";
}

std::string this_node_row(const NodeState& state) {
  std::string synced;
  if (state.sync) synced = state.sync->phase == sync::SyncPhase::synced ? "yes" : "no";
  return "<tr>" + cell("<b>" + html_text(state.name) + "</b>") +
         cell(state.readiness.ready ? state_html("ready", "ready") : state_html("not-ready", "not ready")) +
         cell(synced) + cell("this node", true) + cell("", true) + cell("") + cell("", true) + cell("") +
         cell("", true) + cell("", true) + "</tr>";
}

std::string member_row(const sync::MemberStatus& member) {
  const std::string state = look_of(member).name;
  const bool down = member.state == sync::MemberState::down;
  const char* synced = member.synced ? "yes" : "no";
  const std::string why = member.refused.empty() ? "" : " title=\"" + html_text(member.refused, 200) + "\"";
  const auto heard_s = static_cast<uint64_t>(std::max<int64_t>(0, member.heard_ago_ms) / 1000);
  return "<tr" + why + ">" + cell(html_text(member.name)) + cell(state_html(state, state)) +
         cell(down ? "–" : synced) + cell(html_text(common::to_string(member.address)), true) +
         cell(heard_s == 0 ? "now" : seconds_text(heard_s) + " ago", true) + cell(lag_text(member)) +
         cell(milliseconds_text(member.round_trip_us), true) + cell(permille_text(member.loss_in_permille)) +
         cell(grouped_text(member.deltas_received), true) +
         cell(std::to_string(member.clock_offset_ms) + " ms", true) + "</tr>";
}

}  // namespace

std::string cluster_picture(const NodeState& state) {
  if (!state.sync) return "<p class=\"none\">This node runs on its own: sync is off.</p>";
  const auto& members = state.sync->members;
  if (members.empty()) return "<p class=\"none\">No other member has been heard yet.</p>";
  const size_t shown = std::min(members.size(), kPictureMembersMax);
  std::string links;
  std::string nodes;
  for (size_t i = 0; i < shown; ++i) {
    const Place place = place_of(i, shown);
    links += link_svg(place, members[i]);
    nodes += node_svg(place, members[i].name, look_of(members[i]), holding(members[i]).c_str(), 20);
  }
  const bool ready = state.readiness.ready;
  nodes += node_svg({kMiddleX, kMiddleY}, state.name, ready ? Look{"ready", "✓"} : Look{"not-ready", "✕"},
                    ready ? "ready" : "not ready", 26);
  // No taller than needed: two members stand beside this node.
  double reach = 0;
  for (size_t i = 0; i < shown; ++i) reach = std::max(reach, std::abs(place_of(i, shown).y - kMiddleY));
  const double top = kMiddleY - reach - kAbove;
  std::string out = "<svg viewBox=\"0 " + fixed(top, 0) + " 480 " + fixed(2 * reach + kAbove + kBelow, 0) +
                    "\" role=\"img\" aria-label=\"The members and the links to them\">" + links + nodes +
                    "</svg>";
  if (members.size() > shown) {
    out += "<p class=\"none\">and " + std::to_string(members.size() - shown) + " more, in the table</p>";
  }
  return out;
}

std::string members_table(const NodeState& state) {
  std::string out =
      "<table><thead><tr><th>name</th><th>state</th><th>synced</th><th class=\"wide\">address</th>"
      "<th class=\"wide\">heard</th><th>lag</th><th class=\"wide\">round trip</th><th>loss</th><th "
      "class=\"wide\">deltas</th><th "
      "class=\"wide\">clock</th></tr></thead>"
      "<tbody>" +
      this_node_row(state);
  if (!state.sync) return out + "</tbody></table>";
  const auto& members = state.sync->members;
  const size_t shown = std::min(members.size(), kTableMembersMax);
  for (size_t i = 0; i < shown; ++i) out += member_row(members[i]);
  out += "</tbody></table>";
  if (members.size() > shown) {
    out += "<p class=\"none\">and " + std::to_string(members.size() - shown) + " more</p>";
  }
  return out;
}

}  // namespace shoal::node
