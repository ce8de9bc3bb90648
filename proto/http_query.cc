#include "proto/http_query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>

#include "proto/forwarded.h"
#include "proto/query_pairs.h"

namespace shoal::proto {

using common::InfoHash;
using tl::make_unexpected;

namespace {

constexpr auto kHexDigits = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (uint8_t i = 0; i < 10; ++i) values[uint8_t{'0'} + i] = static_cast<int8_t>(i);
  for (uint8_t i = 0; i < 6; ++i) {
    values[uint8_t{'a'} + i] = static_cast<int8_t>(10 + i);
    values[uint8_t{'A'} + i] = static_cast<int8_t>(10 + i);
  }
  return values;
}();

int hex_value(char c) { return kHexDigits[static_cast<uint8_t>(c)]; }

// Decodes into `out` as much as fits; returns the full decoded size, or nothing for a bad escape.
template <class Byte>
std::optional<size_t> percent_decode(std::string_view value, std::span<Byte> out) {
  size_t size = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    int byte = static_cast<uint8_t>(value[i]);
    if (byte == '%') {
      if (value.size() - i < 3) return std::nullopt;
      const int high = hex_value(value[i + 1]);
      const int low = hex_value(value[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      byte = high * 16 + low;
      i += 2;
    }
    if (size < out.size()) out[size] = static_cast<Byte>(byte);
    ++size;
  }
  return size;
}

using Fault = std::optional<QueryFault>;

// The value must have exactly as many bytes as `out`.
Fault decode_exactly(std::string_view value, std::span<uint8_t> out, QueryFault wrong_size) {
  const auto size = percent_decode(value, out);
  if (!size) return QueryFault::bad_escape;
  if (*size != out.size()) return wrong_size;
  return std::nullopt;
}

// A short text value without escapes: a view of `value`, or of `room` if there was something to decode.
class TextValue {
 public:
  explicit TextValue(std::string_view value) : text_(value) {
    if (value.find('%') == std::string_view::npos) return;
    const auto size = percent_decode(value, std::span<char>(room_));
    escaped_well_ = size.has_value();
    text_ = size && *size <= room_.size() ? std::string_view(room_.data(), *size) : "";
  }
  TextValue(const TextValue&) = delete;
  TextValue& operator=(const TextValue&) = delete;

  bool escaped_well() const { return escaped_well_; }
  std::string_view text() const { return text_; }

 private:
  std::array<char, 24> room_;
  std::string_view text_;
  bool escaped_well_ = true;
};

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_negative(std::string_view text) { return text.starts_with('-') && all_digits(text.substr(1)); }

// Digits only; UINT64_MAX if it exceeds 64 bits.
std::optional<uint64_t> parse_number(std::string_view text) {
  if (!all_digits(text)) return std::nullopt;
  uint64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc() ? number : UINT64_MAX;
}

Fault read_port(std::string_view text, AnnounceQuery& out) {
  const auto port = parse_number(text);
  if (!port || *port == 0 || *port > 65535) return QueryFault::port_invalid;
  out.request.port = static_cast<uint16_t>(*port);
  return std::nullopt;
}

Fault read_left(std::string_view text, AnnounceQuery& out) {
  // Clients that do not know it send nothing, -1, or -1 as an unsigned number.
  if (text.empty() || is_negative(text)) return std::nullopt;
  const auto left = parse_number(text);
  if (!left) return QueryFault::left_invalid;
  out.request.left = *left <= INT64_MAX ? *left : kLeftUnknown;
  return std::nullopt;
}

Fault read_event(std::string_view text, AnnounceQuery& out) {
  if (text.empty()) {
    out.request.event = Event::none;
  } else if (text == "started") {
    out.request.event = Event::started;
  } else if (text == "completed") {
    out.request.event = Event::completed;
  } else if (text == "stopped") {
    out.request.event = Event::stopped;
  } else if (text == "paused") {
    out.request.event = Event::paused;
  } else {
    return QueryFault::event_unknown;
  }
  return std::nullopt;
}

Fault read_numwant(std::string_view text, AnnounceQuery& out) {
  if (is_negative(text)) return std::nullopt;
  const auto numwant = parse_number(text);
  if (!numwant) return QueryFault::numwant_invalid;
  out.request.numwant = static_cast<uint32_t>(std::min<uint64_t>(*numwant, UINT32_MAX));
  return std::nullopt;
}

Fault read_compact(std::string_view text, AnnounceQuery& out) {
  out.compact = text != "0";
  return std::nullopt;
}

// The keys that are read; each has a bit in the set of those seen.
enum Key : unsigned {
  kInfoHash = 1,
  kPeerId = 2,
  kPort = 4,
  kLeft = 8,
  kEvent = 16,
  kNumwant = 32,
  kCompact = 64,
  // Whether to trust them is up to the caller; several do no harm.
  kIp = 128,
  kIpv4 = 256,
  kIpv6 = 512,
  kOther = 0,
};

Key key_of(std::string_view name) {
  switch (name.size()) {
    case 2:
      return name == "ip" ? kIp : kOther;
    case 4:
      if (name == "ipv4") return kIpv4;
      if (name == "ipv6") return kIpv6;
      if (name == "port") return kPort;
      if (name == "left") return kLeft;
      return kOther;
    case 5:
      return name == "event" ? kEvent : kOther;
    case 7:
      if (name == "peer_id") return kPeerId;
      if (name == "numwant") return kNumwant;
      if (name == "compact") return kCompact;
      return kOther;
    case 9:
      return name == "info_hash" ? kInfoHash : kOther;
    default:
      return kOther;
  }
}

QueryFault duplicate_of(Key key) {
  switch (key) {
    case kPeerId:
      return QueryFault::peer_id_duplicate;
    case kPort:
      return QueryFault::port_duplicate;
    case kLeft:
      return QueryFault::left_duplicate;
    case kEvent:
      return QueryFault::event_duplicate;
    case kNumwant:
      return QueryFault::numwant_duplicate;
    case kCompact:
      return QueryFault::compact_duplicate;
    case kInfoHash:
    case kIp:
    case kIpv4:
    case kIpv6:
    case kOther:
      break;
  }
  return QueryFault::info_hash_duplicate;
}

struct Pair {
  Key key;
  std::string_view value;
};

Pair take_pair(std::string_view& rest) {
  const QueryPair pair = take_query_pair(rest);
  return {key_of(pair.key), pair.value};
}

Fault read_text(Key key, std::string_view value, AnnounceQuery& out) {
  const TextValue decoded(value);
  if (!decoded.escaped_well()) return QueryFault::bad_escape;
  const std::string_view text = decoded.text();
  switch (key) {
    case kPort:
      return read_port(text, out);
    case kLeft:
      return read_left(text, out);
    case kEvent:
      return read_event(text, out);
    case kNumwant:
      return read_numwant(text, out);
    case kCompact:
    case kInfoHash:
    case kPeerId:
    case kIp:
    case kIpv4:
    case kIpv6:
    case kOther:
      break;
  }
  return read_compact(text, out);
}

Fault read_pair(const Pair& pair, AnnounceQuery& out) {
  switch (pair.key) {
    case kOther:
      return std::nullopt;
    case kIp:
      out.ip = pair.value;
      return std::nullopt;
    case kIpv4:
      out.ipv4 = pair.value;
      return std::nullopt;
    case kIpv6:
      out.ipv6 = pair.value;
      return std::nullopt;
    case kInfoHash:
      return decode_exactly(pair.value, out.request.info_hash.bytes, QueryFault::info_hash_size);
    case kPeerId:
      return decode_exactly(pair.value, out.request.peer_id, QueryFault::peer_id_size);
    case kPort:
    case kLeft:
    case kEvent:
    case kNumwant:
    case kCompact:
      break;
  }
  return read_text(pair.key, pair.value, out);
}

}  // namespace

std::string_view to_string(QueryFault fault) {
  switch (fault) {
    case QueryFault::bad_escape:
      return "bad percent escape";
    case QueryFault::info_hash_missing:
      return "info_hash is missing";
    case QueryFault::info_hash_size:
      return "info_hash must be 20 bytes";
    case QueryFault::info_hash_duplicate:
      return "duplicate key info_hash";
    case QueryFault::info_hash_too_many:
      return "more than 100 info_hashes";
    case QueryFault::peer_id_size:
      return "peer_id must be 20 bytes";
    case QueryFault::peer_id_duplicate:
      return "duplicate key peer_id";
    case QueryFault::port_missing:
      return "port is missing";
    case QueryFault::port_invalid:
      return "port must be a number from 1 to 65535";
    case QueryFault::port_duplicate:
      return "duplicate key port";
    case QueryFault::left_invalid:
      return "left must be a number";
    case QueryFault::left_duplicate:
      return "duplicate key left";
    case QueryFault::event_unknown:
      return "event must be started, completed, stopped or paused";
    case QueryFault::event_duplicate:
      return "duplicate key event";
    case QueryFault::numwant_invalid:
      return "numwant must be a number";
    case QueryFault::numwant_duplicate:
      return "duplicate key numwant";
    case QueryFault::compact_duplicate:
      return "duplicate key compact";
  }
  return "";
}

tl::expected<AnnounceQuery, QueryFault> parse_announce_query(std::string_view query) {
  AnnounceQuery out;
  out.request.left = kLeftUnknown;
  unsigned seen = 0;
  while (!query.empty()) {
    const Pair pair = take_pair(query);
    if ((seen & pair.key) != 0) return make_unexpected(duplicate_of(pair.key));
    seen |= pair.key & ~(kIp | kIpv4 | kIpv6);
    if (const Fault fault = read_pair(pair, out)) return make_unexpected(*fault);
  }
  if ((seen & kInfoHash) == 0) return make_unexpected(QueryFault::info_hash_missing);
  if ((seen & kPort) == 0) return make_unexpected(QueryFault::port_missing);
  return out;
}

std::optional<common::Endpoint> parse_announced_address(std::string_view value) {
  std::array<char, 64> room;
  const auto size = percent_decode(value, std::span<char>(room));
  if (!size || *size > room.size()) return std::nullopt;
  return parse_hop({room.data(), *size});
}

tl::expected<std::span<InfoHash>, QueryFault> parse_scrape_query(std::string_view query,
                                                                 std::span<InfoHash, kHttpScrapeMax> room) {
  size_t count = 0;
  while (!query.empty()) {
    const Pair pair = take_pair(query);
    if (pair.key != kInfoHash) continue;
    if (count == room.size()) return make_unexpected(QueryFault::info_hash_too_many);
    if (const Fault fault = decode_exactly(pair.value, room[count].bytes, QueryFault::info_hash_size)) {
      return make_unexpected(*fault);
    }
    ++count;
  }
  if (count == 0) return make_unexpected(QueryFault::info_hash_missing);
  std::sort(room.begin(), room.begin() + static_cast<ptrdiff_t>(count));
  const auto end = std::unique(room.begin(), room.begin() + static_cast<ptrdiff_t>(count));
  return room.first(static_cast<size_t>(end - room.begin()));
}

}  // namespace shoal::proto
