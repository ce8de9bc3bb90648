// Announce and scrape queries: what is accepted reads back the same when written with every byte escaped.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "common/check.h"
#include "common/hex.h"
#include "proto/http_query.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

std::string escaped(std::span<const uint8_t> bytes) {
  std::string out;
  for (const uint8_t byte : bytes) out += "%" + common::to_hex(std::span(&byte, 1));
  return out;
}

std::string_view event_name(Event event) {
  constexpr std::array<std::string_view, 5> kNames = {"", "completed", "started", "stopped", "paused"};
  return kNames[static_cast<size_t>(event)];
}

void check_announce(std::string_view query) {
  const auto announce = parse_announce_query(query);
  if (!announce) {
    CHECK_INVARIANT(!to_string(announce.error()).empty());
    return;
  }
  const AnnounceRequest& request = announce->request;
  CHECK_INVARIANT(request.left <= INT64_MAX || request.left == kLeftUnknown);

  std::string again = "port=" + std::to_string(request.port);
  again += "&info_hash=" + escaped(request.info_hash.bytes) + "&peer_id=" + escaped(request.peer_id);
  again += "&event=" + std::string(event_name(request.event));
  if (request.left != kLeftUnknown) again += "&left=" + std::to_string(request.left);
  if (request.numwant) again += "&numwant=" + std::to_string(*request.numwant);
  again += announce->compact ? "&compact=1" : "&compact=0";
  const auto second = parse_announce_query(again);
  CHECK_INVARIANT(second);
  CHECK_INVARIANT(second->request.info_hash == request.info_hash &&
                  second->request.peer_id == request.peer_id);
  CHECK_INVARIANT(second->request.left == request.left && second->request.event == request.event);
  CHECK_INVARIANT(second->request.port == request.port && second->request.numwant == request.numwant);
  CHECK_INVARIANT(second->compact == announce->compact);
}

void check_scrape(std::string_view query) {
  std::array<common::InfoHash, kHttpScrapeMax> room;
  const auto hashes = parse_scrape_query(query, room);
  if (!hashes) {
    CHECK_INVARIANT(!to_string(hashes.error()).empty());
    return;
  }
  CHECK_INVARIANT(!hashes->empty() && hashes->size() <= kHttpScrapeMax);
  CHECK_INVARIANT(std::adjacent_find(hashes->begin(), hashes->end(), std::greater_equal<>()) ==
                  hashes->end());

  std::string again;
  for (const common::InfoHash& hash : *hashes) again += "&info_hash=" + escaped(hash.bytes);
  std::array<common::InfoHash, kHttpScrapeMax> second_room;
  const auto second = parse_scrape_query(again, second_room);
  CHECK_INVARIANT(second && std::equal(second->begin(), second->end(), hashes->begin(), hashes->end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  check_announce(query);
  check_scrape(query);
  return 0;
}
