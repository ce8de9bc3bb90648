#include "proto/web_relay.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace shoal;
using namespace shoal::proto;

namespace {

template <class Bytes>
void fill(Bytes& bytes, uint8_t with) {
  std::fill(bytes.begin(), bytes.end(), with);
}

WebRelay some_relay(std::string_view sdp) {
  WebRelay relay{
      .to = 0x0002000000000003, .from = 0x0000000000000104, .signal = WebSignal::answer, .sdp = sdp};
  fill(relay.info_hash.bytes, 0x11);
  fill(relay.offer_id, 0x22);
  fill(relay.peer_id, 0x33);
  return relay;
}

}  // namespace

TEST_CASE("web relay: its bytes") {
  std::vector<uint8_t> bytes = {
      0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03,  // to
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x04,  // from
      0x02,                                            // an answer
  };
  bytes.insert(bytes.end(), 20, 0x11);                                // info_hash
  bytes.insert(bytes.end(), 20, 0x22);                                // offer_id
  bytes.insert(bytes.end(), 20, 0x33);                                // peer_id
  bytes.insert(bytes.end(), {0x00, 0x05, 'v', '=', '0', '\\', 'n'});  // size and text
  CHECK(write_web_relay(some_relay("v=0\\n")) == bytes);
  const auto read = parse_web_relay(bytes);
  REQUIRE(read);
  CHECK(read->to == 0x0002000000000003);
  CHECK(read->from == 0x104);
  CHECK(read->signal == WebSignal::answer);
  CHECK(read->info_hash == some_relay("x").info_hash);
  CHECK(read->offer_id == some_relay("x").offer_id);
  CHECK(read->peer_id == some_relay("x").peer_id);
  CHECK(read->sdp == "v=0\\n");
  CHECK(connection_of_relay(bytes) == 0x0002000000000003);
}

TEST_CASE("web relay: every truncation and every longer one fails") {
  std::vector<uint8_t> bytes = write_web_relay(some_relay("v=0"));
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(parse_web_relay(common::ByteSpan(bytes).first(size)));
    CHECK(connection_of_relay(common::ByteSpan(bytes).first(size)).has_value() == (size >= 8));
  }
  bytes.push_back(0);
  CHECK_FALSE(parse_web_relay(bytes));
}

TEST_CASE("web relay: only kinds that are known, and texts that may stand in a JSON string") {
  const std::vector<uint8_t> good = write_web_relay(some_relay("v=0"));
  for (const uint8_t kind : {0, 3, 255}) {
    std::vector<uint8_t> bytes = good;
    bytes[16] = kind;
    CHECK_FALSE(parse_web_relay(bytes));
  }
  for (const uint8_t byte : {uint8_t{'"'}, uint8_t{'\\'}, uint8_t{0}, uint8_t{0xff}}) {
    std::vector<uint8_t> bytes = good;
    bytes.back() = byte;
    CHECK_FALSE(parse_web_relay(bytes));
  }
  const std::string longest(kWebSdpMax, 'x');
  std::vector<uint8_t> bytes = write_web_relay(some_relay(longest));
  CHECK(bytes.size() == kWebRelayMax);
  CHECK(parse_web_relay(bytes));
  bytes.push_back('x');
  ++bytes[78];
  CHECK_FALSE(parse_web_relay(bytes));
  CHECK_FALSE(parse_web_relay(std::vector<uint8_t>(kWebRelayHeadBytes)));  // no text
}
