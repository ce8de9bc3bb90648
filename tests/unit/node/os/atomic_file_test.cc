#include "node/os/atomic_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/unit/support/made_up_files.h"

using namespace shoal;
using node::AtomicFile;
using test::MadeUpFiles;

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

size_t files_in(const std::string& folder) {
  const std::filesystem::directory_iterator all(folder);
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

void set_age(const std::string& path, time_t seconds) {
  const time_t then = time(nullptr) - seconds;
  const timespec times[] = {{then, 0}, {then, 0}};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

}  // namespace

TEST_CASE("atomic file: the old file stays until the new one is complete, and nothing else is left") {
  const MadeUpFiles folder;
  const std::string path = folder.root() + "/file";
  {
    auto file = AtomicFile::create(path, 0600);
    REQUIRE(file);
    REQUIRE(file->write(common::bytes_of("one")));
    REQUIRE(file->commit());
  }
  CHECK(contents(path) == "one");
  {
    auto file = AtomicFile::create(path, 0600);
    REQUIRE(file->write(common::bytes_of("two")));
    CHECK(contents(path) == "one");
  }
  CHECK(contents(path) == "one");
  CHECK(files_in(folder.root()) == 1);
}

TEST_CASE("atomic file: what others have put in its way is not written to") {
  MadeUpFiles folder;
  const std::string path = folder.root() + "/file";
  folder.write("/secret", "theirs");
  // The name that used to be fixed: a file of somebody else, or a link to one of ours.
  std::filesystem::create_hard_link(folder.root() + "/secret", path + ".tmp");
  const auto write_once = [&] {
    auto file = AtomicFile::create(path, 0600);
    REQUIRE(file);
    REQUIRE(file->write(common::bytes_of("ours")));
    REQUIRE(file->commit());
  };
  write_once();
  CHECK(contents(folder.root() + "/secret") == "theirs");
  CHECK(contents(path) == "ours");
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK(info.st_nlink == 1);
  // Two at once do not share a file.
  auto one = AtomicFile::create(path, 0600);
  auto two = AtomicFile::create(path, 0600);
  REQUIRE(one);
  REQUIRE(two);
  REQUIRE(one->write(common::bytes_of("1")));
  REQUIRE(two->write(common::bytes_of("22")));
  REQUIRE(one->commit());
  CHECK(contents(path) == "1");
  REQUIRE(two->commit());
  CHECK(contents(path) == "22");
}

TEST_CASE("atomic file: leftovers of its own are removed when they are old") {
  MadeUpFiles folder;
  const std::string path = folder.root() + "/file";
  folder.write("/file.tmp-0123456789abcdef", "old");
  folder.write("/file.tmp-fedcba9876543210", "being written");
  folder.write("/file.tmp-backup", "an operator's");
  folder.write("/other.tmp-0123456789abcdef", "of another file");
  for (const char* name : {"/file.tmp-0123456789abcdef", "/file.tmp-backup", "/other.tmp-0123456789abcdef"})
    set_age(folder.root() + name, 7200);
  { const auto file = AtomicFile::create(path, 0600); }
  CHECK(!std::filesystem::exists(path + ".tmp-0123456789abcdef"));
  CHECK(files_in(folder.root()) == 3);
}
