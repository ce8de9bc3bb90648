#include "node/xdp/shield_control.h"

#include <algorithm>
#include <stop_token>
#include <utility>

#include "common/log.h"
#include "node/config/option_values.h"
#include "node/os/monotonic.h"
#include "node/xdp/shield_targets.h"

namespace shoal::node {

using common::Family;
using common::log_line;
using common::LogLevel;

namespace {

// What the operator is told where the sockets serve alone.
void log_trouble(const ShieldInterface& interface) {
  log_line(LogLevel::warn, "xdp.interfaces: no shield on an interface, its clients are served by the sockets",
           {{"interface", interface.name}, {"reason", interface.trouble}});
}

}  // namespace

ShieldControl::Start ShieldControl::open(const Options::Xdp& options, const common::SipKey& secret) {
  Start start;
  start.interfaces.reserve(options.interfaces.size());
  const auto fail_all = [&](const std::string& reason) {
    for (const std::string& name : options.interfaces) {
      start.interfaces.push_back({name, std::string(to_string(options.mode)), reason});
      log_trouble(start.interfaces.back());
    }
    return std::move(start);
  };
  auto addresses = OwnAddresses::open();
  if (!addresses) return fail_all(addresses.error().message);
  auto shield = Shield::load(secret);
  if (!shield) return fail_all(shield.error().message);
  for (const std::string& name : options.interfaces) {
    const auto attached = (*shield)->attach(name, options.mode);
    if (!attached) {
      start.interfaces.push_back({name, std::string(to_string(options.mode)), attached.error().message});
      log_trouble(start.interfaces.back());
      continue;
    }
    const std::string mode(to_string(attached->mode));
    start.interfaces.push_back({name, mode, ""});
    log_line(LogLevel::info, "shield attached",
             {{"interface", name}, {"mode", mode}, {"note", attached->note}});
  }
  if ((*shield)->attached().empty()) return start;
  start.shield = std::move(*shield);
  start.addresses = std::move(*addresses);
  return start;
}

ShieldControl::ShieldControl(uv_loop_t* loop, Start start, Settings settings, const ClusterClock& clock,
                             WorkerCounters& counters)
    : loop_(loop),
      clock_(clock),
      listened_(std::move(settings.listened)),
      workers_(settings.workers),
      shield_(std::move(start.shield)),
      interfaces_(std::move(start.interfaces)),
      totals_(counters),
      ban_timer_(loop, [this] { change_bans(); }),
      step_timer_(loop, [this] { step(); }) {
  if (!shield_) return;
  shield_->set_unix_s(clock_.unix_ms() / 1000);
  set_keys(settings.keys);
  set_limits(settings.limits);
  denied_ = std::move(settings.denied);
  // The loop does not run yet, however large the set is.
  shield_->prepare_denied(denied_.listed.get(), denied_.fed.get());
  shield_->use_denied();
  shield_->set_answers_connects(true);
  addresses_ =
      std::make_unique<OwnAddresses>(loop, std::move(start.addresses), [this] { follow_addresses(); });
  step_timer_.start(kStepMs, kStepMs);
}

void ShieldControl::set_keys(std::span<const common::SipKey> keys) {
  if (shield_) shield_->set_keys(keys);
}

void ShieldControl::set_limits(const Options::Limits& limits) {
  if (shield_)
    shield_->set_rates(limits.requests_per_s_per_address, limits.requests_per_s_per_prefix, workers_);
}

void ShieldControl::set_denied(DeniedNetworks denied) {
  if (!shield_ || denied == denied_) return;
  denied_ = std::move(denied);
  denied_waits_ = true;
  if (!job_.is_running()) prepare_denied();
}

void ShieldControl::prepare_denied() {
  denied_waits_ = false;
  const auto bytes = [](const auto& set) { return set != nullptr ? set->bytes() : 0; };
  if (bytes(denied_.listed) + bytes(denied_.fed) <= kDeniedBytesAtOnce) {
    shield_->prepare_denied(denied_.listed.get(), denied_.fed.get());
    shield_->use_denied();
    return;
  }
  job_.start(
      loop_,
      [shield = shield_, denied = denied_](const std::stop_token& /*stop*/) {
        return shield->prepare_denied(denied.listed.get(), denied.fed.get());
      },
      [this](bool /*all*/) {
        if (!shield_) return;
        shield_->use_denied();
        if (denied_waits_) prepare_denied();
      });
}

void ShieldControl::ban(const ClientPrefix& client, uint64_t until_us) { change_ban(client, until_us); }

void ShieldControl::unban(const ClientPrefix& client) { change_ban(client, 0); }

void ShieldControl::change_ban(const ClientPrefix& client, uint64_t until_us) {
  if (!shield_) return;
  ban_changes_.emplace_back(client, until_us);
  if (!ban_timer_.is_active()) ban_timer_.start(0, 1);
}

void ShieldControl::change_bans() {
  for (size_t i = 0; i < kBansPerTurn && !ban_changes_.empty(); ++i) {
    const auto& [client, until_us] = ban_changes_.front();
    if (until_us == 0) {
      shield_->unban(client);
    } else {
      shield_->ban(client, until_us);
    }
    ban_changes_.pop_front();
  }
  if (ban_changes_.empty()) ban_timer_.stop();
}

void ShieldControl::drain() {
  if (shield_) shield_->set_answers_connects(false);
}

void ShieldControl::close() {
  if (std::exchange(closed_, true)) return;
  let_go();
  ban_timer_.close();
  step_timer_.close();
  job_.cancel();
}

void ShieldControl::let_go() {
  if (!shield_) return;
  totals_.add(shield_->decisions());
  shield_->detach_all();
  shield_.reset();
  if (addresses_) addresses_->close();
  step_timer_.stop();
  ban_timer_.stop();
  ban_changes_.clear();
  targets_ = 0;
  targets_left_out_ = 0;
}

void ShieldControl::step() {
  shield_->set_unix_s(clock_.unix_ms() / 1000);
  const int64_t now_ms = monotonic_ms();
  count(now_ms);
  look(now_ms);
}

void ShieldControl::count(int64_t now_ms) {
  if (!shield_ || now_ms - counted_ms_ < kCountMs) return;
  counted_ms_ = now_ms;
  totals_.add(shield_->decisions());
  if (!on_over_rate_) return;
  for (const Shield::OverRate& one : shield_->take_over_rate()) on_over_rate_(one.client, one.requests);
}

void ShieldControl::look(int64_t now_ms) {
  if (now_ms - looked_ms_ < kLookMs) return;
  looked_ms_ = now_ms;
  bool any = false;
  for (ShieldInterface& interface : interfaces_) {
    if (!interface.attached()) continue;
    if (shield_->is_attached(interface.name)) {
      any = true;
      continue;
    }
    interface.trouble = "the interface is gone; one that comes back needs a restart";
    log_trouble(interface);
  }
  if (!any) let_go();
}

void ShieldControl::follow_addresses() {
  const MachineAddresses& machine = addresses_->addresses();
  const std::vector<common::Endpoint> targets = shield_targets(listened_, machine.own);
  const size_t left_out = shield_->set_addresses(targets, machine.no_clients);
  if (targets.size() - left_out == targets_ && left_out == targets_left_out_) return;
  targets_ = targets.size() - left_out;
  targets_left_out_ = left_out;
  log_line(left_out == 0 ? LogLevel::info : LogLevel::warn, "shield: addresses of tracker.udp",
           {{"handled", std::to_string(targets_)}, {"left_to_the_sockets", std::to_string(left_out)}});
}

ShieldStatus ShieldControl::status() {
  count(monotonic_ms());
  ShieldStatus status;
  status.interfaces = interfaces_;
  status.decisions = totals_.decisions();
  status.targets = targets_;
  status.targets_left_out = targets_left_out_;
  status.networks_left_out = shield_ && (shield_->leaves_denied_to_sockets(Family::v4) ||
                                         shield_->leaves_denied_to_sockets(Family::v6));
  return status;
}

}  // namespace shoal::node
