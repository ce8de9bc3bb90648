// DumpGate: limits how many full scrapes are made at once, and how often a client gets one. The operator has
// passes of his own: strangers, who may read slowly, cannot take them. Any thread.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <tl/expected.hpp>
#include <utility>

#include "common/endpoint.h"
#include "node/limits/client_prefix.h"
#include "node/os/mutex.h"

namespace shoal::node {

class DumpGate {
 public:
  static constexpr size_t kAtOnceMax = 2;  // by clients, and as many by the operator
  // Clients remembered; when there are more, the one served longest ago is forgotten.
  static constexpr size_t kClientsMax = 4096;

  // The permission to make one dump, held while it is made.
  class Pass {
   public:
    Pass(DumpGate& gate, bool by_client) : gate_(&gate), by_client_(by_client) {}
    ~Pass() {
      if (gate_ != nullptr) gate_->leave(by_client_);
    }
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), by_client_(other.by_client_) {}
    Pass& operator=(Pass&&) = delete;

    void count_bytes(uint64_t bytes) { gate_->bytes_.fetch_add(bytes, std::memory_order_relaxed); }

   private:
    DumpGate* gate_;
    bool by_client_;
  };

  // Why there is no pass, and when to try again.
  struct Refusal {
    bool too_often = false;  // else: too many at once
    uint32_t wait_s = 0;
  };

  // `interval_s`: the least time between two dumps of one client; 0: no limit.
  explicit DumpGate(uint32_t interval_s) : interval_s_(interval_s) {}

  // As in the constructor.
  void set_interval_s(uint32_t interval_s);

  // `client`: counted by its IPv4 address or IPv6 /64; none: the operator, who may come as often as he likes.
  // `now_s` never goes back.
  tl::expected<Pass, Refusal> enter(const std::optional<common::Endpoint>& client, int64_t now_s);

  // Totals since start.
  uint64_t dumps() const { return dumps_.load(std::memory_order_relaxed); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t refused_too_often() const { return refused_too_often_.load(std::memory_order_relaxed); }
  uint64_t refused_busy() const { return refused_busy_.load(std::memory_order_relaxed); }

 private:
  void leave(bool by_client);
  void forget_oldest() REQUIRES(mutex_);

  Mutex mutex_;
  uint32_t interval_s_ GUARDED_BY(mutex_);
  std::array<size_t, 2> at_once_ GUARDED_BY(mutex_){};  // by the operator, by clients
  std::map<ClientPrefix, int64_t> last_s_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> dumps_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> refused_too_often_{0};
  std::atomic<uint64_t> refused_busy_{0};
};

}  // namespace shoal::node
