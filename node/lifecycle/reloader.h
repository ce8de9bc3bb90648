// Reloader: has reloads prepared by libuv's thread pool, one at a time, and taken on the loop. Who asks while
// one is prepared is served by the next, which reads everything anew. Control thread only.

#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "node/lifecycle/reload.h"
#include "node/net/job.h"

namespace shoal::node {

class Reloader {
 public:
  using Done = std::function<void(const ReloadReport&)>;
  using Prepared = tl::expected<Reload, ReloadFailure>;

  struct Hooks {
    std::function<Options()> running;
    std::function<common::Result<Options>()> read;  // of any thread
    std::function<void(Reload)> take;               // cannot fail
    std::function<void(const ReloadFailure&)> failed;
    std::function<void()> idle;  // nobody waits any more
  };

  // Who may wait at once.
  static constexpr size_t kWaitingMax = 256;

  Reloader(uv_loop_t* loop, Hooks hooks) : loop_(loop), hooks_(std::move(hooks)) {}
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // `cause` is for the log. `done` is called from the loop when the reload is over, and at once where too
  // many wait; never after stop().
  void request(const std::string& cause, Done done);

  // Good and failed ones.
  uint64_t taken() const { return taken_; }
  uint64_t failed() const { return failed_; }

  // Keys of options that have changed since the start, as last read, and need a restart.
  const std::vector<std::string>& need_restart() const { return need_restart_; }

  // Forgets who waits.
  void stop();

 private:
  void begin();
  void finish(Prepared prepared);
  ReloadReport take(Prepared prepared);

  uv_loop_t* const loop_;
  const Hooks hooks_;
  Job job_;
  bool stopped_ = false;
  std::string cause_;          // of the one that is prepared
  std::vector<Done> asked_;    // for that one
  std::string next_cause_;     // of the next
  std::vector<Done> waiting_;  // for that one
  uint64_t taken_ = 0;
  uint64_t failed_ = 0;
  std::vector<std::string> need_restart_;
};

}  // namespace shoal::node
