#include "sync/namesakes.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "sync/address_nonce.h"

namespace shoal::sync {

namespace {

constexpr int64_t kNotDueUs = std::numeric_limits<int64_t>::max();

// Of two that started within this time the incarnation decides: when they started is known by a round trip.
constexpr int64_t kTieUs = 2'000'000;

// A member that has neither answered nor been heard for so long does not run any more: some round trips, and
// longer than the pause between two heartbeats, so that one that cannot hear us counts as well.
constexpr int64_t kSilenceRoundTrips = 8;
constexpr int64_t kSilenceMinUs = 700'000;
constexpr int64_t kSilenceMaxUs = 2'000'000;

// Meanwhile it is asked this often, and the claimant has to prove itself again this often.
constexpr int64_t kAskEveryUs = 50'000;
constexpr int64_t kClaimSoonUs = 100'000;

// Packets of a last run may arrive for this long after the next has started.
constexpr int64_t kInFlightUs = 2'000'000;

// A proof holds for this long.
constexpr int64_t kProofUs = 5'000'000;

// A claimant that is refused is heard again this often; after this long without a word it is gone.
constexpr int64_t kClaimEveryUs = 1'000'000;
constexpr int64_t kClaimKeptUs = 10'000'000;

// Challenges and echoes to a rival are at least this far apart.
constexpr int64_t kRivalEveryUs = 250'000;

int64_t silence_us(const Member& member) {
  return std::clamp(kSilenceRoundTrips * member.round_trip_us(), kSilenceMinUs, kSilenceMaxUs);
}

// Whether the first has run for longer.
bool has_the_name(int64_t started_us, uint64_t incarnation, int64_t other_started_us,
                  uint64_t other_incarnation) {
  const int64_t later_us = other_started_us - started_us;
  return std::abs(later_us) > kTieUs ? later_us > 0 : incarnation < other_incarnation;
}

bool is_proven(const NameClash& clash, int64_t now_us) { return now_us - clash.proven_us < kProofUs; }

bool is_asked(const NameClash& clash, int64_t now_us) {
  return clash.incarnation != 0 && now_us - clash.claimed_us < kClaimEveryUs && !is_proven(clash, now_us);
}

}  // namespace

bool Namesakes::claim(Now now, Member& member, const Claim& claim, Outputs& out) {
  if (has_the_name(claim.started_us, claim.incarnation, member.started_us(), member.incarnation()))
    return true;
  NameClash& clash = member.clash.mine();
  const bool known = clash.incarnation == claim.incarnation && now.mono_us - clash.claimed_us < kClaimKeptUs;
  const bool lapsed = clash.proven_us != NameClash::kNeverUs && !is_proven(clash, now.mono_us);
  if (!known || lapsed) {
    clash = {.incarnation = claim.incarnation, .begun_us = now.mono_us, .secret = random_nonce(prng_)};
  }
  clash.at = claim.at;
  clash.claimed_us = now.mono_us;
  // Heard well after the other one started: they run at once.
  if (member.heard_us() - claim.started_us > kInFlightUs && member.liveness(now.mono_us) == Liveness::alive) {
    clash.proven_us = now.mono_us;
  }
  if (is_proven(clash, now.mono_us)) {
    refuse(now, member, claim, out);
    return false;
  }
  if (now.mono_us - std::max(clash.begun_us, member.heard_us()) >= silence_us(member)) return true;
  due_us_ = std::min(due_us_, now.mono_us);
  return false;
}

void Namesakes::refuse(Now now, Member& member, const Claim& claim, Outputs& out) {
  complaints_.log(now, Complaint::clashing_members,
                  "two nodes are named " + member.display_name() + ": the one at " +
                      to_string(member.address()) +
                      " was there first, the other is refused; names must differ",
                  claim.at, out);
  sender_.send(claim.at, proto::NameTaken{claim.incarnation, member.address()}, out);
  // From our heartbeats it learns where the others are, so that all of them know.
  members_.add_contact(claim.at, now.mono_us);
}

int64_t Namesakes::next_claim_us(const Member& member, int64_t now_us) {
  return is_proven(*member.clash, now_us) ? now_us + kClaimEveryUs : now_us + kClaimSoonUs;
}

void Namesakes::hear(Now now, Member& member, const proto::ChallengeEcho& echo) {
  NameClash& clash = member.clash.mine();
  if (clash.incarnation == 0 || echo.nonce != nonce_at(clash.secret, member.address())) return;
  clash.proven_us = now.mono_us;
}

void Namesakes::advance(Now now, Outputs& out) {
  due_us_ = kNotDueUs;
  for (auto& [id, member] : members_.all()) {
    if (!is_asked(*member.clash, now.mono_us)) continue;
    due_us_ = now.mono_us + kAskEveryUs;
    if (challenges_.spend(now, member.address())) {
      challenges_.send(member.incarnation(), member.clash->secret, member.address(), out);
    }
  }
}

void Namesakes::receive_own_id(Now now, const proto::SyncHeader& header, const proto::SyncPacket& packet,
                               const common::Endpoint& from, Outputs& out) {
  // One is enough.
  if (rival_.incarnation != header.incarnation && now.mono_us - rival_.proven_us < kClaimKeptUs) return;
  rivals_.forget(now.mono_us);
  Newcomer* rival = rivals_.note(header.node_id, header.incarnation, random_nonce(prng_), now.mono_us);
  if (rival == nullptr) return;
  if (const auto* echo = std::get_if<proto::ChallengeEcho>(&packet)) {
    if (const auto* reached = rival->reached_at(*echo, from, now.mono_us)) {
      const common::Endpoint at = reached->at;
      rivals_.erase(header.node_id, header.incarnation);
      return prove(now, header.incarnation, now.mono_us - echo->uptime_ms * 1000, at, out);
    }
  }
  if (const auto* challenge = std::get_if<proto::Challenge>(&packet);
      challenge && challenges_.is_for_us(*challenge) && now.mono_us >= next_echo_us_) {
    next_echo_us_ = now.mono_us + kRivalEveryUs / 2;
    challenges_.receive_unproven(now, *challenge, from, out);
  }
  if (!rival->is_newest(header.stream, header.sequence)) return;
  Newcomer::Challenged* turn = rival->turn_of(from, now.mono_us);
  if (turn == nullptr || !challenges_.spend(now, from)) return;
  if (now.mono_us - rival->secret_us >= Newcomer::kSecretUs) {
    rival->secret = random_nonce(prng_);
    rival->secret_us = now.mono_us;
  }
  turn->last_us = now.mono_us;
  turn->next_us = now.mono_us + kRivalEveryUs;
  challenges_.send(header.incarnation, rival->secret, from, out);
}

void Namesakes::prove(Now now, uint64_t incarnation, int64_t started_us, const common::Endpoint& at,
                      Outputs& out) {
  rival_ = {
      .incarnation = incarnation,
      .at = at,
      .proven_us = now.mono_us,
      .has_the_name = has_the_name(started_us, incarnation, identity_.started_us, identity_.incarnation)};
  log_own(now, at, out);
}

void Namesakes::receive(const Arrival& arrival, const proto::NameTaken& taken, Outputs& out) {
  if (taken.incarnation != identity_.incarnation) return;
  const int64_t now_us = arrival.now.mono_us;
  words_[arrival.member.id()] = {taken.holder, now_us};
  std::erase_if(words_, [&](const auto& word) { return now_us - word.second.said_us >= kClaimKeptUs; });
  // The holder is asked, whatever others say of it.
  members_.add_contact(taken.holder, now_us);
  if (taken_by(now_us)) log_own(arrival.now, taken.holder, out);
}

void Namesakes::log_own(Now now, const common::Endpoint& at, Outputs& out) {
  complaints_.log(
      now, Complaint::namesake,
      "another node is named " + identity_.name +
          (taken_by(now.mono_us) ? " and was there first: this node is refused; names must differ"
                                 : " and is refused: this node was there first; names must differ"),
      at, out);
}

std::optional<common::Endpoint> Namesakes::taken_by(int64_t now_us) const {
  if (rival_.has_the_name && now_us - rival_.proven_us < kClaimKeptUs) return rival_.at;
  return taken_as_told(now_us);
}

// One member may be wrong, or lie.
std::optional<common::Endpoint> Namesakes::taken_as_told(int64_t now_us) const {
  size_t up = 0;
  size_t say_so = 0;
  std::optional<common::Endpoint> holder;
  for (const auto& [id, member] : members_.all()) {
    if (member.liveness(now_us) == Liveness::down) continue;
    ++up;
    const auto word = words_.find(id);
    if (word == words_.end() || now_us - word->second.said_us >= kClaimKeptUs) continue;
    ++say_so;
    holder = word->second.holder;
  }
  return say_so >= std::min<size_t>(2, std::max<size_t>(up, 1)) ? holder : std::nullopt;
}

std::optional<common::Endpoint> Namesakes::claimant(int64_t now_us) const {
  if (taken_by(now_us) || now_us - rival_.proven_us >= kClaimKeptUs) return std::nullopt;
  return rival_.at;
}

std::optional<common::Endpoint> Namesakes::claimant(const Member& member, int64_t now_us) {
  const NameClash& clash = *member.clash;
  if (!is_proven(clash, now_us) || now_us - clash.claimed_us >= kClaimKeptUs) return std::nullopt;
  return clash.at;
}

}  // namespace shoal::sync
