#include "node/scan/dump_gate.h"

#include <algorithm>

namespace shoal::node {

namespace {

constexpr uint32_t kBusyWaitS = 60;

}  // namespace

tl::expected<DumpGate::Pass, DumpGate::Refusal> DumpGate::enter(const std::optional<common::Endpoint>& client,
                                                                int64_t now_s) {
  const Lock lock(mutex_);
  const bool limited = client && interval_s_ > 0;
  if (limited) {
    const auto last = last_s_.find(address_prefix(*client));
    if (last != last_s_.end() && now_s - last->second < interval_s_) {
      refused_too_often_.fetch_add(1, std::memory_order_relaxed);
      return tl::make_unexpected(Refusal{true, static_cast<uint32_t>(last->second + interval_s_ - now_s)});
    }
  }
  size_t& at_once = at_once_[client ? 1 : 0];
  if (at_once == kAtOnceMax) {
    refused_busy_.fetch_add(1, std::memory_order_relaxed);
    return tl::make_unexpected(Refusal{false, kBusyWaitS});
  }
  if (limited) {
    last_s_.insert_or_assign(address_prefix(*client), now_s);
    if (last_s_.size() > kClientsMax) forget_oldest();
  }
  ++at_once;
  dumps_.fetch_add(1, std::memory_order_relaxed);
  return Pass(*this, client.has_value());
}

void DumpGate::set_interval_s(uint32_t interval_s) {
  const Lock lock(mutex_);
  interval_s_ = interval_s;
}

void DumpGate::leave(bool by_client) {
  const Lock lock(mutex_);
  --at_once_[by_client ? 1 : 0];
}

void DumpGate::forget_oldest() {
  last_s_.erase(std::min_element(last_s_.begin(), last_s_.end(),
                                 [](const auto& a, const auto& b) { return a.second < b.second; }));
}

}  // namespace shoal::node
