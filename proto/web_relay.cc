#include "proto/web_relay.h"

#include "common/check.h"
#include "proto/json_reader.h"

namespace shoal::proto {

using common::ByteReader;
using common::ByteSpan;

std::vector<uint8_t> write_web_relay(const WebRelay& relay) {
  CHECK_INVARIANT(!relay.sdp.empty() && relay.sdp.size() <= kWebSdpMax);
  std::vector<uint8_t> bytes(kWebRelayHeadBytes + relay.sdp.size());
  common::ByteWriter out(bytes);
  out.u64(relay.to);
  out.u64(relay.from);
  out.u8(static_cast<uint8_t>(relay.signal));
  out.bytes(relay.info_hash.bytes);
  out.bytes(relay.offer_id);
  out.bytes(relay.peer_id);
  out.u16(static_cast<uint16_t>(relay.sdp.size()));
  out.bytes(common::bytes_of(relay.sdp));
  CHECK_INVARIANT(out.ok() && out.room() == 0);
  return bytes;
}

std::optional<uint64_t> connection_of_relay(ByteSpan bytes) {
  ByteReader in(bytes);
  const uint64_t to = in.u64();
  return in.ok() ? std::optional(to) : std::nullopt;
}

std::optional<WebRelay> parse_web_relay(ByteSpan bytes) {
  ByteReader in(bytes);
  WebRelay relay;
  relay.to = in.u64();
  relay.from = in.u64();
  const uint8_t kind = in.u8();
  relay.info_hash.bytes = in.take_array<common::kInfoHashSize>();
  relay.offer_id = in.take_array<20>();
  relay.peer_id = in.take_array<20>();
  const size_t size = in.u16();
  const ByteSpan sdp = in.take(size);
  if (!in.ok() || in.remaining() != 0 || size == 0 || size > kWebSdpMax) return std::nullopt;
  if (kind != static_cast<uint8_t>(WebSignal::offer) && kind != static_cast<uint8_t>(WebSignal::answer)) {
    return std::nullopt;
  }
  relay.signal = static_cast<WebSignal>(kind);
  relay.sdp = {reinterpret_cast<const char*>(sdp.data()), sdp.size()};
  if (!is_json_text(relay.sdp)) return std::nullopt;
  return relay;
}

}  // namespace shoal::proto
