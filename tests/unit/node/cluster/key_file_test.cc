#include "node/cluster/key_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace shoal::node;

namespace {

// A folder, removed with this object.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/shoal-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

const std::string kDigits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string error_of(const std::string& text) {
  const auto key = parse_key_file("k", text);
  return key ? "no error" : key.error().message;
}

}  // namespace

TEST_CASE("key file: text to key and back") {
  shoal::sync::ClusterKey key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
  CHECK(*parse_key_file("k", format_key_file(key)) == key);
  CHECK(*parse_key_file("k", "\r\n# c\r\n  shoal-key-1:" + kDigits + " \r\n\r\n#") == key);
  CHECK(*parse_key_file("k", "shoal-key-1:" + kDigits) == key);
}

TEST_CASE("key file: invalid keys are named, and no message shows a key") {
  CHECK(error_of("").starts_with("k: has no key: "));
  CHECK(error_of("# only a comment\n").starts_with("k: has no key: "));
  CHECK(error_of("\nsecret").starts_with("k:2: is not a key: "));
  CHECK(error_of("shoal-key-2:" + kDigits).starts_with("k:1: is not a key: "));
  CHECK(error_of("shoal-key-1:" + kDigits.substr(4)) == "k:1: the key has 60 digits instead of 64");
  CHECK(error_of("shoal-key-1:" + kDigits + "00") == "k:1: the key has 66 digits instead of 64");
  CHECK(error_of("shoal-key-1:") == "k:1: the key has 0 digits instead of 64");
  CHECK(
      error_of("shoal-key-1:g" + kDigits.substr(1)).starts_with("k:1: the key has characters that are not"));
  CHECK(error_of("shoal-key-1:" + kDigits + "\nshoal-key-1:" + kDigits).starts_with("k:2: only one key"));
  for (const std::string text : {"secret", "shoal-key-1:secret"}) {
    CHECK(error_of(text).find("secret") == std::string::npos);
  }
}

TEST_CASE("key file: a new one is secret and random, and never overwrites another") {
  const Folder folder;
  REQUIRE(create_key_file(folder.file("a")));
  REQUIRE(create_key_file(folder.file("b")));
  struct stat info {};
  REQUIRE(stat(folder.file("a").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const auto a = load_key_file(folder.file("a"));
  REQUIRE(a);
  CHECK(*a != *load_key_file(folder.file("b")));
  const auto again = create_key_file(folder.file("a"));
  REQUIRE(!again);
  CHECK(again.error().message == folder.file("a") + ": already exists; it was not changed");
  CHECK(*load_key_file(folder.file("a")) == *a);
}

TEST_CASE("key file: files that cannot be read") {
  const Folder folder;
  const auto error = [&](const std::string& path) { return load_key_file(path).error().message; };
  CHECK(error(folder.file("none")) ==
        "key file " + folder.file("none") + ": cannot be read: No such file or directory");
  CHECK(error(folder.file(".")).find("Is a directory") != std::string::npos);
  std::ofstream(folder.file("large")) << std::string(kKeyFileBytesMax + 1, '#');
  CHECK(error(folder.file("large")).find("is larger than 4096 bytes") != std::string::npos);
  CHECK(!create_key_file(folder.file("no/such/folder")));
}
