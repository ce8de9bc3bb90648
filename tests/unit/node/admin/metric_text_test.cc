#include "node/admin/metric_text.h"

#include <doctest/doctest.h>

#include <limits>

#include "node/admin/metric_rows.h"

namespace shoal::node {
namespace {

TEST_CASE("metric text: counters and gauges, with and without labels") {
  MetricText text;
  text.metric("shoal_a_total", MetricType::counter, "Things.");
  text.sample({}, 3);
  text.metric("shoal_b", MetricType::gauge, "Others.");
  text.sample({{"family", "ipv4"}, {"peer", "a"}}, -0.5);
  CHECK(text.release() ==
        "# HELP shoal_a_total Things.\n# TYPE shoal_a_total counter\nshoal_a_total 3\n"
        "# HELP shoal_b Others.\n# TYPE shoal_b gauge\nshoal_b{family=\"ipv4\",peer=\"a\"} -0.5\n");
}

TEST_CASE("metric text: what a label says cannot end it") {
  MetricText text;
  text.metric("m", MetricType::gauge, "");
  text.sample({{"name", "a\"} 1\nb\\"}}, 1);
  CHECK(text.release() == "# HELP m \n# TYPE m gauge\nm{name=\"a\\\"} 1\\nb\\\\\"} 1\n");
}

TEST_CASE("metric text: numbers") {
  CHECK(MetricText::number(0) == "0");
  CHECK(MetricText::number(0.1) == "0.1");
  CHECK(MetricText::number(1'000'000) == "1000000");
  CHECK(MetricText::number(9'007'199'254'740'991) == "9007199254740991");  // 2^53 - 1
  CHECK(MetricText::number(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(MetricText::number(-std::numeric_limits<double>::infinity()) == "-Inf");
  CHECK(MetricText::number(std::numeric_limits<double>::quiet_NaN()) == "NaN");
}

TEST_CASE("metric text: the ranges of a histogram add up, and the last has no end") {
  MetricText text;
  text.metric("h", MetricType::histogram, "Times.");
  metric_rows::Samples samples(text);
  const std::array<uint32_t, 2> bounds = {250, 1'000'000};
  const std::array<uint64_t, 3> counts = {1, 0, 4};
  samples.add_histogram(bounds, 1'000'000, counts, 1'500'000, {{"kind", "x"}});
  CHECK(text.release() ==
        "# HELP h Times.\n# TYPE h histogram\nh_count{kind=\"x\"} 5\nh_sum{kind=\"x\"} 1.5\n"
        "h_bucket{kind=\"x\",le=\"0.00025\"} 1\nh_bucket{kind=\"x\",le=\"1\"} "
        "1\nh_bucket{kind=\"x\",le=\"+Inf\"} 5\n");
}

}  // namespace
}  // namespace shoal::node
