// The UDP tracker protocol (BEP 15): datagrams to plain structs and back. Big-endian, no allocation, no
// state; every function is safe on any thread.
//
// Tracker side: parse_udp_request() and the write_*_answer functions. Client side (shoal probe, tests, load
// generators): the write_*_request functions and parse_udp_answer().
//
// Bytes after the last known field are ignored, as BEP 15 requires; so are BEP 41 options after an announce,
// complete or not, and what follows the last whole hash of a scrape, or the 74th.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/info_hash.h"
#include "proto/announce.h"

namespace shoal::proto {

constexpr uint64_t kUdpMagic = 0x41727101980;

constexpr size_t kUdpConnectSize = 16;         // request and answer
constexpr size_t kUdpAnnounceSize = 98;        // request without options
constexpr size_t kUdpAnnounceHeaderSize = 20;  // answer before the peers
constexpr size_t kUdpScrapeHeaderSize = 16;    // request before the hashes
constexpr size_t kUdpScrapeMax = 74;           // hashes in one scrape

// Largest UDP payload that passes every path without fragments: 1280 bytes, the least MTU of IPv6, less IP's
// 20 or 40 and UDP's 8. Tunnels (WireGuard, 6in4, PPPoE) have 1280 to 1492; routers do not fragment IPv6, and
// many drop fragments of IPv4.
constexpr size_t kPathMtuMin = 1280;
constexpr size_t udp_payload_max(common::Family family) {
  return kPathMtuMin - (family == common::Family::v4 ? 20 : 40) - 8;
}

// No answer is larger than this.
constexpr size_t kUdpAnswerMax = udp_payload_max(common::Family::v4);

// Peers of an announce answer of the family: 205 or 67.
constexpr size_t udp_peers_max(common::Family family) {
  return (udp_payload_max(family) - kUdpAnnounceHeaderSize) / common::compact_size(family);
}

enum class UdpKind : uint8_t {
  ignored,   // to be dropped without an answer; `fault` says why, no other field is set
  connect,   // answer with write_connect_answer; connection_id is not set
  announce,  // `announce` and `key` are set
  scrape,    // `hashes` is set
  refused,   // known action, bad content: once the connection id is checked, answer write_error_answer
};

enum class UdpFault : uint8_t {
  none,
  // ignored
  too_short,       // no room for connection id, action and transaction id
  unknown_action,  //
  wrong_magic,     // connect without kUdpMagic
  // refused
  announce_too_short,
  scrape_empty,
  connection_id,  // set by the server; to_string() is short: the answer must be smaller than any good request
};
constexpr size_t kUdpFaults = 7;

// For refused requests: it was a scrape, not an announce.
constexpr bool is_of_scrape(UdpFault fault) { return fault == UdpFault::scrape_empty; }

// A short sentence for the client; empty for none.
std::string_view to_string(UdpFault fault);

// Views into the datagram; valid as long as it is.
struct UdpRequest {
  UdpKind kind = UdpKind::ignored;
  UdpFault fault = UdpFault::none;
  uint32_t transaction_id = 0;
  uint64_t connection_id = 0;  // unchecked: see proto/connection_id.h
  AnnounceRequest announce;
  uint32_t key = 0;
  common::ByteSpan hashes;  // 1 to kUdpScrapeMax times 20 bytes

  size_t scrape_count() const { return hashes.size() / 20; }
  common::InfoHash scrape_hash(size_t index) const;
};

// Any datagram of any size. The IP address field is ignored: the source address is the peer's. A negative
// numwant is none; 0 and large ones are kept. A `left` of 2^63 or more, as sent by clients that do not know
// it, is kLeftUnknown. Event 4 is BEP 21's paused; unknown events are none. Port 0 stays 0: BEP 15 gives it
// no meaning, and the source port of a datagram is seldom the one that a client accepts peers on.
UdpRequest parse_udp_request(common::ByteSpan datagram);

// The writers return the bytes written to the front of `out`; an `out` too small is our bug (kUdpAnswerMax
// is always enough). Errors are cut to fit.
size_t write_connect_answer(std::span<uint8_t> out, uint32_t transaction_id, uint64_t connection_id);
// 20 bytes; the caller appends compact peers of the client's family, at most udp_peers_max().
size_t write_announce_header(std::span<uint8_t> out, uint32_t transaction_id, uint32_t interval_s,
                             const SwarmCounts& counts);
// In the order of the request's hashes, at most kUdpScrapeMax.
size_t write_scrape_answer(std::span<uint8_t> out, uint32_t transaction_id,
                           std::span<const SwarmCounts> counts);
size_t write_error_answer(std::span<uint8_t> out, uint32_t transaction_id, std::string_view message);

// Fields that a client sends and the tracker does not read.
struct UdpAnnounceExtras {
  uint64_t downloaded = 0;
  uint64_t uploaded = 0;
  uint32_t ip = 0;
  uint32_t key = 0;
};

size_t write_connect_request(std::span<uint8_t> out, uint32_t transaction_id);
// numwant none is written as -1.
size_t write_announce_request(std::span<uint8_t> out, uint64_t connection_id, uint32_t transaction_id,
                              const AnnounceRequest& announce, const UdpAnnounceExtras& extras = {});
size_t write_scrape_request(std::span<uint8_t> out, uint64_t connection_id, uint32_t transaction_id,
                            std::span<const common::InfoHash> hashes);

enum class UdpAnswerKind : uint8_t { malformed, connect, announce, scrape, error };

// Views into the datagram.
struct UdpAnswer {
  UdpAnswerKind kind = UdpAnswerKind::malformed;
  uint32_t transaction_id = 0;
  uint64_t connection_id = 0;  // connect
  uint32_t interval_s = 0;     // announce
  SwarmCounts counts;          // announce; without completed
  common::ByteSpan peers;      // announce: compact peers of `family`, whole ones
  common::ByteSpan scrapes;    // scrape: 12 bytes a hash, whole ones
  std::string_view message;    // error: any bytes

  size_t scrape_count() const { return scrapes.size() / 12; }
  SwarmCounts scrape_counts(size_t index) const;
};

// `family` is that of the socket. A fraction of a peer or of a scraped hash at the end makes it malformed.
UdpAnswer parse_udp_answer(common::ByteSpan datagram, common::Family family);

}  // namespace shoal::proto
