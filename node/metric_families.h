// Families: samples on their way into the Prometheus text format (prometheus-cpp writes it).

#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <initializer_list>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

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

  // One sample of the family opened last.
  void add(double value, MetricLabels labels = {}) {
    prometheus::ClientMetric metric;
    for (const auto& [key, text] : labels) metric.label.push_back({key, text});
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
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace shoal::node
