#include "node/cli/check_config.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "node/xdp/shield.h"

using namespace shoal::node;

namespace {

Findings check(const std::string& text) {
  OptionSources sources;
  sources.file_name = "f.toml";
  sources.file_text = text;
  sources.host_name = "host";
  return check_config(resolve_all(sources));
}

bool has(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

TEST_CASE("check config: options, contradictions and files are found wrong in one pass") {
  const Findings found = check(
      "[node]\nworkers = -1\nsnapshot = \"/nonexistent/snapshot\"\n[tracker]\nnumwant_default = 300\n"
      "[access]\nmode = \"deny\"\nfile = \"/nonexistent/list\"\n[sync]\nkey_files = [\"/nonexistent/key\"]\n"
      "peers = [\"127.0.0.1:6970\"]\nbogus = 1\n");
  const char* const wanted[] = {"f.toml:2: node.workers: ",
                                "f.toml:12: sync.bogus: unknown key",
                                "f.toml:5: tracker.numwant_default: ",
                                "f.toml:11: sync.peers: is set but sync.listen is not",
                                "sync.key_files: ",
                                "access.file: ",
                                "node.snapshot: "};
  REQUIRE(found.errors.size() == std::size(wanted));
  for (size_t i = 0; i < std::size(wanted); ++i) {
    CAPTURE(found.errors[i]);
    CHECK(found.errors[i].starts_with(wanted[i]));
  }
  CHECK(found.warnings.empty());
}

TEST_CASE("check config: what this machine does not have is a warning") {
  const Findings found = check(
      "[node]\nuser = \"no-such-user-here\"\n[tracker]\nudp = [\"192.0.2.1:6969\", \"127.0.0.1:6969\"]\n"
      "[access]\nmode = \"allow\"\n[admin]\nlisten = \"0.0.0.0:9697\"\n"
      "[sync]\nlisten = \"127.0.0.1:6970\"\ninsecure = true\nmulticast = [\"239.0.0.1:1%nosuch0\"]\n"
      "peers = [\"no-such-name.invalid:6970\", \"127.0.0.2:6970\", \"[::1]:6970\", \"localhost:6970\"]\n"
      "[xdp]\ninterfaces = [\"nosuch0\"]\n");
  CHECK(found.errors.empty());
  for (const char* warning :
       {"node.user: no such user: no-such-user-here",
        "tracker.udp: 192.0.2.1:6969: no interface of this machine has this address",
        "sync.multicast: no such interface: nosuch0", "xdp.interfaces: no such interface: nosuch0",
        "sync.peers: ::1: has no IPv4 address, the family of sync.listen"}) {
    CAPTURE(warning);
    CHECK(has(found.warnings, warning));
  }
  size_t others = 0;
  for (const std::string& warning : found.warnings) {
    others += warning.starts_with("access.mode: allow, but ") ||
                      warning.starts_with("admin.listen: on all ") ||
                      warning.starts_with("sync.insecure: ") ||
                      warning.starts_with("sync.peers: no-such-name.invalid: ")
                  ? 1
                  : 0;
  }
  CHECK(others == 4);
  const size_t built_without = Shield::is_built() ? 0 : 1;
  CHECK(found.warnings.size() == 9 + built_without);
}

TEST_CASE("check config: a file with nothing in it has nothing wrong with it") {
  const Findings found = check("");
  CHECK(found.errors.empty());
  CHECK(found.warnings.empty());
}
