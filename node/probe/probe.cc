#include "node/probe/probe.h"

#include <sodium.h>

#include <algorithm>

#include "common/check.h"
#include "node/config/option_values.h"
#include "node/text/printable.h"
#include "proto/bencode.h"

namespace shoal::node {

namespace {

using common::bytes_of;
using proto::BencodeValue;

constexpr uint16_t kPort = 6881;
constexpr uint32_t kNumwant = 50;
constexpr std::string_view kPeerIdPrefix = "-SH0001-";  // Azureus style (BEP 20)

// Parses a dictionary; fails if it has a failure reason.
common::Result<BencodeValue> parse_body(std::string_view body) {
  const auto value = proto::parse_bencode(body);
  if (!value) return common::fail("the answer is not bencoded: " + value.error().message);
  if (value->kind() != BencodeValue::Kind::dict)
    return common::fail("the answer is not a bencoded dictionary");
  if (const auto failure = value->find("failure reason")) {
    return common::fail(kRefused + printable(failure->bytes().value_or("")));
  }
  return *value;
}

int64_t integer(const BencodeValue& dict, std::string_view key) {
  const auto value = dict.find(key);
  return value ? value->integer().value_or(0) : 0;
}

// Adds the peers of an answer that is not compact: a list of dictionaries.
void add_listed_peers(const BencodeValue& list, ProbeAnnounce& announce) {
  auto children = list.children();
  while (const auto peer = children.next()) {
    const auto ip = peer->find("ip");
    const auto port = peer->find("port");
    if (!ip || !port) continue;
    auto endpoint = common::parse_address(ip->bytes().value_or(""));
    if (!endpoint) continue;
    endpoint->port = static_cast<uint16_t>(port->integer().value_or(0));
    ++announce.peers_told;
    if (announce.peers.size() < kProbePeersMax) announce.peers.push_back(*endpoint);
  }
}

}  // namespace

bool ProbeReport::refused() const {
  return std::any_of(steps.begin(), steps.end(), [](const ProbeStep& step) {
    return step.name == "announce" && step.error.starts_with(kRefused);
  });
}

bool ProbeReport::ok() const {
  return !steps.empty() &&
         std::all_of(steps.begin(), steps.end(), [](const ProbeStep& step) { return step.error.empty(); });
}

proto::AnnounceRequest probe_announce(const common::InfoHash& hash) {
  CHECK_INVARIANT(sodium_init() >= 0);
  proto::AnnounceRequest announce;
  announce.info_hash = hash;
  randombytes_buf(announce.peer_id.data(), announce.peer_id.size());
  std::copy(kPeerIdPrefix.begin(), kPeerIdPrefix.end(), announce.peer_id.begin());
  announce.left = 1 << 30;
  announce.event = proto::Event::started;
  announce.port = kPort;
  announce.numwant = kNumwant;
  return announce;
}

common::Result<TrackerUrl> parse_tracker_url(std::string_view text) {
  const auto wrong = [&](const std::string& why) {
    return common::fail("\"" + printable(text) + "\": " + why +
                        ": use udp://HOST:PORT, http://HOST:PORT/announce or https://HOST/announce");
  };
  TrackerUrl url;
  url.udp = text.starts_with("udp://");
  url.tls = text.starts_with("https://");
  if (!url.udp && !url.tls && !text.starts_with("http://")) return wrong("not a tracker URL");
  std::string_view rest = text.substr(text.find("//") + 2);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string authority(rest.substr(0, slash));
  url.path = rest.substr(slash);
  auto server = parse_host_port(authority);
  if (!server && !url.udp) server = parse_host_port(authority + (url.tls ? ":443" : ":80"));
  if (!server) return wrong("no valid host and port");
  url.server = *server;
  const bool plain =
      std::all_of(url.path.begin(), url.path.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain || url.path.find_first_of("?#") != std::string::npos) return wrong("not a valid path");
  if (url.path.empty()) url.path = "/announce";
  return url;
}

std::optional<std::string> scrape_path(std::string_view announce_path) {
  constexpr std::string_view kAnnounce = "/announce";
  const size_t slash = announce_path.rfind('/');
  if (slash == std::string_view::npos || !announce_path.substr(slash).starts_with(kAnnounce))
    return std::nullopt;
  return std::string(announce_path.substr(0, slash)) + "/scrape" +
         std::string(announce_path.substr(slash + kAnnounce.size()));
}

void add_compact_peers(std::span<const uint8_t> compact, common::Family family, ProbeAnnounce& announce) {
  const size_t size = common::compact_size(family);
  announce.peers_told += compact.size() / size;
  for (; compact.size() >= size && announce.peers.size() < kProbePeersMax; compact = compact.subspan(size)) {
    const auto port = static_cast<uint16_t>(compact[size - 2] << 8 | compact[size - 1]);
    announce.peers.push_back(common::make_endpoint(compact.first(size - 2), port));
  }
}

common::Result<ProbeAnnounce> parse_announce_body(std::string_view body) {
  const auto dict = parse_body(body);
  if (!dict) return tl::make_unexpected(dict.error());
  const auto interval = dict->find("interval");
  if (!interval || !interval->integer()) return common::fail("the answer has no interval");
  ProbeAnnounce announce;
  announce.interval_s = *interval->integer();
  announce.seeders = integer(*dict, "complete");
  announce.leechers = integer(*dict, "incomplete");
  const auto peers = dict->find("peers");
  const auto peers6 = dict->find("peers6");
  if (!peers && !peers6) return common::fail("the answer has no peers");
  if (peers && peers->bytes()) add_compact_peers(bytes_of(*peers->bytes()), common::Family::v4, announce);
  if (peers && !peers->bytes()) add_listed_peers(*peers, announce);
  if (peers6 && peers6->bytes()) add_compact_peers(bytes_of(*peers6->bytes()), common::Family::v6, announce);
  return announce;
}

common::Result<ProbeScrape> parse_scrape_body(std::string_view body, const common::InfoHash& hash) {
  const auto dict = parse_body(body);
  if (!dict) return tl::make_unexpected(dict.error());
  const auto files = dict->find("files");
  if (!files || files->kind() != BencodeValue::Kind::dict) return common::fail("the answer has no files");
  // Trackers leave out swarms that they do not know, which have no peers.
  const auto file = files->find({reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()});
  if (!file) return ProbeScrape{};
  return ProbeScrape{integer(*file, "complete"), integer(*file, "incomplete"), integer(*file, "downloaded")};
}

}  // namespace shoal::node
