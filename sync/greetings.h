// Greetings: addresses that are to get a heartbeat at once, rather than in the next round. Any part adds;
// Heartbeats sends.

#pragma once

#include <utility>
#include <vector>

#include "common/endpoint.h"

namespace shoal::sync {

class Greetings {
 public:
  void add(const common::Endpoint& address) { addresses_.push_back(address); }
  bool empty() const { return addresses_.empty(); }
  std::vector<common::Endpoint> drain() { return std::exchange(addresses_, {}); }

 private:
  std::vector<common::Endpoint> addresses_;
};

}  // namespace shoal::sync
