// ShieldControl: the shield (node/xdp/shield.h) of a running node: what it is told, and when. It is loaded
// and attached while the process has its privileges, and from then on follows the node: time, keys, limits,
// denied networks, the addresses of this machine, draining. What it does is counted like what the sockets do.
//
// Nothing of it can fail a start or a reload: where the shield cannot be, the log says why and the sockets
// serve everything, as they do without it. Control thread only.

#pragma once

#include <uv.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/endpoint.h"
#include "common/network.h"
#include "common/siphash.h"
#include "node/access/announce_policy.h"
#include "node/config/options.h"
#include "node/limits/client_prefix.h"
#include "node/net/job.h"
#include "node/net/own_addresses.h"
#include "node/net/timer.h"
#include "node/os/file_descriptor.h"
#include "node/store/cluster_clock.h"
#include "node/tracker/worker_counters.h"
#include "node/xdp/shield.h"
#include "node/xdp/shield_status.h"
#include "node/xdp/shield_totals.h"

namespace shoal::node {

class ShieldControl {
 public:
  // Time, counts.
  static constexpr uint64_t kStepMs = 500;
  // Counts are read no more often.
  static constexpr int64_t kCountMs = 200;
  // Whether it is still attached.
  static constexpr int64_t kLookMs = 1'000;
  // Larger sets of denied networks are prepared on libuv's pool.
  static constexpr size_t kDeniedBytesAtOnce = 256 << 10;
  // Bans that come or go in one turn of the loop, a system call each.
  static constexpr size_t kBansPerTurn = 500;

  // What is made before privileges are dropped.
  struct Start {
    std::unique_ptr<Shield> shield;  // null: on no interface
    FileDescriptor addresses;        // OwnAddresses::open()
    std::vector<ShieldInterface> interfaces;
    bool attached() const { return shield != nullptr; }
  };

  // Loads and attaches what xdp.interfaces names, at least one. A line of the log for each interface.
  static Start open(const Options::Xdp& options, const common::SipKey& secret);

  struct Settings {
    std::vector<common::Endpoint> listened;  // tracker.udp
    uint32_t workers = 0;
    std::vector<common::SipKey> keys;
    Options::Limits limits;
    DeniedNetworks denied;
  };

  // `counters` are one worker's that does not exist; clock and counters outlive the object.
  ShieldControl(uv_loop_t* loop, Start start, Settings settings, const ClusterClock& clock,
                WorkerCounters& counters);
  ShieldControl(const ShieldControl&) = delete;
  ShieldControl& operator=(const ShieldControl&) = delete;

  void set_keys(std::span<const common::SipKey> keys);
  void set_limits(const Options::Limits& limits);
  // Those of a large set apply some milliseconds later; the sockets apply them in any case.
  void set_denied(DeniedNetworks denied);

  // As Shield's, some milliseconds later if there are many. Where the shield has no room the sockets refuse.
  void ban(const ClientPrefix& client, uint64_t until_us);
  void unban(const ClientPrefix& client);

  // Called a few times a second with each client whose requests the shield dropped because of its own rate,
  // though it has a good connection id.
  void on_over_rate(std::function<void(const ClientPrefix& client, uint64_t requests)> found) {
    on_over_rate_ = std::move(found);
  }

  // From now on connects are left to the sockets.
  void drain();

  // Detaches, for good. The object must live until the loop has run.
  void close();

  // The counts are at most kCountMs old.
  ShieldStatus status();

 private:
  void step();
  void look(int64_t now_ms);
  void count(int64_t now_ms);
  void follow_addresses();
  void prepare_denied();
  void change_ban(const ClientPrefix& client, uint64_t until_us);
  void change_bans();
  void let_go();

  uv_loop_t* const loop_;
  const ClusterClock& clock_;
  const std::vector<common::Endpoint> listened_;
  const uint32_t workers_;
  std::shared_ptr<Shield> shield_;  // shared with job_; null: not attached, or not any more
  std::vector<ShieldInterface> interfaces_;
  ShieldTotals totals_;
  std::function<void(const ClientPrefix&, uint64_t)> on_over_rate_;
  std::unique_ptr<OwnAddresses> addresses_;  // null without a shield
  size_t targets_ = 0;
  size_t targets_left_out_ = 0;
  DeniedNetworks denied_;      // as last set
  bool denied_waits_ = false;  // to be prepared once job_ is over
  Job job_;
  std::deque<std::pair<ClientPrefix, uint64_t>> ban_changes_;  // until when; 0: unbanned
  Timer ban_timer_;
  Timer step_timer_;
  int64_t counted_ms_ = 0;  // by monotonic_ms()
  int64_t looked_ms_ = 0;
  bool closed_ = false;
};

}  // namespace shoal::node
