#include "node/status/problems.h"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "node/text/amount_text.h"
#include "node/text/printable.h"
#include "sync/keys.h"

namespace shoal::node {

namespace {

using sync::MemberState;
using sync::MemberStatus;

constexpr size_t kProblemNameMax = 64;
constexpr size_t kProblemReasonMax = 1000;
constexpr size_t kProblemNamesMax = 10;
constexpr size_t kProblemOptionsMax = 10;
constexpr int64_t kDisagreeMs = 600'000;
constexpr std::string_view kLately = "in the last 5 min";
constexpr std::string_view kLastHour = "in the last hour";

std::string name_of(const MemberStatus& member) { return printable(member.name, kProblemNameMax); }

// "b (192.0.2.2:6970)".
std::string named(const MemberStatus& member) {
  return name_of(member) + " (" + common::to_string(member.address) + ")";
}

std::string ago_text(int64_t ms) {
  return seconds_text(static_cast<uint64_t>(std::max<int64_t>(0, ms)) / 1000);
}

std::string times_text(uint64_t times) { return times == 1 ? "once" : grouped_text(times) + " times"; }

class Problems {
 public:
  void error(std::string text) { found_.push_back({Severity::error, std::move(text)}); }
  void warn(std::string text) { found_.push_back({Severity::warning, std::move(text)}); }

  // Warns of what has happened at least once.
  void happened(uint64_t times, const std::string& what, std::string_view when) {
    if (times > 0) warn(what + " (" + times_text(times) + " " + std::string(when) + ")");
  }

  // A sentence about each of the first `members`, and one with the names of the others.
  void each(Severity severity, const std::vector<const MemberStatus*>& members, const std::string& are,
            const std::function<std::string(const MemberStatus&)>& sentence) {
    for (size_t i = 0; i < std::min(members.size(), kProblemMembersMax); ++i) {
      found_.push_back({severity, sentence(*members[i])});
    }
    if (members.size() <= kProblemMembersMax) return;
    const size_t more = members.size() - kProblemMembersMax;
    std::string text = std::to_string(more) + " more " + are + ": ";
    for (size_t i = 0; i < std::min(more, kProblemNamesMax); ++i) {
      text += (i == 0 ? "" : ", ") + name_of(*members[kProblemMembersMax + i]);
    }
    found_.push_back({severity, text + (more > kProblemNamesMax ? ", ..." : "")});
  }

  std::vector<Problem> sorted() && {
    std::stable_sort(found_.begin(), found_.end(),
                     [](const Problem& a, const Problem& b) { return a.severity < b.severity; });
    return std::move(found_);
  }

 private:
  std::vector<Problem> found_;
};

template <class Is>
std::vector<const MemberStatus*> those(const sync::Status& sync, Is is) {
  std::vector<const MemberStatus*> found;
  for (const MemberStatus& member : sync.members) {
    if (is(member)) found.push_back(&member);
  }
  return found;
}

// Addresses in sync.peers where no member is met, apart from those that are told of as members or strangers.
void look_at_peers(const sync::Status& sync, Problems& out) {
  if (sync.alone) return;  // that is told with all of them
  const auto is_of_member = [&](const sync::PeerStatus& peer) {
    return std::any_of(sync.members.begin(), sync.members.end(), [&](const auto& member) {
      return peer.peer.find(common::to_string(member.address)) != std::string::npos;
    });
  };
  size_t found = 0;
  for (const sync::PeerStatus& peer : sync.peers) {
    const bool unmet = peer.sight == sync::PeerSight::silent || peer.sight == sync::PeerSight::unresolved ||
                       peer.sight == sync::PeerSight::one_way;
    if (!unmet || (peer.sight == sync::PeerSight::silent && is_of_member(peer))) continue;
    if (++found > kProblemMembersMax) continue;
    out.warn("no member is met at " + printable(peer.peer) + " of sync.peers: " + printable(peer.text));
  }
  if (found > kProblemMembersMax) {
    out.warn("no member is met at " + std::to_string(found - kProblemMembersMax) +
             " more addresses of sync.peers");
  }
}

std::string names_text(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kProblemNamesMax); ++i) {
    text += (i == 0 ? "" : ", ") + printable(names[i], kProblemNameMax);
  }
  return text + (names.size() > kProblemNamesMax ? ", ..." : "");
}

// "; changes reach it by c" or how else they cross a link that is dead in one direction.
std::string detour_text(const MemberStatus& member) {
  if (!member.heard_by.empty()) return "changes go by " + names_text(member.heard_by);
  return member.answers_pulls ? "changes go by TCP" : "no changes cross";
}

std::string down_text(const MemberStatus& member) {
  const std::string silent = "silent for " + ago_text(member.heard_ago_ms);
  if (!member.heard_by.empty()) {
    return named(member) + " is not heard by this node (" + silent + "), but by " +
           names_text(member.heard_by) + ": look at firewalls and NAT from it to here; " +
           detour_text(member);
  }
  if (member.answers_pulls) {
    return named(member) + " runs and answers by TCP, but none of its datagrams arrives (" + silent +
           "): look at firewalls and NAT for UDP from it to here; " + detour_text(member);
  }
  return named(member) + " is down: " + silent;
}

void look_at_members(const sync::Status& sync, bool ready, bool giving_up, Problems& out) {
  const auto down = those(sync, [](const auto& member) { return member.state == MemberState::down; });
  const auto one_way = those(sync, [](const auto& member) { return member.state == MemberState::one_way; });
  const auto blocked =
      those(sync, [](const auto& member) { return !is_gone(member.state) && !member.pull_trouble.empty(); });
  const auto refused = those(sync, [](const auto& member) { return member.state == MemberState::refused; });
  const auto doubled = those(sync, [](const auto& member) { return member.namesake.has_value(); });
  // Who gives up records differs on purpose.
  const auto differing = those(sync, [&](const auto& member) {
    return member.state == MemberState::alive && member.agreed_ago_ms >= kDisagreeMs && !member.partial &&
           !giving_up;
  });
  const auto partial =
      those(sync, [](const auto& member) { return member.state == MemberState::alive && member.partial; });
  // Where it is not ready for that, the reason has been told.
  if (sync.alone) {
    if (ready) out.error("this node is alone: " + printable(sync::alone_text(sync.peers), kProblemReasonMax));
  } else if (sync.members.empty()) {
    out.warn("no other member has been heard: this node has only the peers of its own clients");
  } else if (!down.empty() && down.size() == sync.members.size()) {
    out.error("no other member is up: this node hears nothing of their clients");
  }
  if (sync.namesake) {
    out.error("another node has the name of this one and is refused: " + common::to_string(*sync.namesake));
  }
  out.each(Severity::error, doubled, "share their name with another node", [](const auto& member) {
    return "two nodes are named " + name_of(member) + ": the one at " + common::to_string(*member.namesake) +
           " started later and is refused";
  });
  for (size_t i = 0; i < std::min(sync.strangers.size(), kProblemMembersMax); ++i) {
    const sync::StrangerStatus& stranger = sync.strangers[i];
    out.warn("sync packets that cannot be used: " + common::to_string(stranger.address) + " " +
             printable(stranger.text));
  }
  if (sync.strangers.size() > kProblemMembersMax) {
    out.warn("sync packets that cannot be used come from " +
             std::to_string(sync.strangers.size() - kProblemMembersMax) + " more addresses");
  }
  out.each(Severity::error, refused, "are refused", [](const auto& member) {
    return named(member) + " is refused, no peers are exchanged with it: " + printable(member.refused);
  });
  out.each(Severity::error, down, "are down", down_text);
  // Of a node that another one's name keeps from being heard by all, that is told.
  if (!sync.name_taken_by) {
    out.each(Severity::error, one_way, "are heard, but do not hear this node", [](const auto& member) {
      return named(member) +
             " is heard, but does not hear this node: look at firewalls and NAT from here to it; " +
             detour_text(member);
    });
  }
  out.each(Severity::warning, blocked, "cannot be pulled from", [](const auto& member) {
    return named(member) +
           " cannot be pulled from, TCP to its sync.listen fails: " + printable(member.pull_trouble);
  });
  out.each(Severity::warning, differing, "differ from this node", [](const auto& member) {
    return named(member) + " and this node have held different peers for " + ago_text(member.agreed_ago_ms) +
           ": see pulls in the status";
  });
  out.each(Severity::warning, partial, "are short of memory and give up swarms",
           [](const auto& member) { return named(member) + " is short of memory and gives up swarms"; });
}

void look_at_clocks(const sync::Status& sync, Problems& out) {
  if (sync.wall_off || std::abs(sync.wall_ahead_ms) >= kClockOffMs) {
    out.warn("the clock of this machine is " + signed_duration_text(sync.wall_ahead_ms) +
             " off the cluster's time");
  }
  // Against cluster time: if only this machine's clock is wrong, nobody else is blamed.
  const auto ahead_ms = [&](const MemberStatus& member) {
    return member.clock_offset_ms + sync.wall_ahead_ms;
  };
  const auto off = those(sync, [&](const auto& member) {
    return !is_gone(member.state) && std::abs(ahead_ms(member)) >= kClockOffMs;
  });
  out.each(Severity::warning, off, "have a wrong clock", [&](const auto& member) {
    return "the clock of " + named(member) + " is " + signed_duration_text(ahead_ms(member)) +
           " off the cluster's time";
  });
}

void look_at_memory(const NodeState& state, Problems& out) {
  if (!state.store.giving_up) return;
  out.warn("the memory for swarms and peers (" +
           amount_text(static_cast<double>(state.store.memory_limit_bytes)) +
           "B) is full: swarms of one address, new and without live peers are given up for others; raise "
           "limits.memory_mb, or find out who fills it");
}

void look_at_limits(const NodeState& state, Problems& out) {
  std::string hit;
  for (size_t i = index_of(Limit::none) + 1; i < kLimits; ++i) {
    const uint64_t times = state.lately[static_cast<Limit>(i)];
    if (times == 0) continue;
    hit += (hit.empty() ? "" : ", ") + std::string(kLimitNames[i]) + " " + times_text(times);
  }
  if (!hit.empty()) out.warn("limits hit " + std::string(kLately) + ": " + hit);
}

void look_at_bans(const NodeState& state, Problems& out) {
  out.happened(state.lately[Fault::bans_made], "clients went too far and were banned: shoal ban list",
               kLately);
  out.happened(state.lately[Fault::bans_would_be_made],
               "clients went too far and would be banned if bans.mode were on: shoal ban list", kLately);
  out.happened(state.last_hour[Fault::bans_dropped],
               "a ban was not made or not taken: there are too many, or a node's clock or word is not good",
               kLastHour);
}

void look_at_files(const NodeState& state, Problems& out) {
  const auto happened = [&](Fault fault, const std::string& what) {
    out.happened(state.last_hour[fault], what, kLastHour);
  };
  if (!state.reload_error.empty()) {
    out.warn("the last reload failed, and everything stayed as it was: " +
             printable(state.reload_error, kProblemReasonMax));
  }
  happened(Fault::snapshots_failed, "the snapshot could not be written, and the old file stayed");
  happened(Fault::snapshots_refused, "the snapshot could not be read at start and was set aside");
  happened(Fault::exports_failed, "the export could not be written, and the old file stayed");
  happened(Fault::access_states_failed, "access.state_file could not be written");
  happened(Fault::access_changes_refused, "a change of the access list was refused, since it holds too many");
  happened(Fault::access_lines_bad, "a line of an access FIFO is not an info_hash");
  if (state.need_restart.empty()) return;
  std::string keys;
  for (size_t i = 0; i < std::min(state.need_restart.size(), kProblemOptionsMax); ++i) {
    keys += (i == 0 ? "" : ", ") + state.need_restart[i];
  }
  if (state.need_restart.size() > kProblemOptionsMax) keys += ", ...";
  out.warn("changed options wait for a restart: " + keys);
}

void look_at_shield(const ShieldStatus& shield, Problems& out) {
  for (const ShieldInterface& one : shield.interfaces) {
    if (one.attached()) continue;
    out.warn("xdp.interfaces: no shield on " + printable(one.name) +
             ", the sockets serve alone: " + printable(one.trouble, kProblemReasonMax));
  }
  if (shield.targets_left_out > 0) {
    out.warn("xdp.interfaces: the shield has no room for " + grouped_text(shield.targets_left_out) +
             " of the addresses of tracker.udp: the sockets serve these alone");
  }
  if (shield.networks_left_out)
    out.warn(
        "xdp.interfaces: the shield has no room for all denied networks: the sockets drop their requests");
}

void look_at_feeds(const NodeState& state, Problems& out) {
  size_t found = 0;
  for (const FeedStatus& feed : state.feeds) {
    const std::string name = "the feed " + printable(feed.name, kProblemNameMax);
    if (feed.failures > 0 && ++found <= kProblemMembersMax) {
      std::string text = name + " could not be fetched (" + times_text(feed.failures);
      text += feed.entries > 0
                  ? " in a row), and its " + grouped_text(feed.entries) + " entries stay in force: "
                  : " in a row), and none of it is in force: ";
      text += printable(feed.reason, kProblemReasonMax);
      out.warn(std::move(text));
    }
    if (!feed.copy_error.empty() && ++found <= kProblemMembersMax)
      out.warn("the copy of " + name + ": " + printable(feed.copy_error, kProblemReasonMax));
  }
  if (found > kProblemMembersMax)
    out.warn(std::to_string(found - kProblemMembersMax) + " more troubles with feeds: `shoal feeds`");
}

void look_at_load(const NodeState& state, Problems& out) {
  const auto happened = [&](Fault fault, const std::string& what) {
    out.happened(state.lately[fault], what, kLately);
  };
  happened(Fault::deltas_dropped,
           "announces come faster than the sync channel takes them: changes were dropped");
  happened(Fault::answers_dropped, "the kernel did not take UDP answers");
  happened(Fault::stalls, "this process stood still for a second or more");
  for (const ServingFault& fault : state.serving_faults) {
    if (fault.serves) out.warn(printable(fault.text, kProblemReasonMax));
  }
}

void look_at_certificates(const NodeState& state, Problems& out) {
  if (!state.tls) return;
  for (const TlsCertificateInfo& one : state.certificates) {
    const int64_t left_s = one.not_after_unix_s - state.unix_s;
    const std::string file = printable(one.file, kProblemReasonMax);
    if (left_s < 0) {
      out.error("the certificate " + file + " has expired: clients refuse it");
    } else if (left_s < kCertificateSoonS) {
      out.warn("the certificate " + file + " expires in " + seconds_text(static_cast<uint64_t>(left_s)));
    } else if (one.not_before_unix_s > state.unix_s) {
      out.error("the certificate " + file + " is not valid yet: clients refuse it");
    }
  }
}

}  // namespace

std::string_view to_string(Severity severity) { return severity == Severity::error ? "error" : "warning"; }

std::vector<Problem> problems_of(const NodeState& state) {
  Problems out;
  if (!state.readiness.ready)
    out.error("this node is not ready: " + printable(state.readiness.reason, kProblemReasonMax));
  if (state.sync) {
    look_at_members(*state.sync, state.readiness.ready, state.store.giving_up, out);
    look_at_peers(*state.sync, out);
    look_at_clocks(*state.sync, out);
  }
  look_at_memory(state, out);
  look_at_limits(state, out);
  look_at_bans(state, out);
  look_at_files(state, out);
  if (state.shield) look_at_shield(*state.shield, out);
  look_at_feeds(state, out);
  look_at_load(state, out);
  look_at_certificates(state, out);
  return std::move(out).sorted();
}

}  // namespace shoal::node
