#include "sync/named_peers.h"

#include <algorithm>
#include <utility>

namespace shoal::sync {

namespace {

// Members that have been met are not missed for less: after a stall of this node they prove themselves again.
constexpr int64_t kMissedAfterUs = 2'000'000;

// So long a node that has just been heard has to answer a challenge.
constexpr int64_t kAnswerUs = 2'000'000;

std::string label(const common::Endpoint& address, const std::string& name) {
  const std::string text = to_string(address);
  return name == text ? text : name + " (" + text + ")";
}

PeerSight sight_of_stranger(Strangeness kind) {
  switch (kind) {
    case Strangeness::other_key:
      return PeerSight::other_key;
    case Strangeness::altered:
      return PeerSight::altered;
    case Strangeness::other_cluster:
      return PeerSight::other_cluster;
    case Strangeness::other_version:
      break;
  }
  return PeerSight::other_version;
}

}  // namespace

bool NamedPeers::set(std::vector<NamedPeer> peers, int64_t now_us) {
  peers_ = std::move(peers);
  std::vector<common::Endpoint> all;
  for (const NamedPeer& peer : peers_) all.insert(all.end(), peer.addresses.begin(), peer.addresses.end());
  return addresses_.set_seeds(std::move(all), now_us);
}

void NamedPeers::heard(Now now, const common::Endpoint& from, Stranger stranger) {
  const std::vector<common::Endpoint>& seeds = addresses_.seeds();
  stranger.named = std::binary_search(seeds.begin(), seeds.end(), from);
  stranger.heard_us = now.mono_us;
  strangers_.heard(from, stranger);
}

bool NamedPeers::any_met(Now now) const {
  return std::any_of(members_.all().begin(), members_.all().end(),
                     [now](const auto& entry) { return entry.second.met(now.mono_us); });
}

PeerStatus NamedPeers::sight_of(Now now, const common::Endpoint& address, const std::string& name) const {
  PeerStatus out{label(address, name), PeerSight::silent, "silent"};
  const auto is = [&](PeerSight sight, std::string text) {
    out.sight = sight;
    out.text = std::move(text);
    return out;
  };
  if (addresses_.is_own(address)) return is(PeerSight::own, "is this node");
  const Member* up = nullptr;
  const Member* left = nullptr;
  for (const auto& [id, member] : members_.all()) {
    if (!member.is_at(address, now.mono_us)) continue;
    if (member.met(now.mono_us)) return is(PeerSight::met, "is " + member.display_name());
    if (member.liveness(now.mono_us) != Liveness::down) up = &member;
    if (member.left()) left = &member;
  }
  if (up != nullptr && up->refused()) return is(PeerSight::refused, "is refused: " + up->profile->refused);
  if (namesakes_.taken_by(now.mono_us) == address || namesakes_.claimant(now.mono_us) == address) {
    return is(PeerSight::namesake, "has the name of this node");
  }
  for (const auto& [id, member] : members_.all()) {
    if (Namesakes::claimant(member, now.mono_us) != address) continue;
    return is(PeerSight::namesake, "has the name " + member.display_name() + ", which another node has");
  }
  // Before what proves nothing: it must not make this node alone.
  if (up == nullptr && left != nullptr) return is(PeerSight::left, "left (" + left->display_name() + ")");
  if (const Stranger* stranger = strangers_.find(address)) {
    return is(sight_of_stranger(stranger->kind), to_text(*stranger));
  }
  if (up != nullptr || trust_.unanswered(address, now.mono_us - kAnswerUs)) {
    return is(PeerSight::one_way, "is heard, but does not hear this node");
  }
  return out;
}

std::vector<PeerStatus> NamedPeers::sights(Now now) const {
  std::vector<PeerStatus> out;
  for (const NamedPeer& peer : peers_) {
    if (peer.addresses.empty()) out.push_back({peer.name, PeerSight::unresolved, peer.trouble});
    for (const common::Endpoint& address : peer.addresses) {
      out.push_back(sight_of(now, address, peer.name));
    }
  }
  return out;
}

bool NamedPeers::lonely(Now now, const std::vector<PeerStatus>& peers) const {
  if (*phase_ != SyncPhase::synced || departure_.left() || namesakes_.taken_by(now.mono_us) || any_met(now)) {
    return false;
  }
  return std::any_of(peers.begin(), peers.end(), [](const PeerStatus& peer) {
    return peer.sight != PeerSight::own && peer.sight != PeerSight::left;
  });
}

bool NamedPeers::alone(Now now, bool lonely) const {
  if (!lonely) return false;
  return !met_ || now.mono_us - lonely_since_us_.value_or(now.mono_us) >= kMissedAfterUs;
}

bool NamedPeers::held(Now now) const {
  if (held_ || *phase_ != SyncPhase::synced) return held_;
  return std::any_of(members_.all().begin(), members_.all().end(), [now](const auto& entry) {
    return entry.second.met(now.mono_us) && entry.second.liveness(now.mono_us) == Liveness::alive;
  });
}

void NamedPeers::advance(Now now, Outputs& out) {
  strangers_.forget(now.mono_us);
  held_ = held(now);
  met_ = met_ || any_met(now);
  const std::vector<PeerStatus> peers = sights(now);
  if (!lonely(now, peers)) {
    lonely_since_us_.reset();
  } else if (!lonely_since_us_) {
    lonely_since_us_ = now.mono_us;
  }
  const bool is_alone = alone(now, lonely_since_us_.has_value());
  if (is_alone == std::exchange(logged_alone_, is_alone)) return;
  if (is_alone) {
    out.logs.push_back({common::LogLevel::error, "this node is alone: " + alone_text(peers), {}});
  } else if (!departure_.left()) {
    out.logs.push_back({common::LogLevel::info, "this node is no longer alone", {}});
  }
}

void NamedPeers::report(Now now, Status& out) const {
  out.peers = sights(now);
  out.alone = alone(now, lonely(now, out.peers));
  out.held = held(now) || std::all_of(out.peers.begin(), out.peers.end(),
                                      [](const PeerStatus& peer) { return peer.sight == PeerSight::own; });
  for (const auto& [address, stranger] : strangers_.all()) {
    if (members_.covers(address, now.mono_us)) continue;
    out.strangers.push_back({address, to_string(sight_of_stranger(stranger.kind)), to_text(stranger),
                             stranger.datagrams, (now.mono_us - stranger.heard_us) / 1000});
  }
}

}  // namespace shoal::sync
