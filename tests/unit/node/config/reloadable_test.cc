#include "node/config/reloadable.h"

#include <doctest/doctest.h>

#include "node/config/option_table.h"
#include "node/config/resolve_options.h"

using namespace shoal;
using node::Option;
using node::Options;

namespace {

Options defaults() {
  Options options = node::default_options();
  options.node.name = "host";
  return options;
}

// An allowed value that is not the default.
std::string other_value(const Option& option) {
  if (option.kind == node::OptionKind::fraction) return "0.25";
  for (const std::string_view word : option.words) {
    if (word != option.default_text) return std::string(word);
  }
  Options options;
  for (const char* value : {"77", "1", "2", "192.0.2.7:77", "192.0.2.0/24", "239.192.0.42:6970", "other",
                            "/other", "https://tracker.example/", "https://tracker.example",
                            "http://{name}.example/", "never", "NL", "a networks 60 /other"}) {
    if (value != option.default_text && option.set(options, value)) return value;
  }
  return "";
}

Options with(const Options& options, std::string_view key, const std::string& value) {
  const Option& option = *node::find_option(key);
  Options changed = options;
  if (option.is_list()) option.clear(changed);
  REQUIRE_MESSAGE(option.set(changed, value), option.key);
  return changed;
}

}  // namespace

TEST_CASE("reload: every option finds its own change, applies it, and nothing else") {
  const Options running = defaults();
  for (const Option& option : node::option_table()) {
    CAPTURE(option.key);
    const Options read = with(running, option.key, other_value(option));
    REQUIRE(read != running);
    const auto changes = node::changes_between(running, read);
    const auto& found = option.reloadable() ? changes.reloadable : changes.need_restart;
    CHECK(found == std::vector{std::string(option.key)});
    CHECK(changes.reloadable.size() + changes.need_restart.size() == 1);
    CHECK(changes.apply == (option.reloadable() ? std::vector{option.apply} : std::vector<node::Apply>{}));
    Options copied = running;
    option.copy(copied, read);
    CHECK(copied == read);
  }
}

TEST_CASE("reload: a part of the node is handed its options once, however many of them changed") {
  const Options running = defaults();
  Options read = with(running, "tracker.interval_s", "900");
  read = with(read, "tracker.numwant_max", "77");
  read = with(read, "stats.path", "/stats");
  read = with(read, "sync.pace_mbit_s", "77");
  read = with(read, "tracker.udp", "127.0.0.1:1");
  CHECK(node::changes_between(running, read).apply == std::vector{node::Apply::tracker, node::Apply::sync});
}

TEST_CASE("reload: what may change is taken, what may not stays and is named") {
  const Options running = defaults();
  Options read = with(running, "tracker.interval_s", "900");
  read = with(read, "access.mode", "deny");
  read = with(read, "tracker.udp", "127.0.0.1:1");
  read = with(read, "sync.cluster", "other");
  const auto reloaded = node::reloaded_options(running, read);
  REQUIRE(reloaded);
  CHECK(reloaded->tracker.interval_s == 900);
  CHECK(reloaded->access.mode == node::AccessMode::deny);
  CHECK(reloaded->tracker.udp == running.tracker.udp);
  CHECK(reloaded->sync.cluster == "default");
  const auto changes = node::changes_between(running, read);
  CHECK(node::joined_keys(changes.reloadable) == "tracker.interval_s, access.mode");
  CHECK(node::joined_keys(changes.need_restart) == "tracker.udp, sync.cluster");
  // What waits for a restart keeps waiting.
  CHECK(node::joined_keys(node::changes_between(*reloaded, read).need_restart) ==
        "tracker.udp, sync.cluster");
  CHECK(node::changes_between(*reloaded, read).reloadable.empty());
}

TEST_CASE("reload: new values that contradict what stays until a restart are refused") {
  const Options running = defaults();
  Options read = with(running, "tracker.peer_timeout_s", "7200");
  read = with(read, "tracker.interval_s", "3600");
  REQUIRE(node::check_options(read));
  const auto reloaded = node::reloaded_options(running, read);
  REQUIRE(!reloaded);
  CHECK(reloaded.error().message.starts_with(
      "not without a restart, which tracker.peer_timeout_s needs: tracker.peer_timeout_s: 2700 is not "));
}
