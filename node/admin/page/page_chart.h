// A chart of the page at /: lines for up to two series of the history, as SVG. Pure. Values and times are in
// it as data, for the script to show those under the pointer.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/status/history.h"

namespace shoal::node {

struct ChartLine {
  std::string_view name;
  Series series;
};

enum class ChartUnit : uint8_t { count, per_second, bytes_per_second, microseconds };

struct Chart {
  std::string_view title;
  ChartUnit unit;
  std::span<const ChartLine> lines;
};

// How much of the history the charts may show, in minutes.
constexpr uint32_t kChartMinutes[] = {5, 15, 60};

// The shortest of these that shows all of the history.
uint32_t fitting_minutes(const std::vector<History::Point>& points);

// When the points of every chart were, in seconds of Unix time, and how many seconds the charts show: data
// for the script. Shows nothing.
std::string chart_times_html(const std::vector<History::Point>& points, uint32_t minutes);

// `points` are sorted from the oldest to the newest; those of the last `minutes` before the newest are shown.
std::string chart_html(const Chart& chart, const std::vector<History::Point>& points, uint32_t minutes);

}  // namespace shoal::node
