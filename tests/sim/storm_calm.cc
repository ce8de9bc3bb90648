// What must hold when a storm is over.

#include <algorithm>
#include <cstdlib>
#include <utility>

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

std::vector<size_t> Storm::draw_core() {
  std::vector<size_t> nodes = world_.everyone();
  for (size_t i = nodes.size(); i > 1; --i) {
    std::swap(nodes[i - 1], nodes[prng_.below(static_cast<uint32_t>(i))]);
  }
  nodes.resize(2 + prng_.below(static_cast<uint32_t>(nodes.size() - 2)));
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

void Storm::trouble_for_good(size_t node) {
  const uint32_t drawn = prng_.below(10);
  if (drawn < 2) {
    note("for good: down" + std::string(" n") + std::to_string(node));
    if (world_.node(node).cluster) world_.crash(node);
    return;
  }
  if (drawn < 4 && world_.node(node).cluster) {
    note("for good: frozen n" + std::to_string(node));
    world_.freeze(node);
    return;
  }
  if (world_.node(node).frozen) world_.thaw(node);
  bring_back(node);
  if (chance(0.3)) {
    note("for good: streams stand still of n" + std::to_string(node));
    world_.clog(node);
  }
  if (drawn < 9) cut_for_good(node);
  if (drawn >= 8) restart_for_good(node);
}

void Storm::cut_for_good(size_t node) {
  for (const size_t other : world_.everyone()) {
    if (other == node) continue;
    for (const auto& [from, to] : {std::pair(node, other), std::pair(other, node)}) {
      const uint32_t drawn = prng_.below(10);
      if (drawn >= 7) continue;
      note("for good: " +
           std::string(drawn < 4   ? "cut"
                       : drawn < 6 ? "datagrams cut"
                                   : "clogged") +
           " n" + std::to_string(from) + " to n" + std::to_string(to));
      if (drawn < 4) {
        world_.cut(from, to);
      } else if (drawn < 6) {
        world_.cut_datagrams(from, to);
      } else {
        world_.clog(from, to, 2'000 + prng_.below(30'000), 5'000 + prng_.below(60'000));
      }
    }
  }
}

// It starts and crashes, again and again.
void Storm::restart_for_good(size_t node) {
  later(seconds(1, 30), [this, node] {
    if (world_.node(node).cluster) {
      note("crash n" + std::to_string(node));
      world_.crash(node);
      clients_.note_loss();
    } else {
      bring_back(node);
    }
    restart_for_good(node);
  });
}

void Storm::calm() {
  note("calm");
  calm_ = true;
  due_ = {};
  core_ = settings_.heals ? world_.everyone() : draw_core();
  world_.weather = Weather();
  world_.heal();
  world_.unclog();
  world_.queues_overflow = false;
  for (const size_t node : core_) {
    if (world_.node(node).frozen) world_.thaw(node);
    bring_back(node);
  }
  for (const size_t node : world_.everyone()) {
    if (!std::binary_search(core_.begin(), core_.end(), node)) trouble_for_good(node);
  }
  if (!settings_.heals) {
    std::string core = "the core is";
    for (const size_t node : core_) core += " n" + std::to_string(node);
    note(core);
    clients_.note_loss();
  }
  const int64_t healed_us = world_.now_us();
  run_until(healed_us + kGoOnUs);
  const int64_t bound_us =
      healed_us + kHealUs + kHealTicks * peer_timeout_s_ * kSecondUs / common::kLifetimeTicks;
  agree(bound_us);
  if (healed_after_us_ >= 0) healed_after_us_ -= healed_us;
  run_until(std::max(bound_us, world_.now_us()), false);
  // Not before: a link that passed one way alone may rest until then (sync/detours.h).
  if (!world_.meshed(core_)) report("not all nodes know each other");
  check_now();
  if (!settings_.heals) clients_.note_loss(core_, healed_us);
  clients_.check(core_, problems_);
  if (settings_.heals) {
    check_rest();
    check_repair();
  } else {
    check_core();
  }
  check_bans();
}

// Runs until the nodes of the core hold the same.
void Storm::agree(int64_t bound_us) {
  std::string difference;
  do {
    difference = world_.difference_in_all(core_);
    if (!difference.empty()) run_until(world_.now_us() + kSecondUs / 2, false);
  } while (!difference.empty() && world_.now_us() < bound_us);
  if (difference.empty()) {
    healed_after_us_ = world_.now_us();
  } else {
    report("not the same at the time limit: " + difference);
  }
}

// What the others do goes on, so somebody may always ask and pull.
void Storm::check_core() {
  for (const size_t node : core_) {
    const sync::Status status = world_.status(node);
    const auto expect = [&](bool holds, const std::string& what) {
      if (!holds) report("n" + std::to_string(node) + ": " + what);
    };
    expect(status.phase == sync::SyncPhase::synced, "is not ready");
    expect(status.waiting == 0, "deltas wait");
    expect(!status.alone, "takes itself for alone");
    expect(status.stats.dropped_malformed == 0, "counted packets as malformed");
    for (const sync::MemberStatus& member : status.members) {
      const auto is_it = [&](size_t other) { return world_.node(other).settings.name == member.name; };
      if (std::none_of(core_.begin(), core_.end(), is_it)) continue;
      expect(member.state == sync::MemberState::alive, "does not take " + member.name + " for alive");
      expect(member.missing == 0, "misses packets of " + member.name);
    }
  }
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
    expect(stats.hashes_asked == stats_before.hashes_asked, "still asks for info_hashes");
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
  const size_t first = core_.front();
  for (const size_t node : core_) {
    const std::string both = "n" + std::to_string(node) + " and n" + std::to_string(first);
    if (world_.node(node).bans->digest() != world_.node(first).bans->digest()) {
      report(both + " hold different bans");
    } else if (std::abs(world_.cluster_ms(node) - world_.cluster_ms(first)) < 2 &&
               banned(node) != banned(first)) {
      report(both + " ban different clients");
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
