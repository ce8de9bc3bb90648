// AccessControl: what may be announced, kept up to date: the options, the access list's file, and the
// run-time changes from the admin endpoint, the FIFOs and the other nodes. Makes a new AnnouncePolicy of them
// whenever one changes, hands it to the workers, and drops the swarms that are no longer served. Control
// thread only; files are read and written on libuv's threads.

#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/result.h"
#include "node/access/access_fifo.h"
#include "node/access/announce_policy.h"
#include "node/config/options.h"
#include "node/net/job.h"
#include "node/net/timer.h"
#include "node/store/swarm_store.h"
#include "sync/access_log.h"

namespace shoal::node {

struct AccessStatus {
  AccessMode mode = AccessMode::open;
  uint64_t file_entries = 0;
  uint64_t file_bytes = 0;       // memory they take
  uint64_t changes = 0;          // made at run time
  uint64_t refused_changes = 0;  // there were too many
  uint64_t bad_lines = 0;        // of the FIFOs
  uint64_t swarms_dropped = 0;
  uint64_t reloads = 0;
  uint64_t reloads_failed = 0;
  uint64_t state_writes_failed = 0;
};

class AccessControl {
 public:
  // What is read before the loop runs; an error is shown at start.
  struct Start {
    AccessList file;
    sync::AccessLog log;
    FileDescriptor fifo_add;     // closed: there is none
    FileDescriptor fifo_delete;  // closed: there is none
  };
  static common::Result<Start> prepare(const Options::Access& options);

  // The access list as `options` have it; any thread, and it takes seconds for a large one. The error names
  // option and file.
  static common::Result<AccessList> load_list(const Options::Access& options);

  struct Hooks {
    std::function<void(std::shared_ptr<const AnnouncePolicy>)> publish;      // to the workers
    std::function<void(std::span<const proto::AccessChange> changes)> tell;  // to the other nodes
    std::function<int64_t()> unix_ms;                                        // cluster time
  };

  // `node_id` signs this node's changes. The store outlives the object.
  AccessControl(uv_loop_t* loop, const Options::Access& options, uint64_t node_id, Start start,
                SwarmStore& store, Hooks hooks);
  AccessControl(const AccessControl&) = delete;
  AccessControl& operator=(const AccessControl&) = delete;

  // The present policy, for workers that start; null: everything may be announced.
  const std::shared_ptr<const AnnouncePolicy>& policy() const { return policy_; }

  // Puts hashes on the list or takes them off, here and on all nodes; in force within a tenth of a second. An
  // error: there are too many changes, or there is no list (AccessMode::open); then the first that fit have
  // been made.
  common::Result<void> change(std::span<const common::InfoHash> hashes, bool listed);

  // The other nodes' changes are merged into this; took() says which were news.
  sync::AccessLog& log() { return log_; }
  const sync::AccessLog& log() const { return log_; }
  void took(std::span<const proto::AccessChange> changes);

  // Other options, and the list that goes with them. Nothing that is opened at start changes.
  void set(const Options::Access& options, AccessList list);
  // The list could not be loaded, and everything stays as it was.
  void count_failed_reload() { ++counts_.reloads_failed; }

  AccessStatus status() const;
  bool listed(const common::InfoHash& hash) const { return rules_.listed(hash); }
  bool allows(const common::InfoHash& hash) const { return rules_.allows(hash); }
  const Options::Access& options() const { return options_; }

  // Writes what is to be kept and closes all handles; the object must live until the loop has ended.
  void stop();

 private:
  void note(const common::InfoHash& hash);
  void publish_soon();
  void rebuild();
  void publish();
  void settle();
  void drop_denied(std::span<const common::InfoHash> hashes);
  void start_sweep();
  void sweep_some();
  void from_fifo(bool listed, const std::vector<common::InfoHash>& hashes, size_t bad_lines);
  void save_state();
  void save_now();
  void state_saved(const common::Result<void>& result);

  uv_loop_t* const loop_;
  Options::Access options_;
  const uint64_t node_id_;
  SwarmStore& store_;
  const Hooks hooks_;
  sync::AccessLog log_;
  std::shared_ptr<const AccessList> file_;
  AccessRules rules_;                             // as last published
  std::shared_ptr<const AnnouncePolicy> policy_;  // the same
  std::vector<std::unique_ptr<AccessFifo>> fifos_;

  Timer publish_timer_;
  Timer settle_timer_;
  Timer sweep_timer_;
  std::vector<common::InfoHash> changed_;         // since the last settle()
  std::vector<common::InfoHash> changed_before_;  // in the time before that
  bool sweep_again_ = false;
  size_t sweep_shard_ = 0;
  bool state_dirty_ = false;
  Job save_;
  bool stopped_ = false;
  AccessStatus counts_;  // only what is counted
};

}  // namespace shoal::node
