// BanControl: makes bans of offenders and of what operators ask for, and hands those in force to the workers.
// Bans are the cluster's (sync/ban_log.h); what bans.mode = log would do is kept apart and goes nowhere.
// Control thread only, but for what `watch()` returns.
//
// Whoever has many addresses can have as many bans as are remembered. So those in force are collected in
// slices, the index is made of many on a thread of libuv's pool, and who watches changes is told in slices.

#pragma once

#include <uv.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/network.h"
#include "common/result.h"
#include "node/bans/ban_index.h"
#include "node/bans/offence_watch.h"
#include "node/config/options.h"
#include "node/net/job.h"
#include "node/net/timer.h"
#include "sync/ban_log.h"
#include "sync/token_bucket.h"

namespace shoal::node {

struct MadeIndex;

// The name of an offence, as in the API and the metrics.
std::string_view to_string(proto::Offence offence);

struct BanStatus {
  BanMode mode = BanMode::off;
  uint64_t in_force = 0;                              // on this node
  uint64_t dry = 0;                                   // would be, if the mode were on
  uint64_t remembered = 0;                            // all that the cluster's table has
  std::array<uint64_t, proto::kOffences> made{};      // on this node
  std::array<uint64_t, proto::kOffences> made_dry{};  // the same that the mode made no bans of
  uint64_t spared = 0;                                // offenders on the list of exempt networks
  uint64_t dropped = 0;    // offenders beyond what is taken in a second, or for which there was no room
  uint64_t displaced = 0;  // bans that made room for longer ones
  uint64_t clients_displaced = 0;  // clients with a score that made room for others
};

class BanControl {
 public:
  // Bans that one node makes of offenders.
  static constexpr int64_t kMadePerS = 100;

  // As many bans are looked at, or told, in one turn of the loop.
  static constexpr size_t kSliceMax = 1'000;

  struct Hooks {
    std::function<void(std::shared_ptr<const BanIndex>)> publish;  // to the workers; null: nobody is banned
    std::function<void(std::span<const proto::BanChange>)> send;   // to the other nodes
    std::function<void(const proto::ForgottenOrigin&)> send_forgotten;  // the same
    std::function<int64_t()> unix_ms;                                   // cluster time
  };

  // `node_id` marks this node's bans. `key`: secret and random.
  BanControl(uv_loop_t* loop, const Options& options, uint64_t node_id, const common::SipKey& key,
             Hooks hooks);
  BanControl(const BanControl&) = delete;
  BanControl& operator=(const BanControl&) = delete;

  // In force from now on: [bans] and access.trusted_proxies, which are never banned.
  void set(const Options& options);

  // Whom the workers tell of clients; null: bans.mode is off. Lives as long as this.
  OffenceWatch* watch() { return mode_ == BanMode::off ? nullptr : watch_.get(); }

  // Holds all bans of the cluster, which merges those of the other nodes into it and says so.
  sync::BanLog& log() { return log_; }
  const sync::BanLog& log() const { return log_; }
  void changed() { publish_soon(); }

  // Calls visit(ban, dry) for each client that is banned now, or (dry) would be if the mode were on.
  template <class Visit>
  void for_each_in_force(int64_t now_ms, Visit visit) const {
    log_.for_each([&](const proto::BanChange& change) {
      if (const auto ban = applies(change, false, now_ms)) visit(change, ban->dry);
    });
    // Where both are, the cluster's counts.
    dry_.for_each([&](const proto::BanChange& change) {
      const auto known = log_.find(change.prefix);
      if ((!known || !applies(*known, false, now_ms)) && applies(change, true, now_ms)) visit(change, true);
    });
  }

  // By hand, on all nodes.
  common::Result<void> ban(const common::Endpoint& client, uint32_t duration_s);
  common::Result<void> lift(const common::Endpoint& client);
  // Makes void what a node, or proto::kEverybody, has banned; how many bans.
  size_t forget_origin(uint64_t node_id);

  struct Explained {
    bool exempt = false;
    std::optional<proto::BanChange> ban;      // the last one, also if it has ended
    std::optional<proto::BanChange> dry_ban;  // the same
    bool banned = false;                      // now
    bool would_be = false;                    // now, if the mode were on
    uint32_t next_s = 0;                      // how long the next ban would be
    OffenceTable::Explained scores;
  };
  Explained explain(const common::Endpoint& client) const;

  BanStatus status() const;
  BanMode mode() const { return mode_; }

  // Called with each ban that comes into force here, and with ends_ms = 0 when one is over; once the workers
  // have the index.
  void on_change(std::function<void(const Ban&)> changed) { on_change_ = std::move(changed); }

  // Closes all handles. The object must live until the loop has ended.
  void stop();

 private:
  void take_offenders();
  void take(const OffenceTable::Offender& offender);
  proto::BanTerm next_term(const sync::BanLog& log, const ClientPrefix& client, proto::Offence offence) const;
  bool lift_in(sync::BanLog& log, const ClientPrefix& client, std::vector<proto::BanChange>& made);
  bool is_exempt(const ClientPrefix& client) const;
  // What a change means to clients of this node now; nothing: it does not. `of_dry_log`: it is in `dry_`.
  std::optional<Ban> applies(const proto::BanChange& change, bool of_dry_log, int64_t now_ms) const;
  void publish_soon();
  void publish_some();
  bool collect_some();
  void take_index(MadeIndex made);
  bool tell_some();
  void tick();
  void log_lately();
  uint64_t digest() const { return uint64_t{log_.digest()} << 32 | dry_.digest(); }

  uv_loop_t* const loop_;
  const uint64_t node_id_;
  const common::SipKey key_;
  const Hooks hooks_;
  BanMode mode_ = BanMode::off;
  Options::Bans options_;
  common::NetworkSet exempt_;
  sync::BanLog log_;
  sync::BanLog dry_;
  uv_async_t wake_;
  std::unique_ptr<OffenceWatch> watch_;  // made when first needed
  sync::TokenBucket making_{kMadePerS, kMadePerS};
  // In the order of clients.
  std::shared_ptr<const std::vector<Ban>> published_ = std::make_shared<const std::vector<Ban>>();
  uint64_t in_force_ = 0;      // of those
  uint64_t dry_in_force_ = 0;  // the same
  int64_t first_end_ms_ = 0;   // of those
  uint64_t digest_ = 0;        // of what they were made of

  // What will be published next, as far as it has been collected.
  struct Collected {
    int64_t now_ms;
    uint64_t digest;
    bool of_dry_log = false;
    std::optional<proto::BanPrefix> last{};  // of that log
    std::vector<Ban> bans{};
  };
  std::optional<Collected> collected_;  // none: nothing is being published, or the index is being made
  Job making_index_;
  std::vector<Ban> untold_;
  size_t told_ = 0;     // of those
  bool again_ = false;  // something has changed since that was begun
  Timer publish_timer_;
  Timer tick_timer_;
  std::function<void(const Ban&)> on_change_;
  BanStatus counts_;  // only the counters are used
  BanStatus logged_;  // as they were when last logged
  int64_t logged_ms_ = 0;
  bool stopped_ = false;
};

// Of the first bytes of an address: all others are zeros.
common::Endpoint endpoint_of(const ClientPrefix& client);

// "192.0.2.1" or "2001:db8:1:2::/64".
std::string to_text(const ClientPrefix& client);

}  // namespace shoal::node
