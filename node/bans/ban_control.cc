#include "node/bans/ban_control.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "common/log.h"
#include "node/config/option_values.h"
#include "node/os/monotonic.h"
#include "node/os/surroundings.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;
using common::Result;
using proto::BanChange;
using proto::BanTerm;
using proto::Offence;

namespace {

// Changes that arrive close together are published as one. An index is made anew of all bans, so it waits
// longer when there are many that may be in force: as long as collecting them takes.
constexpr uint64_t kSliceMs = 1;
constexpr uint64_t publish_delay_ms(size_t remembered) { return 1 + remembered / BanControl::kSliceMax; }

constexpr uint64_t kTickS = 1;
constexpr int64_t kLogEveryMs = 60'000;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

OffenceLimits limits_of(const Options::Bans& bans) {
  OffenceLimits limits{bans.window_s, {}};
  const auto set = [&](Offence offence, uint32_t threshold) {
    limits.threshold[static_cast<size_t>(offence)] = threshold;
  };
  set(Offence::over_rate, bans.over_rate);
  set(Offence::new_swarms, bans.new_swarms);
  set(Offence::ports, bans.ports_per_swarm);
  set(Offence::malformed, bans.malformed);
  set(Offence::full_scrapes, bans.full_scrapes);
  return limits;
}

uint64_t sum(const std::array<uint64_t, proto::kOffences>& counts) {
  uint64_t total = 0;
  for (const uint64_t count : counts) total += count;
  return total;
}

}  // namespace

std::string_view to_string(Offence offence) {
  switch (offence) {
    case Offence::by_hand:
      return "by_hand";
    case Offence::over_rate:
      return "over_rate";
    case Offence::new_swarms:
      return "new_swarms";
    case Offence::ports:
      return "ports_per_swarm";
    case Offence::malformed:
      return "malformed";
    case Offence::full_scrapes:
      return "full_scrapes";
  }
  return "?";
}

common::Endpoint endpoint_of(const ClientPrefix& client) {
  common::Endpoint out{static_cast<common::Family>(client[0]), {}, 0};
  std::copy(client.begin() + 1, client.end(), out.address.begin());
  return out;
}

std::string to_text(const ClientPrefix& client) {
  const common::Endpoint endpoint = endpoint_of(client);
  return common::address_to_string(endpoint) + (endpoint.family == common::Family::v6 ? "/64" : "");
}

BanControl::BanControl(uv_loop_t* loop, const Options& options, uint64_t node_id, const common::SipKey& key,
                       Hooks hooks)
    : loop_(loop),
      node_id_(node_id),
      key_(key),
      hooks_(std::move(hooks)),
      publish_timer_(loop, [this] { publish_some(); }),
      tick_timer_(loop, [this] { tick(); }) {
  require_system(
      uv_async_init(loop, &wake_,
                    [](uv_async_t* async) { static_cast<BanControl*>(async->data)->take_offenders(); }),
      "make a wake-up");
  wake_.data = this;
  set(options);
}

void BanControl::set(const Options& options) {
  options_ = options.bans;
  mode_ = options_.mode;
  std::vector<common::Network> exempt = options_.exempt;
  exempt.insert(exempt.end(), options.access.trusted_proxies.begin(), options.access.trusted_proxies.end());
  // Bans are of a whole /64.
  for (common::Network& network : exempt) {
    if (network.prefix <= 64 || network.address.family == common::Family::v4) continue;
    network.prefix = 64;
    std::fill(network.address.address.begin() + 8, network.address.address.end(), uint8_t{0});
  }
  exempt_ = common::NetworkSet(exempt);
  if (mode_ != BanMode::off) {
    if (watch_) {
      watch_->table().set(limits_of(options_));
    } else {
      watch_ = std::make_unique<OffenceWatch>(key_, limits_of(options_), [this] { uv_async_send(&wake_); });
    }
    tick_timer_.start_every_s(kTickS);
  } else {
    tick_timer_.stop();
  }
  if (mode_ != BanMode::log) dry_ = {};
  publish_soon();
}

void BanControl::take_offenders() {
  if (!watch_ || mode_ == BanMode::off) return;
  watch_->offenders().drain([this](const OffenceTable::Offender& offender) { take(offender); });
}

void BanControl::take(const OffenceTable::Offender& offender) {
  const auto index = static_cast<size_t>(offender.offence);
  if (is_exempt(offender.client)) {
    ++counts_.spared;
    return;
  }
  const int64_t now_ms = hooks_.unix_ms();
  // It has been banned meanwhile: these are its last requests, or the other nodes' news.
  for (const sync::BanLog* log : {&log_, &dry_}) {
    if (const auto known = log->find(offender.client); known && sync::in_force(*known, now_ms)) return;
  }
  making_.refill(monotonic_us());
  if (!making_.open()) {
    ++counts_.dropped;
    return;
  }
  making_.spend(1);
  const bool dry = mode_ == BanMode::log;
  sync::BanLog& log = dry ? dry_ : log_;
  const auto made =
      log.change(offender.client, next_term(log, offender.client, offender.offence), now_ms, node_id_);
  if (!made) {
    ++counts_.dropped;
    return;
  }
  ++(dry ? counts_.made_dry : counts_.made)[index];
  if (!dry) hooks_.send(std::span(&*made, 1));
  log_line(LogLevel::debug, dry ? "would be banned" : "banned",
           {{"client", to_text(offender.client)},
            {"offence", std::string(to_string(offender.offence))},
            {"threshold", std::to_string(offender.threshold)},
            {"clients_behind_it", std::to_string(offender.clients)},
            {"for_s", std::to_string(made->term.duration_s)}});
  publish_soon();
}

// Longer than the last one, if that is remembered and was not lifted.
BanTerm BanControl::next_term(const sync::BanLog& log, const ClientPrefix& client, Offence offence) const {
  const std::array<uint32_t, 4> durations = {options_.first_s, options_.second_s, options_.third_s,
                                             options_.longest_s};
  const auto known = log.find(client);
  const bool again = known && !known->term.lifted && known->term.offence != Offence::by_hand;
  const uint8_t level =
      again ? std::min<uint8_t>(static_cast<uint8_t>(known->term.level + 1), proto::kBanLevelMax)
            : uint8_t{0};
  return {durations[std::min<size_t>(level, durations.size() - 1)], offence, level, false};
}

bool BanControl::is_exempt(const ClientPrefix& client) const { return exempt_.contains(endpoint_of(client)); }

Result<void> BanControl::ban(const common::Endpoint& client, uint32_t duration_s) {
  if (mode_ == BanMode::off) return common::fail("bans.mode is off: there are no bans");
  const ClientPrefix prefix = address_prefix(client);
  if (is_exempt(prefix)) return common::fail(to_text(prefix) + " is exempt: see bans.exempt");
  const auto made = log_.change(prefix, {duration_s, Offence::by_hand, 0, false}, hooks_.unix_ms(), node_id_);
  if (!made) {
    ++counts_.dropped;
    return common::fail("there are " + std::to_string(sync::BanLog::kChangesMax) +
                        " bans, and all of them end later");
  }
  ++counts_.made[static_cast<size_t>(Offence::by_hand)];
  hooks_.send(std::span(&*made, 1));
  publish_soon();
  return {};
}

bool BanControl::lift_in(sync::BanLog& log, const ClientPrefix& client, std::vector<BanChange>& made) {
  const int64_t now_ms = hooks_.unix_ms();
  const auto known = log.find(client);
  if (!known || !sync::in_force(*known, now_ms)) return false;
  BanTerm term = known->term;
  term.lifted = true;
  // As long as the ban, so that it is not forgotten before that is.
  term.duration_s = static_cast<uint32_t>(
      std::clamp<int64_t>((known->ends_ms() - now_ms + 999) / 1000, 0, proto::kBanLongestS));
  if (const auto change = log.change(client, term, now_ms, node_id_)) made.push_back(*change);
  return true;
}

Result<void> BanControl::lift(const common::Endpoint& client) {
  const ClientPrefix prefix = address_prefix(client);
  std::vector<BanChange> made;
  const bool lifted = lift_in(log_, prefix, made);
  if (!made.empty()) hooks_.send(made);
  std::vector<BanChange> dry;
  const bool lifted_dry = lift_in(dry_, prefix, dry);
  if (watch_) watch_->table().forget(prefix);
  if (!lifted && !lifted_dry) return common::fail(to_text(prefix) + " is not banned");
  publish_soon();
  return {};
}

size_t BanControl::forget_origin(uint64_t node_id) {
  std::vector<BanChange> dropped;
  hooks_.send_forgotten(log_.forget_origin(node_id, hooks_.unix_ms(), dropped));
  publish_soon();
  return dropped.size();
}

BanControl::Explained BanControl::explain(const common::Endpoint& client) const {
  const ClientPrefix prefix = address_prefix(client);
  const int64_t now_ms = hooks_.unix_ms();
  Explained out;
  out.exempt = is_exempt(prefix);
  out.ban = log_.find(prefix);
  out.dry_ban = dry_.find(prefix);
  std::optional<Ban> ban;
  if (out.ban) ban = applies(*out.ban, false, now_ms);
  if (!ban && out.dry_ban) ban = applies(*out.dry_ban, true, now_ms);
  out.banned = ban && !ban->dry;
  out.would_be = ban && ban->dry;
  out.next_s = next_term(mode_ == BanMode::log ? dry_ : log_, prefix, Offence::over_rate).duration_s;
  if (watch_) out.scores = watch_->table().explain(prefix, static_cast<uint64_t>(monotonic_us()));
  return out;
}

std::optional<Ban> BanControl::applies(const BanChange& change, bool of_dry_log, int64_t now_ms) const {
  if (!sync::in_force(change, now_ms) || is_exempt(change.prefix)) return std::nullopt;
  // What an operator asks for is done in mode log as well.
  const bool dry = of_dry_log || mode_ == BanMode::off ||
                   (mode_ == BanMode::log && change.term.offence != Offence::by_hand);
  return Ban{change.prefix, change.ends_ms(), dry};
}

// What comes of the bans that were collected.
struct MadeIndex {
  std::shared_ptr<const std::vector<Ban>> bans;
  std::shared_ptr<const BanIndex> index;  // null: nobody is banned
  bool changed = false;                   // if not, there is no index either
  std::vector<Ban> told;                  // what on_change() is for
  uint64_t in_force = 0;
  uint64_t dry = 0;
  int64_t first_end_ms = kNever;
  uint64_t digest = 0;
};

namespace {

// What is to be told when `now` take the place of `before`; both are in the order of clients.
std::vector<Ban> changes_between(const std::vector<Ban>& before, const std::vector<Ban>& now) {
  std::vector<Ban> told;
  auto old = before.begin();
  const auto ended = [&](const Ban& ban) {
    if (!ban.dry) told.push_back({ban.client, 0, false});
  };
  for (const Ban& ban : now) {
    for (; old != before.end() && old->client < ban.client; ++old) ended(*old);
    const bool known = old != before.end() && old->client == ban.client;
    if (!ban.dry && !(known && *old == ban)) told.push_back(ban);
    if (ban.dry && known) ended(*old);
    if (known) ++old;
  }
  for (; old != before.end(); ++old) ended(*old);
  return told;
}

// Any thread.
MadeIndex make_index(std::vector<Ban> bans, const std::vector<Ban>& before, const common::SipKey& key) {
  const auto by_client = [](const Ban& a, const Ban& b) { return a.client < b.client; };
  std::sort(bans.begin(), bans.end(), by_client);
  // One that ended while they were collected, and came again, may have been collected of both logs.
  const auto same_client = [](const Ban& a, const Ban& b) { return a.client == b.client; };
  bans.erase(std::unique(bans.begin(), bans.end(), same_client), bans.end());
  MadeIndex made;
  for (const Ban& ban : bans) {
    made.first_end_ms = std::min(made.first_end_ms, ban.ends_ms);
    ++(ban.dry ? made.dry : made.in_force);
  }
  made.changed = bans != before;
  if (made.changed) {
    made.told = changes_between(before, bans);
    if (!bans.empty()) made.index = std::make_shared<const BanIndex>(bans, key);
  }
  made.bans = std::make_shared<const std::vector<Ban>>(std::move(bans));
  return made;
}

}  // namespace

void BanControl::publish_soon() {
  // What is being published is finished first, and all of it is looked at anew.
  again_ = true;
  const bool under_way = collected_ || making_index_.is_running() || told_ < untold_.size();
  if (stopped_ || under_way || publish_timer_.is_active()) return;
  publish_timer_.start(publish_delay_ms(log_.size() + dry_.size()));
}

// A slice of what is under way; or the first of what was asked for.
void BanControl::publish_some() {
  if (!collected_ && told_ == untold_.size()) {
    again_ = false;
    collected_ = Collected{hooks_.unix_ms(), digest()};
    collected_->bans.reserve(log_.size() + dry_.size());
  }
  if (collected_) {
    if (collect_some()) return publish_timer_.start(kSliceMs);
    Collected collected = std::move(*collected_);
    collected_.reset();
    if (collected.bans.size() + published_->size() <= kSliceMax) {
      MadeIndex made = make_index(std::move(collected.bans), *published_, key_);
      made.digest = collected.digest;
      return take_index(std::move(made));
    }
    making_index_.start(
        loop_,
        [bans = std::move(collected.bans), before = published_, key = key_,
         digest = collected.digest](const std::stop_token& /*stop*/) mutable {
          MadeIndex made = make_index(std::move(bans), *before, key);
          made.digest = digest;
          return made;
        },
        [this](MadeIndex made) { take_index(std::move(made)); });
    return;
  }
  if (tell_some()) return publish_timer_.start(kSliceMs);
  if (again_) publish_soon();
}

// Returns whether there are more. With mode off the workers look nobody up.
bool BanControl::collect_some() {
  Collected& next = *collected_;
  if (mode_ == BanMode::off) {
    next.bans.clear();
    return false;
  }
  // As for_each_in_force() visits them.
  const auto collect = [&](const BanChange& change) {
    if (next.of_dry_log) {
      const auto known = log_.find(change.prefix);
      if (known && applies(*known, false, next.now_ms)) return;
    }
    if (const auto ban = applies(change, next.of_dry_log, next.now_ms)) next.bans.push_back(*ban);
  };
  size_t left = kSliceMax;
  const auto counted = [&](const BanChange& change) {
    --left;
    collect(change);
  };
  if (!next.of_dry_log) {
    if (log_.for_some(next.last, left, counted)) return true;
    next.of_dry_log = true;
    next.last.reset();
  }
  return dry_.for_some(next.last, left, counted);
}

void BanControl::take_index(MadeIndex made) {
  published_ = std::move(made.bans);
  in_force_ = made.in_force;
  dry_in_force_ = made.dry;
  first_end_ms_ = made.first_end_ms;
  digest_ = made.digest;
  if (made.changed) hooks_.publish(std::move(made.index));
  untold_ = std::move(made.told);
  told_ = 0;
  if (stopped_) return;
  if (tell_some()) return publish_timer_.start(kSliceMs);
  if (again_) publish_soon();
}

// Returns whether there is more to tell.
bool BanControl::tell_some() {
  const size_t end = std::min(told_ + kSliceMax, untold_.size());
  for (; told_ < end; ++told_) {
    if (on_change_) on_change_(untold_[told_]);
  }
  if (told_ < untold_.size()) return true;
  untold_ = {};
  told_ = 0;
  return false;
}

void BanControl::tick() {
  const int64_t now_ms = hooks_.unix_ms();
  log_.expire(now_ms);
  dry_.expire(now_ms);
  // Others than published: if cluster time was set back, bans of the time before are gone.
  if (digest() != digest_ || now_ms >= first_end_ms_) publish_soon();
  log_lately();
}

void BanControl::log_lately() {
  if (monotonic_ms() < logged_ms_ + kLogEveryMs) return;
  logged_ms_ = monotonic_ms();
  const BanStatus now = status();
  const uint64_t made = sum(now.made) - sum(logged_.made);
  const uint64_t dry = sum(now.made_dry) - sum(logged_.made_dry);
  const uint64_t dropped = now.dropped - logged_.dropped;
  if (made + dry + dropped > 0 || now.in_force != logged_.in_force) {
    log_line(LogLevel::info, "bans",
             {{"mode", std::string(to_string(mode_))},
              {"in_force", std::to_string(now.in_force)},
              {"made", std::to_string(made)},
              {"would_be_made", std::to_string(dry)},
              {"would_be_in_force", std::to_string(now.dry)},
              {"dropped", std::to_string(dropped)}});
  }
  logged_ = now;
}

BanStatus BanControl::status() const {
  BanStatus out = counts_;
  out.mode = mode_;
  out.in_force = in_force_;
  out.dry = dry_in_force_;
  out.remembered = log_.size();
  out.displaced = log_.displaced();
  if (watch_) {
    out.dropped += watch_->offenders().dropped();
    out.clients_displaced = watch_->table().displaced();
  }
  return out;
}

void BanControl::stop() {
  stopped_ = true;
  making_index_.cancel();
  publish_timer_.close();
  tick_timer_.close();
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

}  // namespace shoal::node
