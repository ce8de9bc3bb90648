// A chart of the page at /: lines over the last hour for up to two series of the history, as SVG. Pure.

#pragma once

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

// `unit` follows each amount; `points` are sorted from the oldest to the newest.
std::string chart_html(std::string_view title, std::string_view unit, std::span<const ChartLine> lines,
                       const std::vector<History::Point>& points);

}  // namespace shoal::node
