// What must hold when a storm is over.

#include <algorithm>
#include <cstdlib>

#include "common/tick.h"
#include "scenario.h"
#include "storm.h"

namespace shoal::sim {

namespace {

// Clients go on for this long after all has healed; then they are silent, so that maps can be compared.
constexpr int64_t kGoOnUs = 15 * kSecondUs;

// Digests leave out the two youngest ticks, compare twice, and leave alone for a while members that had
// nothing to give.
constexpr int64_t kHealTicks = 3;
constexpr int64_t kHealUs = 60 * kSecondUs;

constexpr int64_t kRestUs = 20 * kSecondUs;

}  // namespace

void Storm::count_work(size_t node) {
  if (!world_.node(node).cluster) return;
  const sync::Stats stats = world_.status(node).stats;
  ++work_.runs;
  work_.delta_packets += stats.delta_packets_sent;
  work_.resent += stats.packets_resent;
  work_.pulls += stats.pulls_started;
  work_.pulled += stats.pulled_records;
  work_.pulled_applied += stats.pulled_applied;
}

void Storm::calm() {
  note("calm");
  calm_ = true;
  due_ = {};
  world_.weather = Weather();
  world_.heal();
  world_.unclog();
  world_.queues_overflow = false;
  for (const size_t node : world_.everyone()) {
    if (world_.node(node).frozen) world_.thaw(node);
    bring_back(node);
  }
  const int64_t healed_us = world_.now_us();
  run_until(healed_us + kGoOnUs);
  const int64_t bound_us =
      healed_us + kHealUs + kHealTicks * peer_timeout_s_ * kSecondUs / common::kLifetimeTicks;
  std::string difference;
  do {
    difference = world_.difference_in_all(world_.everyone());
    if (!difference.empty()) world_.run_for(kSecondUs / 2);
  } while (!difference.empty() && world_.now_us() < bound_us);
  if (difference.empty()) healed_after_us_ = world_.now_us() - healed_us;
  if (!difference.empty()) report("not the same at the time limit: " + difference);
  if (!world_.meshed(world_.everyone())) report("not all nodes know each other");
  world_.run_for(std::max<int64_t>(0, bound_us - world_.now_us()));
  check_now();
  clients_.check(problems_);
  check_rest();
  check_bans();
  check_repair();
}

// Checks that nobody repairs what is whole.
void Storm::check_rest() {
  std::vector<sync::Status> before;
  for (const size_t node : world_.everyone()) before.push_back(world_.status(node));
  world_.run_for(kRestUs);
  if (const std::string wrong = world_.difference_in_all(world_.everyone()); !wrong.empty()) {
    report("not the same after a rest: " + wrong);
  }
  for (const size_t node : world_.everyone()) {
    const sync::Status now = world_.status(node);
    const sync::Stats& stats = now.stats;
    const sync::Stats& stats_before = before[node].stats;
    const auto expect = [&](bool holds, const std::string& what) {
      if (!holds) report(now.members.empty() ? what : "n" + std::to_string(node) + ": " + what);
    };
    expect(now.phase == sync::SyncPhase::synced, "is not ready");
    expect(now.waiting == 0, "deltas wait");
    expect(stats.pulls_started == stats_before.pulls_started, "still pulls");
    expect(stats.packets_resent == stats_before.packets_resent, "still resends");
    expect(stats.nacks_sent == stats_before.nacks_sent, "still asks");
    expect(stats.dropped_malformed == 0, "counted packets as malformed");
    for (const sync::MemberStatus& member : now.members) {
      expect(member.missing == 0, "misses packets of " + member.name);
      expect(member.differing == 0, "differs from " + member.name);
      expect(member.refused.empty(), "refuses " + member.name + ": " + member.refused);
    }
  }
}

// All nodes hold the same bans, and what is over is over on all of them.
void Storm::check_bans() {
  const auto banned = [this](size_t node) {
    std::vector<proto::BanPrefix> out;
    world_.node(node).bans->for_each([&](const proto::BanChange& ban) {
      if (sync::in_force(ban, world_.cluster_ms(node))) out.push_back(ban.prefix);
    });
    return out;
  };
  for (const size_t node : world_.everyone()) {
    if (world_.node(node).bans->digest() != world_.node(0).bans->digest()) {
      report("n" + std::to_string(node) + " and n0 hold different bans");
    } else if (std::abs(world_.cluster_ms(node) - world_.cluster_ms(0)) < 2 && banned(node) != banned(0)) {
      report("n" + std::to_string(node) + " and n0 ban different clients");
    }
  }
}

void Storm::check_repair() {
  for (const size_t node : world_.everyone()) count_work(node);
  const uint64_t copies = work_.delta_packets * (world_.size() - 1);
  if (work_.resent > 3 * copies + 1000) {
    report(std::to_string(work_.resent) + " packets resent of " + std::to_string(copies));
  }
  // A run begins by pulling everything. Later half of what is pulled may be known, and what is being sent at
  // the moment is sometimes pulled in vain.
  const uint64_t most = work_.runs * 2 * clients_.size() + 8 * work_.pulled_applied;
  if (work_.pulled > most) {
    report(std::to_string(work_.pulled) + " records pulled, where " + std::to_string(work_.pulled_applied) +
           " were news");
  }
  note(std::to_string(work_.runs) + " runs, " + std::to_string(clients_.size()) + " clients, " +
       std::to_string(work_.delta_packets) + " delta packets, " + std::to_string(work_.resent) + " resent; " +
       std::to_string(work_.pulls) + " pulls of " + std::to_string(work_.pulled) + " records, " +
       std::to_string(work_.pulled_applied) + " of them news");
}

}  // namespace shoal::sim
