// Leaving: two clusters on a link that loses what a test tells it to lose.

#include "common/prng.h"
#include "tests/unit/support/sync_link.h"

using namespace shoal;
using test::End;
using test::kUnixMs;
using test::Link;

TEST_CASE("sync leave: over when the other member has heard it and has everything") {
  Link link;
  link.publish(link.a, 100);
  CHECK(!link.a.cluster.left_in_order(link.now()));
  link.a.cluster.leave(link.now(), link.a.out);
  CHECK(!link.a.cluster.left_in_order(link.now()));
  link.run_ms(5);
  CHECK(link.a.cluster.left_in_order(link.now()));
  CHECK(link.b.swarms.merged == 100);
  CHECK(Link::state_at(link.b, "a", link.now()) == sync::MemberState::left);
  // Silent from then on.
  const uint64_t sent = link.a.cluster.status(link.now()).stats.datagrams_sent;
  link.run_ms(3'000);
  CHECK(link.a.cluster.status(link.now()).stats.datagrams_sent == sent);
}

TEST_CASE("sync leave: on a link that loses two of five datagrams it is heard, and nothing is lost") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Link link;
    common::Prng prng(seed);
    link.loses = [&prng] { return prng.below(5) < 2; };
    link.publish(link.a, 500);
    link.a.cluster.leave(link.now(), link.a.out);
    int waited_ms = 0;
    for (; waited_ms < 5'000 && !link.a.cluster.left_in_order(link.now()); ++waited_ms) link.run_ms(1);
    CHECK(waited_ms < 1'000);  // a node waits this long (kLingerMs)
    CHECK(link.b.swarms.merged >= 500);
    CHECK(Link::state_at(link.b, "a", link.now()) == sync::MemberState::left);
  }
}

TEST_CASE("sync leave: not in order while nobody answers, and repeated all the time") {
  Link link;
  link.loses = [] { return true; };
  link.a.cluster.leave(link.now(), link.a.out);
  const uint64_t before = link.a.cluster.status(link.now()).stats.datagrams_sent;
  link.run_ms(1'000);
  CHECK(!link.a.cluster.left_in_order(link.now()));
  CHECK(link.a.cluster.status(link.now()).stats.datagrams_sent - before >= 19);
}

TEST_CASE("sync leave: two that leave at once do not wait for each other; a lone node does not wait") {
  Link link;
  link.a.cluster.leave(link.now(), link.a.out);
  link.b.cluster.leave(link.now(), link.b.out);
  link.run_ms(5);
  CHECK(link.a.cluster.left_in_order(link.now()));
  CHECK(link.b.cluster.left_in_order(link.now()));
  End alone("c", 0x0a000003);
  alone.cluster.leave({1, kUnixMs}, alone.out);
  CHECK(alone.cluster.left_in_order({1, kUnixMs}));
  CHECK(alone.out.sends.empty());
}
