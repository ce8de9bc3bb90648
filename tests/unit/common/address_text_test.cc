#include "common/address_text.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace shoal::common;

TEST_CASE("address text: an address is written into room for the longest one") {
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const std::string text = std::to_string(byte);
    CHECK(address_to_string(make_endpoint_v4(byte * 0x01010101, 1)) ==
          text + "." + text + "." + text + "." + text);
  }
  std::array<char, kAddressTextMax> room;
  std::array<uint8_t, 16> longest;
  longest.fill(0xff);
  CHECK(write_address(make_endpoint(longest, 1), room.data()) == room.data() + kAddressTextMax);
}
