// AccessControl: decides what may be announced. It combines the options, the access list's file, and the
// run-time changes from the admin endpoint, the FIFOs and the other nodes. When one of them changes, it makes
// a new AnnouncePolicy, passes it to the workers, and drops the swarms that are no longer served. Control
// thread only; it reads and writes files on libuv's threads.

#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/result.h"
#include "node/access/access_fifo.h"
#include "node/access/access_state.h"
#include "node/access/announce_policy.h"
#include "node/access/denied_sweep.h"
#include "node/access/place_index.h"
#include "node/config/options.h"
#include "node/net/job.h"
#include "node/net/timer.h"
#include "node/store/swarm_store.h"
#include "sync/access_log.h"

namespace shoal::node {

struct AccessStatus {
  AccessMode mode = AccessMode::open;
  uint64_t file_entries = 0;
  uint64_t file_bytes = 0;       // memory that they use
  uint64_t denied_networks = 0;  // listed by the options and the files, not by feeds
  uint64_t changes = 0;          // made at run time
  uint64_t refused_changes = 0;  // beyond the maximum
  uint64_t bad_lines = 0;        // read from the FIFOs
  uint64_t swarms_dropped = 0;
  uint64_t reloads = 0;
  uint64_t reloads_failed = 0;
  uint64_t state_writes_failed = 0;
};

// What the files of [access] and access.deny_networks say.
struct AccessFiles {
  AccessList swarms;
  std::shared_ptr<const common::NetworkSet> denied;  // null: none
  size_t denied_count = 0;                           // before networks that touch were joined
  std::shared_ptr<const PlaceIndex> places;          // for access.geo_counts; null: off
};

// What access.feeds say, all together.
struct FeedLists {
  std::shared_ptr<const common::NetworkSet> networks;  // null: none
  std::shared_ptr<const AccessList> hashes;            // null: none
};

class AccessControl {
 public:
  // What prepare() reads before the loop runs. The operator sees its error at start.
  struct Start {
    AccessFiles files;
    FeedLists fed;  // the copies on disk
    sync::AccessLog log;
    FileDescriptor fifo_add;     // closed: none
    FileDescriptor fifo_delete;  // closed: none
  };
  static common::Result<Start> prepare(const Options::Access& options);

  // Loads the lists that `options` name. Any thread; large lists take seconds. The error names the option and
  // the file.
  static common::Result<AccessFiles> load_files(const Options::Access& options);

  struct Hooks {
    std::function<void(std::shared_ptr<const AnnouncePolicy>)> publish;        // to the workers
    std::function<void(std::span<const proto::AccessChange> changes)> send;    // to the other nodes
    std::function<void(const proto::ForgottenOrigin& origin)> send_forgotten;  // the same
    std::function<int64_t()> unix_ms;                                          // cluster time
  };

  // `node_id` marks this node's changes. The store outlives the object.
  AccessControl(uv_loop_t* loop, const Options::Access& options, uint64_t node_id, Start start,
                SwarmStore& store, Hooks hooks);
  AccessControl(const AccessControl&) = delete;
  AccessControl& operator=(const AccessControl&) = delete;

  // The current policy, for workers that start; null: everything may be announced.
  const std::shared_ptr<const AnnouncePolicy>& policy() const { return policy_; }

  // The denied networks; other pointers once they have changed.
  DeniedNetworks denied() const { return {denied_, fed_.networks}; }

  // Adds hashes to the list or removes them, here and on all nodes, within a tenth of a second; within a
  // second where more than 10,000 have been changed. Fails without a list (AccessMode::open), and if there
  // are too many changes; it then makes the first ones that fit.
  common::Result<void> change(std::span<const common::InfoHash> hashes, bool listed);

  // Makes void, here and on all nodes, what this node has changed so far; how many changes.
  size_t forget_origin(uint64_t node_id);

  // Holds all run-time changes. The cluster merges the other nodes' changes into it and reports new ones to
  // changes_merged().
  sync::AccessLog& log() { return log_; }
  const sync::AccessLog& log() const { return log_; }
  void changes_merged(std::span<const proto::AccessChange> changes);

  // Replaces the options and the lists. What was opened at start stays as it is.
  void set(const Options::Access& options, AccessFiles files);
  // Replaces what the feeds say.
  void set_fed(FeedLists fed);
  // Counts a list that could not be loaded. Nothing changes.
  void count_failed_reload() { ++counts_.reloads_failed; }

  AccessStatus status() const;
  bool listed(const common::InfoHash& hash) const { return rules_.listed(hash); }
  bool allows(const common::InfoHash& hash) const { return rules_.allows(hash); }
  // Counts the run-time changes that this node knows of, and those that workers have been given.
  uint64_t generation() const { return generation_; }
  uint64_t generation_in_force() const { return in_force_; }
  bool all_in_force() const { return in_force_ == generation_; }
  const Options::Access& options() const { return options_; }

  // Saves unsaved changes and closes all handles. The object must live until the loop has ended.
  void stop();

 private:
  void mark_changed(const common::InfoHash& hash);
  // What the run-time changes say.
  struct Changed {
    std::shared_ptr<const AccessList> added;
    std::shared_ptr<const AccessList> removed;
  };
  static Changed lists_of(std::span<const proto::AccessChange> changes);

  // Swarms that may be denied now: those named, or all.
  struct Suspects {
    std::vector<common::InfoHash> named;
    bool all = false;

    bool empty() const { return named.empty() && !all; }
    void add(std::span<const common::InfoHash> more);
    void join(const Suspects& others);
  };

  bool is_publishing() const { return copy_ || making_lists_.is_running(); }
  void publish_soon();
  void plan_publishing();
  void publish_some();
  void take_lists(Changed lists);
  void make_policy();
  void publish_policy();
  bool keeps(const common::InfoHash& hash) const;
  void drop_all_denied();
  void settle();
  void drop_denied(const Suspects& suspects);
  void sweep_some();
  void from_fifo(bool listed, const std::vector<common::InfoHash>& hashes, size_t bad_lines);
  void save_state();
  void save_some();
  void save_now();
  void state_saved(const common::Result<void>& result);

  uv_loop_t* const loop_;
  Options::Access options_;
  const uint64_t node_id_;
  SwarmStore& store_;
  const Hooks hooks_;
  sync::AccessLog log_;
  std::shared_ptr<const AccessList> file_;
  std::shared_ptr<const common::NetworkSet> denied_;  // null: none
  size_t denied_count_ = 0;
  FeedLists fed_;
  Changed changes_;                               // as last published
  AccessRules rules_;                             // as last published
  std::shared_ptr<const AnnouncePolicy> policy_;  // the same
  std::vector<std::unique_ptr<AccessFifo>> fifos_;

  Timer publish_timer_;
  Timer settle_timer_;
  Timer sweep_timer_;
  Timer save_timer_;
  DeniedSweep sweep_;
  // Each change comes by these one after the other.
  Suspects changed_;    // in no policy yet
  Suspects copied_;     // in the policy that is being made
  Suspects published_;  // in one that was published since the last settle()
  Suspects settling_;   // in one of the time before that

  std::optional<AccessLogCopy> copy_;  // none: nothing is being published, or lists are being made
  Job making_lists_;                   // of such a copy
  uint64_t generation_ = 0;
  uint64_t copying_ = 0;   // the generation of the policy that is being made
  uint64_t in_force_ = 0;  // of the last one published
  bool state_dirty_ = false;
  uint64_t retry_ms_ = 0;  // after the last write of the state, which failed; that is logged once
  std::optional<AccessLogCopy> to_save_;  // none: nothing is being saved, or it is being written
  Job save_;
  bool stopped_ = false;
  AccessStatus counts_;  // only the counters are used
};

}  // namespace shoal::node
