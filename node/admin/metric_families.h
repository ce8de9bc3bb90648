// Families: samples on their way into the Prometheus text format (prometheus-cpp writes it).

#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "common/time_histogram.h"

namespace shoal::node {

using MetricLabels = std::initializer_list<std::pair<const char*, std::string>>;

// Collects families in the order they are opened.
class Families {
 public:
  void open(const std::string& name, const std::string& help, prometheus::MetricType type) {
    families_.push_back({name, help, type, {}});
  }
  void counter(const std::string& name, const std::string& help) {
    open(name, help, prometheus::MetricType::Counter);
  }
  void gauge(const std::string& name, const std::string& help) {
    open(name, help, prometheus::MetricType::Gauge);
  }

  void histogram(const std::string& name, const std::string& help) {
    open(name, help, prometheus::MetricType::Histogram);
  }

  // One sample of the family opened last. `bounds` are the upper ends of the ranges in seconds times `per_s`,
  // and `counts` has one range more, without an end.
  void add_histogram(std::span<const uint32_t> bounds, double per_s, std::span<const uint64_t> counts,
                     uint64_t sum, MetricLabels labels = {}) {
    prometheus::ClientMetric metric = with_labels(labels);
    uint64_t count = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      count += counts[i];
      const double bound_s = i < bounds.size() ? bounds[i] / per_s : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({count, bound_s});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = static_cast<double>(sum) / per_s;
    families_.back().metric.push_back(std::move(metric));
  }

  // The same: the sum of these.
  void add(std::span<const common::TimeHistogram* const> histograms, MetricLabels labels = {}) {
    using common::TimeHistogram;
    std::array<uint64_t, TimeHistogram::kBoundsUs.size() + 1> counts{};
    uint64_t sum_us = 0;
    for (const TimeHistogram* histogram : histograms) {
      for (size_t i = 0; i < counts.size(); ++i) counts[i] += histogram->count(i);
      sum_us += histogram->sum_us();
    }
    add_histogram(TimeHistogram::kBoundsUs, 1'000'000, counts, sum_us, labels);
  }

  // One sample of the family opened last.
  void add(double value, MetricLabels labels = {}) {
    prometheus::ClientMetric metric = with_labels(labels);
    if (families_.back().type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    families_.back().metric.push_back(std::move(metric));
  }
  void add(uint64_t value, MetricLabels labels = {}) { add(static_cast<double>(value), labels); }

  std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return out.str();
  }

 private:
  static prometheus::ClientMetric with_labels(MetricLabels labels) {
    prometheus::ClientMetric metric;
    for (const auto& [key, text] : labels) metric.label.push_back({key, text});
    return metric;
  }

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace shoal::node
