#include "node/lifecycle/start_warnings.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "node/config/resolve_options.h"

using namespace shoal;
using namespace shoal::node;

namespace {

// A file that is removed with this object.
class File {
 public:
  explicit File(mode_t mode) {
    const int fd = mkstemp(path_.data());
    REQUIRE(fd >= 0);
    REQUIRE(fchmod(fd, mode) == 0);
    close(fd);
  }
  ~File() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/shoal-test-XXXXXX";
};

// Each of the lines is the only one, and begins with the option.
void check_one(const Options& options, const std::string& beginning, bool root = false) {
  const auto found = start_warnings(options, root);
  REQUIRE(found.size() == 1);
  CAPTURE(found[0]);
  CHECK(found[0].starts_with(beginning));
}

}  // namespace

TEST_CASE("start warnings: the defaults deserve none, but not as root") {
  Options options = default_options();
  CHECK(start_warnings(options, false).empty());
  check_one(options, "node.user: not set, so the node runs as root", true);
  options.node.user = "shoal";
  CHECK(start_warnings(options, true).empty());
}

TEST_CASE("start warnings: secrets that every user can read, one line for each file") {
  const File open(0644);
  const File closed(0640);
  Options options = default_options();
  options.sync.key_files = {closed.path(), open.path()};
  check_one(options, "sync.key_files: every user of this machine can read the key file " + open.path());
  options.sync.key_files = {"/nonexistent"};
  options.admin.token_file = open.path();
  check_one(options, "admin.token_file: every user of this machine can read the token file " + open.path());
  options.admin.token_file = closed.path();
  CHECK(start_warnings(options, false).empty());
}

TEST_CASE("start warnings: an admin endpoint on all addresses without a token") {
  const File token(0600);
  Options options = default_options();
  for (const char* everywhere : {"0.0.0.0:9697", "[::]:9697"}) {
    options.admin.listen = common::parse_endpoint(everywhere);
    check_one(options, "admin.listen: on all addresses without admin.token_file");
  }
  options.admin.token_file = token.path();
  CHECK(start_warnings(options, false).empty());
  options.admin = {};
  options.admin.listen = common::parse_endpoint("192.0.2.1:9697");
  CHECK(start_warnings(options, false).empty());
}

TEST_CASE("start warnings: sync without keys, and a list that has no effect") {
  Options options = default_options();
  options.sync.insecure = true;
  check_one(options, "sync.insecure: ");
  options.sync.insecure = false;
  options.access.file = "/etc/list";
  check_one(options, "access.file: has no effect");
  options.access.mode = AccessMode::deny;
  CHECK(start_warnings(options, false).empty());
}

TEST_CASE("start warnings: a shield without a UDP tracker") {
  Options options = default_options();
  options.xdp.interfaces = {"eth0"};
  CHECK(start_warnings(options, false).empty());
  options.tracker.udp.clear();
  check_one(options, "xdp.interfaces: has no effect");
}

TEST_CASE("start warnings: feeds that do nothing, or not at once") {
  Options options = default_options();
  options.access.feeds = {{"a", FeedKind::hashes, 60, "/list"}};
  options.access.feed_folder = "/copies";
  check_one(options, "access.feeds: lists of hashes have no effect");
  options.access.mode = AccessMode::deny;
  CHECK(start_warnings(options, false).empty());
  options.access.feed_folder.clear();
  check_one(options, "access.feeds: without access.feed_folder");
}
