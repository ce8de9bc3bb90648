// The content of announces, scrapes and their answers, whichever protocol carries them (BEP 3, BEP 15).

#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/info_hash.h"

namespace shoal::proto {

// BEP 3 events and BEP 21's paused.
enum class Event : uint8_t { none, completed, started, stopped, paused };

// `left` of a client that did not send it, or does not know it yet (a magnet link without its metadata): the
// client is no seeder.
constexpr uint64_t kLeftUnknown = UINT64_MAX;

struct AnnounceRequest {
  common::InfoHash info_hash;
  std::array<uint8_t, 20> peer_id{};
  uint64_t left = 0;  // bytes still to download, below 2^63, or kLeftUnknown; 0: the client is a seeder
  Event event = Event::none;
  uint16_t port = 0;                // 0: none; the client gets peers and is not stored
  std::optional<uint32_t> numwant;  // none: the tracker decides
};

struct SwarmCounts {
  uint32_t seeders = 0;
  uint32_t leechers = 0;
  uint32_t completed = 0;  // downloads finished; approximate under partition
  bool operator==(const SwarmCounts&) const = default;
};

struct ScrapedSwarm {
  common::InfoHash info_hash;
  SwarmCounts counts;
};

// The peer spans are compact (BEP 23: 6 bytes an IPv4 peer; BEP 7: 18 bytes an IPv6 peer) and owned by the
// caller.
struct AnnounceAnswer {
  uint32_t interval_s = 0;
  SwarmCounts counts;
  common::ByteSpan peers_v4;
  common::ByteSpan peers_v6;
  bool full = false;   // the peer was not stored: the answer says so instead of all of the above
  bool fresh = false;  // this peer was not known
  bool alone = false;  // the first leecher of a swarm, alone: interval_s is short, this once
};

}  // namespace shoal::proto
