#include "node/tracker/client_names.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

using namespace shoal::node;

namespace {

std::string_view client_of(std::string_view peer_id) {
  std::array<uint8_t, 20> bytes{};
  std::copy(peer_id.begin(), peer_id.end(), bytes.begin());
  return client_name(client_number(bytes));
}

}  // namespace

TEST_CASE("client names: what peer ids say") {
  const std::pair<const char*, const char*> cases[] = {{"-qB4650-abcdefghijkl", "qBittorrent"},
                                                       {"-TR4050-abcdefghijkl", "Transmission"},
                                                       {"-UT355W-abcdefghijkl", "uTorrent"},
                                                       {"-UM1870-abcdefghijkl", "uTorrent"},
                                                       {"-lt0D80-abcdefghijkl", "rTorrent"},
                                                       {"-LT2080-abcdefghijkl", "libtorrent"},
                                                       {"-WD0016-abcdefghijkl", "WebTorrent"},
                                                       {"-SH0000-abcdefghijkl", "shoal"},
                                                       {"M7-10-1--abcdefghijk", "Mainline"},
                                                       {"XBT054d-abcdefghijkl", "XBT"},
                                                       {"-ZZ0000-abcdefghijkl", "other"},
                                                       {"-TR4050abcdefghijklm", "other"},
                                                       {"-Tr4050-abcdefghijkl", "other"},
                                                       {"Mabcdefghijklmnopqrs", "other"},
                                                       {"", "other"}};
  for (const auto& [peer_id, name] : cases) {
    CAPTURE(peer_id);
    CHECK(client_of(peer_id) == name);
  }
}

TEST_CASE("client names: each once") {
  std::set<std::string_view> names;
  for (size_t number = 0; number < kClientNames; ++number) names.insert(client_name(number));
  CHECK(names.size() == kClientNames);
}
