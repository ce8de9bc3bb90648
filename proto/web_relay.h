// What one web peer has another told: an offer, or the answer to one. It goes from the connection of one to
// that of the other through the workers of a node, and as a sealed message from node to node. All numbers are
// big-endian:
//
//   8  connection that it is for
//   8  connection that it comes from
//   1  kind: 1 an offer, 2 an answer
//  20  info_hash
//  20  offer_id
//  20  peer_id of the sender
//   2  bytes of the text that follows
//   n  the session description, as it stands between the quotes of a JSON string
//
// Pure; any thread.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/info_hash.h"

namespace shoal::proto {

using OfferId = std::array<uint8_t, 20>;
using WebPeerId = std::array<uint8_t, 20>;

// Of a session description. Browsers write 500 to 4,000 bytes.
constexpr size_t kWebSdpMax = 12 << 10;
constexpr size_t kWebRelayHeadBytes = 79;
constexpr size_t kWebRelayMax = kWebRelayHeadBytes + kWebSdpMax;

enum class WebSignal : uint8_t { offer = 1, answer = 2 };

struct WebRelay {
  uint64_t to = 0;  // connections; which node has them is said outside
  uint64_t from = 0;
  WebSignal signal = WebSignal::offer;
  common::InfoHash info_hash{};
  OfferId offer_id{};
  WebPeerId peer_id{};
  std::string_view sdp{};  // is_json_text(); not empty
};

std::vector<uint8_t> write_web_relay(const WebRelay& relay);

// Where a message goes, whatever else is in it; none: it is too short.
std::optional<uint64_t> connection_of_relay(common::ByteSpan bytes);

// None: it is not what write_web_relay() writes. The text points into `bytes`.
std::optional<WebRelay> parse_web_relay(common::ByteSpan bytes);

}  // namespace shoal::proto
