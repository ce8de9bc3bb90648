#include "node/cluster/node_keys.h"

#include <doctest/doctest.h>
#include <sodium/core.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "node/cluster/key_file.h"

using namespace shoal;
using namespace shoal::node;

namespace {

struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "shoal-test-XXXXXX").string();
  Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("node keys: one set from all files, or an error") {
  const Folder folder;
  Options options;
  options.sync.cluster = "test";
  for (const char* name : {"/one", "/two"}) {
    REQUIRE(create_key_file(folder.path + name));
    options.sync.key_files.push_back(folder.path + name);
  }
  const auto keys = load_node_keys(options);
  REQUIRE(keys);
  CHECK(keys->cluster.size() == 2);
  CHECK(keys->connection.size() == 2);
  CHECK(keys->connection[0] != keys->connection[1]);
  const std::string ids = key_ids(keys->cluster, "test");
  CHECK(ids.size() == 8 + 2 + 8);

  std::swap(options.sync.key_files[0], options.sync.key_files[1]);
  const auto turned = load_node_keys(options);
  REQUIRE(turned);
  CHECK(turned->connection[0] == keys->connection[1]);
  CHECK(key_ids(turned->cluster, "test") == ids.substr(10) + ", " + ids.substr(0, 8));

  std::ofstream(options.sync.key_files[1]) << "nonsense\n";
  const auto broken = load_node_keys(options);
  REQUIRE(!broken);
  CHECK(broken.error().message.find(options.sync.key_files[1]) != std::string::npos);
}

TEST_CASE("node keys: without files they are random, or public if insecure") {
  REQUIRE(sodium_init() >= 0);
  Options options;
  const auto one = load_node_keys(options);
  const auto other = load_node_keys(options);
  REQUIRE(one);
  REQUIRE(other);
  CHECK(one->cluster.empty());
  CHECK(one->connection.size() == 1);
  CHECK(one->connection != other->connection);
  CHECK(key_ids(one->cluster, "test").empty());
  options.sync.insecure = true;
  CHECK(load_node_keys(options)->connection == load_node_keys(options)->connection);
}
