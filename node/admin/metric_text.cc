#include "node/admin/metric_text.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace shoal::node {

namespace {

constexpr std::string_view name_of(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return {};
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
    } else {
      if (c == '\\' || c == '"') text += '\\';
      text += c;
    }
  }
}

}  // namespace

std::string MetricText::number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  // Counters are shown in full as long as a double holds them in full, and 0.1 is not 0.10000000000000001.
  std::array<char, 32> digits;
  const int size = std::snprintf(digits.data(), digits.size(), "%.16g", value);
  return {digits.data(), static_cast<size_t>(size)};
}

void MetricText::metric(std::string_view name, MetricType type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(name_of(type)).append("\n");
}

void MetricText::sample(std::string_view suffix, Labels labels, std::string_view le, double value) {
  text_.append(name_).append(suffix);
  char separator = '{';
  const auto label = [&](std::string_view key, std::string_view of) {
    text_ += separator;
    text_.append(key).append("=\"");
    append_escaped(text_, of);
    text_ += '"';
    separator = ',';
  };
  for (const auto& [key, of] : labels) label(key, of);
  if (!le.empty()) label("le", le);
  if (separator == ',') text_ += '}';
  text_.append(" ").append(number(value)).append("\n");
}

}  // namespace shoal::node
