// FullScrapes: answers HTTP requests for a full scrape. One object for all servers of a node. Any thread.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/endpoint.h"
#include "node/http/streamed_answer.h"
#include "node/scan/dump_gate.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"
#include "proto/dump_format.h"
#include "proto/http_request.h"

namespace shoal::node {

class FullScrapes {
 public:
  // Store and clock outlive the object, and the object outlives the answers it has begun.
  FullScrapes(const SwarmStore& store, const ClusterClock& clock, uint32_t client_interval_s)
      : store_(store), clock_(clock), gate_(client_interval_s) {}

  // The answer, still to be made; or null: the whole answer is in `out` already (a refusal, or one to HEAD).
  // `client`: who is limited (DumpGate); none: nobody. `too_often`: set to true where that is why it is
  // refused; may be null.
  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request, proto::DumpFormat format,
                                         const std::optional<common::Endpoint>& client, std::string& out,
                                         bool* too_often = nullptr);

  void set_client_interval_s(uint32_t client_interval_s) { gate_.set_interval_s(client_interval_s); }

  const DumpGate& gate() const { return gate_; }

 private:
  const SwarmStore& store_;
  const ClusterClock& clock_;
  DumpGate gate_;
};

}  // namespace shoal::node
