#include "node/tracker/adaptive_interval.h"

#include <algorithm>
#include <cmath>

namespace shoal::node {

namespace {

constexpr double kSmoothingS = 10;

// How long a node that has just started follows the others.
constexpr int64_t kFollowUs = 5'000'000;

// A longer time between two steps counts as this: a suspended machine has measured nothing meanwhile.
constexpr double kStepMaxS = 10;

}  // namespace

double RateMeter::read(uint64_t count, int64_t now_us) {
  const double elapsed_s = static_cast<double>(now_us - read_us_) / 1e6;
  if (begun_ && elapsed_s <= 0) return per_s_;
  if (begun_) {
    const double rate = static_cast<double>(count - count_) / elapsed_s;
    per_s_ += (rate - per_s_) * (1 - std::exp(-elapsed_s / kSmoothingS));
  }
  begun_ = true;
  count_ = count;
  read_us_ = now_us;
  return per_s_;
}

AdaptiveInterval::AdaptiveInterval(const Settings& settings)
    : settings_(settings), log_interval_(std::log(settings.interval_s)) {}

void AdaptiveInterval::set(const Settings& settings) {
  settings_ = settings;
  log_interval_ = clamped(log_interval_);
}

double AdaptiveInterval::clamped(double log_interval) const {
  const double least = std::log(settings_.interval_s);
  return std::clamp(log_interval, least, std::max(least, std::log(settings_.interval_max_s)));
}

void AdaptiveInterval::step(int64_t now_us, double announces_per_s, std::span<const uint32_t> others_s) {
  if (!begun_) {
    begun_ = true;
    started_us_ = stepped_us_ = now_us;
  }
  settled_ = now_us - started_us_ >= kFollowUs;
  double sum = settled_ ? log_interval_ : 0;
  double count = settled_ ? 1 : 0;
  for (const uint32_t other_s : others_s) {
    sum += clamped(std::log(std::max(other_s, 1U)));
    ++count;
  }
  if (count > 0) log_interval_ = sum / count;

  const double elapsed_s = std::clamp(static_cast<double>(now_us - stepped_us_) / 1e6, 0.0, kStepMaxS);
  stepped_us_ = now_us;
  const double error = std::log(std::max(announces_per_s, 1e-9) / settings_.target_rps);
  log_interval_ = clamped(log_interval_ + std::clamp(error, -1.0, 1.0) * elapsed_s / std::exp(log_interval_));
}

uint32_t AdaptiveInterval::interval_s() const {
  return static_cast<uint32_t>(std::lround(std::exp(log_interval_)));
}

}  // namespace shoal::node
