#include "node/os/files.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/support/made_up_files.h"

using namespace shoal;
using node::read_text_file;
using test::MadeUpFiles;
using namespace std::string_literals;

namespace {

std::string read_or_error(std::string_view bytes) {
  MadeUpFiles files;
  files.write("/file", bytes);
  const auto text = read_text_file(files.root() + "/file", 100);
  return text ? *text : text.error().message.substr(files.root().size());
}

}  // namespace

TEST_CASE("files: a text with a byte order mark is read without it, or refused by name") {
  CHECK(read_or_error("text\r\n") == "text\r\n");
  CHECK(read_or_error("\xef\xbb\xbftext") == "text");
  CHECK(read_or_error("\xef\xbb\xbf").empty());
  CHECK(read_or_error("\xef\xbb") == "\xef\xbb");
  CHECK(read_or_error("").empty());
  CHECK(read_or_error("\xff\xfet\0e\0"s) == "/file: is text in UTF-16: save it as UTF-8 or ASCII");
  CHECK(read_or_error("\xfe\xff\0t"s) == "/file: is text in UTF-16: save it as UTF-8 or ASCII");
  CHECK(read_or_error("\xff\xfe\0\0t"s) == "/file: is text in UTF-32: save it as UTF-8 or ASCII");
  CHECK(read_or_error("\0\0\xfe\xff"s) == "/file: is text in UTF-32: save it as UTF-8 or ASCII");
  CHECK(read_or_error(std::string(101, 'x')) == "/file: is larger than 100 bytes");
}

TEST_CASE("files: a file of any size up to the limit is read whole") {
  MadeUpFiles files;
  for (const size_t size : {0, 1, 4095, 4096, 4097, 8192, 100'000}) {
    std::string bytes;
    while (bytes.size() < size) bytes += static_cast<char>(bytes.size() * 31 >> 4);
    files.write("/file", bytes);
    CHECK(node::read_file(files.root() + "/file", size).value() == bytes);
    CHECK(node::read_file(files.root() + "/file", size + 1).value() == bytes);
    if (size > 0) CHECK(!node::read_file(files.root() + "/file", size - 1));
  }
}
