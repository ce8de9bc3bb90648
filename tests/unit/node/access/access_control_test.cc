#include "node/access/access_control.h"

#include <doctest/doctest.h>
#include <uv.h>

#include <filesystem>
#include <string>
#include <vector>

#include "node/access/access_state.h"
#include "node/config/resolve_options.h"
#include "node/os/files.h"
#include "node/os/monotonic.h"
#include "tests/unit/support/made_up_files.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using test::hash_of;

namespace {

// One on a loop of its own.
struct Control {
  explicit Control(node::AccessMode mode, const std::string& state_file = "",
                   const std::vector<common::InfoHash>& file = {})
      : store({.key = {1}, .replicated = false}) {
    REQUIRE(uv_loop_init(&loop) == 0);
    options.mode = mode;
    options.state_file = state_file;
    node::AccessControl::Start start;
    start.files.swarms = node::AccessList(file);
    control.emplace(&loop, options, 1, std::move(start), store,
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

  template <typename Condition>
  void run_until(Condition condition) {
    for (int i = 0; i < 100 && !condition(); ++i) run_for(100);
  }

  bool holds(uint64_t number) const { return test::scrape(store, number).leechers > 0; }
  void hold(uint64_t number) {
    test::announce(store, {.hash = number, .peer = test::v4_peer(1)}, common::Tick{118'000'000});
  }

  uv_loop_t loop;
  node::SwarmStore store;
  node::Options::Access options = node::default_options().access;
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

TEST_CASE("access control: many changes are published in slices, and what changes meanwhile follows") {
  constexpr uint64_t kMany = 5'500;
  Control one(node::AccessMode::deny);
  for (uint64_t i = 0; i < kMany; ++i) one.change(i, true);
  const size_t before = one.published;
  // As much as a turn of the loop can do, when all of it is due.
  for (uint64_t turn = 0; turn < kMany / node::AccessLogCopy::kSliceMax; ++turn) {
    uv_sleep(50);
    uv_run(&one.loop, UV_RUN_NOWAIT);
    REQUIRE(one.published == before);
    CHECK_FALSE(one.control->all_in_force());
    one.change(kMany + turn, true);
    one.change(turn, false);
  }
  // Other options and feeds need not wait for it, and take nothing away.
  one.control->set_fed({.networks = nullptr,
                        .hashes = std::make_shared<const node::AccessList>(std::vector{hash_of(2 * kMany)})});
  CHECK(one.published == before + 1);
  CHECK_FALSE(one.control->allows(hash_of(2 * kMany)));
  const auto all_in_force = [&] {
    for (uint64_t i = 0; i < kMany + 5; ++i) {
      if (one.control->allows(hash_of(i)) != (i < 5)) return false;
    }
    return true;
  };
  CHECK_FALSE(one.control->all_in_force());
  one.run_until([&] { return one.control->all_in_force(); });
  CHECK(all_in_force());
  CHECK_FALSE(one.control->allows(hash_of(2 * kMany)));
}

TEST_CASE("access control: swarms that are denied while a policy is made of many changes are dropped") {
  constexpr uint64_t kMany = 5'500;
  Control one(node::AccessMode::deny);
  const std::vector<uint64_t> announced = {0, 1'000, kMany - 1, kMany, kMany + 1, kMany + 2};
  for (const uint64_t number : announced) {
    test::announce(one.store, {.hash = number, .peer = test::v4_peer(1)}, common::Tick{118'000'000});
  }
  for (uint64_t i = 0; i < kMany; ++i) one.change(i, true);
  one.run_until([&] { return one.published > 0; });
  for (uint64_t turn = 0; turn < 3; ++turn) {
    one.change(kMany + turn, true);
    uv_sleep(1'100);
    // The first slice of the next policy; then the last one settles.
    uv_run(&one.loop, UV_RUN_NOWAIT);
    const size_t before = one.published;
    one.run_until([&] { return one.published > before; });
  }
  one.run_until([&] { return one.control->status().swarms_dropped == announced.size(); });
  CHECK(one.control->status().swarms_dropped == announced.size());
}

TEST_CASE("access control: a reload takes no peers of a swarm that a run-time change has just allowed") {
  constexpr uint64_t kMany = 10'001;
  constexpr uint64_t kFrom = 1'000'000;
  Control one(node::AccessMode::allow, "", {hash_of(1), hash_of(2)});
  for (uint64_t i = 0; i < kMany; ++i) one.change(kFrom + i, true);
  one.run_until([&] { return one.control->all_in_force(); });
  for (const uint64_t number : {1, 2, 3}) one.hold(number);
  // From the file to the run-time changes, whose policy takes a second.
  one.change(1, true);
  one.control->set(one.options, {});
  CHECK_FALSE(one.control->all_in_force());
  one.run_until([&] { return one.control->status().swarms_dropped == 2; });
  CHECK(one.store.totals().leechers_v4 == 1);
  one.run_until([&] { return one.control->all_in_force(); });
  one.run_for(2'200);
  CHECK(one.holds(1));
  CHECK(one.control->allows(hash_of(1)));
}

TEST_CASE("access control: what denies much at once is looked for to the end, also while changes go on") {
  constexpr uint64_t kMany = 10'001;
  constexpr uint64_t kFrom = 1'000'000;
  Control one(node::AccessMode::deny);
  for (uint64_t i = 0; i < kMany; ++i) one.change(kFrom + i, true);
  one.control->set(one.options, {});
  const uint64_t noted = one.control->generation();
  uint64_t next = 0;
  const auto go_on_for = [&](int64_t ms) {
    for (const int64_t end = node::monotonic_ms() + ms; node::monotonic_ms() < end;) {
      one.change(2 * kFrom + next++, true);
      one.run_for(50);
    }
  };
  CHECK(one.control->generation_in_force() < noted);
  go_on_for(6'000);
  CHECK(one.control->generation_in_force() >= noted);
  CHECK_FALSE(one.control->all_in_force());
  // Nobody asks for this one any more.
  one.hold(kFrom);
  go_on_for(2'500);
  CHECK(one.control->status().swarms_dropped == 0);
}

TEST_CASE("access control: many changes are saved in slices, and all of them at the end") {
  constexpr uint64_t kMany = 5'500;
  const test::MadeUpFiles files;
  const std::string path = files.root() + "/state";
  const auto saved = [&] {
    const auto text = node::read_text_file(path, node::kAccessStateBytesMax);
    const auto log = text ? node::parse_access_state("state", *text) : sync::AccessLog();
    return log ? log->size() : 0;
  };
  {
    Control one(node::AccessMode::deny, path);
    for (uint64_t i = 0; i < kMany; ++i) one.change(i, true);
    SUBCASE("in time") {
      one.run_until([&] { return saved() == kMany; });
      CHECK(saved() == kMany);
      one.change(kMany, true);
    }
    SUBCASE("stopped while they are copied") {
      one.run_until([&] { return one.published > 0; });
      uv_sleep(1'100);  // until it is time to save them
      uv_run(&one.loop, UV_RUN_NOWAIT);
      uv_sleep(200);  // a thread of the pool would write it meanwhile
      CHECK(saved() == 0);
      one.change(kMany, true);
    }
  }
  CHECK(saved() == kMany + 1);
}

TEST_CASE("access control: a file that is saved while changes go and come can be read") {
  const test::MadeUpFiles files;
  const std::string path = files.root() + "/state";
  Control one(node::AccessMode::deny, path);
  const auto hash_beginning = [](uint8_t first, uint32_t number) {
    common::InfoHash hash;
    hash.bytes = {first, static_cast<uint8_t>(number >> 16), static_cast<uint8_t>(number >> 8),
                  static_cast<uint8_t>(number)};
    return hash;
  };
  constexpr uint32_t kOther = 1'000;
  std::vector<common::InfoHash> own;
  for (uint32_t i = 0; i < kOther; ++i) {
    const proto::AccessChange change{hash_beginning(0, i), true, {1'900'000'000'000, 2}};
    REQUIRE(one.control->log().merge(change, 1'900'000'000'000) == sync::AccessLog::Merged::news);
  }
  for (uint32_t i = kOther; i < sync::AccessLog::kChangesMax; ++i) own.push_back(hash_beginning(1, i));
  REQUIRE(one.control->change(own, true));
  one.run_until([&] { return one.published > 0; });
  uv_sleep(1'100);  // until it is time to save them
  for (int turn = 0; turn < 10; ++turn) {
    uv_run(&one.loop, UV_RUN_NOWAIT);
    uv_sleep(2);
  }
  REQUIRE(one.control->forget_origin(2) == kOther);
  own.clear();
  for (uint32_t i = 0; i < kOther; ++i) own.push_back(hash_beginning(2, i));
  REQUIRE(one.control->change(own, true));
  one.run_until([&] { return std::filesystem::exists(path); });
  const auto text = node::read_text_file(path, node::kAccessStateBytesMax);
  REQUIRE(text);
  const auto log = node::parse_access_state("state", *text);
  REQUIRE(log);
  CHECK(log->size() == sync::AccessLog::kChangesMax);
}

TEST_CASE("access control: it may go while lists are made") {
  Control one(node::AccessMode::deny);
  for (uint64_t i = 0; i < 3'000; ++i) one.change(i, true);
  one.run_for(17);
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

TEST_CASE("access control: a state file that could not be written is written as soon as it can be") {
  const test::MadeUpFiles files;
  const std::string folder = files.root() + "/later";
  Control one(node::AccessMode::deny, folder + "/state");
  one.change(1, true);
  one.run_until([&] { return one.control->status().state_writes_failed > 0; });
  CHECK(one.control->status().state_writes_failed > 0);
  std::filesystem::create_directory(folder);
  // Nobody changes anything meanwhile.
  one.run_until([&] { return std::filesystem::exists(folder + "/state"); });
  CHECK(std::filesystem::exists(folder + "/state"));
}
