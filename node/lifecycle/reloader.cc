#include "node/lifecycle/reloader.h"

#include <utility>

#include "common/log.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

void Reloader::request(const std::string& cause, Done done) {
  if (stopped_) return;
  if (waiting_.size() >= kWaitingMax) return done({"too many requests wait for a reload", {}});
  if (waiting_.empty()) next_cause_ = cause;
  waiting_.push_back(std::move(done));
  if (!job_.is_running()) begin();
}

void Reloader::begin() {
  cause_ = std::move(next_cause_);
  asked_ = std::exchange(waiting_, {});
  job_.start(
      loop_,
      [running = hooks_.running(), tls = hooks_.running_tls(), read = hooks_.read](
          const std::stop_token& /*stop*/) { return prepare_reload(running, tls.get(), read); },
      [this](Prepared prepared) { finish(std::move(prepared)); });
}

void Reloader::finish(Prepared prepared) {
  const ReloadReport report = apply(std::move(prepared));
  const std::vector<Done> asked = std::exchange(asked_, {});
  for (const Done& done : asked) done(report);
  if (stopped_ || job_.is_running()) return;  // one of those requested the next
  if (waiting_.empty()) {
    hooks_.idle();
  } else {
    begin();
  }
}

ReloadReport Reloader::apply(Prepared prepared) {
  if (!prepared) {
    ++failed_;
    error_ = prepared.error().reason;
    log_line(LogLevel::error, "reload: everything stays as it was",
             {{"cause", cause_}, {"reason", prepared.error().reason}});
    hooks_.failed(prepared.error());
    return {prepared.error().reason, {}};
  }
  ++applied_;
  error_.clear();
  const OptionChanges changes = prepared->changes;
  hooks_.apply(std::move(*prepared));
  log_line(LogLevel::info, "reloaded", {{"cause", cause_}, {"changed", joined_keys(changes.reloadable)}});
  if (!changes.need_restart.empty()) {
    log_line(LogLevel::warn, "options have changed that need a restart",
             {{"options", joined_keys(changes.need_restart)}});
  }
  need_restart_ = changes.need_restart;
  return {"", changes};
}

void Reloader::stop() {
  stopped_ = true;
  job_.cancel();
  waiting_.clear();
  asked_.clear();
}

}  // namespace shoal::node
