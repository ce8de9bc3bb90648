// OpentrackerPage: opentracker's /stats, for scripts written for it. One object for all servers of a node;
// any thread.

#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/network.h"
#include "node/http/streamed_answer.h"
#include "node/scan/full_scrapes.h"
#include "node/scan/top_swarms.h"
#include "node/store/swarm_store.h"
#include "node/tracker/worker_counters.h"
#include "proto/opentracker_stats.h"

namespace shoal::node {

class OpentrackerPage {
 public:
  struct Settings {
    uint32_t tracker_id = 0;
    uint32_t peer_timeout_s = 0;
    int64_t started_mono_s = 0;  // on the monotonic clock
  };

  // All references outlive the page and its answers. `synced_peers`: peers received from other nodes.
  OpentrackerPage(const Settings& settings, const SwarmStore& store, FullScrapes& full_scrapes,
                  TopSwarms& top, std::span<const std::unique_ptr<WorkerCounters>> workers,
                  const std::atomic<uint64_t>& synced_peers);

  // Who may read what now.
  struct Terms {
    const common::NetworkSet& networks;  // whose clients may read the page
    bool dumps = false;                  // allow full scrapes
  };

  // `counters`: those of the calling worker, for the client's family.
  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request, const common::Endpoint& client,
                                         const Terms& terms, HttpTrackerCounters& counters, std::string& out);

  // The text of any mode but the dumps. For top10 and top100 it may read the whole store, which takes time,
  // at most once per kTopAgeMs; nothing while somebody else has it read for the first time.
  std::optional<std::string> text(proto::StatsMode mode);

 private:
  proto::OpentrackerFigures figures() const;
  std::optional<std::string> top(size_t amount);

  const Settings settings_;
  const SwarmStore& store_;
  FullScrapes& full_scrapes_;
  const std::span<const std::unique_ptr<WorkerCounters>> workers_;
  const std::atomic<uint64_t>& synced_peers_;
  TopSwarms& top_;
};

}  // namespace shoal::node
