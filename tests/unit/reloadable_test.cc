#include "node/reloadable.h"

#include <doctest/doctest.h>

using namespace shoal;
using node::Options;

TEST_CASE("reload: what may change while a node runs, and what may not") {
  Options running;
  running.access.file = "old";
  running.access.fifo_add = "fifo";
  Options read = running;
  CHECK(!node::needs_restart(running, read));
  read.sync.key_files = {"key"};
  read.access.mode = node::AccessMode::deny;
  read.access.file = "new";
  read.access.clients_allow = {"-qB"};
  read.access.clients_deny = {"-XL"};
  read.access.deny_networks = {*common::parse_network("10.0.0.0/8")};
  read.access.private_addresses = false;
  CHECK(!node::needs_restart(running, read));
  CHECK(node::reloaded_access(running.access, read.access) == read.access);

  Options other = read;
  other.access.fifo_add = "";
  CHECK(node::needs_restart(running, other));
  CHECK(node::reloaded_access(running.access, other.access) == read.access);
  other = read;
  other.access.trusted_proxies = {*common::parse_network("10.0.0.0/8")};
  CHECK(node::needs_restart(running, other));
  other = read;
  other.tracker.interval_s = 1;
  CHECK(node::needs_restart(running, other));
}
