#include <doctest/doctest.h>

#include "sync/delta_sender.h"
#include "tests/unit/support/sync_parts.h"

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

TEST_CASE("delta sender: info_hashes go by number only if all members that may hear this node read it") {
  test::Parts parts;
  DeltaSender sender{parts.identity, parts.sender, parts.members, parts.clock, parts.swarms, {}};
  Member& member = parts.admit(2);
  member.heard(parts.now_us);
  const auto publish = [&] {
    proto::OwnDelta own;
    own.delta.peer = common::make_endpoint_v4(1, 1);
    sender.publish(parts.now(), {&own, 1}, parts.out);
    sender.flush_all(parts.now(), parts.out);
    parts.now_us += ToldHashes::kSettleUs;
  };
  // Nothing is known of it yet: it may be of a version before.
  publish();
  CHECK(parts.sent<proto::DeltaBatch>().size() == 1);
}

TEST_CASE("delta sender: what is asked for is told within the pace of resending") {
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

}  // namespace
}  // namespace shoal::sync
