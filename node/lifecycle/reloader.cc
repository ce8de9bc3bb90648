#include "node/lifecycle/reloader.h"

#include <utility>

#include "common/check.h"
#include "common/log.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

void Reloader::request(const std::string& cause, Done done) {
  if (stopped_) return;
  if (waiting_.size() >= kWaitingMax) return done({"too many wait for a reload", {}});
  if (waiting_.empty()) next_cause_ = cause;
  waiting_.push_back(std::move(done));
  if (!preparing_) begin();
}

void Reloader::begin() {
  preparing_ = true;
  cause_ = std::move(next_cause_);
  asked_ = std::exchange(waiting_, {});
  running_ = hooks_.running();
  work_.data = this;
  CHECK_INVARIANT(
      uv_queue_work(
          loop_, &work_,
          [](uv_work_t* work) {
            Reloader& reloader = *static_cast<Reloader*>(work->data);
            reloader.ready_ = prepare_reload(reloader.running_, reloader.hooks_.read);
          },
          [](uv_work_t* work, int /*status*/) { static_cast<Reloader*>(work->data)->prepared(); }) == 0);
}

void Reloader::prepared() {
  preparing_ = false;
  if (stopped_) return;
  const ReloadReport report = take();
  const std::vector<Done> asked = std::exchange(asked_, {});
  for (const Done& done : asked) done(report);
  if (preparing_) return;  // begun by one of those
  if (waiting_.empty()) {
    hooks_.idle();
  } else {
    begin();
  }
}

ReloadReport Reloader::take() {
  Prepared prepared = std::move(*std::exchange(ready_, std::nullopt));
  if (!prepared) {
    ++failed_;
    log_line(LogLevel::error, "reload: everything stays as it was",
             {{"cause", cause_}, {"reason", prepared.error().reason}});
    hooks_.failed(prepared.error());
    return {prepared.error().reason, {}};
  }
  ++taken_;
  const OptionChanges changes = prepared->changes;
  hooks_.take(std::move(*prepared));
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
  waiting_.clear();
  asked_.clear();
}

}  // namespace shoal::node
