// Rows of the table of metrics: a metric is one row with its type, name, help and how its value is read from
// the NodeState. Only metrics.cc and metrics_sync.cc include this.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/time_histogram.h"
#include "node/admin/metric_text.h"
#include "node/status/node_state.h"

namespace shoal::node::metric_rows {

using Labels = MetricText::Labels;

// Takes the samples of one metric.
class Samples {
 public:
  explicit Samples(MetricText& text) : text_(text) {}

  // A counter or a gauge.
  template <class Number>
  void add(Number number, Labels labels = {}) {
    static_assert(std::is_arithmetic_v<Number>);
    text_.sample(labels, static_cast<double>(number));
  }

  // A histogram. `bounds` are the upper ends of the ranges, in seconds times `per_s`; `counts` has one range
  // more, which has no end; `sum` is in the unit of the bounds.
  void add_histogram(std::span<const uint32_t> bounds, double per_s, std::span<const uint64_t> counts,
                     uint64_t sum, Labels labels = {}) {
    uint64_t total = 0;
    for (const uint64_t count : counts) total += count;
    text_.sample("_count", labels, {}, static_cast<double>(total));
    text_.sample("_sum", labels, {}, static_cast<double>(sum) / per_s);
    uint64_t below = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      below += counts[i];
      const double bound_s = i < bounds.size() ? bounds[i] / per_s : std::numeric_limits<double>::infinity();
      text_.sample("_bucket", labels, MetricText::number(bound_s), static_cast<double>(below));
    }
  }

  // A histogram: the sum of these.
  void add_histograms(std::span<const common::TimeHistogram* const> histograms, Labels labels = {}) {
    using common::TimeHistogram;
    std::array<uint64_t, TimeHistogram::kBoundsUs.size() + 1> counts{};
    uint64_t sum_us = 0;
    for (const TimeHistogram* histogram : histograms) {
      for (size_t i = 0; i < counts.size(); ++i) counts[i] += histogram->count(i);
      sum_us += histogram->sum_us();
    }
    add_histogram(TimeHistogram::kBoundsUs, 1'000'000, counts, sum_us, labels);
  }

 private:
  MetricText& text_;
};

struct Row {
  MetricType type;
  std::string name;
  std::string help;
  std::function<void(Samples& out, const NodeState& state)> read;
};

// `read` either takes a NodeState and returns the only sample, or takes Samples and a NodeState and adds all.
template <class Read>
Row row(MetricType type, std::string name, std::string help, Read read) {
  if constexpr (std::is_invocable_v<Read, const NodeState&>) {
    return {type, std::move(name), std::move(help),
            [read](Samples& out, const NodeState& state) { out.add(read(state)); }};
  } else {
    return {type, std::move(name), std::move(help), std::move(read)};
  }
}

template <class Read>
Row counter(std::string name, std::string help, Read read) {
  return row(MetricType::counter, std::move(name), std::move(help), std::move(read));
}

template <class Read>
Row gauge(std::string name, std::string help, Read read) {
  return row(MetricType::gauge, std::move(name), std::move(help), std::move(read));
}

template <class Read>
Row histogram(std::string name, std::string help, Read read) {
  return row(MetricType::histogram, std::move(name), std::move(help), std::move(read));
}

// Rows that are there together or not at all.
struct Group {
  bool (*present)(const NodeState& state);
  std::vector<Row> rows;
};

// Those of the sync channel (metrics_sync.cc).
std::vector<Group> sync_groups();

}  // namespace shoal::node::metric_rows
