#include "node/lifecycle/serving_watch.h"

#include <utility>

#include "common/log.h"
#include "node/os/monotonic.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

namespace {

constexpr uint64_t kEveryS = 1;

}  // namespace

ServingWatch::ServingWatch(uv_loop_t* loop, std::function<std::vector<ServingFault>()> now)
    : now_(std::move(now)), timer_(loop, [this] { look(); }) {}

void ServingWatch::start() { timer_.start_every_s(kEveryS); }

void ServingWatch::look() {
  for (const ServingFaults::Line& line : faults_.look(now_(), monotonic_ms())) {
    if (line.over) {
      log_line(LogLevel::info, "works again", {{"what", line.text}});
    } else {
      log_line(LogLevel::error, line.text);
    }
  }
}

}  // namespace shoal::node
