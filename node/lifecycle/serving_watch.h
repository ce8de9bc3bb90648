// ServingWatch: looks once a second at what keeps the node from serving, and logs it. Control thread only.

#pragma once

#include <uv.h>

#include <functional>
#include <string>
#include <vector>

#include "node/net/timer.h"
#include "node/status/serving_faults.h"

namespace shoal::node {

class ServingWatch {
 public:
  // `now`: the faults of the moment, from start() on.
  ServingWatch(uv_loop_t* loop, std::function<std::vector<ServingFault>()> now);
  ServingWatch(const ServingWatch&) = delete;
  ServingWatch& operator=(const ServingWatch&) = delete;

  void start();
  // Looks no more.
  void close() { timer_.close(); }

  const ServingFaults& faults() const { return faults_; }

 private:
  void look();

  const std::function<std::vector<ServingFault>()> now_;
  ServingFaults faults_;
  Timer timer_;
};

}  // namespace shoal::node
