#include "node/access/network_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>

#include "common/endpoint.h"
#include "tests/unit/support/made_up_files.h"

using namespace shoal;
using common::AddressRange;
using node::NetworkLine;
using node::read_network_line;

namespace {

// "FIRST-LAST" as read, "" for nothing, "bad".
std::string read(std::string_view line) {
  AddressRange range;
  switch (read_network_line(line, range)) {
    case NetworkLine::nothing:
      return "";
    case NetworkLine::bad:
      return "bad";
    case NetworkLine::range:
      break;
  }
  return common::address_to_string(range.first) + "-" + common::address_to_string(range.last);
}

}  // namespace

TEST_CASE("network file: networks, addresses, ranges") {
  CHECK(read("192.0.2.0/24") == "192.0.2.0-192.0.2.255");
  CHECK(read("  192.0.2.7\t\r") == "192.0.2.7-192.0.2.7");
  CHECK(read("192.0.2.7 # somebody") == "192.0.2.7-192.0.2.7");
  CHECK(read("2001:db8::/32 ; somebody") == "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
  CHECK(read("2001:db8::1") == "2001:db8::1-2001:db8::1");
  CHECK(read("192.0.2.5-192.0.2.9") == "192.0.2.5-192.0.2.9");
  CHECK(read("192.0.2.5 - 192.0.2.9") == "192.0.2.5-192.0.2.9");
  CHECK(read("2001:db8::1 - 2001:db8::ff") == "2001:db8::1-2001:db8::ff");
  CHECK(read("010.000.002.001") == "10.0.2.1-10.0.2.1");
}

TEST_CASE("network file: PeerGuardian's text") {
  CHECK(read("Somebody:192.0.2.0-192.0.2.255") == "192.0.2.0-192.0.2.255");
  CHECK(read("A name, with: colons - and dashes:192.0.2.0-192.0.2.255") == "192.0.2.0-192.0.2.255");
  CHECK(read(":192.0.2.0-192.0.2.255") == "192.0.2.0-192.0.2.255");
  CHECK(read("\xe9t\xe9 in Latin-1:192.0.2.1-192.0.2.1") == "192.0.2.1-192.0.2.1");
}

TEST_CASE("network file: a comment is no PeerGuardian line, and a name may hold a comment's sign") {
  CHECK(read("192.0.2.0/24 # see list:10.0.0.0-10.255.255.255") == "192.0.2.0-192.0.2.255");
  CHECK(read("192.0.2.7 ; list:10.0.0.0-10.255.255.255") == "192.0.2.7-192.0.2.7");
  CHECK(read("Somebody #1:192.0.2.0-192.0.2.255") == "192.0.2.0-192.0.2.255");
}

TEST_CASE("network file: eMule's ipfilter.dat") {
  CHECK(read("192.000.002.000 - 192.000.002.255 , 000 , A name, with a comma") == "192.0.2.0-192.0.2.255");
  CHECK(read("192.0.2.0 - 192.0.2.255, 127") == "192.0.2.0-192.0.2.255");
  CHECK(read("192.0.2.0 - 192.0.2.255 , 128 , allowed").empty());
  CHECK(read("192.0.2.0 - 192.0.2.255 , x , name") == "bad");
  CHECK(read("192.0.2.0 - 192.0.2.255 ,  , name") == "bad");
  CHECK(read("192.0.2.0 - 192.0.2.255 , 1000 , name") == "bad");
}

TEST_CASE("network file: nothing and bad lines") {
  for (const char* line : {"", "  \r", "# 192.0.2.0/24", "; comment", "#"}) {
    CAPTURE(line);
    CHECK(read(line).empty());
  }
  for (const char* line :
       {"192.0.2.1/24", "192.0.2.0/33", "192.0.2", "192.0.2.256", "0192.0.2.1", "192.0.2.9-192.0.2.1",
        "192.0.2.1-2001:db8::1", "192.0.2.1-", "-192.0.2.1", "192.0.2.1#x", "somebody", "name:192.0.2.0/24",
        "192.0.2.1 192.0.2.2", "2001:db8::2-2001:db8::1", "name:2001:db8::1-2001:db8::2", "<html>"}) {
    CAPTURE(line);
    CHECK(read(line) == "bad");
  }
}

TEST_CASE("network file: a file, its byte order mark and its first bad line") {
  test::MadeUpFiles files;
  const std::string path = files.root() + "/networks";
  const auto load = [&](const std::string& text) -> std::string {
    files.write("/networks", text);
    common::NetworkSet::Builder builder;
    const auto loaded = node::load_network_file(path, builder);
    if (!loaded) return loaded.error().message;
    return std::to_string(builder.size());
  };
  CHECK(load("") == "0");
  CHECK(load("\xef\xbb\xbf"
             "192.0.2.0/24\r\n\r\n# more\r\n198.51.100.1") == "2");
  CHECK(load("192.0.2.0/24\nthis is not\n") ==
        path + ":2: \"this is not\" is no network, address or range of addresses");
  CHECK(load(std::string("\xff\xfe"
                         "1\0",
                         4)) == path + ": is UTF-16; save it as UTF-8");
  common::NetworkSet::Builder builder;
  REQUIRE(mkfifo((files.root() + "/fifo").c_str(), 0600) == 0);
  const auto fifo = node::load_network_file((files.root() + "/fifo"), builder);
  REQUIRE(!fifo);
  CHECK(fifo.error().message == (files.root() + "/fifo") + ": is not a regular file");
  CHECK(!node::load_network_file(files.root() + "/missing", builder));
}
