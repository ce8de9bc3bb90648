// MetricText: writes metrics in the Prometheus text exposition format, version 0.0.4. Names and help texts
// are the program's own and are written as they are; values of labels may be anything and are escaped.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace shoal::node {

enum class MetricType { counter, gauge, histogram };

class MetricText {
 public:
  using Labels = std::initializer_list<std::pair<const char*, std::string>>;

  // Begins a metric; the samples that follow are its.
  void metric(std::string_view name, MetricType type, std::string_view help);

  // `suffix` and `le` are of a histogram's samples; `le` is the upper end of a range, and empty for others.
  void sample(std::string_view suffix, Labels labels, std::string_view le, double value);
  void sample(Labels labels, double value) { sample({}, labels, {}, value); }

  static std::string number(double value);

  std::string release() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

}  // namespace shoal::node
