// BEP 15: what parses is written back to the same bytes, and bytes after the known fields change nothing.

#include <algorithm>
#include <array>
#include <vector>

#include "common/check.h"
#include "proto/udp_tracker.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

bool same(common::ByteSpan a, common::ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

void check_announce(common::ByteSpan datagram, const UdpRequest& request) {
  const bool negative_left = datagram[64] >= 0x80;
  CHECK_INVARIANT(negative_left ? request.announce.left == kLeftUnknown
                                : request.announce.left <= uint64_t{INT64_MAX});
  common::ByteReader unread(datagram);
  unread.take(56);
  UdpAnnounceExtras extras{.key = request.key};
  extras.downloaded = unread.u64();
  unread.take(8);
  extras.uploaded = unread.u64();
  unread.take(4);
  extras.ip = unread.u32();
  std::array<uint8_t, kUdpAnnounceSize> out;
  write_announce_request(out, request.connection_id, request.transaction_id, request.announce, extras);
  const bool negative_numwant = datagram[92] >= 0x80;
  CHECK_INVARIANT(request.announce.numwant.has_value() != negative_numwant);
  CHECK_INVARIANT(same(std::span(out).first(64), datagram.first(64)));
  CHECK_INVARIANT(negative_left || same(std::span(out).subspan(64, 8), datagram.subspan(64, 8)));
  const bool known_event = common::ByteReader(datagram.subspan(80)).u32() <= 4;
  CHECK_INVARIANT(known_event || request.announce.event == Event::none);
  CHECK_INVARIANT(same(std::span(out).subspan(72, 8), datagram.subspan(72, 8)));
  CHECK_INVARIANT(!known_event || same(std::span(out).subspan(80, 4), datagram.subspan(80, 4)));
  CHECK_INVARIANT(same(std::span(out).subspan(84, 8), datagram.subspan(84, 8)));
  CHECK_INVARIANT(negative_numwant || same(std::span(out).subspan(92, 4), datagram.subspan(92, 4)));
  CHECK_INVARIANT(same(std::span(out).subspan(96), datagram.subspan(96, 2)));

  const UdpRequest bare = parse_udp_request(datagram.first(kUdpAnnounceSize));
  CHECK_INVARIANT(bare.kind == UdpKind::announce && bare.announce.numwant == request.announce.numwant);
}

void check_scrape(common::ByteSpan datagram, const UdpRequest& request) {
  CHECK_INVARIANT(request.scrape_count() >= 1 && request.scrape_count() <= kUdpScrapeMax);
  std::vector<common::InfoHash> hashes;
  for (size_t i = 0; i < request.scrape_count(); ++i) hashes.push_back(request.scrape_hash(i));
  std::vector<uint8_t> out(kUdpScrapeHeaderSize + 20 * kUdpScrapeMax);
  out.resize(write_scrape_request(out, request.connection_id, request.transaction_id, hashes));
  CHECK_INVARIANT(same(out, datagram.first(out.size())));
  CHECK_INVARIANT(request.scrape_count() == kUdpScrapeMax || datagram.size() - out.size() < 20);
}

void check_request(common::ByteSpan datagram) {
  const UdpRequest request = parse_udp_request(datagram);
  const bool faulty = request.kind == UdpKind::ignored || request.kind == UdpKind::refused;
  CHECK_INVARIANT(faulty == (request.fault != UdpFault::none));
  CHECK_INVARIANT(faulty != to_string(request.fault).empty());
  std::array<uint8_t, kUdpConnectSize> out;
  switch (request.kind) {
    case UdpKind::ignored:
      break;
    case UdpKind::refused:
      CHECK_INVARIANT(datagram.size() >= 16);
      break;
    case UdpKind::connect:
      write_connect_request(out, request.transaction_id);
      CHECK_INVARIANT(same(out, datagram.first(16)));
      break;
    case UdpKind::announce:
      check_announce(datagram, request);
      break;
    case UdpKind::scrape:
      check_scrape(datagram, request);
      break;
  }
}

void check_answer(common::ByteSpan datagram, common::Family family) {
  const UdpAnswer answer = parse_udp_answer(datagram, family);
  std::vector<uint8_t> out(datagram.size() + 32);
  size_t size = 0;
  switch (answer.kind) {
    case UdpAnswerKind::malformed:
      return;
    case UdpAnswerKind::connect:
      size = write_connect_answer(out, answer.transaction_id, answer.connection_id);
      break;
    case UdpAnswerKind::announce:
      size = write_announce_header(out, answer.transaction_id, answer.interval_s, answer.counts);
      CHECK_INVARIANT(size + answer.peers.size() == datagram.size());
      break;
    case UdpAnswerKind::scrape: {
      if (answer.scrape_count() > kUdpScrapeMax) return;
      std::vector<SwarmCounts> counts;
      for (size_t i = 0; i < answer.scrape_count(); ++i) counts.push_back(answer.scrape_counts(i));
      size = write_scrape_answer(out, answer.transaction_id, counts);
      CHECK_INVARIANT(size == datagram.size());
      break;
    }
    case UdpAnswerKind::error:
      size = write_error_answer(out, answer.transaction_id, answer.message);
      CHECK_INVARIANT(size == datagram.size());
      break;
  }
  CHECK_INVARIANT(same(std::span(out).first(size), datagram.first(size)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const common::ByteSpan datagram(data, size);
  check_request(datagram);
  check_answer(datagram, common::Family::v4);
  check_answer(datagram, common::Family::v6);
  return 0;
}
