// The announce interval for clients, adapted to the load: it grows until the whole cluster gets as many
// announces per second as the operator wants. Pure; the time is an argument.
//
// A client gets a new interval only with its next announce, so a change shows its effect one interval later.
// The interval therefore moves by at most a factor of e per interval, and slower near the target: it settles
// within a few intervals and hardly overshoots. Nodes exchange their intervals and move together, from the
// mean of all.

#pragma once

#include <cstdint>
#include <span>

namespace shoal::node {

// The rate of a counter that is read from time to time, smoothed over about ten seconds.
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
    uint32_t interval_s = 1800;      // the minimum
    uint32_t interval_max_s = 1800;  // the maximum
    uint32_t target_rps = 1;
  };

  explicit AdaptiveInterval(const Settings& settings);

  // Applies from the next step(). The interval keeps its value, within the new range.
  void set(const Settings& settings);

  // Call it about once a second. `announces_per_s`: of the whole cluster. `others_s`: the present intervals
  // of the other nodes.
  void step(int64_t now_us, double announces_per_s, std::span<const uint32_t> others_s);

  // The interval for clients, before the jitter.
  uint32_t interval_s() const;

  // Whether other nodes should follow this one. A node that has just started follows them first.
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
