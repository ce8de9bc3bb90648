#include "node/admin/page/page_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "node/admin/page/html.h"
#include "node/text/amount_text.h"

namespace shoal::node {

namespace {

constexpr double kWidth = 400;
constexpr double kHeight = 130;
constexpr double kTop = 16;  // the largest value is written above the line
constexpr double kBottom = 112;

using PointSpan = std::span<const History::Point>;

int64_t milliseconds(uint32_t minutes) { return int64_t{minutes} * 60'000; }

double value_of(const History::Point& point, Series series) {
  return point.values[static_cast<size_t>(series)];
}

// The smallest of 1, 2, 5, 10, 20, ... that is not below `most`.
double scale_end(double most) {
  double end = 1;
  for (int step = 0; end < most; ++step) end *= step % 3 == 1 ? 2.5 : 2;
  return end;
}

// "12/s", "294 B/s", "1.43 kB/s", "1.5 ms"; "–" where nothing was measured.
std::string value_text(double value, ChartUnit unit) {
  if (std::isnan(value)) return "–";
  switch (unit) {
    case ChartUnit::count:
      return amount_text(value);
    case ChartUnit::per_second:
      return amount_text(value) + "/s";
    case ChartUnit::bytes_per_second:
      return byte_rate_text(value);
    case ChartUnit::microseconds:
      return duration_text(value);
  }
  return "";
}

PointSpan last_of(PointSpan points, uint32_t minutes) {
  while (!points.empty() && points.front().unix_ms < points.back().unix_ms - milliseconds(minutes)) {
    points = points.subspan(1);
  }
  return points;
}

double x_of(const History::Point& point, PointSpan points, uint32_t minutes) {
  const auto ago_ms = static_cast<double>(points.back().unix_ms - point.unix_ms);
  return kWidth * (1 - std::clamp(ago_ms / static_cast<double>(milliseconds(minutes)), 0.0, 1.0));
}

// Broken where nothing was measured.
std::string line_svg(size_t number, const ChartLine& line, ChartUnit unit, double end, PointSpan points,
                     uint32_t minutes) {
  std::string values;
  std::string path;
  bool drawing = false;
  for (const History::Point& point : points) {
    const double value = value_of(point, line.series);
    values += (values.empty() ? "" : "|") + value_text(value, unit);
    if (std::isnan(value)) {
      drawing = false;
      continue;
    }
    char text[64];
    std::snprintf(text, sizeof text, "%s%.0f,%.1f", drawing ? " " : "M", x_of(point, points, minutes),
                  kBottom - (kBottom - kTop) * value / end);
    path += text;
    // A single point shows as a dot, by its round ends.
    if (!drawing) path += "h0L" + path.substr(path.rfind('M') + 1);
    drawing = true;
  }
  return "<path class=\"line s" + std::to_string(number) + "\" data-values=\"" + values + "\" d=\"" + path +
         "\"/>";
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

std::string minutes_text(uint32_t minutes) {
  return minutes == 60 ? "1 h" : std::to_string(minutes) + " min";
}

}  // namespace

uint32_t fitting_minutes(const std::vector<History::Point>& points) {
  const int64_t held_ms = points.empty() ? 0 : points.back().unix_ms - points.front().unix_ms;
  const auto* const fits = std::find_if(std::begin(kChartMinutes), std::end(kChartMinutes),
                                        [&](uint32_t minutes) { return held_ms <= milliseconds(minutes); });
  return fits == std::end(kChartMinutes) ? *std::prev(fits) : *fits;
}

std::string chart_times_html(const std::vector<History::Point>& history, uint32_t minutes) {
  std::string times;
  for (const History::Point& point : last_of(history, minutes)) {
    times += (times.empty() ? "" : "|") + std::to_string(point.unix_ms / 1000);
  }
  return "<p hidden data-times=\"" + times + "\" data-range=\"" +
         std::to_string(milliseconds(minutes) / 1000) + "\"></p>";
}

std::string chart_html(const Chart& chart, const std::vector<History::Point>& history, uint32_t minutes) {
  const PointSpan points = last_of(history, minutes);
  std::string out = "<figure><figcaption><b>" + std::string(chart.title) + "</b>";
  double most = 0;
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    const ChartLine& line = chart.lines[i];
    const double last = points.empty() ? std::nan("") : value_of(points.back(), line.series);
    out += "<span class=\"key s" + std::to_string(i) + "\">" + std::string(line.name) + " <span>" +
           value_text(last, chart.unit) + "</span></span>";
    for (const History::Point& point : points) most = std::fmax(most, value_of(point, line.series));
  }
  out += "<time></time></figcaption>";
  if (points.size() < 2) return out + "<p class=\"none\">The line begins after 30 seconds.</p></figure>";
  const double end = scale_end(most);
  out += "<svg viewBox=\"0 0 400 130\" role=\"img\" aria-label=\"" + std::string(chart.title) + ", last " +
         minutes_text(minutes) + "\">";
  out += axis_svg(kTop) + axis_svg(kBottom);
  out += text_svg(0, kTop - 4, "start", value_text(end, chart.unit));
  out += text_svg(0, kHeight - 3, "start", minutes_text(minutes) + " ago") +
         text_svg(kWidth, kHeight - 3, "end", "now");
  out += "<path class=\"cursor\" d=\"\"/>";
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    out += line_svg(i, chart.lines[i], chart.unit, end, points, minutes);
  }
  return out + "</svg></figure>";
}

}  // namespace shoal::node
