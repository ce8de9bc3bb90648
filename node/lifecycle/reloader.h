// Reloader: prepares reloads on libuv's thread pool, one at a time, and applies them on the loop. Requests
// made while one is prepared share the next, which reads everything anew. Control thread only.

#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
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
    std::function<std::shared_ptr<const TlsContext>()> running_tls;  // null: none
    std::function<common::Result<Options>()> read;                   // called on any thread
    std::function<void(Reload)> apply;                               // cannot fail
    std::function<void(const ReloadFailure&)> failed;
    std::function<void()> idle;  // no request is left
  };

  // Requests that may wait at once.
  static constexpr size_t kWaitingMax = 256;

  Reloader(uv_loop_t* loop, Hooks hooks) : loop_(loop), hooks_(std::move(hooks)) {}
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // `cause` is for the log. `done` is called from the loop when the reload is over, or at once if too many
  // requests wait; never after stop().
  void request(const std::string& cause, Done done);

  // Reloads since start.
  uint64_t applied() const { return applied_; }
  uint64_t failed() const { return failed_; }

  // Why the last reload failed; empty: it did not, or there was none.
  const std::string& error() const { return error_; }

  // Keys of the options that need a restart: their last read values differ from the running ones.
  const std::vector<std::string>& need_restart() const { return need_restart_; }

  // Forgets all requests.
  void stop();

 private:
  void begin();
  void finish(Prepared prepared);
  ReloadReport apply(Prepared prepared);

  uv_loop_t* const loop_;
  const Hooks hooks_;
  Job job_;
  bool stopped_ = false;
  std::string cause_;          // of the reload in preparation
  std::vector<Done> asked_;    // of the reload in preparation
  std::string next_cause_;     // of the next reload
  std::vector<Done> waiting_;  // of the next reload
  uint64_t applied_ = 0;
  uint64_t failed_ = 0;
  std::string error_;
  std::vector<std::string> need_restart_;
};

}  // namespace shoal::node
