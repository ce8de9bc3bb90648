// Owned: state that one part of the Cluster writes and the others may read, checked by the compiler. Most of
// it is state about one member: it lies in the Member, so that it is created and dropped with it.

#pragma once

#include <utility>

namespace shoal::sync {

class Member;

template <class Owner, class State>
class Owned {
 public:
  Owned() = default;
  explicit Owned(State state) : state_(std::move(state)) {}
  Owned(const Owned&) = default;
  Owned(Owned&&) noexcept = default;

  const State* operator->() const { return &state_; }
  const State& operator*() const { return state_; }

 private:
  friend Owner;
  friend Member;  // replaces the whole when a new incarnation begins
  Owned& operator=(const Owned&) = default;
  Owned& operator=(Owned&&) noexcept = default;
  State& mine() { return state_; }

  State state_{};
};

}  // namespace shoal::sync
