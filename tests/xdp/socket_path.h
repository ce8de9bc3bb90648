// SocketPath: what the kernel and a real UdpServer answer to a frame, without XDP. It lives in a network
// namespace of its own: a tap device stands for the network card, frames are written to it, and what the
// kernel sends is read from it. Everything happens on the caller's thread; nothing waits. Needs root,
// /dev/net/tun and `ip`.

#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/network.h"
#include "common/result.h"
#include "node/cluster/delta_queue.h"
#include "node/limits/request_limiter.h"
#include "node/os/file_descriptor.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"
#include "node/tracker/tracker.h"
#include "node/tracker/udp_server.h"
#include "tests/xdp/frames.h"

namespace shoal::test {

// Addresses in the namespace.
common::Endpoint server_v4();  // 192.0.2.1:6969
common::Endpoint server_v6();  // [2001:db8::1]:6969
// Of the machine's networks: whose broadcast address and other addresses no client can have.
std::vector<common::Endpoint> no_clients();

class SocketPath {
 public:
  static common::Result<std::unique_ptr<SocketPath>> open(std::vector<common::SipKey> keys);
  ~SocketPath();
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;

  // The frames with UDP from the tracker's port that the machine sends at once.
  std::vector<Bytes> exchange(const Bytes& frame);

  int64_t unix_s() const { return now_ms_ / 1000; }
  // Time stands still otherwise.
  void pass_seconds(int64_t seconds) {
    now_ms_ += seconds * 1000;
    hold_time();
  }
  void set_denied(std::shared_ptr<const common::NetworkSet> denied);
  void set_rates(uint32_t per_s_per_address, uint32_t per_s_per_prefix);
  // All buckets are full, and no bad connection id has been seen.
  void forget_clients();
  const std::vector<common::SipKey>& keys() const { return keys_; }
  const node::WorkerCounters& counters() const { return counters_; }

  // Whether the machine could make VLAN interfaces: 5, 6 (802.1ad), and 7 within that.
  bool has_vlans() const { return has_vlans_; }
  // The ids that the shield would find in this network.
  const std::set<uint16_t>& vlans_found() const { return vlans_found_; }
  // The name of the namespace's interface.
  static constexpr const char* kInterface = "shoal0";

 private:
  explicit SocketPath(std::vector<common::SipKey> keys) : keys_(std::move(keys)) {}
  common::Result<void> set_up();
  void serve(node::FileDescriptor socket);
  void hold_time() { clock_.follow(clock_.offset_ms() + now_ms_ - clock_.unix_ms(), 0); }

  const std::vector<common::SipKey> keys_;
  node::FileDescriptor tap_;
  bool has_vlans_ = false;
  std::set<uint16_t> vlans_found_;
  node::ClusterClock clock_{86'400};
  int64_t now_ms_ = clock_.unix_ms() / 1000 * 1000 + 500;
  node::SwarmStore store_{{.key = {5}}};
  std::unique_ptr<node::RequestLimiter> limiter_;
  std::array<uint32_t, 2> rates_{};
  node::WorkerCounters counters_;
  std::unique_ptr<node::Tracker> tracker_;
  uv_loop_t loop_{};
  node::UdpBatchPtr batch_ = node::make_udp_batch();
  node::StaleIdAnswers stale_ids_;
  std::vector<std::unique_ptr<node::UdpServer>> servers_;
};

}  // namespace shoal::test
