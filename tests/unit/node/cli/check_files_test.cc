#include "node/cli/check_files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "node/cluster/key_file.h"
#include "node/tls/tls_context.h"
#include "tests/unit/support/test_certificates.h"

using namespace shoal::node;

namespace {

// A folder, removed with this object.
class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(path_.data()) != nullptr); }
  ~Folder() { CHECK(std::system(("rm -r " + path_).c_str()) == 0); }
  std::string file(const std::string& name, const std::string& text) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path) << text;
    CHECK(chmod(path.c_str(), 0600) == 0);
    return path;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/shoal-test-XXXXXX";
};

}  // namespace

TEST_CASE("named files: no complaint where a node could start") {
  const Folder folder;
  Options options;
  CHECK(check_files(options).errors.empty());
  options.sync.key_files = {folder.file("key", format_key_file(new_key()))};
  options.admin.token_file = folder.file("token", "0123456789abcdef\n");
  options.access.mode = AccessMode::deny;
  options.access.file = folder.file("list", std::string(40, 'a') + "\n");
  options.access.state_file = folder.path() + "/state";
  options.node.snapshot = folder.path() + "/snapshot";
  options.admin.export_file = folder.path() + "/export";
  CHECK(check_files(options).errors.empty());
  folder.file("state", "shoal-access-1\n");
  CHECK(check_files(options).errors.empty());
}

TEST_CASE("named files: each bad file is named with its option") {
  const Folder folder;
  Options options;
  options.sync.key_files = {"/nonexistent/key", folder.file("key", "no key")};
  options.admin.token_file = folder.file("token", "short");
  options.access.mode = AccessMode::allow;
  options.access.file = folder.file("list", "xyz\n");
  options.access.state_file = folder.file("state", "something else\n");
  options.node.snapshot = folder.path();
  options.admin.export_file = "/nonexistent/export";
  options.access.fifo_add = options.sync.key_files[1];
  options.access.fifo_delete = "/nonexistent/fifo";
  const auto wrong = check_files(options).errors;
  const char* const kOptions[] = {"sync.key_files",    "sync.key_files",    "admin.token_file",
                                  "access.file",       "access.state_file", "node.snapshot",
                                  "admin.export_file", "access.fifo_add",   "access.fifo_delete"};
  REQUIRE(wrong.size() == std::size(kOptions));
  for (size_t i = 0; i < wrong.size(); ++i) CHECK(wrong[i].starts_with(std::string(kOptions[i]) + ": "));
  CHECK(wrong.back() == "access.fifo_delete: /nonexistent/fifo: No such file or directory");
  options.node.chroot = folder.path() + "/nowhere";
  CHECK(check_files(options).errors[0] ==
        "node.chroot: " + options.node.chroot + ": No such file or directory");
  options.node.chroot = options.sync.key_files[1];
  CHECK(check_files(options).errors[0] == "node.chroot: " + options.node.chroot + " is not a folder");
}

TEST_CASE("named files: the access list is checked only if it is read, and below the node's new root") {
  const Folder folder;
  Options options;
  options.access.file = "/nonexistent/list";
  CHECK(check_files(options).errors.empty());
  options.access.mode = AccessMode::deny;
  CHECK(check_files(options).errors.size() == 1);
  folder.file("list", "");
  options.access.file = "/list";
  options.node.chroot = folder.path();
  CHECK(check_files(options).errors.empty());
}

TEST_CASE("named files: a list that lists nothing is a warning, if nothing else is served") {
  const Folder folder;
  Options options;
  options.access.mode = AccessMode::allow;
  CHECK(check_files(options).warnings.size() == 1);
  options.access.file = folder.file("list", "# nothing\n");
  const Findings found = check_files(options);
  CHECK(found.errors.empty());
  REQUIRE(found.warnings.size() == 1);
  CHECK(found.warnings[0].starts_with("access.mode: allow, but the access list lists nothing"));
  options.access.mode = AccessMode::deny;
  CHECK(check_files(options).warnings.empty());
  options.access.mode = AccessMode::allow;
  options.access.state_file = folder.file(
      "state", "shoal-access-1\n" + std::string(40, 'b') + " add 1700000000000 0000000000000001\n");
  CHECK(check_files(options).errors.empty());
  CHECK(check_files(options).warnings.empty());
  options.access.state_file.clear();
  options.access.file = folder.file("list", std::string(40, 'a') + "\n");
  CHECK(check_files(options).warnings.empty());
  // It is not known what an unreadable list lists.
  options.access.file = folder.file("list", "xyz\n");
  CHECK(check_files(options).warnings.empty());
}

TEST_CASE("named files: certificates and their keys") {
  const Folder folder;
  const auto good = shoal::test::make_certificate({});
  const auto old = shoal::test::make_certificate({.ends_in_s = -60});
  const auto nameless = shoal::test::make_certificate({.names = {}});
  Options options;
  options.tracker.tls_certificates = {folder.file("a", good.certificate), folder.file("b", old.certificate),
                                      folder.file("c", nameless.certificate)};
  options.tracker.tls_keys = {folder.file("d", good.key), folder.file("e", old.key),
                              folder.file("f", nameless.key)};
  auto found = check_files(options);
  CHECK(found.errors.empty());
  // The certificates end within a day; they are told of the worst of theirs.
  REQUIRE(found.warnings.size() == 4);
  CHECK(found.warnings[0].find("/a: expires in") != std::string::npos);
  CHECK(found.warnings[1].find("/b: has expired") != std::string::npos);
  CHECK(found.warnings[3].find("/c: has no names (SAN)") != std::string::npos);
  std::swap(options.tracker.tls_keys[0], options.tracker.tls_keys[1]);
  found = check_files(options);
  CHECK(found.errors.size() == 2);
}

TEST_CASE("named files: certificates that a node does not take, and keys that cost much") {
  const Folder folder;
  const auto short_key = shoal::test::make_certificate({.rsa_bits = 1024});
  const auto long_key = shoal::test::make_certificate({.rsa_bits = 3072});
  const auto usual_key = shoal::test::make_certificate({.rsa_bits = 2048});
  const auto root = shoal::test::make_certificate({.names = {}, .subject = "root"});
  const auto issuer =
      shoal::test::make_certificate({.names = {}, .issuer = &root, .subject = "issuer", .rsa_bits = 1024});
  const auto below = shoal::test::make_certificate({.issuer = &issuer});
  const auto check = [&](const std::string& certificate, const std::string& key) {
    Options options;
    options.tracker.tls_certificates = {folder.file("a", certificate)};
    options.tracker.tls_keys = {folder.file("b", key)};
    const Findings found = check_files(options);
    CHECK(TlsContext::load(options).has_value() == found.errors.empty());
    return found;
  };
  const auto costs_much = [](const Findings& found) {
    return std::any_of(found.warnings.begin(), found.warnings.end(), [](const std::string& one) {
      return one.find("has an RSA key of 3072 bits") != std::string::npos;
    });
  };
  CHECK(check(short_key.certificate, short_key.key).errors.size() == 1);
  CHECK(check(below.certificate + issuer.certificate, below.key).errors.size() == 1);
  CHECK(check(long_key.certificate, long_key.key).errors.empty());
  CHECK(costs_much(check(long_key.certificate, long_key.key)));
  CHECK(check(usual_key.certificate, usual_key.key).errors.empty());
  CHECK_FALSE(costs_much(check(usual_key.certificate, usual_key.key)));
}
