#include <doctest/doctest.h>

#include "sync/namesakes.h"
#include "sync/trust.h"
#include "tests/unit/support/sync_parts.h"

namespace shoal::sync {
namespace {

struct TrustParts : test::Parts {
  std::optional<Trust::Trusted> hear(uint64_t id, const proto::SyncPacket& packet,
                                     std::optional<common::Endpoint> from = std::nullopt) {
    proto::SyncHeader header;
    header.node_id = id;
    header.incarnation = 7;
    header.stream = proto::SyncStream::control;
    header.sequence = ++sequence;
    return trust.receive(now(), header, {from.value_or(address_of(id)), std::nullopt, {}}, packet, out);
  }

  // What a node says that has heard the challenge.
  static proto::ChallengeEcho echo_of(const proto::Challenge& challenge) {
    proto::ChallengeEcho echo;
    echo.nonce = challenge.nonce;
    echo.uptime_ms = 1'000'000;
    return echo;
  }

  proto::Challenge challenged() {
    const auto challenges = sent<proto::Challenge>();
    REQUIRE(challenges.size() == 1);
    return challenges.front();
  }

  Challenges challenges{identity, sender, clock, departure};
  DeltaReceiver streams{identity, sender, clock, swarms, complaints};
  Namesakes namesakes{identity, members, sender, challenges, complaints, prng};
  Trust trust{identity, members, challenges, namesakes, streams, complaints, prng};
};

TEST_CASE("trust: a stranger is challenged, and is a member once it echoes") {
  TrustParts parts;
  CHECK(!parts.hear(2, proto::Heartbeat{}));
  const proto::Challenge challenge = parts.challenged();
  CHECK(challenge.incarnation == 7);
  CHECK(parts.members.find(2) == nullptr);
  parts.now_us += 30'000;
  const auto trusted = parts.hear(2, parts.echo_of(challenge));
  REQUIRE(trusted);
  CHECK(trusted->member.id() == 2);
  CHECK(trusted->member.incarnation() == 7);
  CHECK(trusted->round_trip_us == 30'000);
  REQUIRE(trusted->said);
  CHECK(trusted->said->sequence == 1);
  CHECK(parts.trust.stats().dropped_untrusted == 1);
}

TEST_CASE("trust: an echo of another challenge, or of one that was answered, proves nothing") {
  TrustParts parts;
  parts.hear(2, proto::Heartbeat{});
  const proto::Challenge challenge = parts.challenged();
  proto::ChallengeEcho forged = parts.echo_of(challenge);
  forged.nonce[0] ^= 1;
  CHECK(!parts.hear(2, forged));
  CHECK(!parts.hear(3, parts.echo_of(challenge)));
  CHECK(parts.members.all().empty());
  REQUIRE(parts.hear(2, parts.echo_of(challenge)));
  // Played again when the node has been silent and is a stranger once more.
  CHECK(!parts.hear(2, parts.echo_of(challenge)));
}

TEST_CASE("trust: an echo proves the address to which the challenge was sent") {
  TrustParts parts;
  parts.hear(2, proto::Heartbeat{});
  const proto::Challenge challenge = parts.challenged();
  const common::Endpoint elsewhere = parts.address_of(99);
  const auto trusted = parts.hear(2, parts.echo_of(challenge), elsewhere);
  REQUIRE(trusted);
  CHECK(trusted->at == parts.address_of(2));
}

TEST_CASE("trust: a challenge that was lost is sent again while the node is heard") {
  TrustParts parts;
  parts.hear(2, proto::Heartbeat{});
  parts.challenged();
  parts.trust.challenge_again(parts.now(), parts.out);
  CHECK(parts.sent<proto::Challenge>().empty());  // too early
  parts.now_us += 500'000;
  parts.trust.challenge_again(parts.now(), parts.out);
  CHECK(parts.sent<proto::Challenge>().size() == 1);
  parts.now_us += 3'000'000;
  parts.trust.challenge_again(parts.now(), parts.out);
  CHECK(parts.sent<proto::Challenge>().empty());  // silent since
}

TEST_CASE("trust: a full table refuses a newcomer, and logs it once") {
  TrustParts parts;
  for (uint64_t id = 1000; id < 1000 + Membership::kMembersMax; ++id) parts.admit(id);
  for (uint64_t id = 2; id <= 3; ++id) {
    parts.hear(id, proto::Heartbeat{});
    CHECK(!parts.hear(id, parts.echo_of(parts.challenged())));
  }
  CHECK(parts.trust.dropped_refused() == 2);
  CHECK(parts.out.logs.size() == 1);
}

TEST_CASE("trust: a recorded challenge that is not for this run uses up nothing") {
  TrustParts parts;
  for (int i = 0; i < 500; ++i) parts.hear(2, proto::Challenge{parts.identity.incarnation + 1, {1}});
  CHECK(parts.sent<proto::ChallengeEcho>().empty());
  parts.hear(2, proto::Challenge{parts.identity.incarnation, {2}});
  CHECK(parts.sent<proto::ChallengeEcho>().size() == 1);
}

TEST_CASE("trust: packets played from elsewhere do not keep a newcomer from being challenged where it is") {
  TrustParts parts;
  parts.hear(2, proto::Heartbeat{}, parts.address_of(99));
  parts.now_us += 1'000;
  parts.hear(2, proto::Heartbeat{});
  REQUIRE(parts.out.sends.size() == 2);
  CHECK(parts.out.sends[1].to == parts.address_of(2));
  const auto challenges = parts.sent<proto::Challenge>();
  const auto trusted = parts.hear(2, parts.echo_of(challenges[1]));
  REQUIRE(trusted);
  CHECK(trusted->at == parts.address_of(2));
}

TEST_CASE("trust: an echo that was held back proves nothing") {
  TrustParts parts;
  parts.hear(2, proto::Heartbeat{});
  const proto::Challenge old = parts.challenged();
  parts.now_us += 5'000'000;
  parts.hear(2, proto::Heartbeat{});
  const proto::Challenge fresh = parts.challenged();
  CHECK(!parts.hear(2, parts.echo_of(old)));
  CHECK(parts.hear(2, parts.echo_of(fresh)));
}

TEST_CASE("trust: a recorded delta packet does not make us ask for a member's whole past") {
  TrustParts parts;
  proto::SyncHeader header;
  header.node_id = 2;
  header.incarnation = 7;
  header.stream = proto::SyncStream::deltas;
  header.sequence = 1;
  parts.trust.receive(parts.now(), header, {parts.address_of(2), std::nullopt, {}}, {}, parts.out);
  proto::ChallengeEcho echo = parts.echo_of(parts.challenged());
  echo.delta_sequence = 1'000'000;
  const auto trusted = parts.hear(2, echo);
  REQUIRE(trusted);
  parts.streams.announced(parts.now(), trusted->member, echo.delta_sequence);
  CHECK(trusted->member.stream->gaps.missing() == 4096);
}

TEST_CASE("trust: the addresses of sync.peers are challenged though others have used up the budget") {
  TrustParts parts;
  parts.challenges.set_named({parts.address_of(5000)});
  for (uint64_t id = 2; id < 66; ++id) parts.hear(id, proto::Heartbeat{});
  parts.out.sends.clear();
  parts.now_us += 1'100'000;
  for (int i = 0; i < 200; ++i) parts.challenges.spend(parts.now(), parts.address_of(7));
  parts.hear(5000, proto::Heartbeat{});
  CHECK(parts.sent<proto::Challenge>().size() == 1);
}

TEST_CASE("namesakes: the word of one member among several makes no node refuse itself") {
  TrustParts parts;
  const common::Endpoint holder = parts.address_of(77);
  const proto::NameTaken taken{parts.identity.incarnation, holder};
  Member& first = parts.admit(2);
  parts.receive(parts.namesakes, first, taken);
  CHECK(parts.namesakes.taken_by(parts.now_us) == holder);  // the only one there is
  Member& second = parts.admit(3);
  parts.admit(4);
  CHECK(!parts.namesakes.taken_by(parts.now_us));
  parts.receive(parts.namesakes, second, taken);
  CHECK(parts.namesakes.taken_by(parts.now_us) == holder);
  parts.now_us += 11'000'000;
  CHECK(!parts.namesakes.taken_by(parts.now_us));
}

TEST_CASE("trust: strangers cannot make this node send without limit") {
  TrustParts parts;
  size_t sent = 0;
  for (uint64_t id = 2; id < 2000; ++id) {
    parts.hear(id, proto::Heartbeat{});
    sent += parts.sent<proto::Challenge>().size();
  }
  CHECK(sent == 64);
}

}  // namespace
}  // namespace shoal::sync
