#include "node/tracker/udp_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include "common/check.h"
#include "node/net/socket_address.h"
#include "node/net/sockets.h"
#include "node/os/monotonic.h"
#include "node/os/pages.h"
#include "node/os/surroundings.h"
#include "node/store/peer_rules.h"
#include "proto/connection_id.h"
#include "proto/udp_tracker.h"

namespace shoal::node {

using common::ByteSpan;
using common::Family;
using proto::UdpKind;

namespace {

constexpr size_t kBatch = 64;
constexpr size_t kBatchesPerTurn = 16;       // then the loop runs its other handles
constexpr size_t kLoadedBatch = kBatch / 2;  // from this size on, more have probably arrived meanwhile
// Larger datagrams are cut: an announce is read from its first 98 bytes, a scrape from its first 74 hashes.
// An odd number of cache lines, so that the heads of the datagrams of a batch do not fall into the same few
// sets of the cache.
constexpr size_t kReceiveBytes = 25 * 64;
static_assert(kReceiveBytes >= proto::kUdpScrapeHeaderSize + proto::kUdpScrapeMax * 20);

// Room for an answer: an odd number of cache lines, as above.
constexpr size_t kAnswerBytes = 21 * 64;
static_assert(kAnswerBytes >= proto::kUdpAnswerMax);

// Written in place: a copy of what has just been written in small pieces would wait for all of them.
void write_client(const sockaddr_storage& source, common::Endpoint& client) {
  if (source.ss_family != AF_INET) {
    client = from_sockaddr(reinterpret_cast<const sockaddr*>(&source));
    return;
  }
  sockaddr_in v4;
  std::memcpy(&v4, &source, sizeof v4);
  client = {};
  std::memcpy(client.address.data(), &v4.sin_addr, 4);
  client.port = ntohs(v4.sin_port);
}

}  // namespace

struct UdpBatch {
  struct alignas(cmsghdr) Control {
    std::array<uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
  };

  // Received datagram i.
  std::array<mmsghdr, kBatch> in;
  std::array<iovec, kBatch> in_slices;
  std::array<sockaddr_storage, kBatch> sources;
  std::array<Control, kBatch> controls;
  const Pages<std::array<uint8_t, kReceiveBytes>> in_bytes{kBatch};
  std::array<common::Endpoint, kBatch> clients;
  std::array<proto::UdpRequest, kBatch> requests;
  std::array<PeerRef, kBatch> announcers;  // of the announces among them, in their order
  size_t announces_answered = 0;

  // The answers so far; each goes to the source and, on a wildcard socket, from the address of its request.
  size_t answers = 0;
  std::array<mmsghdr, kBatch> out;
  std::array<iovec, kBatch> out_slices;
  const Pages<std::array<uint8_t, kAnswerBytes>> out_bytes{kBatch};
};

void UdpBatchDeleter::operator()(UdpBatch* batch) const { const std::unique_ptr<UdpBatch> freed(batch); }

UdpBatchPtr make_udp_batch() {
  auto batch = std::make_unique<UdpBatch>();
  for (size_t i = 0; i < kBatch; ++i) {
    batch->in_slices[i] = {batch->in_bytes[i].data(), kReceiveBytes};
    msghdr& in = batch->in[i].msg_hdr;
    in = {};
    in.msg_iov = &batch->in_slices[i];
    in.msg_iovlen = 1;
    in.msg_name = &batch->sources[i];
    msghdr& out = batch->out[i].msg_hdr;
    out = {};
    out.msg_iov = &batch->out_slices[i];
    out.msg_iovlen = 1;
  }
  return UdpBatchPtr(batch.release());
}

UdpServer::UdpServer(uv_loop_t* loop, FileDescriptor socket, UdpBatch& batch, Tracker& tracker,
                     const ClusterClock& clock, const std::vector<common::SipKey>& keys,
                     StaleIdAnswers& stale_ids, WorkerCounters& counters)
    : socket_(std::move(socket)),
      family_(local_endpoint(socket_.get()).family),
      wildcard_(common::is_wildcard(local_endpoint(socket_.get()))),
      peers_fit_(static_cast<uint32_t>(proto::udp_peers_max(family_))),
      batch_(batch),
      tracker_(tracker),
      clock_(clock),
      keys_(keys),
      stale_ids_(stale_ids),
      counters_(counters.udp[family_index(family_)]),
      datagrams_(counters_.call_errors),
      pause_(loop, [this] { watch(); }) {
  require_system(uv_poll_init(loop, &poll_, socket_.get()), "watch a socket");
  CHECK_INVARIANT(uv_idle_init(loop, &turns_) == 0);
  poll_.data = this;
  turns_.data = this;
  watch();
}

UdpServer::~UdpServer() = default;

void UdpServer::stop() {
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&turns_), nullptr);
  pause_.close();
}

void UdpServer::watch() {
  require_system(uv_poll_start(&poll_, UV_READABLE, &UdpServer::on_readable), "watch a socket");
}

void UdpServer::on_readable(uv_poll_t* handle, int /*status*/, int /*events*/) {
  UdpServer& server = *static_cast<UdpServer*>(handle->data);
  if (server.serve() != Drained::no) return;
  uv_poll_stop(&server.poll_);
  CHECK_INVARIANT(uv_idle_start(&server.turns_, &UdpServer::on_turn) == 0);
}

void UdpServer::on_turn(uv_idle_t* handle) {
  UdpServer& server = *static_cast<UdpServer*>(handle->data);
  if (server.serve() != Drained::yes) return;
  uv_idle_stop(handle);
  if (!server.pause_.is_active()) server.watch();
}

UdpServer::Drained UdpServer::serve() {
  for (size_t i = 0; i < kBatchesPerTurn; ++i) {
    const size_t count = receive();
    if (count == 0) return Drained::yes;
    const auto start_us = static_cast<uint64_t>(monotonic_us());
    now_us_ = start_us;
    look_up(count, start_us);
    batch_.answers = 0;
    for (size_t k = 0; k < count; ++k) answer(k);
    send();
    counters_.request_time.add(static_cast<uint64_t>(monotonic_us()) - start_us, batch_.answers);
    if (count < kLoadedBatch) return Drained::likely;
  }
  return Drained::no;
}

size_t UdpServer::receive() {
  for (size_t i = 0; i < kBatch; ++i) {
    msghdr& message = batch_.in[i].msg_hdr;
    message.msg_namelen = sizeof(sockaddr_storage);
    message.msg_control = wildcard_ ? batch_.controls[i].bytes.data() : nullptr;
    message.msg_controllen = wildcard_ ? batch_.controls[i].bytes.size() : 0;
  }
  const int count = datagrams_.receive(socket_.get(), batch_.in);
  if (count < 0) {
    uv_poll_stop(&poll_);
    pause_.start(Datagrams::kPauseMs);
  }
  if (count <= 0) return 0;
  unix_ms_ = clock_.unix_ms();
  unix_s_ = unix_ms_ / 1000;
  moments_ = clock_.announce_moments();
  return static_cast<size_t>(count);
}

// Parses all datagrams, drops those that get no answer, and starts to load the swarms of the others.
void UdpServer::look_up(size_t count, uint64_t now_us) {
  counters_.datagrams_received.add(count);
  const bool limited = tracker_.limits_requests();
  const bool banning = tracker_.bans() != nullptr;
  OffenceWatch* const offences = tracker_.settings().udp_offences;
  size_t announces = 0;
  uint64_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t size = batch_.in[i].msg_len;
    bytes += size;
    const common::Endpoint& client = batch_.clients[i];
    write_client(batch_.sources[i], batch_.clients[i]);
    // In place, as above.
    proto::UdpRequest& request = *::new (static_cast<void*>(&batch_.requests[i])) proto::UdpRequest(
        proto::parse_udp_request(ByteSpan(batch_.in_bytes[i]).first(size)));
    if (request.kind == UdpKind::ignored) {
      counters_.dropped_malformed.add();
    } else if (client.port == 0) {
      counters_.dropped_source_port.add();  // no port to answer to
      request.kind = UdpKind::ignored;
    } else if (tracker_.denies(client)) {
      counters_.dropped_network.add();
      request.kind = UdpKind::ignored;
    } else if (banning && refuses_banned(client)) {
      counters_.dropped_ban.add();
      request.kind = UdpKind::ignored;
    } else if (request.kind != UdpKind::connect &&
               !proto::check_connection_id(keys_, client, unix_s_, request.connection_id)) {
      refuse_connection_id(request, client, now_us);
    } else if (limited && tracker_.over_rate(client, request.kind != UdpKind::connect, now_us, offences)) {
      counters_.dropped_rate.add();
      request.kind = UdpKind::ignored;
    } else if (request.kind == UdpKind::announce) {
      PeerRef& announcer = batch_.announcers[announces++];
      announcer.swarm = tracker_.store().locate(request.announce.info_hash);
      write_client(batch_.sources[i], announcer.peer);
      announcer.peer.port = request.announce.port;
    }
  }
  counters_.bytes_received.add(bytes);
  tracker_.store().prefetch(std::span(batch_.announcers).first(announces));
  batch_.announces_answered = 0;
}

bool UdpServer::refuses_banned(const common::Endpoint& client) {
  const BanIndex::Verdict verdict = tracker_.bans()->judge(client, unix_ms_);
  if (verdict == BanIndex::Verdict::dry) counters_.would_ban.add();
  return verdict == BanIndex::Verdict::banned;
}

// Only what would have been served is answered, so the error is smaller than the request.
void UdpServer::refuse_connection_id(proto::UdpRequest& request, const common::Endpoint& client,
                                     uint64_t now_us) {
  const bool whole = request.kind == UdpKind::announce || request.kind == UdpKind::scrape;
  request.kind = UdpKind::ignored;
  if (!stale_ids_.may_answer(keys_[0], client, unix_s_) || !whole ||
      (tracker_.limits_requests() && tracker_.over_rate(client, false, now_us, nullptr))) {
    counters_.dropped_connection_id.add();
    return;
  }
  counters_.connection_id_errors.add();
  request.kind = UdpKind::refused;
  request.fault = proto::UdpFault::connection_id;
}

void UdpServer::answer(size_t index) {
  const proto::UdpRequest& request = batch_.requests[index];
  if (request.kind == UdpKind::ignored) return;
  const size_t slot = batch_.answers;
  const std::span<uint8_t> out(batch_.out_bytes[slot]);
  size_t size = 0;
  switch (request.kind) {
    case UdpKind::ignored:
      return;
    case UdpKind::connect:
      counters_.connects.add();
      size = proto::write_connect_answer(out, request.transaction_id,
                                         proto::make_connection_id(keys_[0], batch_.clients[index], unix_s_));
      break;
    case UdpKind::announce:
      size = answer_announce(index, out);
      break;
    case UdpKind::scrape:
      counters_.scrapes.add();
      size = answer_scrape(index, out);
      break;
    case UdpKind::refused:
      if (request.fault != proto::UdpFault::connection_id) counters_.errors.add();
      if (proto::is_of_scrape(request.fault)) counters_.scrape_errors.add();
      size = proto::write_error_answer(out, request.transaction_id, proto::to_string(request.fault));
      break;
  }
  batch_.out_slices[slot] = {out.data(), size};
  msghdr& message = batch_.out[slot].msg_hdr;
  message.msg_name = batch_.in[index].msg_hdr.msg_name;
  message.msg_namelen = batch_.in[index].msg_hdr.msg_namelen;
  message.msg_control = nullptr;
  message.msg_controllen = 0;
  if (wildcard_) {
    // Returns the request's packet information with the answer: its destination becomes the source; the
    // routes choose the interface.
    cmsghdr* header = CMSG_FIRSTHDR(&batch_.in[index].msg_hdr);
    if (header != nullptr && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(header), sizeof info);
      info.ipi_ifindex = 0;
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
    } else if (header != nullptr && header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(header), sizeof info);
      if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
    }
    message.msg_control = batch_.in[index].msg_hdr.msg_control;
    message.msg_controllen = batch_.in[index].msg_hdr.msg_controllen;
  }
  ++batch_.answers;
}

size_t UdpServer::answer_announce(size_t index, std::span<uint8_t> out) {
  const proto::AnnounceRequest& request = batch_.requests[index].announce;
  const SwarmRef swarm = batch_.announcers[batch_.announces_answered++].swarm;
  if (const Refusal refusal = tracker_.refuses(request, batch_.clients[index]); refusal != Refusal::none) {
    counters_.errors.add();
    return proto::write_error_answer(out, batch_.requests[index].transaction_id, to_string(refusal));
  }
  const bool v4 = family_ == Family::v4;
  const uint32_t want =
      tracker_.peers_wanted(request, std::min(peers_fit_, tracker_.settings().udp_peers_max));
  PeerBuffers buffers;
  (v4 ? buffers.v4 : buffers.v6) =
      out.subspan(proto::kUdpAnnounceHeaderSize, want * common::compact_size(family_));
  const proto::AnnounceAnswer answer = tracker_.announce(swarm, request, batch_.clients[index], v4 ? want : 0,
                                                         v4 ? 0 : want, moments_, buffers);
  if (answer.full) {
    counters_.errors.add();
    return proto::write_error_answer(out, batch_.requests[index].transaction_id, to_string(Refusal::full));
  }
  counters_.announces.add();
  tracker_.watch(tracker_.settings().udp_offences, batch_.clients[index], request, answer, now_us_);
  proto::write_announce_header(out, batch_.requests[index].transaction_id, answer.interval_s, answer.counts);
  return proto::kUdpAnnounceHeaderSize + (v4 ? answer.peers_v4 : answer.peers_v6).size();
}

size_t UdpServer::answer_scrape(size_t index, std::span<uint8_t> out) {
  const proto::UdpRequest& request = batch_.requests[index];
  std::array<common::InfoHash, proto::kUdpScrapeMax> hashes;
  std::array<SwarmRef, proto::kUdpScrapeMax> refs;
  std::array<proto::SwarmCounts, proto::kUdpScrapeMax> counts;
  const size_t count = request.scrape_count();
  for (size_t i = 0; i < count; ++i) {
    hashes[i] = request.scrape_hash(i);
    refs[i] = tracker_.store().locate(hashes[i]);
  }
  tracker_.store().prefetch(std::span(refs).first(count));
  for (size_t i = 0; i < count; ++i) counts[i] = tracker_.scrape(refs[i], hashes[i]);
  return proto::write_scrape_answer(out, request.transaction_id, std::span(counts).first(count));
}

void UdpServer::send() {
  uint64_t bytes = 0;
  for (size_t i = 0; i < batch_.answers; ++i) bytes += batch_.out_slices[i].iov_len;
  size_t dropped = 0;
  for (size_t done = 0; done < batch_.answers;) {
    const int sent =
        datagrams_.send(socket_.get(), std::span(batch_.out).subspan(done, batch_.answers - done));
    if (sent > 0) {
      done += static_cast<size_t>(sent);
    } else if (errno != EINTR) {
      // An answer that cannot be sent (a full buffer, no route) must not block the others.
      bytes -= batch_.out_slices[done].iov_len;
      ++dropped;
      ++done;
    }
  }
  counters_.datagrams_sent.add(batch_.answers - dropped);
  counters_.bytes_sent.add(bytes);
  if (dropped > 0) counters_.dropped_send.add(dropped);
}

}  // namespace shoal::node
