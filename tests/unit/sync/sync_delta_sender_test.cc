#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <vector>

#include "sync/cluster.h"
#include "sync/delta_sender.h"
#include "tests/unit/support/sync_parts.h"
#include "tests/unit/support/sync_peer.h"

namespace shoal::sync {
namespace {

TEST_CASE("delta sender: of one Nack so many packets are looked at, whatever it names") {
  test::Parts parts;
  DeltaSender sender{parts.identity, parts.sender, parts.members, parts.clock, parts.swarms, {}};
  Member& member = parts.admit(2);
  member.heard(parts.now_us);
  constexpr uint64_t kSent = 3000;
  for (uint64_t i = 0; i < kSent; ++i) {
    proto::OwnDelta own;
    own.delta.peer = common::make_endpoint_v4(static_cast<uint32_t>(i + 1), 1);
    sender.publish(parts.now(), {&own, 1}, parts.out);
    sender.flush_all(parts.now(), parts.out);
  }
  REQUIRE(parts.sender.delta_sequence() == kSent);
  for (int i = 0; i < 3; ++i) {
    parts.receive(sender, member, proto::Nack{parts.identity.incarnation, {{1, kSent}}});
    CHECK(member.resend->asked.size() <= 1024);
  }
  CHECK(sender.dropped_repair() == 3 * (kSent - 1024));
}

// One node that publishes the same delta now and then, and the members that hear it.
struct Publisher {
  static Config config() {
    Config out = test::Parts::config();
    out.insecure = true;
    return out;
  }

  test::SyncPeer& meet(const std::string& name, uint32_t number) {
    peers.emplace_back(std::vector{insecure_key("test")}, "test", name, config().incarnation,
                       common::make_endpoint_v4(0x0a000000 + number, 6970));
    REQUIRE(peers.back().meet(cluster, now, out));
    return peers.back();
  }

  void hear(test::SyncPeer& from, bool numbered, uint32_t peer_timeout_s = 2700) {
    proto::Heartbeat said;
    said.name = "of " + std::to_string(from.from.port);
    said.unix_ms = now.unix_ms;
    said.peer_timeout_s = peer_timeout_s;
    said.list_parts = 1;
    said.numbered = numbered;
    cluster.receive(now, {from.from, std::nullopt, *from.control(said)}, out);
  }

  void run_ms(int64_t ms) {
    for (int64_t i = 0; i < ms / 50; ++i) {
      now.mono_us += 50'000;
      now.unix_ms += 50;
      cluster.advance(now, out);
    }
  }

  // Longer than a number must not be used; then publishes. 'f': went in full, 't': told under a number, 'n':
  // named by one.
  std::string publish() {
    run_ms(1'500);
    out = {};
    proto::OwnDelta own;
    own.delta.peer = common::make_endpoint_v4(0xcb007101, 1);
    cluster.publish(now, {&own, 1}, out);
    run_ms(100);
    std::string kinds(peers[0].all<proto::DeltaBatch>(out.sends).size(), 'f');
    for (const auto& batch : peers[0].all<proto::NumberedBatch>(out.sends)) {
      kinds += batch.numbers.at(0) < batch.first_told ? 'n' : 't';
    }
    return kinds;
  }

  Now now{1'000'000, test::Parts::kStartMs};
  test::NoSwarms swarms;
  Cluster cluster{config(), swarms, now};
  Outputs out;
  std::deque<test::SyncPeer> peers;
};

TEST_CASE("delta sender: info_hashes go by number only while all members that may hear this node read it") {
  Publisher publisher;
  test::SyncPeer& one = publisher.meet("one", 1);
  // Nothing is known of it yet: it may be of a version before.
  CHECK(publisher.publish() == "f");
  publisher.hear(one, true);
  CHECK(publisher.publish() == "t");
  CHECK(publisher.publish() == "n");
  test::SyncPeer& old = publisher.meet("old", 2);
  CHECK(publisher.publish() == "ff");
  publisher.hear(old, false);
  CHECK(publisher.publish() == "ff");
  // No deltas are exchanged with it: it is no reason.
  publisher.hear(one, true);
  publisher.hear(old, false, 1800);
  CHECK(publisher.publish() == "n");
  publisher.hear(old, false);
  CHECK(publisher.publish() == "ff");
  // Nor is it one that cannot hear this node any more.
  for (int i = 0; i < 8; ++i) {
    publisher.run_ms(1'000);
    publisher.hear(one, true);
  }
  CHECK(publisher.publish() == "n");
}

TEST_CASE("delta sender: what is asked for is told within a pace of its own") {
  test::Parts parts;
  DeltaSender sender{parts.identity, parts.sender, parts.members, parts.clock, parts.swarms, {}};
  Member& member = parts.admit(2);
  member.heard(parts.now_us);
  sender.set_pace(50'000);
  const proto::HashesAsk ask{parts.identity.incarnation, {1, 2, 3}};
  parts.receive(sender, member, ask);
  const auto answers = parts.sent<proto::Hashes>();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0] == proto::Hashes{1, {}});  // nothing has been told
  parts.receive(sender, member, proto::HashesAsk{parts.identity.incarnation + 1, {1}});
  CHECK(parts.sent<proto::Hashes>().empty());
  for (int i = 0; i < 10'000; ++i) parts.receive(sender, member, ask);
  CHECK(sender.dropped_repair() > 5'000);
}

TEST_CASE("delta sender: who asks for packets all the time is told info_hashes all the same") {
  test::Parts parts;
  DeltaSender sender{parts.identity, parts.sender, parts.members, parts.clock, parts.swarms, {}};
  Member& member = parts.admit(2);
  member.heard(parts.now_us);
  sender.set_pace(50'000);
  for (uint32_t i = 0; i < 1'000; ++i) {
    proto::OwnDelta own;
    own.delta.peer = common::make_endpoint_v4(i + 1, 1);
    sender.publish(parts.now(), {&own, 1}, parts.out);
    sender.flush_all(parts.now(), parts.out);
  }
  // More than may be sent again in this time.
  size_t told = 0;
  for (int i = 0; i < 50; ++i) {
    parts.receive(sender, member, proto::Nack{parts.identity.incarnation, {{1, 1'000}}});
    parts.out = {};
    parts.receive(sender, member, proto::HashesAsk{parts.identity.incarnation, {1, 2, 3}});
    told += parts.sent<proto::Hashes>().size();
    parts.now_us += 20'000;
    member.heard(parts.now_us);
    sender.resend(parts.now(), member, parts.out);
  }
  CHECK(told == 50);
}

}  // namespace
}  // namespace shoal::sync
