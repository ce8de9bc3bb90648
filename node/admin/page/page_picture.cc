#include "node/admin/page/page_picture.h"

#include <algorithm>
#include <cstdio>

#include "node/admin/page/html.h"
#include "node/admin/page/page_look.h"
#include "node/text/amount_text.h"

namespace shoal::node {

namespace {

// All lengths are in units of the pictures, which are about pixels of the screen. Names are set in a
// monospaced font of 13, 0.6 wide: the longest takes 141.
constexpr size_t kPictureNameMax = 18;
constexpr double kRow = 48;
constexpr double kCircle = 15;
constexpr double kHubWidth = 150;
constexpr double kHubHeight = 52;

// Wide: this node in the middle, members to the left and right of it. Measures are from the middle outwards.
constexpr double kWideHalf = 416;
constexpr double kWideTurn = 120;   // here a link runs level
constexpr double kWideLabel = 176;  // the middle of what is written at it
constexpr double kWideCircle = 247;
constexpr double kWideName = 270;

// Narrow: this node on top, members below, links branch off a trunk.
constexpr double kNarrowWidth = 340;
constexpr double kNarrowTrunk = 20;
constexpr double kNarrowLabel = 78;
constexpr double kNarrowCircle = 148;
constexpr double kNarrowName = 172;

std::string units(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f", value);
  return text;
}

std::string label_svg(const char* kind, const char* anchor, double x, double y, const std::string& html) {
  return std::string("<text class=\"") + kind + "\" text-anchor=\"" + anchor + "\" x=\"" + units(x) +
         "\" y=\"" + units(y) + "\">" + html + "</text>";
}

// What is written below a member's name.
std::string below_name(const sync::MemberStatus& member) {
  if (!is_at_work(member)) return look_of(member).name;
  return member.synced ? "synced" : "not synced yet";
}

// In the place of the measurements.
std::string gone_text(const sync::MemberStatus& member) {
  const std::string silence = silence_text(member);
  return member.state == sync::MemberState::left ? silence + " ago" : "silent " + silence;
}

std::string hub_svg(const NodeState& state, double left, double top) {
  const bool ready = state.readiness.ready;
  const double middle = left + kHubWidth / 2;
  return std::string("<g class=\"node ") + (ready ? "ready" : "not-ready") + "\"><rect x=\"" + units(left) +
         "\" y=\"" + units(top) + "\" width=\"" + units(kHubWidth) + "\" height=\"" + units(kHubHeight) +
         "\" rx=\"9\"/>" +
         label_svg("name", "middle", middle, top + 22, html_label(state.name, kPictureNameMax)) +
         label_svg("state-text", "middle", middle, top + 40, ready ? "✓ ready" : "✕ not ready") + "</g>";
}

// A member and its link; the row's middle is at `y`.
struct MemberRow {
  double y;
  double circle;
  double name;
  double label;
  const char* name_anchor;
  std::string link;  // the path of it
};

std::string row_svg(const NodeState& state, const sync::MemberStatus& member, const MemberRow& row) {
  const Look look = look_of(member);
  std::string out = "<path class=\"link " + look.name + "\" d=\"" + row.link + "\"/>";
  if (!is_heard(member)) {
    out += label_svg("label", "middle", row.label, row.y - 6, gone_text(member));
  } else if (member.state != sync::MemberState::refused) {
    out +=
        label_svg("label", "middle", row.label, row.y - 6, "lag " + lag_html(member)) +
        label_svg("label", "middle", row.label, row.y + 15, permille_text(member.loss_in_permille) + " loss");
  }
  return out + "<g class=\"node " + look.name + "\"><circle cx=\"" + units(row.circle) + "\" cy=\"" +
         units(row.y) + "\" r=\"" + units(kCircle) + "\"/>" +
         label_svg("mark", "middle", row.circle, row.y + 6, look.mark) +
         label_svg("name", row.name_anchor, row.name, row.y - 1, name_html(state, member, kPictureNameMax)) +
         label_svg("state-text", row.name_anchor, row.name, row.y + 15, below_name(member)) + "</g>";
}

std::string picture_svg(const char* kind, double left, double width, double height,
                        const std::string& content) {
  return std::string("<svg class=\"") + kind + "\" viewBox=\"" + units(left) + " 0 " + units(width) + " " +
         units(height) + "\" role=\"img\" aria-label=\"The members and the links to them\">" + content +
         "</svg>";
}

std::string wide_picture(const NodeState& state, size_t shown) {
  const auto& members = state.sync->members;
  const size_t on_right = (shown + 1) / 2;
  const double height = std::max(kRow * static_cast<double>(on_right), kHubHeight + 4);
  const double middle_y = height / 2;
  std::string rows;
  for (size_t i = 0; i < shown; ++i) {
    const bool right = i < on_right;
    const double side = right ? 1 : -1;
    const double number = static_cast<double>(right ? i : i - on_right);
    const auto on_side = static_cast<double>(right ? on_right : shown - on_right);
    const auto x = [&](double from_middle) { return kWideHalf + side * from_middle; };
    MemberRow row{};
    row.y = middle_y + (number - (on_side - 1) / 2) * kRow;
    row.circle = x(kWideCircle);
    row.name = x(kWideName);
    row.label = x(kWideLabel);
    row.name_anchor = right ? "start" : "end";
    const double bend = (kHubWidth / 2 + kWideTurn) / 2;
    row.link = "M" + units(x(kHubWidth / 2)) + " " + units(middle_y) + "C" + units(x(bend)) + " " +
               units(middle_y) + " " + units(x(bend)) + " " + units(row.y) + " " + units(x(kWideTurn)) + " " +
               units(row.y) + "H" + units(x(kWideCircle - kCircle));
    rows += row_svg(state, members[i], row);
  }
  // One member stands on the right: nothing is on the left.
  const double left = shown > 1 ? 0 : kWideHalf - kHubWidth / 2 - 2;
  return picture_svg("picture-wide", left, 2 * kWideHalf - left, height,
                     rows + hub_svg(state, kWideHalf - kHubWidth / 2, middle_y - kHubHeight / 2));
}

std::string narrow_picture(const NodeState& state, size_t shown) {
  constexpr double kTop = 2;
  double y = kTop + kHubHeight;
  std::string rows;
  for (size_t i = 0; i < shown; ++i) {
    y += i == 0 ? 30 : kRow;
    const std::string link =
        "M" + units(kNarrowTrunk) + " " + units(y) + "H" + units(kNarrowCircle - kCircle);
    rows +=
        row_svg(state, state.sync->members[i], {y, kNarrowCircle, kNarrowName, kNarrowLabel, "start", link});
  }
  const std::string trunk = "<path class=\"trunk\" d=\"M" + units(kNarrowTrunk) + " " +
                            units(kTop + kHubHeight) + "V" + units(y) + "\"/>";
  return picture_svg("picture-narrow", 0, kNarrowWidth, y + kRow / 2, trunk + rows + hub_svg(state, 2, kTop));
}

}  // namespace

std::string cluster_picture(const NodeState& state) {
  if (!state.sync) return "<p class=\"none\">This node runs on its own: sync is off.</p>";
  const auto& members = state.sync->members;
  if (members.empty()) return "<p class=\"none\">No other member has been heard yet.</p>";
  const size_t shown = std::min(members.size(), kPictureMembersMax);
  std::string out = wide_picture(state, shown) + narrow_picture(state, shown);
  if (members.size() > shown) {
    out += "<p class=\"none\">and " + std::to_string(members.size() - shown) + " more, in the table</p>";
  }
  return out;
}

}  // namespace shoal::node
