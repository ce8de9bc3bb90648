#include "node/admin/page/page_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "node/text/amount_text.h"

namespace shoal::node {

namespace {

constexpr double kWidth = 400;
constexpr double kHeight = 130;
constexpr double kTop = 16;  // the largest value is written above the line
constexpr double kBottom = 112;
constexpr double kHourMs = static_cast<double>(kHistoryStepMs) * kHistoryPointsMax;

double value_of(const History::Point& point, Series series) {
  return point.values[static_cast<size_t>(series)];
}

// The smallest of 1, 2, 5, 10, 20, ... that is not below `most`.
double scale_end(double most) {
  double end = 1;
  for (int step = 0; end < most; ++step) end *= step % 3 == 1 ? 2.5 : 2;
  return end;
}

std::string line_svg(size_t number, Series series, double end, const std::vector<History::Point>& points) {
  std::string out = "<polyline class=\"s" + std::to_string(number) + "\" points=\"";
  for (const History::Point& point : points) {
    const double ago = static_cast<double>(points.back().unix_ms - point.unix_ms) / kHourMs;
    const double x = kWidth * (1 - std::clamp(ago, 0.0, 1.0));
    const double y = kBottom - (kBottom - kTop) * value_of(point, series) / end;
    char text[64];
    std::snprintf(text, sizeof text, "%.0f,%.1f ", x, y);
    out += text;
  }
  return out + "\"/>";
}

std::string text_svg(double x, double y, const char* anchor, const std::string& text) {
  char out[96];
  std::snprintf(out, sizeof out, "<text class=\"soft\" x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">", x, y,
                anchor);
  return out + text + "</text>";
}

std::string axis_svg(double y) {
  char out[96];
  std::snprintf(out, sizeof out, "<path class=\"axis\" d=\"M0 %.1fH%.0f\"/>", y, kWidth);
  return out;
}

// "12/s", "294 B/s", "1.43 kB/s".
std::string with_unit(double amount, std::string_view unit) {
  std::string text = amount_text(amount);
  if (unit.starts_with('B') && text.find(' ') == std::string::npos) text += ' ';
  return text.append(unit);
}

}  // namespace

std::string chart_html(std::string_view title, std::string_view unit, std::span<const ChartLine> lines,
                       const std::vector<History::Point>& points) {
  std::string out = "<figure><figcaption><b>" + std::string(title) + "</b>";
  double most = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const double last = points.empty() ? 0 : value_of(points.back(), lines[i].series);
    out += "<span class=\"key s" + std::to_string(i) + "\">" + std::string(lines[i].name) + " " +
           with_unit(last, unit) + "</span>";
    for (const History::Point& point : points) most = std::max(most, value_of(point, lines[i].series));
  }
  out += "</figcaption>";
  if (points.size() < 2) return out + "<p class=\"none\">The line begins after 30 seconds.</p></figure>";
  const double end = scale_end(most);
  out += "<svg viewBox=\"0 0 400 130\" role=\"img\" aria-label=\"" + std::string(title) + ", last hour\">";
  out += axis_svg(kTop) + axis_svg(kBottom);
  out += text_svg(0, kTop - 4, "start", with_unit(end, unit));
  out += text_svg(0, kHeight - 3, "start", "1 h ago") + text_svg(kWidth, kHeight - 3, "end", "now");
  for (size_t i = 0; i < lines.size(); ++i) out += line_svg(i, lines[i].series, end, points);
  return out + "</svg></figure>";
}

}  // namespace shoal::node
