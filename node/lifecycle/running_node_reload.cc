// RunningNode: what it takes anew at a reload.

#include <memory>
#include <string>
#include <utility>

#include "common/log.h"
#include "node/lifecycle/running_node.h"
#include "node/tracker/tracker_settings.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

void RunningNode::reload(const std::string& cause, Reloader::Done done) {
  service_->reloading();
  reloader_.request(cause, std::move(done));
}

void RunningNode::reload_failed(const ReloadFailure& failure) {
  if (failure.part == ReloadFailure::Part::access) {
    access_.count_failed_reload();
  } else if (failure.part == ReloadFailure::Part::keys) {
    ++key_reloads_failed_;
  }
}

// Cannot fail: all has been read and checked.
void RunningNode::take(Reload reload) {
  options_ = std::move(reload.options);
  admin_token_ = std::move(reload.admin_token);
  if (reload.keys) take_keys(std::move(*reload.keys));
  access_.set(options_.access, std::move(reload.access_list));
  for (const Apply target : reload.changes.apply) apply(target);
}

void RunningNode::apply(Apply target) {
  switch (target) {
    case Apply::restart:
    case Apply::always:
      return;
    case Apply::log:
      return common::configure_log(options_.node.log_level, options_.node.log_format);
    case Apply::drain:
      return drain_.set_drain_s(options_.node.drain_s);
    case Apply::snapshot:
      if (snapshot_) snapshot_->set_interval_s(options_.node.snapshot_interval_s);
      return;
    case Apply::tracker: {
      load_.set(options_.tracker);
      const auto settings = std::make_shared<const TrackerSettings>(
          tracker_settings(options_, load_.adapted_interval_s(), limits_.requests()));
      for (const auto& worker : workers_) worker->set_settings(settings);
      return full_scrapes_.set_client_interval_s(options_.tracker.full_scrape_interval_s);
    }
    case Apply::limits:
      return limits_.apply(options_.limits);
    case Apply::sync:
      if (!sync_) return;
      sync_->set_peers(options_.sync.peers);
      return sync_->set_pace(bytes_per_s(options_.sync.pace_mbit_s),
                             bytes_per_s(options_.sync.donate_mbit_s));
    case Apply::exports:
      return exporter_->set(exporter_settings(options_));
  }
}

void RunningNode::take_keys(NodeKeys keys) {
  const std::string& cluster = options_.sync.cluster;
  log_line(LogLevel::info, "keys loaded",
           {{"before", key_ids(keys_.cluster, cluster)}, {"now", key_ids(keys.cluster, cluster)}});
  keys_.cluster = std::move(keys.cluster);
  keys_.connection = std::move(keys.connection);
  if (sync_) sync_->set_keys(keys_.cluster);
  for (const auto& worker : workers_) worker->set_connection_keys(keys_.connection);
  ++key_reloads_;
}

}  // namespace shoal::node
