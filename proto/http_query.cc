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

// The value must have exactly as many bytes as `out`.
std::optional<QueryFault> decode_hash(std::string_view value, InfoHash& out) {
  const auto size = percent_decode(value, std::span<uint8_t>(out.bytes));
  if (!size) return QueryFault::info_hash_escape;
  if (*size != out.bytes.size()) return QueryFault::info_hash_size;
  return std::nullopt;
}

// A short text value without escapes: a view of `value`, or of `room` if there was something to decode. Empty
// if it cannot be decoded or is too long for anything that is understood.
class TextValue {
 public:
  explicit TextValue(std::string_view value) : text_(value) {
    if (value.find('%') == std::string_view::npos) return;
    const auto size = percent_decode(value, std::span<char>(room_));
    text_ = size && *size <= room_.size() ? std::string_view(room_.data(), *size) : "";
  }
  TextValue(const TextValue&) = delete;
  TextValue& operator=(const TextValue&) = delete;

  std::string_view text() const { return text_; }

 private:
  std::array<char, 24> room_;
  std::string_view text_;
};

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Digits only; UINT64_MAX if it exceeds 64 bits.
std::optional<uint64_t> parse_number(std::string_view text) {
  if (!all_digits(text)) return std::nullopt;
  uint64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc() ? number : UINT64_MAX;
}

uint16_t read_port(std::string_view text) {
  const auto port = parse_number(text);
  return port && *port <= 65535 ? static_cast<uint16_t>(*port) : uint16_t{0};
}

// Clients that do not know it send nothing, -1, or -1 as an unsigned number.
uint64_t read_left(std::string_view text) {
  const auto left = parse_number(text);
  return left && *left <= INT64_MAX ? *left : kLeftUnknown;
}

Event read_event(std::string_view text) {
  if (text == "started") return Event::started;
  if (text == "completed") return Event::completed;
  if (text == "stopped") return Event::stopped;
  if (text == "paused") return Event::paused;
  return Event::none;
}

std::optional<uint32_t> read_numwant(std::string_view text) {
  const auto numwant = parse_number(text);
  if (!numwant) return std::nullopt;
  return static_cast<uint32_t>(std::min<uint64_t>(*numwant, UINT32_MAX));
}

// The keys that are read.
enum Key : uint8_t {
  kInfoHash,
  kPeerId,
  kPort,
  kLeft,
  kEvent,
  kNumwant,
  kCompact,
  // Whether to trust them is up to the caller.
  kIp,
  kIpv4,
  kIpv6,
  kOther,
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

// The last value of each key; without data if there is none.
using Values = std::array<std::string_view, kOther + 1>;

Values read_values(std::string_view query) {
  Values values;
  for (size_t pairs = 0; pairs < kQueryPairsMax && !query.empty(); ++pairs) {
    const QueryPair pair = take_query_pair(query);
    values[key_of(pair.key)] = pair.value;
  }
  return values;
}

}  // namespace

std::string_view to_string(QueryFault fault) {
  switch (fault) {
    case QueryFault::info_hash_missing:
      return "info_hash is missing";
    case QueryFault::info_hash_size:
      return "info_hash must be 20 bytes";
    case QueryFault::info_hash_escape:
      return "info_hash has a bad percent escape";
  }
  return "";
}

tl::expected<AnnounceQuery, QueryFault> parse_announce_query(std::string_view query) {
  const Values values = read_values(query);
  if (values[kInfoHash].data() == nullptr) return make_unexpected(QueryFault::info_hash_missing);
  AnnounceQuery out;
  AnnounceRequest& request = out.request;
  if (const auto fault = decode_hash(values[kInfoHash], request.info_hash)) return make_unexpected(*fault);
  const auto size = percent_decode(values[kPeerId], std::span<uint8_t>(request.peer_id));
  if (!size || *size != request.peer_id.size()) request.peer_id.fill(0);
  request.port = read_port(TextValue(values[kPort]).text());
  request.left = read_left(TextValue(values[kLeft]).text());
  request.event = read_event(TextValue(values[kEvent]).text());
  request.numwant = read_numwant(TextValue(values[kNumwant]).text());
  out.compact = TextValue(values[kCompact]).text() != "0";
  out.ip = values[kIp];
  out.ipv4 = values[kIpv4];
  out.ipv6 = values[kIpv6];
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
  QueryFault fault = QueryFault::info_hash_missing;
  for (size_t others = 0; others < kQueryPairsMax && count < room.size() && !query.empty();) {
    const QueryPair pair = take_query_pair(query);
    if (key_of(pair.key) != kInfoHash) {
      ++others;
    } else if (const auto bad = decode_hash(pair.value, room[count])) {
      fault = *bad;
      ++others;
    } else {
      ++count;
    }
  }
  if (count == 0) return make_unexpected(fault);
  std::sort(room.begin(), room.begin() + static_cast<ptrdiff_t>(count));
  const auto end = std::unique(room.begin(), room.begin() + static_cast<ptrdiff_t>(count));
  return room.first(static_cast<size_t>(end - room.begin()));
}

}  // namespace shoal::proto
