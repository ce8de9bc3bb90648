#include "node/access/access_control.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>
#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "node/access/access_state.h"
#include "node/access/network_file.h"
#include "node/access/places.h"
#include "node/config/option_values.h"
#include "node/os/files.h"
#include "node/text/printable.h"

namespace shoal::node {

using common::InfoHash;
using common::log_line;
using common::LogLevel;
using common::Result;

namespace {

// Publishes changes that arrive close together as one. A new policy copies and sorts all run-time changes, so
// with many it waits longer.
constexpr size_t kManyChanges = 10'000;
constexpr uint64_t publish_delay_ms(size_t changes) {
  return changes > kManyChanges ? 1'000 : 10 + changes / 1'000;
}

// After this time all workers use the new policy, and what they let in meanwhile can be dropped.
constexpr uint64_t kSettleMs = 1'000;

// Between two slices of a sweep, or of a copy.
constexpr uint64_t kSlicePauseMs = 1;

// After a state file that could not be written; twice as long after each that follows.
constexpr uint64_t kRetryMinMs = 1'000;
constexpr uint64_t kRetryMaxMs = 60'000;

Result<sync::AccessLog> load_log(const std::string& path) {
  if (path.empty()) return sync::AccessLog();
  // The first start creates it.
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    if (auto written = replace_file(path, format_access_state({})); !written) {
      return common::fail("access.state_file: " + written.error().message);
    }
  }
  const auto text = read_text_file(path, kAccessStateBytesMax);
  if (!text) return common::fail("access.state_file: " + text.error().message);
  auto log = parse_access_state(printable(path), *text);
  if (!log) return common::fail("access.state_file: " + log.error().message);
  return log;
}

}  // namespace

Result<AccessFiles> AccessControl::load_files(const Options::Access& options) {
  AccessFiles files;
  if (options.mode != AccessMode::open && !options.file.empty()) {
    auto list = load_access_file(options.file);
    if (!list) return common::fail("access.file: " + list.error().message);
    files.swarms = std::move(*list);
  }
  common::NetworkSet::Builder denied;
  for (const common::Network& network : options.deny_networks) denied.add(network);
  for (const std::string& path : options.deny_network_files) {
    if (auto read = load_network_file(path, denied); !read) {
      return common::fail("access.deny_network_files: " + read.error().message);
    }
  }
  auto places = read_places(options, denied);
  if (!places) return tl::make_unexpected(places.error());
  files.places = std::move(*places);
  files.denied_count = denied.size();
  if (files.denied_count > 0) files.denied = std::make_shared<const common::NetworkSet>(std::move(denied));
  return files;
}

Result<AccessControl::Start> AccessControl::prepare(const Options::Access& options) {
  Start start;
  auto files = load_files(options);
  if (!files) return tl::make_unexpected(files.error());
  start.files = std::move(*files);
  auto log = load_log(options.state_file);
  if (!log) return tl::make_unexpected(log.error());
  start.log = std::move(*log);
  for (const auto& [path, key, fifo] :
       {std::tuple(&options.fifo_add, "access.fifo_add: ", &start.fifo_add),
        std::tuple(&options.fifo_delete, "access.fifo_delete: ", &start.fifo_delete)}) {
    if (path->empty()) continue;
    auto opened = AccessFifo::open(*path);
    if (!opened) return common::fail(key + opened.error().message);
    *fifo = std::move(*opened);
  }
  return start;
}

AccessControl::AccessControl(uv_loop_t* loop, const Options::Access& options, uint64_t node_id, Start start,
                             SwarmStore& store, Hooks hooks)
    : loop_(loop),
      options_(options),
      node_id_(node_id),
      store_(store),
      hooks_(std::move(hooks)),
      log_(std::move(start.log)),
      file_(std::make_shared<const AccessList>(std::move(start.files.swarms))),
      denied_(std::move(start.files.denied)),
      denied_count_(start.files.denied_count),
      fed_(std::move(start.fed)),
      publish_timer_(loop, [this] { publish_some(); }),
      settle_timer_(loop, [this] { settle(); }),
      sweep_timer_(loop, [this] { sweep_some(); }),
      save_timer_(loop, [this] { save_state(); }),
      sweep_(store_, [this](const InfoHash& hash) { return keeps(hash); }) {
  for (const bool listed : {true, false}) {
    FileDescriptor& fifo = listed ? start.fifo_add : start.fifo_delete;
    if (!fifo.is_open()) continue;
    fifos_.push_back(std::make_unique<AccessFifo>(
        loop, std::move(fifo),
        [this, listed](auto hashes, size_t bad_lines) { from_fifo(listed, hashes, bad_lines); }));
  }
  AccessLogCopy copy;
  while (copy.step(log_)) {
  }
  changes_ = lists_of(copy.take());
  make_policy();
}

Result<void> AccessControl::change(std::span<const InfoHash> hashes, bool listed) {
  if (options_.mode == AccessMode::open)
    return common::fail("access.mode is open: there is no access list to change");
  std::vector<proto::AccessChange> made;
  for (const InfoHash& hash : hashes) {
    const auto change = log_.change(hash, listed, hooks_.unix_ms(), node_id_);
    if (!change) break;
    made.push_back(*change);
    mark_changed(hash);
  }
  if (!made.empty()) hooks_.send(made);
  if (made.size() == hashes.size()) return {};
  counts_.refused_changes += hashes.size() - made.size();
  return common::fail("at most " + std::to_string(sync::AccessLog::kChangesMax) +
                      " hashes can be changed at run time: put the others into access.file");
}

size_t AccessControl::forget_origin(uint64_t node_id) {
  std::vector<proto::AccessChange> dropped;
  hooks_.send_forgotten(log_.forget_origin(node_id, hooks_.unix_ms(), dropped));
  changes_merged(dropped);
  return dropped.size();
}

void AccessControl::changes_merged(std::span<const proto::AccessChange> changes) {
  for (const proto::AccessChange& change : changes) mark_changed(change.info_hash);
  // What is void must be remembered, though none of it was here.
  state_dirty_ = true;
  publish_soon();
}

void AccessControl::mark_changed(const InfoHash& hash) {
  changed_.add({&hash, 1});
  state_dirty_ = true;
  publish_soon();
}

void AccessControl::from_fifo(bool listed, const std::vector<InfoHash>& hashes, size_t bad_lines) {
  counts_.bad_lines += bad_lines;
  if (bad_lines > 0) {
    log_line(
        LogLevel::warn, "skipped lines of an access FIFO that are not info_hashes",
        {{"fifo", listed ? "access.fifo_add" : "access.fifo_delete"}, {"lines", std::to_string(bad_lines)}});
  }
  if (hashes.empty()) return;
  if (auto changed = change(hashes, listed); !changed) {
    log_line(LogLevel::error, "rejected info_hashes from an access FIFO",
             {{"reason", changed.error().message}});
  }
}

void AccessControl::set(const Options::Access& options, AccessFiles files) {
  ++counts_.reloads;
  file_ = std::make_shared<const AccessList>(std::move(files.swarms));
  denied_ = std::move(files.denied);
  denied_count_ = files.denied_count;
  options_ = options;
  log_line(LogLevel::info, "access list loaded",
           {{"mode", std::string(to_string(options_.mode))},
            {"entries", std::to_string(file_->size())},
            {"changes", std::to_string(log_.size())},
            {"denied_networks", std::to_string(denied_count_)}});
  publish_policy();
  drop_all_denied();
}

void AccessControl::set_fed(FeedLists fed) {
  const bool others = fed.hashes != fed_.hashes;
  fed_ = std::move(fed);
  publish_policy();
  if (others) drop_all_denied();
}

void AccessControl::publish_soon() {
  ++generation_;
  plan_publishing();
}

// What is being published is finished first.
void AccessControl::plan_publishing() {
  if (!is_publishing() && !publish_timer_.is_active()) publish_timer_.start(publish_delay_ms(log_.size()));
}

// A slice of what is being published; or the first of what was asked for.
void AccessControl::publish_some() {
  if (!copy_) {
    copy_.emplace();
    copying_ = generation_;
    copied_ = std::exchange(changed_, {});
  }
  if (copy_->step(log_)) return publish_timer_.start(kSlicePauseMs);
  std::vector<proto::AccessChange> changes = copy_->take();
  copy_.reset();
  if (changes.size() <= AccessLogCopy::kSliceMax) return take_lists(lists_of(changes));
  making_lists_.start(
      loop_, [changes = std::move(changes)](const std::stop_token& /*stop*/) { return lists_of(changes); },
      [this](Changed lists) { take_lists(std::move(lists)); });
}

// Any thread.
AccessControl::Changed AccessControl::lists_of(std::span<const proto::AccessChange> changes) {
  std::vector<InfoHash> added;
  std::vector<InfoHash> removed;
  for (const proto::AccessChange& change : changes) {
    (change.listed ? added : removed).push_back(change.info_hash);
  }
  return {std::make_shared<const AccessList>(std::move(added)),
          std::make_shared<const AccessList>(std::move(removed))};
}

void AccessControl::take_lists(Changed lists) {
  changes_ = std::move(lists);
  in_force_ = copying_;
  publish_policy();
  drop_denied(copied_);
  published_.join(std::exchange(copied_, {}));
  if (!all_in_force()) plan_publishing();
}

void AccessControl::make_policy() {
  rules_ = {options_.mode, file_, changes_.added, changes_.removed};
  if (fed_.hashes) rules_.fed = fed_.hashes;
  policy_ = AnnouncePolicy::unless_open(rules_, options_, {denied_, fed_.networks});
  SwarmFilter serves;
  if (options_.mode != AccessMode::open) {
    serves = [policy = policy_](const InfoHash& hash) { return policy->allows(hash); };
  }
  store_.serve_only(std::move(serves));
}

void AccessControl::publish_policy() {
  make_policy();
  hooks_.publish(policy_);
  if (!settle_timer_.is_active()) settle_timer_.start(kSettleMs);
}

// Whether nothing denies a swarm that is in the store, or its run-time change is not in the policy yet.
bool AccessControl::keeps(const InfoHash& hash) const {
  if (rules_.allows(hash)) return true;
  const auto change = log_.find(hash);
  const bool listed =
      change ? change->listed : file_->contains(hash) || (fed_.hashes && fed_.hashes->contains(hash));
  return listed == (options_.mode == AccessMode::allow);
}

// After a change of more than the run-time changes.
void AccessControl::drop_all_denied() {
  published_.all = true;
  drop_denied(published_);
}

// Drops what workers let in before they had the new policy.
void AccessControl::settle() {
  drop_denied(settling_);
  settling_ = std::exchange(published_, {});
  // After one that failed it has its own time.
  if (state_dirty_ && retry_ms_ == 0) save_state();
  if (!settling_.empty() || state_dirty_) settle_timer_.start(kSettleMs);
}

void AccessControl::drop_denied(const Suspects& suspects) {
  if (options_.mode == AccessMode::open || suspects.empty()) return;
  if (suspects.all) {
    sweep_.add_all();
  } else {
    sweep_.add(suspects.named);
  }
  if (!sweep_timer_.is_active()) sweep_timer_.start(kSlicePauseMs);
}

void AccessControl::Suspects::add(std::span<const InfoHash> more) {
  all = all || named.size() + more.size() > DeniedSweep::kNamedMax;
  if (all) {
    named = {};
  } else {
    named.insert(named.end(), more.begin(), more.end());
  }
}

void AccessControl::Suspects::join(const Suspects& others) {
  all = all || others.all;
  add(others.named);
}

void AccessControl::sweep_some() {
  if (sweep_.run_slice()) sweep_timer_.start(kSlicePauseMs);
}

void AccessControl::save_state() {
  if (to_save_) return save_some();
  if (options_.state_file.empty()) state_dirty_ = false;
  if (save_.is_running() || !state_dirty_) return;
  state_dirty_ = false;
  to_save_.emplace();
  save_some();
}

void AccessControl::save_some() {
  if (to_save_->step(log_)) return save_timer_.start(kSlicePauseMs);
  if (to_save_->size() > sync::AccessLog::kChangesMax) {
    // Some were forgotten and others have come meanwhile: no log has so many, so none could be read from it.
    to_save_.emplace();
    return save_timer_.start(kSlicePauseMs);
  }
  save_.start(
      loop_,
      [path = options_.state_file, changes = to_save_->take(),
       forgotten = log_.origins()](const std::stop_token& /*stop*/) {
        return replace_file(path, format_access_state(changes, forgotten));
      },
      [this](const Result<void>& result) {
        state_saved(result);
        if (stopped_) save_now();
      });
  to_save_.reset();
}

void AccessControl::save_now() {
  if (options_.state_file.empty() || !state_dirty_) return;
  state_dirty_ = false;
  state_saved(replace_file(options_.state_file, format_access_state(log_)));
}

void AccessControl::state_saved(const Result<void>& result) {
  if (result) {
    retry_ms_ = 0;
    return;
  }
  // What was acknowledged must not wait for the next change.
  state_dirty_ = true;
  ++counts_.state_writes_failed;
  const bool again = retry_ms_ != 0;
  retry_ms_ = std::clamp(2 * retry_ms_, kRetryMinMs, kRetryMaxMs);
  if (!stopped_) save_timer_.start(retry_ms_);
  if (again && !stopped_) return;
  log_line(LogLevel::error, "cannot write access.state_file; the old one stays",
           {{"reason", result.error().message}});
}

AccessStatus AccessControl::status() const {
  AccessStatus status = counts_;
  status.mode = options_.mode;
  status.file_entries = file_->size();
  status.file_bytes = file_->bytes() + (denied_ ? denied_->bytes() : 0);
  status.denied_networks = denied_count_;
  status.changes = log_.size();
  status.swarms_dropped = sweep_.swarms_dropped();
  return status;
}

void AccessControl::stop() {
  stopped_ = true;
  making_lists_.cancel();
  // What was copied is of before.
  state_dirty_ |= to_save_.has_value();
  to_save_.reset();
  for (const auto& fifo : fifos_) fifo->close();
  for (Timer* timer : {&publish_timer_, &settle_timer_, &sweep_timer_, &save_timer_}) timer->close();
  if (!save_.is_running()) save_now();  // otherwise it follows the running save
}

}  // namespace shoal::node
