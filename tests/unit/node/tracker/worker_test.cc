#include "node/tracker/worker.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/support/store_fixture.h"
#include "tests/unit/support/test_certificates.h"

using namespace shoal;
using namespace shoal::node;

namespace {

TlsLayer new_layer() {
  std::vector<TlsCertificate> pairs;
  pairs.push_back(test::make_pair({}));
  return {*TlsContext::make(std::move(pairs), TlsVersion::v1_2), TicketSource({}).keys(1)};
}

}  // namespace

TEST_CASE("worker: it keeps nothing of what new TLS connections used before") {
  const auto store = test::make_store(false);
  const ClusterClock clock(2700);
  FullScrapes full_scrapes(*store, clock, 0);
  TopSwarms top(*store);
  std::vector<std::unique_ptr<WorkerCounters>> counters;
  counters.push_back(std::make_unique<WorkerCounters>());
  const std::atomic<uint64_t> synced_peers = 0;
  OpentrackerPage page({}, *store, full_scrapes, top, counters, synced_peers);
  const std::atomic<bool> draining = false;
  WebHub web_hub(1, 1);
  WorkerContext context{.store = *store,
                        .clock = clock,
                        .tracker = {},
                        .http_limits = {},
                        .tls = new_layer(),
                        .connection_keys = {{}},
                        .policy = nullptr,
                        .draining = draining,
                        .full_scrapes = full_scrapes,
                        .opentracker = page,
                        .web_hub = web_hub};
  const std::weak_ptr<const TlsContext> certificates = context.tls.context;
  const std::weak_ptr<const TicketKeys> tickets = context.tls.tickets;
  Worker worker(context, 0, *counters[0], nullptr, {}, {}, {}, 1, std::nullopt);
  context.tls = {};
  CHECK_FALSE(certificates.expired());
  CHECK_FALSE(tickets.expired());
  worker.set_tls(new_layer());
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!(certificates.expired() && tickets.expired()) && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(certificates.expired());
  CHECK(tickets.expired());
}
