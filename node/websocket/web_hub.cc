#include "node/websocket/web_hub.h"

#include "proto/web_relay.h"

namespace shoal::node {

namespace {

void count_one(std::atomic<uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

void WebHub::send(uint64_t to_run, std::vector<uint8_t> bytes) {
  if (to_run == run_) return put_in({run_, std::move(bytes)});
  if (!outgoing_.put({to_run, std::move(bytes)})) count_one(counters_.dropped_outgoing);
}

void WebHub::deliver(uint64_t from_run, std::vector<uint8_t> bytes) { put_in({from_run, std::move(bytes)}); }

void WebHub::put_in(WebMessage message) {
  const auto connection = proto::connection_of_relay(message.bytes);
  const size_t worker = connection ? common::worker_of(*connection) : inboxes_.size();
  if (worker >= inboxes_.size()) return count_one(counters_.misdirected);
  if (!inboxes_[worker].put(std::move(message))) count_one(counters_.dropped_local);
}

}  // namespace shoal::node
