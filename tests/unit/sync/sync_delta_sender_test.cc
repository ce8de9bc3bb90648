#include <doctest/doctest.h>

#include "sync/delta_sender.h"
#include "tests/unit/support/sync_parts.h"

namespace shoal::sync {
namespace {

TEST_CASE("delta sender: of one Nack so many packets are looked at, whatever it names") {
  test::Parts parts;
  DeltaSender sender{parts.identity, parts.sender, parts.members, parts.clock, parts.swarms};
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

}  // namespace
}  // namespace shoal::sync
