// TopKeeper: the largest swarms, looked for on libuv's threads when somebody asks and what is known is older
// than kTopAgeMs. Control thread only.

#pragma once

#include <uv.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "node/net/job.h"
#include "node/store/swarm_store.h"
#include "proto/announce.h"

namespace shoal::node {

constexpr int64_t kTopAgeMs = 30'000;
constexpr size_t kTopMax = 100;

struct TopView {
  std::optional<int64_t> unix_ms;           // when it was looked for; none: not yet
  std::vector<proto::ScrapedSwarm> swarms;  // those with the most peers first, at most kTopMax
};

class TopKeeper {
 public:
  // The store must outlive the loop.
  TopKeeper(uv_loop_t* loop, const SwarmStore& store) : loop_(loop), store_(store) {}
  TopKeeper(const TopKeeper&) = delete;
  TopKeeper& operator=(const TopKeeper&) = delete;

  // What is known, without swarms that are no longer served; if it is old, begins to look anew.
  const TopView& view();

  // Gives up what is under way, and looks no more.
  void stop();

 private:
  uv_loop_t* const loop_;
  const SwarmStore& store_;
  TopView known_;
  std::optional<int64_t> looked_ms_;  // when the last look began
  bool stopped_ = false;
  Job job_;
};

}  // namespace shoal::node
