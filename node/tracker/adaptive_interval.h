// The interval that is told to clients when there are too many of them: it grows until the whole cluster's
// announces per second are what the operator wants. Pure; the time is an argument.
//
// A client acts on a new interval only with its next announce, so the answer to a change comes an interval
// later. The interval therefore moves by a factor of e per interval at most, slower the nearer the goal is:
// it settles within a few intervals and hardly overshoots. Nodes tell each other their intervals and move
// together, from the mean of all.

#pragma once

#include <cstdint>
#include <span>

namespace shoal::node {

// Announces per second, smoothed over some ten seconds, of a counter that is read now and then.
class RateMeter {
 public:
  // `count`: the counter's value now. Returns per_s().
  double read(uint64_t count, int64_t now_us);
  double per_s() const { return per_s_; }

 private:
  uint64_t count_ = 0;
  int64_t read_us_ = 0;
  bool begun_ = false;
  double per_s_ = 0;
};

class AdaptiveInterval {
 public:
  struct Settings {
    uint32_t interval_s = 1800;      // the least
    uint32_t interval_max_s = 1800;  // the most
    uint32_t target_rps = 1;
  };

  explicit AdaptiveInterval(const Settings& settings);

  // From the next step() on; the interval goes on from where it is, as far as it may.
  void set(const Settings& settings);

  // To be called about once a second. `announces_per_s` are the whole cluster's; `others_s` what the other
  // nodes tell their clients now.
  void step(int64_t now_us, double announces_per_s, std::span<const uint32_t> others_s);

  // What to tell clients, before the jitter.
  uint32_t interval_s() const;

  // Whether others should follow this node: one that has just started follows them first.
  bool settled() const { return settled_; }

 private:
  double clamped(double log_interval) const;

  Settings settings_;
  double log_interval_;  // natural logarithm of seconds
  int64_t started_us_ = 0;
  int64_t stepped_us_ = 0;
  bool begun_ = false;
  bool settled_ = false;
};

}  // namespace shoal::node
