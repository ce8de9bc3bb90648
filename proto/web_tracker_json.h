// What WebTorrent clients and trackers write to each other: the JSON of npm's bittorrent-tracker. Binary
// strings (info_hash, peer_id, offer_id) are 20 characters from U+0000 to U+00FF. Pure; any thread.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/info_hash.h"
#include "proto/announce.h"
#include "proto/web_relay.h"

namespace shoal::proto {

constexpr size_t kWebScrapeMax = 64;  // info_hashes of one scrape

enum class WebAction : uint8_t { none, announce, scrape };

// The texts point into the message, and are as WebRelay::sdp.
struct WebOffer {
  OfferId offer_id{};
  std::string_view sdp;
};

struct WebAnswer {
  OfferId offer_id{};
  std::string_view sdp;
};

enum class WebRequestError : uint8_t {
  none,
  json,
  action,
  info_hash,
  peer_id,
  event,
  offers,
  answer,
  offer_id,
  scrape_size,
};

// For the client.
std::string_view to_string(WebRequestError error);

// Kept and used again, so that a message causes no allocation.
struct WebRequest {
  WebAction action = WebAction::none;  // also of a bad request, if it is known
  WebRequestError error = WebRequestError::none;

  // An announce: its info_hash is set whenever it could be read; its port and numwant are not used.
  AnnounceRequest announce;
  std::vector<WebOffer> offers;
  std::optional<WebAnswer> answer;  // set: that is all it is about

  // A scrape.
  std::vector<common::InfoHash> info_hashes;
};

// Reads a message. Offers beyond `offers_max` are left out. `text` outlives what is made of it.
void parse_web_request(std::string_view text, size_t offers_max, WebRequest& request);

struct WebAnnounceAnswer {
  common::InfoHash info_hash;
  SwarmCounts counts;
  uint32_t interval_s = 0;
  std::string_view warning{};  // empty: none
};

// Each appends one message.
void append_web_announce_answer(std::string& out, const WebAnnounceAnswer& answer);
void append_web_signal(std::string& out, const WebRelay& relay);
void append_web_scrape_answer(std::string& out, std::span<const ScrapedSwarm> swarms,
                              uint32_t min_request_interval_s);
void append_web_failure(std::string& out, WebAction action, const std::optional<common::InfoHash>& info_hash,
                        std::string_view reason);

}  // namespace shoal::proto
