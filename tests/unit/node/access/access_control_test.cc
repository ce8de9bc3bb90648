#include "node/access/access_control.h"

#include <doctest/doctest.h>
#include <uv.h>

#include <vector>

#include "node/config/resolve_options.h"
#include "node/os/monotonic.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using test::hash_of;

namespace {

// One on a loop of its own.
struct Control {
  explicit Control(node::AccessMode mode) : store({.key = {1}, .replicated = false}) {
    REQUIRE(uv_loop_init(&loop) == 0);
    node::Options::Access options = node::default_options().access;
    options.mode = mode;
    control.emplace(&loop, options, 1, node::AccessControl::Start{}, store,
                    node::AccessControl::Hooks{.publish = [this](const auto&) { ++published; },
                                               .send = [](std::span<const proto::AccessChange>) {},
                                               .send_forgotten = [](const proto::ForgottenOrigin&) {},
                                               .unix_ms = [] { return int64_t{1'900'000'000'000}; }});
  }
  ~Control() {
    control->stop();
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void change(uint64_t number, bool listed) {
    const std::vector hashes = {hash_of(number)};
    REQUIRE(control->change(hashes, listed));
  }

  void run_for(int64_t ms) {
    const int64_t end = node::monotonic_ms() + ms;
    while (node::monotonic_ms() < end) {
      uv_run(&loop, UV_RUN_NOWAIT);
      uv_sleep(1);
    }
  }

  uv_loop_t loop;
  node::SwarmStore store;
  size_t published = 0;
  std::optional<node::AccessControl> control;
};

}  // namespace

TEST_CASE("access control: with many run-time changes a new one does not make a new policy each time") {
  Control many(node::AccessMode::deny);
  for (uint64_t i = 0; i < 20'000; ++i) many.change(i, true);
  many.run_for(1'500);
  const size_t before = many.published;
  CHECK(before >= 1);
  for (int i = 0; i < 50; ++i) {
    many.change(7, i % 2 == 0);
    many.run_for(10);
  }
  CHECK(many.published <= before + 2);
  Control few(node::AccessMode::deny);
  few.change(1, true);
  for (int i = 0; i < 200 && few.published == 0; ++i) few.run_for(10);
  CHECK(few.published == 1);
  CHECK_FALSE(few.control->allows(hash_of(1)));
}

TEST_CASE("access control: what the feeds say is in force, and goes with them") {
  Control one(node::AccessMode::deny);
  CHECK(one.control->allows(hash_of(1)));
  node::FeedLists fed;
  fed.hashes = std::make_shared<const node::AccessList>(std::vector{hash_of(1)});
  fed.networks =
      std::make_shared<const common::NetworkSet>(std::vector{*common::parse_network("192.0.2.0/24")});
  one.control->set_fed(fed);
  CHECK_FALSE(one.control->allows(hash_of(1)));
  CHECK(one.control->policy()->denies(*common::parse_address("192.0.2.1")));
  // A reload of the files leaves them.
  one.control->set(one.control->options(), {});
  CHECK_FALSE(one.control->allows(hash_of(1)));
  one.control->set_fed({});
  CHECK(one.control->allows(hash_of(1)));
  CHECK_FALSE(one.control->policy()->denies(*common::parse_address("192.0.2.1")));
}

TEST_CASE("access control: what is void is kept and in force, though none of it was here") {
  Control control(node::AccessMode::deny);
  control.run_for(50);
  const size_t before = control.published;
  control.control->changes_merged({});
  const int64_t end = node::monotonic_ms() + 10'000;
  while (control.published == before && node::monotonic_ms() < end) control.run_for(10);
  CHECK(control.published == before + 1);
}
