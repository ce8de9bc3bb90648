#include "node/cli/check_files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "node/cluster/key_file.h"

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
  CHECK(wrong_files(options).empty());
  options.sync.key_files = {folder.file("key", format_key_file(new_key()))};
  options.admin.token_file = folder.file("token", "0123456789abcdef\n");
  options.access.mode = AccessMode::deny;
  options.access.file = folder.file("list", std::string(40, 'a') + "\n");
  options.access.state_file = folder.path() + "/state";
  options.node.snapshot = folder.path() + "/snapshot";
  options.admin.export_file = folder.path() + "/export";
  CHECK(wrong_files(options).empty());
  folder.file("state", "shoal-access-1\n");
  CHECK(wrong_files(options).empty());
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
  const auto wrong = wrong_files(options);
  const char* const kOptions[] = {"sync.key_files",    "sync.key_files", "admin.token_file", "access.file",
                                  "access.state_file", "node.snapshot",  "admin.export_file"};
  REQUIRE(wrong.size() == std::size(kOptions));
  for (size_t i = 0; i < wrong.size(); ++i) CHECK(wrong[i].starts_with(std::string(kOptions[i]) + ": "));
  CHECK(wrong.back() == "admin.export_file: /nonexistent/export: No such file or directory");
}

TEST_CASE("named files: the access list is checked only if it is read, and below the node's new root") {
  const Folder folder;
  Options options;
  options.access.file = "/nonexistent/list";
  CHECK(wrong_files(options).empty());
  options.access.mode = AccessMode::deny;
  CHECK(wrong_files(options).size() == 1);
  folder.file("list", "");
  options.access.file = "/list";
  options.node.chroot = folder.path();
  CHECK(wrong_files(options).empty());
}
