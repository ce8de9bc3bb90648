// TurnBudget: how much work may still be done in one turn of a loop: for all connections of a server, or for
// one of them. Pure.

#pragma once

#include <algorithm>
#include <cstddef>

namespace shoal::node {

// Steps are reads and requests; bytes are those looked at and those of answers.
struct TurnWork {
  size_t steps = 0;
  size_t bytes = 0;
};

class TurnBudget {
 public:
  TurnBudget() = default;
  explicit TurnBudget(TurnWork work) : left_(work) {}

  // What is over the budget is done nevertheless: the last step may be larger than what was left.
  void charge(size_t bytes, size_t steps = 1) {
    left_.steps -= std::min(left_.steps, steps);
    left_.bytes -= std::min(left_.bytes, bytes);
  }

  bool is_used_up() const { return left_.steps == 0 || left_.bytes == 0; }

 private:
  TurnWork left_;
};

}  // namespace shoal::node
