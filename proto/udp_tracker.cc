#include "proto/udp_tracker.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "common/check.h"

namespace shoal::proto {

using common::ByteReader;
using common::ByteSpan;
using common::ByteWriter;
using common::Family;
using common::InfoHash;

namespace {

enum : uint32_t { kActionConnect = 0, kActionAnnounce = 1, kActionScrape = 2, kActionError = 3 };

constexpr size_t kScrapedSize = 12;
constexpr uint64_t kLeftMax = INT64_MAX;

static_assert(std::endian::native == std::endian::little, "load() and store() swap bytes");

// Offsets are checked once per datagram, so the fields are loaded without a cursor.
template <class Number>
Number load(const uint8_t* at) {
  Number value;
  std::memcpy(&value, at, sizeof(value));
  if constexpr (sizeof(value) == 8) return __builtin_bswap64(value);
  if constexpr (sizeof(value) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(value) == 2) return __builtin_bswap16(value);
}

void store(uint8_t* at, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof(value));
}

void store(uint8_t* at, uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(at, &value, sizeof(value));
}

// BEP 15's numbers differ from the order of our enum.
constexpr std::array<Event, 5> kEvents = {Event::none, Event::completed, Event::started, Event::stopped,
                                          Event::paused};

uint32_t event_number(Event event) {
  return static_cast<uint32_t>(std::find(kEvents.begin(), kEvents.end(), event) - kEvents.begin());
}

void refuse(UdpRequest& request, UdpFault fault) {
  request.kind = UdpKind::refused;
  request.fault = fault;
}

void parse_announce(ByteSpan datagram, UdpRequest& request) {
  if (datagram.size() < kUdpAnnounceSize) return refuse(request, UdpFault::announce_too_short);
  const uint8_t* at = datagram.data();
  AnnounceRequest& announce = request.announce;
  std::memcpy(announce.info_hash.bytes.data(), at + 16, common::kInfoHashSize);
  std::memcpy(announce.peer_id.data(), at + 36, announce.peer_id.size());
  announce.left = load<uint64_t>(at + 64);
  const uint32_t event = load<uint32_t>(at + 80);
  request.key = load<uint32_t>(at + 88);
  const uint32_t numwant = load<uint32_t>(at + 92);
  announce.port = load<uint16_t>(at + 96);

  announce.event = event < kEvents.size() ? kEvents[event] : Event::none;
  if (announce.left > kLeftMax) announce.left = kLeftUnknown;
  if (numwant <= INT32_MAX) announce.numwant = numwant;
  request.kind = UdpKind::announce;
}

void parse_scrape(ByteSpan datagram, UdpRequest& request) {
  const ByteSpan hashes = datagram.subspan(kUdpScrapeHeaderSize);
  const size_t count = std::min(hashes.size() / common::kInfoHashSize, kUdpScrapeMax);
  if (count == 0) return refuse(request, UdpFault::scrape_empty);
  request.hashes = hashes.first(count * common::kInfoHashSize);
  request.kind = UdpKind::scrape;
}

}  // namespace

std::string_view to_string(UdpFault fault) {
  switch (fault) {
    case UdpFault::none:
      return "";
    case UdpFault::too_short:
      return "datagram too short";
    case UdpFault::unknown_action:
      return "unknown action";
    case UdpFault::wrong_magic:
      return "connect without the protocol id";
    case UdpFault::announce_too_short:
      return "announce too short";
    case UdpFault::scrape_empty:
      return "scrape without info_hash";
    case UdpFault::connection_id:
      return "connect again";
  }
  return "";
}

InfoHash UdpRequest::scrape_hash(size_t index) const {
  CHECK_INVARIANT(index < scrape_count());
  InfoHash hash;
  std::memcpy(hash.bytes.data(), hashes.data() + index * common::kInfoHashSize, common::kInfoHashSize);
  return hash;
}

UdpRequest parse_udp_request(ByteSpan datagram) {
  UdpRequest request;
  if (datagram.size() < kUdpConnectSize) {
    request.fault = UdpFault::too_short;
    return request;
  }
  const uint64_t connection_id = load<uint64_t>(datagram.data());
  const uint32_t action = load<uint32_t>(datagram.data() + 8);
  if (action > kActionScrape) {
    request.fault = UdpFault::unknown_action;
    return request;
  }
  if (action == kActionConnect && connection_id != kUdpMagic) {
    request.fault = UdpFault::wrong_magic;
    return request;
  }
  request.transaction_id = load<uint32_t>(datagram.data() + 12);
  if (action == kActionConnect) {
    request.kind = UdpKind::connect;
    return request;
  }
  request.connection_id = connection_id;
  if (action == kActionAnnounce) {
    parse_announce(datagram, request);
  } else {
    parse_scrape(datagram, request);
  }
  return request;
}

size_t write_connect_answer(std::span<uint8_t> out, uint32_t transaction_id, uint64_t connection_id) {
  CHECK_INVARIANT(out.size() >= kUdpConnectSize);
  store(out.data(), kActionConnect);
  store(out.data() + 4, transaction_id);
  store(out.data() + 8, connection_id);
  return kUdpConnectSize;
}

size_t write_announce_header(std::span<uint8_t> out, uint32_t transaction_id, uint32_t interval_s,
                             const SwarmCounts& counts) {
  CHECK_INVARIANT(out.size() >= kUdpAnnounceHeaderSize);
  store(out.data(), kActionAnnounce);
  store(out.data() + 4, transaction_id);
  store(out.data() + 8, interval_s);
  store(out.data() + 12, counts.leechers);
  store(out.data() + 16, counts.seeders);
  return kUdpAnnounceHeaderSize;
}

size_t write_scrape_answer(std::span<uint8_t> out, uint32_t transaction_id,
                           std::span<const SwarmCounts> counts) {
  const size_t size = 8 + counts.size() * kScrapedSize;
  CHECK_INVARIANT(counts.size() <= kUdpScrapeMax && out.size() >= size);
  store(out.data(), kActionScrape);
  store(out.data() + 4, transaction_id);
  uint8_t* at = out.data() + 8;
  for (const SwarmCounts& swarm : counts) {
    store(at, swarm.seeders);
    store(at + 4, swarm.completed);
    store(at + 8, swarm.leechers);
    at += kScrapedSize;
  }
  return size;
}

size_t write_error_answer(std::span<uint8_t> out, uint32_t transaction_id, std::string_view message) {
  CHECK_INVARIANT(out.size() >= 8);
  store(out.data(), kActionError);
  store(out.data() + 4, transaction_id);
  const size_t size = std::min(message.size(), out.size() - 8);
  std::copy_n(message.begin(), size, out.begin() + 8);
  return 8 + size;
}

size_t write_connect_request(std::span<uint8_t> out, uint32_t transaction_id) {
  ByteWriter writer(out);
  writer.u64(kUdpMagic);
  writer.u32(kActionConnect);
  writer.u32(transaction_id);
  CHECK_INVARIANT(writer.ok());
  return writer.size();
}

size_t write_announce_request(std::span<uint8_t> out, uint64_t connection_id, uint32_t transaction_id,
                              const AnnounceRequest& announce, const UdpAnnounceExtras& extras) {
  ByteWriter writer(out);
  writer.u64(connection_id);
  writer.u32(kActionAnnounce);
  writer.u32(transaction_id);
  writer.bytes(announce.info_hash.bytes);
  writer.bytes(announce.peer_id);
  writer.u64(extras.downloaded);
  writer.u64(announce.left);
  writer.u64(extras.uploaded);
  writer.u32(event_number(announce.event));
  writer.u32(extras.ip);
  writer.u32(extras.key);
  writer.u32(announce.numwant.value_or(UINT32_MAX));
  writer.u16(announce.port);
  CHECK_INVARIANT(writer.ok());
  return writer.size();
}

size_t write_scrape_request(std::span<uint8_t> out, uint64_t connection_id, uint32_t transaction_id,
                            std::span<const InfoHash> hashes) {
  ByteWriter writer(out);
  writer.u64(connection_id);
  writer.u32(kActionScrape);
  writer.u32(transaction_id);
  for (const InfoHash& hash : hashes) writer.bytes(hash.bytes);
  CHECK_INVARIANT(writer.ok());
  return writer.size();
}

SwarmCounts UdpAnswer::scrape_counts(size_t index) const {
  CHECK_INVARIANT(index < scrape_count());
  const uint8_t* at = scrapes.data() + index * kScrapedSize;
  SwarmCounts counts;
  counts.seeders = load<uint32_t>(at);
  counts.completed = load<uint32_t>(at + 4);
  counts.leechers = load<uint32_t>(at + 8);
  return counts;
}

UdpAnswer parse_udp_answer(ByteSpan datagram, Family family) {
  UdpAnswer answer;
  ByteReader reader(datagram);
  const uint32_t action = reader.u32();
  answer.transaction_id = reader.u32();
  UdpAnswerKind kind = UdpAnswerKind::malformed;
  switch (action) {
    case kActionConnect:
      answer.connection_id = reader.u64();
      kind = UdpAnswerKind::connect;
      break;
    case kActionAnnounce:
      answer.interval_s = reader.u32();
      answer.counts.leechers = reader.u32();
      answer.counts.seeders = reader.u32();
      answer.peers = reader.rest();
      if (answer.peers.size() % common::compact_size(family) == 0) kind = UdpAnswerKind::announce;
      break;
    case kActionScrape:
      answer.scrapes = reader.rest();
      if (answer.scrapes.size() % kScrapedSize == 0) kind = UdpAnswerKind::scrape;
      break;
    case kActionError:
      answer.message = {reinterpret_cast<const char*>(reader.rest().data()), reader.remaining()};
      kind = UdpAnswerKind::error;
      break;
    default:
      break;
  }
  if (!reader.ok() || kind == UdpAnswerKind::malformed) return {};
  answer.kind = kind;
  return answer;
}

}  // namespace shoal::proto
