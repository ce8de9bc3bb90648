// Families: samples on their way into the Prometheus text format (prometheus-cpp writes it).

#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

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

  // One sample of the family opened last: the sum of these.
  void add(std::span<const common::TimeHistogram* const> histograms, MetricLabels labels = {}) {
    using common::TimeHistogram;
    prometheus::ClientMetric metric = with_labels(labels);
    uint64_t count = 0;
    for (size_t i = 0; i <= TimeHistogram::kBoundsUs.size(); ++i) {
      for (const TimeHistogram* histogram : histograms) count += histogram->count(i);
      const bool last = i == TimeHistogram::kBoundsUs.size();
      const double bound_s =
          last ? std::numeric_limits<double>::infinity() : TimeHistogram::kBoundsUs[i] / 1'000'000.0;
      metric.histogram.bucket.push_back({count, bound_s});
    }
    metric.histogram.sample_count = count;
    for (const TimeHistogram* histogram : histograms) {
      metric.histogram.sample_sum += static_cast<double>(histogram->sum_us()) / 1'000'000;
    }
    families_.back().metric.push_back(std::move(metric));
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
